// Time as the protocol code sees it: handed in by the caller, so that tests and simulations own it.
#pragma once

#include <chrono>
#include <cstdint>

namespace vmq {

/// Monotonic time in milliseconds since an arbitrary start of this process.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, std::chrono::milliseconds>;
using Millis = std::chrono::milliseconds;
using Seconds = std::chrono::seconds;

/// Wall-clock seconds since 1970; only for what outlives the process and for what people read.
using WallSeconds = std::int64_t;

inline constexpr TimePoint kNever = TimePoint::max();

[[nodiscard]] inline TimePoint steady_now() noexcept {
    return std::chrono::time_point_cast<Millis>(std::chrono::steady_clock::now());
}

}  // namespace vmq
