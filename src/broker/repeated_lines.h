// Lines of the log that one client or address can cause again and again: the first ones are
// written, the others summed up.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vmq::broker {

/// Counts per key, for at most kMaxKeys of them; the rest is counted together. Owned by a shard,
/// reads no clock.
class RepeatedLines final {
public:
    static constexpr std::size_t kMaxKeys = 500;
    static constexpr std::size_t kLongestKey =
        256;  // bytes; longer ones share what they begin with
    /// Lines of a key between two calls of take_due().
    static constexpr std::uint32_t kLinesPerKey = 10;

    struct Report {
        std::string key;  // empty: several
        std::uint64_t lines = 0;
    };

    /// Whether this line of `key` is to be written; else it is counted.
    [[nodiscard]] bool may(std::string_view key);
    /// What was counted since the last call, without what was not. Called at intervals while
    /// active().
    [[nodiscard]] std::vector<Report> take_due();
    [[nodiscard]] bool active() const noexcept { return !lines_.empty() || others_ > 0; }

private:
    boost::unordered_flat_map<std::string, std::uint64_t> lines_;
    std::uint64_t others_ = 0;
};

}  // namespace vmq::broker
