#include "session/connack.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "mqtt/encoder.h"
#include "support/packet_text.h"

namespace vmq::session {
namespace {

using mqtt::ProtocolVersion;
using mqtt::ReasonCode;
using Texts = std::vector<std::string>;

class ConnackTest : public ::testing::Test {
protected:
    ConnackTest() { plan_.version = ProtocolVersion::V5; }

    Texts accept(bool session_present = false) {
        plan_.settings = std::make_shared<const Settings>(settings_);
        std::string bytes = "before";
        fits_ = encode_accepting_connack(plan_, session_present, bytes);
        EXPECT_TRUE(bytes.starts_with("before"));
        return testing::packet_texts(std::string_view(bytes).substr(6), plan_.version);
    }

    ConnectPlan plan_;
    Settings settings_;
    bool fits_ = false;
};

// [v5 MQTT-3.2.2-2] [v5 MQTT-3.2.2-3] [v3.1.1 MQTT-3.2.2-2] [v3.1.1 MQTT-3.2.2-1]
TEST_F(ConnackTest, TellsWhetherASessionWasThere) {
    EXPECT_EQ(accept(true), Texts{"CONNACK 1 0x00"});
    EXPECT_EQ(accept(false), Texts{"CONNACK 0 0x00"});
    for (const auto version : {ProtocolVersion::V31, ProtocolVersion::V311}) {
        plan_.version = version;
        EXPECT_EQ(accept(true), Texts{"CONNACK 1 0x00"});
    }
}

// [v5 MQTT-3.2.2-16] [v5 MQTT-3.2.2-21]
TEST_F(ConnackTest, TellsWhatIsNotAsTheClientAsked) {
    plan_.client_id = "anon-1";
    plan_.assigned_client_id = true;
    plan_.session_expiry_s = 60;
    plan_.session_expiry_overridden = true;
    plan_.keep_alive_s = 30;
    plan_.keep_alive_overridden = true;
    EXPECT_EQ(accept(), Texts{"CONNACK 0 0x00 session_expiry=60 assigned=anon-1 keep_alive=30"});
}

// [v5 MQTT-3.2.2-9]
TEST_F(ConnackTest, TellsWhatTheClientMayNotUse) {
    const auto told = [this] {
        plan_.settings = std::make_shared<const Settings>();
        std::string bytes;
        EXPECT_TRUE(encode_accepting_connack(plan_, false, bytes));
        return bytes.substr(5);  // behind fixed header, flags, reason and property length
    };
    EXPECT_EQ(told(), "");
    plan_.capabilities = {mqtt::QoS::AtMostOnce, false, false, false, false};
    EXPECT_EQ(told(), std::string("\x24\0\x25\0\x28\0\x29\0\x2a\0", 10));
    plan_.capabilities = {mqtt::QoS::AtLeastOnce, true, true, true, true};
    EXPECT_EQ(told(), "\x24\x01");
}

TEST_F(ConnackTest, TellsTheLimitsThatAreNotTheDefaults) {
    settings_.receive_max_broker = 10;
    settings_.topic_alias_max_client = 5;
    settings_.max_message_size = 1000;
    EXPECT_EQ(accept(),
              Texts{"CONNACK 0 0x00 receive_maximum=10 alias_maximum=5 maximum_packet_size=1003"});
    plan_.version = ProtocolVersion::V311;
    EXPECT_EQ(accept(), Texts{"CONNACK 0 0x00"});
}

// The property counts the whole packet: the largest one that fits the setting fits it too.
TEST_F(ConnackTest, MaximumPacketSizeIncludesTheFixedHeader) {
    for (const std::uint32_t size : {127U, 128U, 16'383U, 16'384U, 2'097'151U, 2'097'152U}) {
        settings_.max_message_size = size;
        const auto header = 1 + mqtt::length_size(size);
        EXPECT_EQ(accept(),
                  Texts{fmt::format("CONNACK 0 0x00 maximum_packet_size={}", size + header)});
    }
    settings_.max_message_size = kMaxRemainingLength;
    EXPECT_EQ(accept(), Texts{"CONNACK 0 0x00"});
}

TEST_F(ConnackTest, ResponseInformationIsForThoseWhoAskedForIt) {
    plan_.extras = std::make_unique<ConnackExtras>();
    plan_.extras->response_information = "info";
    EXPECT_EQ(accept(), Texts{"CONNACK 0 0x00"});  // [v5 MQTT-3.1.2-28]
    plan_.request_response_information = true;
    EXPECT_EQ(accept(), Texts{"CONNACK 0 0x00 response_information=info"});
}

// [v5 MQTT-3.2.2-19] [v5 MQTT-3.1.2-24]
TEST_F(ConnackTest, LeavesTheReasonOutBeforeItGivesUp) {
    plan_.extras = std::make_unique<ConnackExtras>();
    plan_.extras->authentication_method = "m";
    plan_.extras->authentication_data = "data";
    plan_.extras->reason_string = "welcome";
    EXPECT_EQ(accept(), Texts{"CONNACK 0 0x00 method=m data=data reason=welcome"});
    plan_.maximum_packet_size = 20;
    EXPECT_EQ(accept(), Texts{"CONNACK 0 0x00 method=m data=data"});
    EXPECT_TRUE(fits_);
    plan_.maximum_packet_size = 10;
    EXPECT_EQ(accept(), Texts{});
    EXPECT_FALSE(fits_);
}

TEST_F(ConnackTest, RefusesInTheWordsOfTheVersion) {
    std::string bytes;
    encode_refusing_connack(ProtocolVersion::V5, ReasonCode::ServerMoved, "gone", "there:1883", 0,
                            bytes);
    EXPECT_EQ(testing::packet_texts(bytes, ProtocolVersion::V5),
              Texts{"CONNACK 0 0x9d server=there:1883 reason=gone"});
    bytes.clear();
    encode_refusing_connack(ProtocolVersion::V311, ReasonCode::ServerMoved, "gone", "there", 0,
                            bytes);
    EXPECT_EQ(bytes, std::string("\x20\x02\x00\x03", 4));
}

}  // namespace
}  // namespace vmq::session
