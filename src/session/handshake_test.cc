#include "session/handshake.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "mqtt/encoder.h"
#include "support/scripted_host.h"

namespace vmq::session {
namespace {

using mqtt::Property;
using mqtt::ProtocolVersion;
using mqtt::ReasonCode;
using State = Handshake::State;
using Texts = std::vector<std::string>;

constexpr ProtocolVersion kV31 = ProtocolVersion::V31;
constexpr ProtocolVersion kV311 = ProtocolVersion::V311;
constexpr ProtocolVersion kV5 = ProtocolVersion::V5;

class HandshakeTest : public ::testing::Test {
protected:
    HandshakeTest() { policy_.mountpoint = "mp"; }

    static mqtt::Connect connect(ProtocolVersion version, std::string_view client_id = "c") {
        mqtt::Connect packet;
        packet.version = version;
        packet.client_id = client_id;
        return packet;
    }
    State send(const mqtt::Connect& packet) {
        version_ = packet.version;
        std::string bytes;
        mqtt::encode_connect(packet, bytes);
        return send(bytes);
    }
    State send(std::string_view bytes) {
        if (!handshake_) {
            handshake_ = std::make_unique<Handshake>(host_, policy_,
                                                     std::make_shared<const Settings>(settings_));
        }
        const auto frame = mqtt::next_frame(bytes, 268'435'455);
        EXPECT_EQ(frame.status, mqtt::FrameStatus::Complete);
        return handshake_->on_frame(frame);
    }
    State send_auth(std::string_view method, std::string_view data) {
        mqtt::Auth packet;
        packet.reason = ReasonCode::ContinueAuthentication;
        packet.properties.authentication_method = method;
        packet.properties.set(Property::AuthenticationMethod);
        if (!data.empty()) {
            packet.properties.authentication_data = data;
            packet.properties.set(Property::AuthenticationData);
        }
        std::string bytes;
        mqtt::encode_auth(packet, bytes);
        return send(bytes);
    }
    static void set_method(mqtt::Connect& packet, std::string_view method, std::string_view data) {
        packet.properties.authentication_method = method;
        packet.properties.set(Property::AuthenticationMethod);
        packet.properties.authentication_data = data;
        packet.properties.set(Property::AuthenticationData);
    }
    /// Sends the packet to a fresh handshake and returns what was answered.
    Texts answer(const mqtt::Connect& packet) {
        handshake_.reset();
        (void)send(packet);
        return sent();
    }
    Texts sent() { return host_.take(version_); }
    [[nodiscard]] ConnectPlan& plan() { return handshake_->plan(); }

