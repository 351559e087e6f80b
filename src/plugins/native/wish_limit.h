// How much of what a plugin has asked the broker to do may wait to be done.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "runtime/guarded.h"

namespace vmq::plugins::native {

/// One for each plugin. A plugin asks faster than shards work, so what waits is bounded in number
/// and, with messages, in bytes; a single message may be larger than that if nothing else waits.
/// Any thread.
class WishLimit final {
public:
    static constexpr std::size_t kMaxWishes = 10'000;
    static constexpr std::size_t kMaxBytes = std::size_t{64} * 1024 * 1024;

    /// `plugin` is for the log.
    explicit WishLimit(std::string plugin) : plugin_(std::move(plugin)) {}

    /// False: too much waits already, which the log says once until half of it has been done.
    [[nodiscard]] bool take(std::size_t bytes);
    /// What was taken has been done.
    void give_back(std::size_t bytes);

    struct Counts {
        std::size_t waiting = 0;
        std::size_t waiting_bytes = 0;
        std::uint64_t refused = 0;  // so far
    };
    [[nodiscard]] Counts counts() const;
    [[nodiscard]] const std::string& plugin() const noexcept { return plugin_; }

private:
    struct State : Counts {
        bool told = false;
    };
    const std::string plugin_;
    runtime::Guarded<State> state_;
};

}  // namespace vmq::plugins::native
