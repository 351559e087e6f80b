// How long a topic name or filter may be.
#pragma once

#include <cstddef>

namespace vmq::mqtt {

/// Bytes: its length comes as two bytes [v5 MQTT-4.7.3-3] [v3.1.1 MQTT-4.7.3-3].
inline constexpr std::size_t kMaxTopicSize = 65'535;

}  // namespace vmq::mqtt
