// What tests of this folder begin with: moments and stamps, incarnations, bodies of frames.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "cluster/fact.h"
#include "cluster/frame_codec.h"
#include "cluster/node_identity.h"
#include "cluster/stamp.h"

namespace vmq::cluster::test {

inline constexpr WallMillis kWall = 1'700'000'000'000;
inline constexpr Moment kNow{TimePoint{Millis{5000}}, kWall};
/// Of facts whose kind does not matter.
inline constexpr FactKind kKind = FactKind::Setting;
/// More than what anybody sends.
inline constexpr std::uint32_t kLongestFrame = 64U << 20U;

inline Moment at(std::int64_t ms) { return {TimePoint{Millis{ms}}, kWall + ms}; }
inline HybridTime time(std::int64_t ms) { return HybridTime::at(kWall + ms); }

inline Incarnation incarnation(std::uint8_t number) {
    Incarnation result;
    result.bytes.fill(number);
    return result;
}

/// Requires that `frame` is one.
inline std::string_view body_of(std::string_view frame) { return frame.substr(kFrameOverhead); }

}  // namespace vmq::cluster::test
