#include "session/refusal.h"

#include <algorithm>
#include <cstddef>
#include <span>

#include "mqtt/topic.h"

namespace vmq::session {

using mqtt::PacketType;
using mqtt::ReasonCode;

namespace {

constexpr ReasonCode kConnack[] = {
    ReasonCode::UnspecifiedError,
    ReasonCode::MalformedPacket,
    ReasonCode::ProtocolError,
    ReasonCode::ImplementationSpecificError,
    ReasonCode::UnsupportedProtocolVersion,
    ReasonCode::ClientIdentifierNotValid,
    ReasonCode::BadUserNameOrPassword,
    ReasonCode::NotAuthorized,
    ReasonCode::ServerUnavailable,
    ReasonCode::ServerBusy,
    ReasonCode::Banned,
    ReasonCode::BadAuthenticationMethod,
    ReasonCode::TopicNameInvalid,
    ReasonCode::PacketTooLarge,
    ReasonCode::QuotaExceeded,
    ReasonCode::PayloadFormatInvalid,
    ReasonCode::RetainNotSupported,
    ReasonCode::QoSNotSupported,
    ReasonCode::UseAnotherServer,
    ReasonCode::ServerMoved,
    ReasonCode::ConnectionRateExceeded,
};
constexpr ReasonCode kPublishAck[] = {
    ReasonCode::UnspecifiedError,      ReasonCode::ImplementationSpecificError,
    ReasonCode::NotAuthorized,         ReasonCode::TopicNameInvalid,
    ReasonCode::QuotaExceeded,         ReasonCode::PayloadFormatInvalid,
    ReasonCode::PacketIdentifierInUse,
};
constexpr ReasonCode kSuback[] = {
    ReasonCode::UnspecifiedError,
    ReasonCode::ImplementationSpecificError,
    ReasonCode::NotAuthorized,
    ReasonCode::TopicFilterInvalid,
    ReasonCode::PacketIdentifierInUse,
    ReasonCode::QuotaExceeded,
    ReasonCode::SharedSubscriptionsNotSupported,
    ReasonCode::SubscriptionIdentifiersNotSupported,
    ReasonCode::WildcardSubscriptionsNotSupported,
};
/// DISCONNECT: every error but these, which belong to other packets.
constexpr ReasonCode kNotInDisconnect[] = {
    ReasonCode::UnsupportedProtocolVersion,
    ReasonCode::ClientIdentifierNotValid,
    ReasonCode::BadUserNameOrPassword,
    ReasonCode::ServerUnavailable,
    ReasonCode::Banned,
    ReasonCode::PacketIdentifierInUse,
    ReasonCode::PacketIdentifierNotFound,
};

constexpr std::size_t kMaxText = 65'535;  // [v5 1.5.4, 1.5.6]

bool contains(std::span<const ReasonCode> codes, ReasonCode code) noexcept {
    return std::find(codes.begin(), codes.end(), code) != codes.end();
}

bool allowed(PacketType type, ReasonCode reason) noexcept {
    switch (type) {
        case PacketType::Connack:
            return contains(kConnack, reason);
        case PacketType::Puback:
        case PacketType::Pubrec:
            return contains(kPublishAck, reason);
        case PacketType::Suback:
            return contains(kSuback, reason);
        case PacketType::Disconnect:
            return mqtt::is_error(reason) &&
                   reason <= ReasonCode::WildcardSubscriptionsNotSupported &&
                   !contains(kNotInDisconnect, reason);
        default:
            return false;
    }
}

}  // namespace

ReasonCode refusal_in(PacketType type, ReasonCode reason) noexcept {
    return allowed(type, reason) ? reason : ReasonCode::NotAuthorized;
}

void set_text(mqtt::Properties& properties, mqtt::Property property, std::string_view& field,
              std::string_view text) {
    if (mqtt::is_valid_utf8(text)) set_binary(properties, property, field, text);
}

void set_binary(mqtt::Properties& properties, mqtt::Property property, std::string_view& field,
                std::string_view data) {
    if (data.empty() || data.size() > kMaxText) return;
    field = data;
    properties.set(property);
}

}  // namespace vmq::session
