#include "session/session.h"

#include "support/session_fixture.h"

namespace vmq::session {
namespace {

using mqtt::PacketType;
using mqtt::ReasonCode;

class SessionTest : public testing::SessionFixture {
protected:
    Texts disconnect(ReasonCode reason, std::optional<std::uint32_t> expiry = {}) {
        mqtt::Disconnect packet;
        packet.reason = reason;
        if (expiry) {
            packet.properties.session_expiry_interval = *expiry;
            packet.properties.set(mqtt::Property::SessionExpiryInterval);
        }
        std::string bytes;
        mqtt::encode_disconnect(packet, plan_.version, bytes);
        return send(bytes);
    }
    Texts auth(ReasonCode reason, std::string_view method, std::string_view data = "x") {
        mqtt::Auth packet;
        packet.reason = reason;
        packet.properties.authentication_method = method;
        packet.properties.set(mqtt::Property::AuthenticationMethod);
        packet.properties.authentication_data = data;
        packet.properties.set(mqtt::Property::AuthenticationData);
        std::string bytes;
        mqtt::encode_auth(packet, bytes);
        return send(bytes);
    }
    void set_method(std::string method) {
        plan_.extras = std::make_unique<ConnackExtras>();
        plan_.extras->authentication_method = std::move(method);
    }
};

TEST_F(SessionTest, BeginsWithConnack) {  // [v5 MQTT-3.2.0-1] [v3.1.1 MQTT-3.2.0-1]
    open().accept(true);
    EXPECT_EQ(sent(), Texts{"CONNACK 1 0x00"});
    EXPECT_EQ(state(), State::Open);
}

TEST_F(SessionTest, ClosesIfTheClientAcceptsNoConnack) {  // [v5 MQTT-3.1.2-24]
    plan_.maximum_packet_size = 4;
    open().accept(false);
    EXPECT_EQ(sent(), Texts{});
    expect_closed(CloseCause::PacketTooLarge);
}

TEST_F(SessionTest, AnswersPings) {  // [v5 MQTT-3.12.4-1] [v3.1.1 MQTT-3.12.4-1]
    EXPECT_EQ(send(std::string_view("\xc0\x00", 2)), Texts{"PINGRESP"});
}

TEST_F(SessionTest, ASecondConnectIsAProtocolError) {  // [v5 MQTT-3.1.0-2] [v3.1.1 MQTT-3.1.0-2]
    std::string bytes;
    mqtt::encode_connect({}, bytes);
    EXPECT_EQ(send(bytes), Texts{"DISCONNECT 0x82 reason=second CONNECT"});
    expect_closed(CloseCause::ProtocolError);
}

TEST_F(SessionTest, Mqtt3IsClosedWithoutAWord) {
    open(kV311);
    std::string bytes;
    mqtt::encode_connect({}, bytes);
    EXPECT_EQ(send(bytes), Texts{});
    expect_closed(CloseCause::ProtocolError);
}

TEST_F(SessionTest, PacketsThatOnlyAServerSendsAreProtocolErrors) {
    for (const char* packet :
         {"\x20\x02\x00\x00", "\x90\x03\x00\x01\x00", "\xb0\x02\x00\x01", "\xd0\x00"}) {
        open();
        host_.closes = 0;
        const std::string_view bytes(packet, 2U + static_cast<unsigned char>(packet[1]));
        const Texts answer = send(bytes);
        ASSERT_EQ(answer.size(), 1U);
        EXPECT_TRUE(answer[0].starts_with("DISCONNECT 0x82")) << answer[0];
        expect_closed(CloseCause::ProtocolError);
    }
}

TEST_F(SessionTest, MalformedPacketsAreAnsweredByDisconnect) {  // [v5 MQTT-4.13.1-1]
    EXPECT_EQ(send(std::string_view("\xc1\x00", 2)),
              Texts{"DISCONNECT 0x81 reason=reserved flags of the fixed header"});
    expect_closed(CloseCause::ProtocolError);
}

TEST_F(SessionTest, FramesThatCannotBeTakenAreAnsweredByDisconnect) {
    open().on_bad_frame(mqtt::FrameStatus::TooLarge);
    EXPECT_EQ(sent(), Texts{"DISCONNECT 0x95 reason=packet larger than max_message_size"});
    expect_closed(CloseCause::PacketTooLarge);
    host_.closes = 0;
    open().on_bad_frame(mqtt::FrameStatus::Malformed);
    EXPECT_EQ(sent(), Texts{"DISCONNECT 0x81 reason=malformed fixed header"});
    expect_closed(CloseCause::ProtocolError);
}

TEST_F(SessionTest, TheReasonIsLeftOutForThoseWhoAskedForNoneOrTakeNone) {
    plan_.request_problem_information = false;
    open().on_bad_frame(mqtt::FrameStatus::Malformed);
    EXPECT_EQ(sent(), Texts{"DISCONNECT 0x81"});
    plan_.request_problem_information = true;
    plan_.maximum_packet_size = 8;  // [v5 MQTT-3.14.2-3]
    open().on_bad_frame(mqtt::FrameStatus::Malformed);
    EXPECT_EQ(sent(), Texts{"DISCONNECT 0x81"});
}

// [v5 MQTT-3.14.4-3] [v3.1.1 MQTT-3.14.4-3]
TEST_F(SessionTest, ANormalDisconnectDiscardsTheWill) {
    for (const auto version : {kV31, kV311, kV5}) {
        open(version);
        host_.closes = 0;
        EXPECT_EQ(disconnect(ReasonCode::Success), Texts{});
        EXPECT_EQ(host_.take_calls(), Texts{"discard will"});
        expect_closed(CloseCause::ClientDisconnect);
    }
}

TEST_F(SessionTest, ADisconnectWithAnotherReasonKeepsTheWill) {
    EXPECT_EQ(disconnect(ReasonCode::DisconnectWithWillMessage), Texts{});
    EXPECT_EQ(host_.take_calls(), Texts{});
    expect_closed(CloseCause::ClientDisconnectWithWill);
}

TEST_F(SessionTest, ADisconnectMayChangeTheSessionExpiryWithinTheCap) {
    plan_.session_expiry_s = 10;
    settings_.session_expiry_cap_s = 100;
    EXPECT_EQ(disconnect(ReasonCode::Success, 50), Texts{});
    EXPECT_EQ(host_.take_calls(), (Texts{"expiry 50", "discard will"}));
    open();
    EXPECT_EQ(disconnect(ReasonCode::Success, kSessionNeverExpires), Texts{});
    EXPECT_EQ(host_.take_calls(), (Texts{"expiry 100", "discard will"}));
}

TEST_F(SessionTest, ADisconnectCannotProlongASessionThatEndsWithItsConnection) {
    EXPECT_EQ(disconnect(ReasonCode::Success, 0), Texts{});
    EXPECT_EQ(host_.take_calls(), (Texts{"expiry 0", "discard will"}));
    open();
    host_.closes = 0;
    const Texts answer = disconnect(ReasonCode::Success, 1);
    ASSERT_EQ(answer.size(), 1U);
    EXPECT_TRUE(answer[0].starts_with("DISCONNECT 0x82"));
    EXPECT_EQ(host_.take_calls(), Texts{}) << "the will stays";
    expect_closed(CloseCause::ProtocolError);
}

TEST_F(SessionTest, OurOwnDisconnectIsTheLastPacket) {  // [v5 MQTT-3.14.4-1]
    open().disconnect(ReasonCode::SessionTakenOver, CloseCause::TakenOver, "taken over");
    EXPECT_EQ(sent(), Texts{"DISCONNECT 0x8e"});
    session().disconnect(ReasonCode::ServerShuttingDown, CloseCause::ServerShutdown, "bye");
    session().send_pubrel(mqtt::PacketId{1});
    const auto message = testing::message("late");
    EXPECT_TRUE(session().send_publish(
        {&message, mqtt::PacketId{1}, mqtt::QoS::AtLeastOnce, false, false, 0}, now_, nullptr));
    EXPECT_EQ(sent(), Texts{});
    expect_closed(CloseCause::TakenOver);
}

TEST_F(SessionTest, PassesAcknowledgementsOnAndIgnoresUnknownOnes) {
    host_.in_flight = {1, 2};
    EXPECT_EQ(ack(PacketType::Puback, 1), Texts{});
    EXPECT_EQ(ack(PacketType::Puback, 9), Texts{});
    EXPECT_EQ(ack(PacketType::Pubcomp, 2), Texts{});
    EXPECT_EQ(ack(PacketType::Pubcomp, 9), Texts{});
    EXPECT_EQ(host_.take_calls(), (Texts{"puback 1", "puback 9", "pubcomp 2", "pubcomp 9"}));
    EXPECT_EQ(state(), State::Open);
}

// [v5 MQTT-4.3.3-4] [v3.1.1 MQTT-4.3.3-1]
TEST_F(SessionTest, APubrecIsAnsweredByPubrelUnlessItRefuses) {
    host_.in_flight = {1};
    EXPECT_EQ(ack(PacketType::Pubrec, 1), Texts{"PUBREL 1"});
    EXPECT_EQ(ack(PacketType::Pubrec, 1, ReasonCode::NotAuthorized), Texts{});
    EXPECT_EQ(ack(PacketType::Pubrec, 9), Texts{"PUBREL 9 0x92"});
    EXPECT_EQ(ack(PacketType::Pubrec, 9, ReasonCode::NotAuthorized), Texts{});
    open(kV311);
    EXPECT_EQ(ack(PacketType::Pubrec, 9), Texts{"PUBREL 9"});
}

// [v5 MQTT-4.3.3-11] [v3.1.1 MQTT-4.3.3-2]
TEST_F(SessionTest, APubrelIsAlwaysAnsweredByPubcomp) {
    host_.received_qos2 = {1};
    EXPECT_EQ(ack(PacketType::Pubrel, 1), Texts{"PUBCOMP 1"});
    EXPECT_EQ(ack(PacketType::Pubrel, 1), Texts{"PUBCOMP 1 0x92"});
    open(kV311);
    EXPECT_EQ(ack(PacketType::Pubrel, 1), Texts{"PUBCOMP 1"});
}

TEST_F(SessionTest, AuthIsReservedInMqtt3) {
    open(kV311);
    EXPECT_EQ(send(std::string_view("\xf0\x00", 2)), Texts{});
    expect_closed(CloseCause::ProtocolError);
}

TEST_F(SessionTest, AuthNeedsEnhancedAuthenticationAtConnect) {  // [v5 MQTT-4.12.0-7]
    const Texts answer = auth(ReasonCode::ReAuthenticate, "m");
    ASSERT_EQ(answer.size(), 1U);
    EXPECT_TRUE(answer[0].starts_with("DISCONNECT 0x82"));
    expect_closed(CloseCause::ProtocolError);
}

TEST_F(SessionTest, AuthKeepsTheMethodOfTheConnect) {  // [v5 MQTT-4.12.1-1]
    set_method("m");
    EXPECT_EQ(auth(ReasonCode::ReAuthenticate, "other"), Texts{"DISCONNECT 0x8c"});
    expect_closed(CloseCause::NotAuthorized);
}

TEST_F(SessionTest, ReauthenticatesInAsManyStepsAsItTakes) {
    set_method("m");
    host_.on_auth = [](auto, std::string_view data) {
        Host::AuthAnswer answer;
        answer.answer = Answer::Allowed;
        answer.continues = data == "1";
        answer.data = "s";
        return answer;
    };
    EXPECT_EQ(auth(ReasonCode::ReAuthenticate, "m", "1"), Texts{"AUTH 0x18 method=m data=s"});
    EXPECT_EQ(send(std::string_view("\xc0\x00", 2)), Texts{"PINGRESP"}) << "the session goes on";
    EXPECT_EQ(auth(ReasonCode::ContinueAuthentication, "m", "2"),
              Texts{"AUTH 0x00 method=m data=s"});
    EXPECT_EQ(auth(ReasonCode::ContinueAuthentication, "m", "3").size(), 1U);
    expect_closed(CloseCause::ProtocolError);
}

TEST_F(SessionTest, ReauthenticationMayWaitAndMayFail) {  // [v5 MQTT-4.12.1-2]
    set_method("m");
    auto answer = Answer::Pending;
    host_.on_auth = [&](auto, auto) {
        Host::AuthAnswer made;
        made.answer = answer;
        made.denial.reason = ReasonCode::BadUserNameOrPassword;  // DISCONNECT cannot say that
        return made;
    };
    EXPECT_EQ(auth(ReasonCode::ReAuthenticate, "m"), Texts{});
    EXPECT_EQ(state(), State::Parked);
    answer = Answer::Denied;
    session().resume(now_);
    EXPECT_EQ(sent(), Texts{"DISCONNECT 0x87"});
    expect_closed(CloseCause::NotAuthorized);
    const Texts counted{"< 5 AUTH reauthenticate", "> 5 DISCONNECT not_authorized"};
    EXPECT_EQ(host_.counted, counted) << "once, although it was handled twice";
}

TEST_F(SessionTest, MayBeClosedWhileParked) {
    set_method("m");
    host_.on_auth = [](auto, auto) {
        Host::AuthAnswer made;
        made.answer = Answer::Pending;
        return made;
    };
    (void)auth(ReasonCode::ReAuthenticate, "m");
    session().disconnect(ReasonCode::SessionTakenOver, CloseCause::TakenOver, "taken over");
    EXPECT_EQ(sent(), Texts{"DISCONNECT 0x8e"});
    expect_closed(CloseCause::TakenOver);
}

}  // namespace
}  // namespace vmq::session
