// What the encodings of messages in several frames have in common: flags, and how long a part may
// be.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vmq::cluster {

/// A string of MQTT [v5 1.5.4]: a topic, a filter, a name.
inline constexpr std::size_t kLongestText = 65'535;
/// What an MQTT packet can hold [v5 1.5.5].
inline constexpr std::size_t kLongestPacket = 268'435'455;
/// A Message Expiry Interval has 32 bits of seconds [v5 3.3.2.3.3].
inline constexpr std::uint64_t kLongestExpiryMs = std::uint64_t{UINT32_MAX} * 1000;

// Of the byte with the flags of a message. What its other bits say is a matter of each frame.
inline constexpr std::uint8_t kQoSBits = 0x03;
inline constexpr std::uint8_t kRetain = 0x04;

}  // namespace vmq::cluster
