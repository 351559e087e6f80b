// What happened within the last minute, for alarms that go out by themselves.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string_view>

#include "base/clock.h"
#include "broker/inspect.h"

namespace vmq::admin {

/// Why messages are not delivered, as the metric message_drop says.
inline constexpr std::array<std::string_view, 11> kDropReasons{
    "queue_full",    "expired",        "packet_too_large", "offline_qos0",     "session_ended",
    "no_subscriber", "not_authorized", "store_refused",    "node_unreachable", "too_large_for_node",
    "netsplit"};

/// What an alarm may be about.
struct WatchedCounts {
    std::array<std::uint64_t, kDropReasons.size()> drops{};  // in the order of kDropReasons
    std::uint64_t queues_nearly_full = 0;

    [[nodiscard]] std::uint64_t dropped(std::string_view reason) const noexcept;
    friend bool operator==(const WatchedCounts&, const WatchedCounts&) = default;
};

/// Since the broker's start.
[[nodiscard]] WatchedCounts watched_counts(const broker::NodeSnapshot& node) noexcept;

/// Remembers counts for kWindow. Its memory is bounded however often it is asked; reads no clock.
class RecentCounts final {
public:
    static constexpr Seconds kWindow{60};
    /// Counts that come sooner after the last ones that were kept are not kept.
    static constexpr Seconds kStep{5};

    /// What has been counted since the oldest that is remembered. `now` never goes back.
    [[nodiscard]] WatchedCounts add(const WatchedCounts& counts, TimePoint now);

private:
    struct Kept {
        TimePoint at;
        WatchedCounts counts;
    };
    std::deque<Kept> kept_;
};

}  // namespace vmq::admin