    testing::ScriptedHost host_;
    ListenerPolicy policy_;
    Settings settings_;
    ProtocolVersion version_ = kV5;
    std::unique_ptr<Handshake> handshake_;
};

TEST_F(HandshakeTest, AcceptsEveryVersionAndSaysNothingYet) {
    for (const auto version : {kV31, kV311, kV5}) {
        handshake_.reset();
        EXPECT_EQ(send(connect(version)), State::Accepted);
        EXPECT_EQ(sent(), Texts{}) << "CONNACK is the session's";
        EXPECT_EQ(plan().version, version);
        EXPECT_EQ(plan().client_id, "c");
        EXPECT_EQ(plan().mountpoint, "mp");
        EXPECT_FALSE(plan().bridge);
    }
}

TEST_F(HandshakeTest, VersionsThatTheListenerDoesNotAllowAreRefused) {
    policy_.allowed_protocol_versions = {};
    EXPECT_EQ(answer(connect(kV31)), Texts{"CONNACK 0 0x01"});
    EXPECT_EQ(answer(connect(kV311)), Texts{"CONNACK 0 0x01"});
    EXPECT_EQ(answer(connect(kV5)), Texts{"CONNACK 0 0x84"});
    EXPECT_EQ(host_.take_calls(), Texts{}) << "nobody was asked";
    const Texts counted{"< 3 CONNECT success", "> 3 CONNACK unsupported_protocol_version",
                        "< 4 CONNECT success", "> 4 CONNACK unsupported_protocol_version",
                        "< 5 CONNECT success", "> 5 CONNACK unsupported_protocol_version"};
    EXPECT_EQ(host_.counted, counted);
}

TEST_F(HandshakeTest, BridgesAreAVersionOfTheirOwn) {
    auto packet = connect(kV31);
    packet.bridge = true;
    EXPECT_EQ(send(packet), State::Accepted);
    EXPECT_TRUE(plan().bridge);
    packet.version = kV311;
    EXPECT_EQ(answer(packet), Texts{"CONNACK 0 0x01"}) << "132 is not allowed by default";
    policy_.allowed_protocol_versions = {132};
    EXPECT_EQ(answer(packet), Texts{});
    EXPECT_TRUE(plan().bridge);
}

// [v5 MQTT-3.1.2-2] [v3.1.1 MQTT-3.1.2-2]
TEST_F(HandshakeTest, UnknownLevelsAreRefusedInTheNearestVersion) {
    EXPECT_EQ(send(std::string("\x10\x0d\x00\x04MQTT\x06\x02\x00\x00\x00\x00\x00", 15)),
              State::Refused);
    version_ = kV5;
    EXPECT_EQ(sent(), Texts{"CONNACK 0 0x84"});
    handshake_.reset();
    EXPECT_EQ(send(std::string("\x10\x0d\x00\x04MQTT\x03\x02\x00\x00\x00\x01x", 15)),
              State::Refused);
    version_ = kV311;
    EXPECT_EQ(sent(), Texts{"CONNACK 0 0x01"});
}

TEST_F(HandshakeTest, WhatIsNotMqttIsClosedWithoutAWord) {
    EXPECT_EQ(send(std::string("\x10\x0c\x00\x04HTTP\x04\x02\x00\x00\x00\x00", 14)),
              State::Refused);
    EXPECT_EQ(host_.take_bytes(), "");
    EXPECT_FALSE(handshake_->refusal().empty());
}

// [v5 MQTT-3.1.0-1] [v3.1.1 MQTT-3.1.0-1]
TEST_F(HandshakeTest, TheFirstPacketHasToBeConnect) {
    EXPECT_EQ(send(std::string("\xc0\x00", 2)), State::Refused);
    EXPECT_EQ(host_.take_bytes(), "");
    EXPECT_EQ(handshake_->refusal_reason(), ReasonCode::ProtocolError);
}

// [v3.1.1 MQTT-2.2.2-2] [v5 MQTT-2.1.3-1]
TEST_F(HandshakeTest, ReservedFlagsOfTheFixedHeaderAreRefused) {
    std::string bytes;
    mqtt::encode_connect(connect(kV311), bytes);
    bytes[0] = 0x11;
    EXPECT_EQ(send(bytes), State::Refused);
    EXPECT_EQ(host_.take_bytes(), "");
}

TEST_F(HandshakeTest, FramesThatCannotBeTakenAreRefusedSilently) {
    for (const auto version : {kV31, kV311}) {
        std::string bytes;
        mqtt::encode_connect(connect(version), bytes);
        Handshake handshake(host_, policy_, std::make_shared<const Settings>());
        EXPECT_EQ(handshake.on_bad_frame(mqtt::next_frame(bytes, 5)), State::Refused);
        EXPECT_EQ(handshake.refusal_reason(), ReasonCode::PacketTooLarge);
    }
    Handshake publishes(host_, policy_, std::make_shared<const Settings>());
    EXPECT_EQ(publishes.on_bad_frame(mqtt::next_frame("\x30\x7f", 5)), State::Refused);
    Handshake other(host_, policy_, std::make_shared<const Settings>());
    EXPECT_EQ(other.on_bad_frame(mqtt::next_frame(std::string(1, '\0'), 5)), State::Refused);
    EXPECT_EQ(host_.take_bytes(), "");
}

// [v5 MQTT-3.1.4-1]
TEST_F(HandshakeTest, ALargeConnectOfMqtt5IsToldSoOnceItsVersionIsKnown) {
    std::string bytes;
    mqtt::encode_connect(connect(kV5), bytes);
    const std::size_t version_known = 2 + mqtt::kVersionBytes;
    Handshake handshake(host_, policy_, std::make_shared<const Settings>());
    for (std::size_t size = 2; size < version_known; ++size) {
        EXPECT_EQ(handshake.on_bad_frame(mqtt::next_frame(bytes.substr(0, size), 5)),
                  State::AwaitConnect);
    }
    EXPECT_EQ(handshake.on_bad_frame(mqtt::next_frame(bytes.substr(0, version_known), 5)),
              State::Refused);
    version_ = kV5;
    EXPECT_EQ(sent(), Texts{"CONNACK 0 0x95"});
}

// [v3.1.1 MQTT-3.1.4-1]: closed without CONNACK; MQTT 5 may say why [v5 MQTT-3.1.4-1].
TEST_F(HandshakeTest, AMalformedConnectIsAnsweredInMqtt5Only) {
    for (const auto version : {kV311, kV5}) {
        std::string bytes;
        mqtt::encode_connect(connect(version), bytes);
        bytes[9] = static_cast<char>(bytes[9] | 1);  // the reserved connect flag
        handshake_.reset();
        EXPECT_EQ(send(bytes), State::Refused);
        version_ = version;
        EXPECT_EQ(sent(), version == kV5 ? Texts{"CONNACK 0 0x81"} : Texts{});
    }
}

TEST_F(HandshakeTest, AnInvalidWillTopicIsAMalformedConnect) {
    for (const auto* topic : {"a/#", "a/+/b", ""}) {
        auto packet = connect(kV311);
        packet.will.emplace().topic = topic;
        EXPECT_EQ(answer(packet), Texts{}) << topic;
        packet.version = kV5;
        EXPECT_EQ(answer(packet), Texts{"CONNACK 0 0x90"}) << topic;
    }
}

// [v3.1.1 MQTT-3.1.2-22]; MQTT 5 allows a password alone.
TEST_F(HandshakeTest, APasswordWithoutAUserNameIsMqtt5Only) {
    auto packet = connect(kV311);
    packet.password = "secret";
    EXPECT_EQ(send(packet), State::Refused);
    EXPECT_EQ(sent(), Texts{});
    handshake_.reset();
    packet.version = kV5;
    EXPECT_EQ(send(packet), State::Accepted);
}

TEST_F(HandshakeTest, EmptyClientIdsByVersionAndCleanStart) {
    auto packet = connect(kV31, "");
    EXPECT_EQ(answer(packet), Texts{"CONNACK 0 0x02"});
    packet = connect(kV311, "");
    EXPECT_EQ(answer(packet), Texts{});  // [v3.1.1 MQTT-3.1.3-6]
    EXPECT_EQ(plan().client_id, "anon-1");
    packet.clean_start = false;  // [v3.1.1 MQTT-3.1.3-8]
    EXPECT_EQ(answer(packet), Texts{"CONNACK 0 0x02"});
    for (const bool clean : {true, false}) {  // [v5 MQTT-3.1.3-6]
        packet = connect(kV5, "");
        packet.clean_start = clean;
        EXPECT_EQ(answer(packet), Texts{});
        EXPECT_TRUE(plan().assigned_client_id);
    }
    EXPECT_EQ(plan().client_id, "anon-3");
}

TEST_F(HandshakeTest, ClientIdsLongerThanTheSettingAreRefused) {
    settings_.max_client_id_size = 4;
    for (const auto version : {kV31, kV311, kV5}) {
        EXPECT_EQ(answer(connect(version, "abcd")), Texts{});
        EXPECT_EQ(answer(connect(version, "abcde")),
                  Texts{version == kV5 ? "CONNACK 0 0x85" : "CONNACK 0 0x02"});
    }
}

TEST_F(HandshakeTest, PassesOnWhatTheClientSaysOfItself) {
    settings_.allow_anonymous = true;
    auto packet = connect(kV5);
    packet.username = "u";
    packet.password = "p";
    packet.clean_start = false;
    EXPECT_EQ(send(packet), State::Accepted);
    EXPECT_EQ(host_.take_calls(),
              Texts{"register mp/c user=u password=p clean=false v5=true anonymous=true"});
    EXPECT_EQ(plan().username, "u");
    EXPECT_TRUE(plan().anonymous_allowed);
    EXPECT_FALSE(plan().clean_start);
}

TEST_F(HandshakeTest, ARefusalBecomesTheReturnCodeOfItsVersion) {
    struct Row {
        ReasonCode reason;
        const char* v3;
        const char* v5;
    };
    for (const Row& row :
         {Row{ReasonCode::BadUserNameOrPassword, "0x04", "0x86"},
          Row{ReasonCode::NotAuthorized, "0x05", "0x87"},
          Row{ReasonCode::ServerUnavailable, "0x03", "0x88"},
          Row{ReasonCode::Banned, "0x05", "0x8a"}, Row{ReasonCode::ServerMoved, "0x03", "0x9d"},
          // What CONNACK cannot say, and what is no refusal at all:
          Row{ReasonCode::TopicAliasInvalid, "0x05", "0x87"},
          Row{ReasonCode::Success, "0x05", "0x87"}}) {
        host_.on_register = [&](const auto&, auto&, Denial& denial) {
            denial.reason = row.reason;
            return Answer::Denied;
        };
        EXPECT_EQ(answer(connect(kV311)), Texts{std::string("CONNACK 0 ") + row.v3});
        EXPECT_EQ(answer(connect(kV5)), Texts{std::string("CONNACK 0 ") + row.v5});
    }
}

TEST_F(HandshakeTest, TellsMqtt5ClientsWhyAndWhereTo) {
    host_.on_register = [](const auto&, auto&, Denial& denial) {
        denial = {ReasonCode::UseAnotherServer, "full", "other:1883"};
        return Answer::Denied;
    };
    EXPECT_EQ(answer(connect(kV5)), Texts{"CONNACK 0 0x9c server=other:1883 reason=full"});
    auto packet = connect(kV5);
    packet.properties.maximum_packet_size = 10;
    packet.properties.set(Property::MaximumPacketSize);
    EXPECT_EQ(answer(packet), Texts{"CONNACK 0 0x9c"});  // [v5 MQTT-3.2.2-19]
    packet.properties.maximum_packet_size = 4;
    EXPECT_EQ(answer(packet), Texts{});  // [v5 MQTT-3.1.2-24]
    EXPECT_EQ(handshake_->state(), State::Refused);
}

TEST_F(HandshakeTest, TextsOfAHookThatCannotBeSentAreLeftOut) {
    host_.on_register = [](const auto&, auto&, Denial& denial) {
        denial = {ReasonCode::NotAuthorized, std::string(70'000, 'x'), "\xff"};
        return Answer::Denied;
    };
    EXPECT_EQ(answer(connect(kV5)), Texts{"CONNACK 0 0x87"});
}

TEST_F(HandshakeTest, TakesWhatAHookGrants) {
    auto other = std::make_shared<Settings>();
    other->receive_max_client = 7;
    host_.on_register = [&](const auto&, RegisterGrant& grant, auto&) {
        grant.client_id = "new";
        grant.mountpoint = "other";
        grant.username = "v";
        grant.clean_start = false;
        grant.session_expiry_s = 99;
        grant.response_information = "info";
        grant.settings = other;
        return Answer::Allowed;
    };
    auto packet = connect(kV5);
    packet.username = "u";
    ASSERT_EQ(send(packet), State::Accepted);
    EXPECT_EQ(plan().client_id, "new");
    EXPECT_EQ(plan().mountpoint, "other");
    EXPECT_EQ(plan().username, "v");
    EXPECT_FALSE(plan().clean_start);
    EXPECT_EQ(plan().session_expiry_s, 99U);
    EXPECT_TRUE(plan().session_expiry_overridden);
    EXPECT_EQ(plan().extras->response_information, "info");
    EXPECT_EQ(plan().receive_maximum, 7);
}

TEST_F(HandshakeTest, NothingIsAskedOrAppliedTwiceWhenTheWillHasToWait) {
    host_.on_register = [](const auto&, RegisterGrant& grant, auto&) {
        grant.client_id = "new";
        grant.mountpoint = "other";
        grant.clean_start = false;
        return Answer::Allowed;
    };
    int asked = 0;
    host_.on_publish = [&](PublishIntent& intent, Denial&) {
        if (++asked < 3) return Answer::Pending;
        intent.topic = "rewritten";
        return Answer::Allowed;
    };
    auto packet = connect(kV5, "");
    packet.will.emplace().topic = "w";
    packet.will->payload = "bye";
    ASSERT_EQ(send(packet), State::Parked);
    ASSERT_EQ(handshake_->resume(), State::Parked);
    ASSERT_EQ(handshake_->resume(), State::Accepted);
    EXPECT_EQ(host_.take_calls(),
              (Texts{"register mp/anon-1 user=- password=- clean=true v5=true anonymous=false",
                     "will other/new w bye", "will other/new w bye", "will other/new w bye"}));
    EXPECT_EQ(plan().client_id, "new");
    EXPECT_EQ(plan().mountpoint, "other");
    EXPECT_FALSE(plan().clean_start);
    EXPECT_EQ(plan().will->topic, "rewritten");
}

TEST_F(HandshakeTest, APendingRegistrationIsAskedForAgainWithTheSameRequest) {
    int asked = 0;
    host_.on_register = [&](const auto&, auto&, Denial&) {
        return ++asked < 2 ? Answer::Pending : Answer::Allowed;
    };
    ASSERT_EQ(send(connect(kV5, "")), State::Parked);
    ASSERT_EQ(handshake_->resume(), State::Accepted);
    const Texts calls = host_.take_calls();
    ASSERT_EQ(calls.size(), 2U);
    EXPECT_EQ(calls[0], calls[1]);
    EXPECT_EQ(plan().client_id, "anon-1");
}

TEST_F(HandshakeTest, ALateRefusalIsSent) {
    bool answered = false;
    host_.on_register = [&](const auto&, auto&, Denial&) {
        return answered ? Answer::Denied : Answer::Pending;
    };
    ASSERT_EQ(send(connect(kV5)), State::Parked);
    EXPECT_EQ(sent(), Texts{});
    answered = true;
    EXPECT_EQ(handshake_->resume(), State::Refused);
    EXPECT_EQ(sent(), Texts{"CONNACK 0 0x87"});
}

TEST_F(HandshakeTest, Mqtt3SessionsLastByCleanSessionAndConfiguration) {
    auto packet = connect(kV311);
    ASSERT_EQ(send(packet), State::Accepted);
    EXPECT_EQ(plan().session_expiry_s, 0U);
    packet.clean_start = false;
    (void)answer(packet);
    EXPECT_EQ(plan().session_expiry_s, kSessionNeverExpires);
    settings_.persistent_client_expiration_s = 3600;
    (void)answer(packet);
    EXPECT_EQ(plan().session_expiry_s, 3600U);
    settings_.persistent_client_expiration_s = 1'000'000'000'000ULL;
    (void)answer(packet);
    EXPECT_EQ(plan().session_expiry_s, kSessionNeverExpires);
    EXPECT_FALSE(plan().session_expiry_overridden);
}

TEST_F(HandshakeTest, Mqtt3WindowsComeFromTheConfiguration) {
    settings_.max_inflight_messages = 5;
    settings_.topic_alias_max_broker = 9;
    ASSERT_EQ(send(connect(kV311)), State::Accepted);
    EXPECT_EQ(plan().receive_maximum, 5);
    EXPECT_EQ(plan().topic_alias_maximum, 0);
    settings_.max_inflight_messages = 0;
    (void)answer(connect(kV311));
    EXPECT_EQ(plan().receive_maximum, 65'535);
}

TEST_F(HandshakeTest, Mqtt5LimitsAreTheSmallerOfBothSides) {
    auto packet = connect(kV5);
    ASSERT_EQ(send(packet), State::Accepted);
    EXPECT_EQ(plan().receive_maximum, 65'535);
    EXPECT_EQ(plan().topic_alias_maximum, 0);
    settings_.topic_alias_max_broker = 10;
    settings_.receive_max_client = 50;
    (void)answer(packet);
    EXPECT_EQ(plan().topic_alias_maximum, 0) << "absent means 0";  // [v5 MQTT-3.1.2-27]
    EXPECT_EQ(plan().receive_maximum, 50);
    packet.properties.receive_maximum = 20;
    packet.properties.set(Property::ReceiveMaximum);
    packet.properties.topic_alias_maximum = 4;
    packet.properties.set(Property::TopicAliasMaximum);
    (void)answer(packet);
    EXPECT_EQ(plan().receive_maximum, 20);
    EXPECT_EQ(plan().topic_alias_maximum, 4);
}

TEST_F(HandshakeTest, Mqtt5SessionExpiryAndKeepAliveHaveCaps) {
    auto packet = connect(kV5);
    packet.keep_alive = 600;
    packet.properties.session_expiry_interval = 1000;
    packet.properties.set(Property::SessionExpiryInterval);
    (void)answer(packet);
    EXPECT_EQ(plan().session_expiry_s, 1000U);
    EXPECT_EQ(plan().keep_alive_s, 600);
    EXPECT_FALSE(plan().session_expiry_overridden);
    EXPECT_FALSE(plan().keep_alive_overridden);
    settings_.session_expiry_cap_s = 100;
    settings_.keep_alive_cap_s = 60;
    (void)answer(packet);
    EXPECT_EQ(plan().session_expiry_s, 100U);
    EXPECT_TRUE(plan().session_expiry_overridden);
    EXPECT_EQ(plan().keep_alive_s, 60);
    EXPECT_TRUE(plan().keep_alive_overridden);
    packet.keep_alive = 0;
    (void)answer(packet);
    EXPECT_EQ(plan().keep_alive_s, 60) << "off is longer than any cap";
}

TEST_F(HandshakeTest, KeepsTheWillAsItWasAuthorized) {
    auto packet = connect(kV5);
    auto& will = packet.will.emplace();
    will.topic = "w";
    will.payload = "bye";
    will.qos = mqtt::QoS::AtLeastOnce;
    will.retain = true;
    will.properties.will_delay_interval = 30;
    will.properties.set(Property::WillDelayInterval);
    will.properties.message_expiry_interval = 60;
    will.properties.set(Property::MessageExpiryInterval);
    will.properties.content_type = "text";
    will.properties.set(Property::ContentType);
    ASSERT_EQ(send(packet), State::Accepted);
    const StoredWill& stored = *plan().will;
    EXPECT_EQ(stored.topic, "w");
    EXPECT_EQ(stored.payload, "bye");
    EXPECT_EQ(stored.qos, mqtt::QoS::AtLeastOnce);
    EXPECT_TRUE(stored.retain);
    EXPECT_EQ(stored.delay_s, 30U);
    EXPECT_EQ(stored.message_expiry_s, 60U);
    EXPECT_EQ(mqtt::decode_forwarded_properties(stored.properties).content_type, "text");
}

TEST_F(HandshakeTest, WillsThatAreNotAllowedRefuseTheClient) {
    auto packet = connect(kV5);
    packet.will.emplace().topic = "$SYS/x";
    EXPECT_EQ(answer(packet), Texts{"CONNACK 0 0x87"});
    packet.will->topic = "1/2/3/4/5/6/7/8/9/10/11";
    EXPECT_EQ(answer(packet), Texts{"CONNACK 0 0x90"});
    packet.will->topic = "w";
    host_.on_publish = [](auto&, Denial& denial) {
        denial.reason = ReasonCode::QuotaExceeded;
        return Answer::Denied;
    };
    EXPECT_EQ(answer(packet), Texts{"CONNACK 0 0x87"});
    packet.version = kV311;
    EXPECT_EQ(answer(packet), Texts{"CONNACK 0 0x05"});
}

Host::AuthAnswer auth_answer(Answer answer, bool continues, std::string data) {
    Host::AuthAnswer made;
    made.answer = answer;
    made.continues = continues;
    made.data = std::move(data);
    return made;
}

// [v5 MQTT-4.12.0-2] [v5 MQTT-4.12.0-3]
TEST_F(HandshakeTest, EnhancedAuthenticationGoesToAndFroAndThenOn) {
    host_.on_auth = [](auto, std::string_view data) {
        return auth_answer(Answer::Allowed, data != "3", "s" + std::string(data));
    };
    auto packet = connect(kV5);
    set_method(packet, "m", "1");
    ASSERT_EQ(send(packet), State::AwaitAuth);
    EXPECT_EQ(sent(), Texts{"AUTH 0x18 method=m data=s1"});
    ASSERT_EQ(send_auth("m", ""), State::AwaitAuth);
    EXPECT_EQ(sent(), Texts{"AUTH 0x18 method=m data=s"}) << "not the data of the CONNECT again";
    ASSERT_EQ(send_auth("m", "3"), State::Accepted);
    EXPECT_EQ(sent(), Texts{});
    EXPECT_EQ(plan().extras->authentication_method, "m");
    EXPECT_EQ(plan().extras->authentication_data, "s3");
    EXPECT_EQ(host_.take_calls(),
              (Texts{"auth mp/c m 1", "auth mp/c m ", "auth mp/c m 3",
                     "register mp/c user=- password=- clean=true v5=true anonymous=false"}));
}

TEST_F(HandshakeTest, EnhancedAuthenticationMayHaveToWait) {
    bool known = false;
    host_.on_auth = [&](auto, std::string_view) {
        if (!std::exchange(known, true)) return auth_answer(Answer::Pending, false, "");
        known = false;
        return auth_answer(Answer::Allowed, host_.calls.size() < 3, "");
    };
    auto packet = connect(kV5);
    set_method(packet, "m", "1");
    ASSERT_EQ(send(packet), State::Parked);
    ASSERT_EQ(handshake_->resume(), State::AwaitAuth);
    EXPECT_EQ(sent(), Texts{"AUTH 0x18 method=m"});
    ASSERT_EQ(send_auth("m", "2"), State::Parked);
    ASSERT_EQ(handshake_->resume(), State::Accepted);
    EXPECT_EQ(host_.take_calls(),
              (Texts{"auth mp/c m 1", "auth mp/c m 1", "auth mp/c m 2", "auth mp/c m 2",
                     "register mp/c user=- password=- clean=true v5=true anonymous=false"}));
}

// [v5 MQTT-4.12.0-1] [v5 MQTT-4.12.0-4]
TEST_F(HandshakeTest, EnhancedAuthenticationCanFailAtEveryStep) {
    auto packet = connect(kV5);
    set_method(packet, "m", "1");
    host_.on_auth = [](auto, auto) {
        auto denied = auth_answer(Answer::Denied, false, "");
        denied.denial.reason = ReasonCode::BadAuthenticationMethod;
        return denied;
    };
    EXPECT_EQ(answer(packet), Texts{"CONNACK 0 0x8c"});

    host_.on_auth = [](auto, auto) { return auth_answer(Answer::Allowed, true, ""); };
    EXPECT_EQ(answer(packet), Texts{"AUTH 0x18 method=m"});
    EXPECT_EQ(send_auth("other", "2"), State::Refused);
    EXPECT_EQ(sent(), Texts{"CONNACK 0 0x82"});

    (void)answer(packet);
    EXPECT_EQ(send(std::string("\xc0\x00", 2)), State::Refused);  // [v5 MQTT-3.1.2-30]
    EXPECT_EQ(sent(), Texts{"CONNACK 0 0x82"});

    (void)answer(packet);
    EXPECT_EQ(send(std::string("\xe0\x00", 2)), State::Refused);
    EXPECT_EQ(sent(), Texts{}) << "it said good-bye itself";
}

// [v5 MQTT-3.1.2-24]
TEST_F(HandshakeTest, AnAuthLargerThanTheClientAcceptsIsNotSent) {
    host_.on_auth = [](auto, auto) {
        return auth_answer(Answer::Allowed, true, std::string(100, 'x'));
    };
    auto packet = connect(kV5);
    set_method(packet, "m", "1");
    packet.properties.maximum_packet_size = 50;
    packet.properties.set(Property::MaximumPacketSize);
    EXPECT_EQ(answer(packet), Texts{"CONNACK 0 0x95"});
}

}  // namespace
}  // namespace vmq::session
