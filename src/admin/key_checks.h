// Checks of API keys that take their time, bounded, so that strangers hold up nobody for long.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "admin/api_key_store.h"
#include "admin/off_thread.h"

namespace vmq::admin {

/// For keys of which ApiKeyStore::look_up() knows nothing; those that it knows do not come here.
/// One thread computes the hashes, in the order of their coming. kMaxKeyChecks may wait in all and
/// kMaxKeyChecksOfAddress of one address; who asks about a key that waits already waits with it.
/// Owned by the thread that runs `io`; `io` and `keys` outlive it.
class KeyChecks final {
public:
    using Done = std::function<void(const ApiKeyStore::Verdict&)>;

    KeyChecks(boost::asio::io_context& io, const ApiKeyStore& keys);

    enum class Taken : std::uint8_t { Yes, TooManyOfAddress, TooMany };
    /// `address`: whose place it takes. `done` is called later, unless it is refused. On io's
    /// thread.
    [[nodiscard]] Taken check(const std::string& address, std::string key, commands::ApiScope scope,
                              Done done);

    /// As OffThread's: those that wait are told that they are refused.
    void stop() { off_thread_.stop({}); }
    void clear();

    // So far; any thread.
    [[nodiscard]] std::uint64_t begun() const noexcept { return begun_.load(); }
    [[nodiscard]] std::uint64_t refused() const noexcept { return refused_.load(); }

private:
    using Question = std::pair<std::string, commands::ApiScope>;
    struct Check {
        std::string address;
        std::vector<Done> waiting;
    };
    void answer(const Question& question, const ApiKeyStore::Verdict& verdict);

    const ApiKeyStore& keys_;
    std::map<Question, Check> checks_;
    std::unordered_map<std::string, std::size_t> of_address_;  // how many of checks_
    std::atomic<std::uint64_t> begun_{0};
    std::atomic<std::uint64_t> refused_{0};
    OffThread<ApiKeyStore::Verdict> off_thread_;
};

}  // namespace vmq::admin
