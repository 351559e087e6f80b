// Numbers of the MQTT specifications that both directions of the script codec need.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace vmq::conformance {

enum class WireType : std::uint8_t { Byte, Two, Four, Variable, Text, Binary, Pair };

struct PropertyRow {
    std::string_view name;
    std::uint8_t id;
    WireType type;
};

/// [v5 2.2.2.2]
inline constexpr std::array kProperties{
    PropertyRow{"payload_format_indicator", 0x01, WireType::Byte},
    PropertyRow{"message_expiry_interval", 0x02, WireType::Four},
    PropertyRow{"content_type", 0x03, WireType::Text},
    PropertyRow{"response_topic", 0x08, WireType::Text},
    PropertyRow{"correlation_data", 0x09, WireType::Binary},
    PropertyRow{"subscription_identifier", 0x0B, WireType::Variable},
    PropertyRow{"session_expiry_interval", 0x11, WireType::Four},
    PropertyRow{"assigned_client_identifier", 0x12, WireType::Text},
    PropertyRow{"server_keep_alive", 0x13, WireType::Two},
    PropertyRow{"authentication_method", 0x15, WireType::Text},
    PropertyRow{"authentication_data", 0x16, WireType::Binary},
    PropertyRow{"request_problem_information", 0x17, WireType::Byte},
    PropertyRow{"will_delay_interval", 0x18, WireType::Four},
    PropertyRow{"request_response_information", 0x19, WireType::Byte},
    PropertyRow{"response_information", 0x1A, WireType::Text},
    PropertyRow{"server_reference", 0x1C, WireType::Text},
    PropertyRow{"reason_string", 0x1F, WireType::Text},
    PropertyRow{"receive_maximum", 0x21, WireType::Two},
    PropertyRow{"topic_alias_maximum", 0x22, WireType::Two},
    PropertyRow{"topic_alias", 0x23, WireType::Two},
    PropertyRow{"maximum_qos", 0x24, WireType::Byte},
    PropertyRow{"retain_available", 0x25, WireType::Byte},
    PropertyRow{"user", 0x26, WireType::Pair},
    PropertyRow{"maximum_packet_size", 0x27, WireType::Four},
    PropertyRow{"wildcard_subscription_available", 0x28, WireType::Byte},
    PropertyRow{"subscription_identifier_available", 0x29, WireType::Byte},
    PropertyRow{"shared_subscription_available", 0x2A, WireType::Byte},
};

struct PacketRow {
    std::string_view name;
    std::uint8_t type;
    std::uint8_t flags;
};

/// [v5 2.1.2, 2.1.3]
inline constexpr std::array kPackets{
    PacketRow{"CONNECT", 1, 0},      PacketRow{"CONNACK", 2, 0},     PacketRow{"PUBLISH", 3, 0},
    PacketRow{"PUBACK", 4, 0},       PacketRow{"PUBREC", 5, 0},      PacketRow{"PUBREL", 6, 2},
    PacketRow{"PUBCOMP", 7, 0},      PacketRow{"SUBSCRIBE", 8, 2},   PacketRow{"SUBACK", 9, 0},
    PacketRow{"UNSUBSCRIBE", 10, 2}, PacketRow{"UNSUBACK", 11, 0},   PacketRow{"PINGREQ", 12, 0},
    PacketRow{"PINGRESP", 13, 0},    PacketRow{"DISCONNECT", 14, 0}, PacketRow{"AUTH", 15, 0},
};

}  // namespace vmq::conformance
