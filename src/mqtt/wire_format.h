// Small helpers that all decoders and encoders share. Internal to this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "mqtt/decoder.h"
#include "mqtt/encoder.h"
#include "mqtt/types.h"

namespace vmq::mqtt::detail {

inline constexpr DecodeStatus kDecoded{};

/// The bytes cannot be parsed [v5 4.13].
[[nodiscard]] constexpr DecodeStatus malformed(const char* what) noexcept {
    return {ReasonCode::MalformedPacket, what};
}

/// The bytes can be parsed, and say what is not allowed [v5 4.13].
[[nodiscard]] constexpr DecodeStatus protocol_error(const char* what) noexcept {
    return {ReasonCode::ProtocolError, what};
}

/// A remaining length in more bytes than needed is malformed in MQTT 5 [v5 MQTT-1.5.5-1]; MQTT 3
/// does not mind, so next_frame() cannot decide.
[[nodiscard]] constexpr bool has_overlong_length(const Frame& frame,
                                                 ProtocolVersion version) noexcept {
    return version == ProtocolVersion::V5 &&
           frame.size > 1 + length_size(frame.body.size()) + frame.body.size();
}

/// The fixed header but for its type: flags that must have one value, and the remaining length.
[[nodiscard]] constexpr DecodeStatus check_fixed_header(const Frame& frame, ProtocolVersion version,
                                                        std::uint8_t flags) noexcept {
    // [v5 MQTT-2.1.3-1] [v3.1.1 MQTT-2.2.2-1, -2]
    if (frame.flags != flags) return malformed("reserved flags of the fixed header");
    if (has_overlong_length(frame, version)) return malformed("the remaining length is overlong");
    return kDecoded;
}

/// The same for PUBREL, SUBSCRIBE and UNSUBSCRIBE, whose flags are 2 [v5 MQTT-3.6.1-1,
/// MQTT-3.8.1-1, MQTT-3.10.1-1] [v3.1.1, the same numbers]. In MQTT 3.1 these are the QoS, always
/// 1, and DUP says that the packet was sent before; RETAIN means nothing there [v3.1 2.1].
[[nodiscard]] constexpr DecodeStatus check_fixed_header_qos1(const Frame& frame,
                                                             ProtocolVersion version) noexcept {
    if (version == ProtocolVersion::V31 && (frame.flags & 0x06U) == 0x02) return kDecoded;
    return check_fixed_header(frame, version, 0x02);
}

inline void append_u16(std::uint16_t value, std::string& out) {
    const char bytes[] = {static_cast<char>(value >> 8U), static_cast<char>(value & 0xFFU)};
    out.append(bytes, sizeof bytes);
}

inline void append_u32(std::uint32_t value, std::string& out) {
    append_u16(static_cast<std::uint16_t>(value >> 16U), out);
    append_u16(static_cast<std::uint16_t>(value & 0xFFFFU), out);
}

/// Empties `properties`; free when it is empty already.
inline void reset(Properties& properties) {
    if (!properties.empty()) properties = Properties{};
}

}  // namespace vmq::mqtt::detail
