// Which reason codes each MQTT 5 packet may carry: the one table for decoding, and for choosing
// what to answer.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "mqtt/types.h"

namespace vmq::mqtt {

/// A set of reason codes.
class ReasonSet final {
public:
    constexpr ReasonSet(std::initializer_list<ReasonCode> reasons) noexcept {
        for (const ReasonCode reason : reasons) {
            const auto code = static_cast<unsigned>(reason);
            words_[code / 64] |= 1ULL << code % 64;
        }
    }
    [[nodiscard]] constexpr bool contains(ReasonCode reason) const noexcept {
        const auto code = static_cast<unsigned>(reason);
        return (words_[code / 64] >> code % 64 & 1U) != 0;
    }

private:
    std::uint64_t words_[4] = {};
};

// [v5 MQTT-3.2.2-8]
inline constexpr ReasonSet kConnackReasons{
    ReasonCode::Success,
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

// PUBACK and PUBREC [v5 MQTT-3.4.2-1, MQTT-3.5.2-1].
inline constexpr ReasonSet kPubackReasons{
    ReasonCode::Success,
    ReasonCode::NoMatchingSubscribers,
    ReasonCode::UnspecifiedError,
    ReasonCode::ImplementationSpecificError,
    ReasonCode::NotAuthorized,
    ReasonCode::TopicNameInvalid,
    ReasonCode::PacketIdentifierInUse,
    ReasonCode::QuotaExceeded,
    ReasonCode::PayloadFormatInvalid,
};

// PUBREL and PUBCOMP [v5 MQTT-3.6.2-1, MQTT-3.7.2-1].
inline constexpr ReasonSet kPubrelReasons{ReasonCode::Success,
                                          ReasonCode::PacketIdentifierNotFound};

// What a client may say [v5 MQTT-3.14.2-1].
inline constexpr ReasonSet kClientDisconnectReasons{
    ReasonCode::Success,
    ReasonCode::DisconnectWithWillMessage,
    ReasonCode::UnspecifiedError,
    ReasonCode::MalformedPacket,
    ReasonCode::ProtocolError,
    ReasonCode::ImplementationSpecificError,
    ReasonCode::TopicNameInvalid,
    ReasonCode::ReceiveMaximumExceeded,
    ReasonCode::TopicAliasInvalid,
    ReasonCode::PacketTooLarge,
    ReasonCode::MessageRateTooHigh,
    ReasonCode::QuotaExceeded,
    ReasonCode::AdministrativeAction,
    ReasonCode::PayloadFormatInvalid,
};

// What a server may say [v5 MQTT-3.14.2-1]; Bad authentication method is only in the table of 2.4.
inline constexpr ReasonSet kServerDisconnectReasons{
    ReasonCode::Success,
    ReasonCode::UnspecifiedError,
    ReasonCode::MalformedPacket,
    ReasonCode::ProtocolError,
    ReasonCode::ImplementationSpecificError,
    ReasonCode::NotAuthorized,
    ReasonCode::ServerBusy,
    ReasonCode::ServerShuttingDown,
    ReasonCode::BadAuthenticationMethod,
    ReasonCode::KeepAliveTimeout,
    ReasonCode::SessionTakenOver,
    ReasonCode::TopicFilterInvalid,
    ReasonCode::TopicNameInvalid,
    ReasonCode::ReceiveMaximumExceeded,
    ReasonCode::TopicAliasInvalid,
    ReasonCode::PacketTooLarge,
    ReasonCode::MessageRateTooHigh,
    ReasonCode::QuotaExceeded,
    ReasonCode::AdministrativeAction,
    ReasonCode::PayloadFormatInvalid,
    ReasonCode::RetainNotSupported,
    ReasonCode::QoSNotSupported,
    ReasonCode::UseAnotherServer,
    ReasonCode::ServerMoved,
    ReasonCode::SharedSubscriptionsNotSupported,
    ReasonCode::ConnectionRateExceeded,
    ReasonCode::MaximumConnectTime,
    ReasonCode::SubscriptionIdentifiersNotSupported,
    ReasonCode::WildcardSubscriptionsNotSupported,
};

// [v5 MQTT-3.15.2-1]
inline constexpr ReasonSet kClientAuthReasons{ReasonCode::ContinueAuthentication,
                                              ReasonCode::ReAuthenticate};
inline constexpr ReasonSet kServerAuthReasons{ReasonCode::Success,
                                              ReasonCode::ContinueAuthentication};

// [v5 MQTT-3.9.3-2]
inline constexpr ReasonSet kSubackReasons{
    ReasonCode::Success,
    ReasonCode::GrantedQoS1,
    ReasonCode::GrantedQoS2,
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

// [v5 MQTT-3.11.3-2]
inline constexpr ReasonSet kUnsubackReasons{
    ReasonCode::Success,
    ReasonCode::NoSubscriptionExisted,
    ReasonCode::UnspecifiedError,
    ReasonCode::ImplementationSpecificError,
    ReasonCode::NotAuthorized,
    ReasonCode::TopicFilterInvalid,
    ReasonCode::PacketIdentifierInUse,
};

}  // namespace vmq::mqtt
