#include "mqtt/types.h"

#include <gtest/gtest.h>

namespace vmq::mqtt {
namespace {

TEST(ReasonName, IsVerneMqsNameOfTheCode) {
    EXPECT_EQ(reason_name(ReasonCode::Success), "success");
    EXPECT_EQ(reason_name(ReasonCode::GrantedQoS2), "granted_qos2");
    EXPECT_EQ(reason_name(ReasonCode::DisconnectWithWillMessage), "disconnect_with_will_msg");
    EXPECT_EQ(reason_name(ReasonCode::ReAuthenticate), "reauthenticate");
    EXPECT_EQ(reason_name(ReasonCode::UnspecifiedError), "unspecified_error");
    EXPECT_EQ(reason_name(ReasonCode::NotAuthorized), "not_authorized");
    EXPECT_EQ(reason_name(ReasonCode::TopicNameInvalid), "topic_name_invalid");
    EXPECT_EQ(reason_name(ReasonCode::QuotaExceeded), "quota_exceeded");
    EXPECT_EQ(reason_name(ReasonCode::UseAnotherServer), "use_another_server");
    EXPECT_EQ(reason_name(ReasonCode::WildcardSubscriptionsNotSupported),
              "wildcard_subs_not_supported");
}

TEST(ReasonName, OfACodeThatDoesNotExistIsUnknown) {
    for (const int code : {0x03, 0x7F, 0xA3, 0xFF}) {
        EXPECT_EQ(reason_name(static_cast<ReasonCode>(code)), "unknown");
    }
}

TEST(PacketName, IsTheOneOfTheSpecification) {
    EXPECT_EQ(packet_name(PacketType::Connect), "CONNECT");
    EXPECT_EQ(packet_name(PacketType::Pubcomp), "PUBCOMP");
    EXPECT_EQ(packet_name(PacketType::Auth), "AUTH");
    EXPECT_EQ(packet_name(PacketType{0}), "RESERVED");
}

// [v3.1.1 3.2.2.3]
TEST(ConnackReturnCode, IsTheNearestThatMqtt3Has) {
    EXPECT_EQ(connack_return_code(ReasonCode::Success), 0);
    EXPECT_EQ(connack_return_code(ReasonCode::UnsupportedProtocolVersion), 1);
    EXPECT_EQ(connack_return_code(ReasonCode::ClientIdentifierNotValid), 2);
    EXPECT_EQ(connack_return_code(ReasonCode::ServerUnavailable), 3);
    EXPECT_EQ(connack_return_code(ReasonCode::ServerMoved), 3);
    EXPECT_EQ(connack_return_code(ReasonCode::BadUserNameOrPassword), 4);
    EXPECT_EQ(connack_return_code(ReasonCode::NotAuthorized), 5);
    EXPECT_EQ(connack_return_code(ReasonCode::Banned), 5);
}

TEST(ConnackReturnCode, OfEveryErrorIsAnError) {
    for (int code = 0x80; code <= 0xFF; ++code) {
        const auto value = connack_return_code(static_cast<ReasonCode>(code));
        EXPECT_GE(value, 1);
        EXPECT_LE(value, 5);
    }
}

}  // namespace
}  // namespace vmq::mqtt
