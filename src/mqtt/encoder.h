// Packets to bytes. Every function appends one whole packet to `out`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "mqtt/packets.h"
#include "mqtt/types.h"

namespace vmq::mqtt {

/// Bytes that a remaining length takes: 1 to 4.
[[nodiscard]] constexpr std::size_t length_size(std::size_t length) noexcept {
    return length < 128 ? 1 : length < 16'384 ? 2 : length < 2'097'152 ? 3 : 4;
}
void append_length(std::size_t length, std::string& out);
/// Two bytes of length and the text. Requires at most 65,535 bytes.
void append_string(std::string_view text, std::string& out);

void encode_connect(const Connect& packet, std::string& out);
/// For MQTT 3 the reason becomes a return code; MQTT 3.1 has no session-present flag.
void encode_connack(const Connack& packet, ProtocolVersion version, std::string& out);
/// `properties` is encoded and complete, without its length; ignored for MQTT 3.
void encode_publish(const Publish& packet, ProtocolVersion version, std::string_view properties,
                    std::string& out);
/// The same without the payload, which the caller sends behind it.
void encode_publish_header(const Publish& packet, ProtocolVersion version,
                           std::string_view properties, std::string& out);
/// v5: reason and properties are left out when they say nothing [v5 3.4.2.1].
void encode_ack(PacketType type, const Ack& packet, ProtocolVersion version, std::string& out);
/// PUBACK and friends with reason Success: always four bytes, in every version.
void encode_simple_ack(PacketType type, PacketId id, std::string& out);
void encode_subscribe(const Subscribe& packet, ProtocolVersion version, std::string& out);
/// For MQTT 3 every error becomes 0x80.
void encode_suback(const Suback& packet, ProtocolVersion version, std::string& out);
void encode_unsubscribe(const Unsubscribe& packet, ProtocolVersion version, std::string& out);
void encode_unsuback(const Unsuback& packet, ProtocolVersion version, std::string& out);
void encode_pingreq(std::string& out);
void encode_pingresp(std::string& out);
/// MQTT 3: only a client sends it, two bytes without a reason.
void encode_disconnect(const Disconnect& packet, ProtocolVersion version, std::string& out);
void encode_auth(const Auth& packet, std::string& out);

}  // namespace vmq::mqtt
