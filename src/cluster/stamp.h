// When and by whom a fact was written: what decides between two facts about the same thing.
#pragma once

#include <compare>
#include <cstdint>

#include "base/clock.h"

namespace vmq::cluster {

// Plain values: any thread.

/// Milliseconds since 1970, of a clock that people and other nodes understand.
using WallMillis = std::int64_t;

/// One moment on both clocks, as handed in by the caller.
struct Moment {
    TimePoint steady{};
    WallMillis wall = 0;
};

/// A time of a hybrid logical clock: 48 bits of wall milliseconds, 16 bits that count what happened
/// within one. Zero is before everything.
struct HybridTime {
    std::uint64_t value = 0;

    auto operator<=>(const HybridTime&) const noexcept = default;

    [[nodiscard]] constexpr WallMillis wall_ms() const noexcept {
        return static_cast<WallMillis>(value >> 16U);
    }
    [[nodiscard]] constexpr HybridTime next() const noexcept { return {value + 1}; }
    /// The first of a millisecond. What no clock can show becomes the nearest that one can.
    [[nodiscard]] static constexpr HybridTime at(WallMillis wall) noexcept;
};

/// No stamp is later: who reads one from a peer refuses it. Far enough from the end of the number
/// that nobody who counts on from here gets there.
inline constexpr HybridTime kLatestTime{0xFF00'0000'0000'0000ULL};

constexpr HybridTime HybridTime::at(WallMillis wall) noexcept {
    if (wall <= 0) return {};
    if (wall >= kLatestTime.wall_ms()) return kLatestTime;
    return {static_cast<std::uint64_t>(wall) << 16U};
}

/// A node that writes facts, numbered by this process (WriterTable). Elsewhere it has another
/// number, so only its name goes over the wire and to disk.
enum class WriterNumber : std::uint32_t {};

/// Names one fact: a node never gives a time twice. The order of two stamps is that of their times;
/// with equal times the names decide, see WriterTable::before().
struct Stamp {
    HybridTime time;
    WriterNumber writer{};

    bool operator==(const Stamp&) const noexcept = default;
};

}  // namespace vmq::cluster
