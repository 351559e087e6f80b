#include "mqtt/types.h"

#include <array>
#include <cstddef>

namespace vmq::mqtt {

namespace {

// From 0x80 on without a gap.
constexpr std::array<std::string_view, 35> kErrorNames{
    "unspecified_error",
    "malformed_packet",
    "protocol_error",
    "impl_specific_error",
    "unsupported_protocol_version",
    "client_identifier_not_valid",
    "bad_username_or_password",
    "not_authorized",
    "server_unavailable",
    "server_busy",
    "banned",
    "server_shutting_down",
    "bad_authentication_method",
    "keep_alive_timeout",
    "session_taken_over",
    "topic_filter_invalid",
    "topic_name_invalid",
    "packet_id_in_use",
    "packet_id_not_found",
    "receive_max_exceeded",
    "topic_alias_invalid",
    "packet_too_large",
    "message_rate_too_high",
    "quota_exceeded",
    "administrative_action",
    "payload_format_invalid",
    "retain_not_supported",
    "qos_not_supported",
    "use_another_server",
    "server_moved",
    "shared_subs_not_supported",
    "connection_rate_exceeded",
    "max_connect_time",
    "subscription_ids_not_supported",
    "wildcard_subs_not_supported",
};

}  // namespace

std::string_view reason_name(ReasonCode reason) noexcept {
    switch (reason) {
        case ReasonCode::Success:
            return "success";
        case ReasonCode::GrantedQoS1:
            return "granted_qos1";
        case ReasonCode::GrantedQoS2:
            return "granted_qos2";
        case ReasonCode::DisconnectWithWillMessage:
            return "disconnect_with_will_msg";
        case ReasonCode::NoMatchingSubscribers:
            return "no_matching_subscribers";
        case ReasonCode::NoSubscriptionExisted:
            return "no_subscription_existed";
        case ReasonCode::ContinueAuthentication:
            return "continue_authentication";
        case ReasonCode::ReAuthenticate:
            return "reauthenticate";
        default:
            break;
    }
    const auto code = static_cast<std::size_t>(reason);
    if (!is_error(reason) || code - 0x80 >= kErrorNames.size()) return "unknown";
    return kErrorNames[code - 0x80];
}

std::string_view packet_name(PacketType type) noexcept {
    switch (type) {
        case PacketType::Connect:
            return "CONNECT";
        case PacketType::Connack:
            return "CONNACK";
        case PacketType::Publish:
            return "PUBLISH";
        case PacketType::Puback:
            return "PUBACK";
        case PacketType::Pubrec:
            return "PUBREC";
        case PacketType::Pubrel:
            return "PUBREL";
        case PacketType::Pubcomp:
            return "PUBCOMP";
        case PacketType::Subscribe:
            return "SUBSCRIBE";
        case PacketType::Suback:
            return "SUBACK";
        case PacketType::Unsubscribe:
            return "UNSUBSCRIBE";
        case PacketType::Unsuback:
            return "UNSUBACK";
        case PacketType::Pingreq:
            return "PINGREQ";
        case PacketType::Pingresp:
            return "PINGRESP";
        case PacketType::Disconnect:
            return "DISCONNECT";
        case PacketType::Auth:
            return "AUTH";
    }
    return "RESERVED";
}

std::uint8_t connack_return_code(ReasonCode reason) noexcept {
    switch (reason) {
        case ReasonCode::UnsupportedProtocolVersion:
            return 1;
        case ReasonCode::ClientIdentifierNotValid:
            return 2;
        case ReasonCode::UnspecifiedError:
        case ReasonCode::ImplementationSpecificError:
        case ReasonCode::ServerUnavailable:
        case ReasonCode::ServerBusy:
        case ReasonCode::ServerShuttingDown:
        case ReasonCode::QuotaExceeded:
        case ReasonCode::UseAnotherServer:
        case ReasonCode::ServerMoved:
        case ReasonCode::ConnectionRateExceeded:
            return 3;
        case ReasonCode::BadUserNameOrPassword:
            return 4;
        default:
            return is_error(reason) ? 5 : 0;
    }
}

}  // namespace vmq::mqtt
