// The small words of MQTT: versions, packet types, QoS, packet ids and reason codes.
#pragma once

#include <cstdint>
#include <string_view>

namespace vmq::mqtt {

enum class ProtocolVersion : std::uint8_t { V31 = 3, V311 = 4, V5 = 5 };

enum class PacketType : std::uint8_t {
    Connect = 1,
    Connack = 2,
    Publish = 3,
    Puback = 4,
    Pubrec = 5,
    Pubrel = 6,
    Pubcomp = 7,
    Subscribe = 8,
    Suback = 9,
    Unsubscribe = 10,
    Unsuback = 11,
    Pingreq = 12,
    Pingresp = 13,
    Disconnect = 14,
    Auth = 15,
};

enum class QoS : std::uint8_t { AtMostOnce = 0, AtLeastOnce = 1, ExactlyOnce = 2 };

/// 1 to 65535; 0 means "none" and is never on the wire.
enum class PacketId : std::uint16_t {};

/// MQTT 5 reason codes [v5 2.4]. MQTT 3 return codes are derived from them when a packet is
/// encoded.
enum class ReasonCode : std::uint8_t {
    Success = 0x00,  // also Normal disconnection and Granted QoS 0
    GrantedQoS1 = 0x01,
    GrantedQoS2 = 0x02,
    DisconnectWithWillMessage = 0x04,
    NoMatchingSubscribers = 0x10,
    NoSubscriptionExisted = 0x11,
    ContinueAuthentication = 0x18,
    ReAuthenticate = 0x19,
    UnspecifiedError = 0x80,
    MalformedPacket = 0x81,
    ProtocolError = 0x82,
    ImplementationSpecificError = 0x83,
    UnsupportedProtocolVersion = 0x84,
    ClientIdentifierNotValid = 0x85,
    BadUserNameOrPassword = 0x86,
    NotAuthorized = 0x87,
    ServerUnavailable = 0x88,
    ServerBusy = 0x89,
    Banned = 0x8A,
    ServerShuttingDown = 0x8B,
    BadAuthenticationMethod = 0x8C,
    KeepAliveTimeout = 0x8D,
    SessionTakenOver = 0x8E,
    TopicFilterInvalid = 0x8F,
    TopicNameInvalid = 0x90,
    PacketIdentifierInUse = 0x91,
    PacketIdentifierNotFound = 0x92,
    ReceiveMaximumExceeded = 0x93,
    TopicAliasInvalid = 0x94,
    PacketTooLarge = 0x95,
    MessageRateTooHigh = 0x96,
    QuotaExceeded = 0x97,
    AdministrativeAction = 0x98,
    PayloadFormatInvalid = 0x99,
    RetainNotSupported = 0x9A,
    QoSNotSupported = 0x9B,
    UseAnotherServer = 0x9C,
    ServerMoved = 0x9D,
    SharedSubscriptionsNotSupported = 0x9E,
    ConnectionRateExceeded = 0x9F,
    MaximumConnectTime = 0xA0,
    SubscriptionIdentifiersNotSupported = 0xA1,
    WildcardSubscriptionsNotSupported = 0xA2,
};

[[nodiscard]] constexpr bool is_error(ReasonCode reason) noexcept {
    return static_cast<std::uint8_t>(reason) >= 0x80;
}

/// VerneMQ's name of a reason code, lower snake case: "not_authorized". Code 0 is "success".
[[nodiscard]] std::string_view reason_name(ReasonCode reason) noexcept;

/// "PUBLISH" for PacketType::Publish.
[[nodiscard]] std::string_view packet_name(PacketType type) noexcept;

/// The CONNACK return code that MQTT 3 knows for `reason` [v3.1.1 3.2.2.3], 1 to 5 for errors.
[[nodiscard]] std::uint8_t connack_return_code(ReasonCode reason) noexcept;

[[nodiscard]] constexpr QoS min(QoS a, QoS b) noexcept { return a < b ? a : b; }

}  // namespace vmq::mqtt
