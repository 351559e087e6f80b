#include <fmt/format.h>

#include <string>

#include "mqtt/properties.h"
#include "session/publish_template.h"
#include "support/session_fixture.h"

namespace vmq::session {
namespace {

using mqtt::PacketId;
using mqtt::PacketType;
using mqtt::QoS;
using mqtt::ReasonCode;

class SessionPublishTest : public testing::SessionFixture {
protected:
    static std::string alias(unsigned number) {
        return {'\x23', static_cast<char>(number >> 8U), static_cast<char>(number & 0xFFU)};
    }
    void deny(ReasonCode reason, std::string text = {}) {
        host_.on_publish = [=](PublishIntent&, Denial& denial) {
            denial = {reason, text, {}};
            return Answer::Denied;
        };
    }
};

TEST_F(SessionPublishTest, RoutesAndAcknowledgesByQoS) {  // [v5 MQTT-4.3.2-4] [v5 MQTT-4.3.3-8]
    for (const auto version : {kV31, kV311, kV5}) {
        open(version);
        EXPECT_EQ(publish("a", "0", 0), Texts{});
        EXPECT_EQ(publish("a", "1", 1, 7), Texts{"PUBACK 7"});
        EXPECT_EQ(publish("a", "2", 2, 8), Texts{"PUBREC 8"});
        EXPECT_EQ(ack(PacketType::Pubrel, 8), Texts{"PUBCOMP 8"});
        EXPECT_EQ(host_.take_calls(), (Texts{"authorize a", "route a 0 q0", "authorize a",
                                             "route a 1 q1", "authorize a", "route a 2 q2"}));
    }
}

TEST_F(SessionPublishTest, TellsMqtt5ClientsThatNobodySubscribes) {
    host_.routed.matched = false;
    EXPECT_EQ(publish("a", "1", 1, 7), Texts{"PUBACK 7 0x10"});
    EXPECT_EQ(publish("a", "2", 2, 8), Texts{"PUBREC 8 0x10"});
    EXPECT_EQ(host_.received_qos2, std::set<unsigned>{8});
    open(kV311);
    EXPECT_EQ(publish("a", "1", 1, 7), Texts{"PUBACK 7"});
}

// [v5 MQTT-4.3.3-10] [v3.1.1 MQTT-4.3.3-2]
TEST_F(SessionPublishTest, ARepeatedQoS2PublishIsRoutedOnce) {
    EXPECT_EQ(publish("a", "x", 2, 8), Texts{"PUBREC 8"});
    EXPECT_EQ(publish("a", "x", 2, 8, {}, true), Texts{"PUBREC 8"});
    EXPECT_EQ(host_.take_calls(), (Texts{"authorize a", "route a x q2"}));
    (void)ack(PacketType::Pubrel, 8);
    EXPECT_EQ(publish("a", "y", 2, 8), Texts{"PUBREC 8"});
    EXPECT_EQ(host_.take_calls(), (Texts{"authorize a", "route a y q2"}));
}

TEST_F(SessionPublishTest, ARepetitionWhileTheFirstPubrecWaitsIsAnsweredByThatOne) {
    host_.routed.waits = 1;
    EXPECT_EQ(publish("a", "x", 2, 8), Texts{});
    EXPECT_EQ(publish("a", "x", 2, 8, {}, true), Texts{});
    session().on_safe(host_.tickets.at(0));
    EXPECT_EQ(sent(), Texts{"PUBREC 8"});
}

TEST_F(SessionPublishTest, ARepetitionOnANewConnectionWaitsForWhatTheFirstOneLeftUnderWay) {
    host_.received_qos2 = {8};
    host_.waits_for_published = 2;
    EXPECT_EQ(publish("a", "x", 2, 8, {}, true), Texts{});
    session().on_safe(host_.tickets.at(0));
    EXPECT_EQ(sent(), Texts{});
    session().on_safe(host_.tickets.at(0));
    EXPECT_EQ(sent(), Texts{"PUBREC 8"});
}

TEST_F(SessionPublishTest, ARepetitionIsRefusedIfTheFirstOneWasRefusedMeanwhile) {
    host_.received_qos2 = {8};
    host_.waits_for_published = 1;
    EXPECT_EQ(publish("a", "x", 2, 8, {}, true), Texts{});
    host_.received_qos2.clear();
    session().on_safe(host_.tickets.at(0));
    EXPECT_EQ(sent(), Texts{"PUBREC 8 0x97"});
}

TEST_F(SessionPublishTest, MessagesThatAreNotSafeYetAreTold) {
    host_.routed.waits = 2;
    (void)publish("a", "1", 1, 1);
    (void)publish("a", "2", 2, 2);
    (void)publish("a", "3", 2, 3);
    session().note_safe(host_.tickets.at(1), ReasonCode::Success);
    session().note_safe(host_.tickets.at(2), ReasonCode::QuotaExceeded);
    EXPECT_EQ(sent(), Texts{});
    Texts unsafe;
    session().for_each_unsafe([&](AckTicket /*ticket*/, mqtt::PacketId id, std::uint32_t waits) {
        unsafe.push_back(fmt::format("{} {}", static_cast<int>(id), waits));
    });
    EXPECT_EQ(unsafe, Texts{"2 1"});
}

// [v5 MQTT-4.6.0-2] [v5 MQTT-4.6.0-3]
TEST_F(SessionPublishTest, AcknowledgementsLeaveInTheOrderOfTheirPublishes) {
    host_.routed.waits = 2;
    EXPECT_EQ(publish("a", "1", 1, 1), Texts{});
    host_.routed.waits = 1;
    EXPECT_EQ(publish("a", "2", 2, 2), Texts{});
    host_.routed.waits = 0;
    EXPECT_EQ(publish("a", "3", 1, 3), Texts{}) << "safe, but behind the others";
    EXPECT_EQ(publish("$x", "4", 1, 4), Texts{});
    session().on_safe(host_.tickets.at(1));
    session().on_safe(host_.tickets.at(0));
    EXPECT_EQ(sent(), Texts{});
    session().on_safe(host_.tickets.at(0));
    EXPECT_EQ(sent(), (Texts{"PUBACK 1", "PUBREC 2", "PUBACK 3", "PUBACK 4 0x87"}));
    EXPECT_EQ(publish("a", "5", 1, 5), Texts{"PUBACK 5"});
}

TEST_F(SessionPublishTest, AMessageThatCouldNotBeStoredIsRefusedLate) {
    host_.routed.waits = 2;
    (void)publish("a", "1", 1, 1);
    (void)publish("a", "2", 2, 2);
    for (const auto ticket : {0, 0, 1, 1}) {
        session().on_safe(host_.tickets.at(static_cast<std::size_t>(ticket)),
                          ReasonCode::QuotaExceeded);
    }
    EXPECT_EQ(sent(), (Texts{"PUBACK 1 0x97", "PUBREC 2 0x97"}));
    EXPECT_TRUE(host_.received_qos2.empty()) << "the client will send it again";

    open(kV311);
    host_.tickets.clear();
    (void)publish("a", "1", 1, 1);
    session().on_safe(host_.tickets.at(0), ReasonCode::QuotaExceeded);
    session().on_safe(host_.tickets.at(0));
    EXPECT_EQ(sent(), Texts{}) << "MQTT 3 has no way to say it";
}

TEST_F(SessionPublishTest, AMessageThatIsRefusedAtOnceIsNotRemembered) {
    host_.routed.reason = ReasonCode::QuotaExceeded;
    EXPECT_EQ(publish("a", "1", 1, 1),
              (Texts{"PUBACK 1 0x97 reason=the message could not be stored"}));
    EXPECT_EQ(publish("a", "2", 2, 2),
              (Texts{"PUBREC 2 0x97 reason=the message could not be stored"}));
    EXPECT_TRUE(host_.received_qos2.empty());
    open(kV311);
    EXPECT_EQ(publish("a", "1", 1, 1), Texts{});
    EXPECT_EQ(state(), State::Open);
}

TEST_F(SessionPublishTest, TheTicketOfAMessageWhoseQoSAHookRaisedIsItsOwn) {
    host_.on_publish = [](PublishIntent& intent, Denial&) {
        intent.qos = QoS::AtLeastOnce;
        return Answer::Allowed;
    };
    host_.routed.waits = 1;
    EXPECT_EQ(publish("a", "0", 0), Texts{});
    EXPECT_EQ(publish("a", "1", 1, 1), Texts{});
    session().on_safe(host_.tickets.at(0));
    EXPECT_EQ(sent(), Texts{}) << "the QoS 0 one is safe, and needs no answer";
    session().on_safe(host_.tickets.at(1));
    EXPECT_EQ(sent(), Texts{"PUBACK 1"});
}

TEST_F(SessionPublishTest, NothingIsAcknowledgedAfterDisconnect) {  // [v5 MQTT-3.14.4-1]
    host_.routed.waits = 1;
    (void)publish("a", "1", 1, 1);
    session().disconnect(ReasonCode::ServerShuttingDown, CloseCause::ServerShutdown, "bye");
    (void)sent();
    session().on_safe(host_.tickets.at(0));
    EXPECT_EQ(sent(), Texts{});
}

TEST_F(SessionPublishTest, MoreThanTheReceiveMaximumIsRefused) {
    settings_.receive_max_broker = 2;
    host_.routed.waits = 1;
    EXPECT_EQ(publish("a", "1", 1, 1), Texts{});
    host_.routed.waits = 0;
    (void)publish("a", "2", 2, 2);
    EXPECT_EQ(publish("a", "0", 0), Texts{}) << "QoS 0 does not count";
    EXPECT_EQ(publish("a", "2", 2, 2, {}, true), Texts{}) << "nor does a repetition";
    session().on_safe(host_.tickets.at(0));
    (void)sent();
    EXPECT_EQ(publish("a", "3", 1, 3), Texts{"PUBACK 3"}) << "the first one was answered";
    EXPECT_EQ(publish("a", "4", 2, 4), Texts{"PUBREC 4"});
    EXPECT_EQ(publish("a", "5", 1, 5).at(0).substr(0, 15), "DISCONNECT 0x93");
    expect_closed(CloseCause::ProtocolError);
}

TEST_F(SessionPublishTest, APubrelGivesItsPlaceBack) {
    settings_.receive_max_broker = 1;
    for (unsigned id = 1; id < 5; ++id) {
        EXPECT_EQ(publish("a", "x", 2, id).size(), 1U);
        EXPECT_EQ(ack(PacketType::Pubrel, id).size(), 1U);
    }
    EXPECT_EQ(state(), State::Open);
}

TEST_F(SessionPublishTest, Mqtt3KnowsNoReceiveMaximum) {
    settings_.receive_max_broker = 1;
    open(kV311);
    EXPECT_EQ(publish("a", "x", 2, 1), Texts{"PUBREC 1"});
    EXPECT_EQ(publish("a", "x", 2, 2), Texts{"PUBREC 2"});
}

TEST_F(SessionPublishTest, UnauthorizedPublishesByVersion) {
    deny(ReasonCode::NotAuthorized, "no");
    EXPECT_EQ(publish("a", "0", 0), Texts{});
    EXPECT_EQ(publish("a", "1", 1, 1), Texts{"PUBACK 1 0x87 reason=no"});
    EXPECT_EQ(publish("a", "2", 2, 2), Texts{"PUBREC 2 0x87 reason=no"});
    EXPECT_EQ(state(), State::Open);

    open(kV31);
    EXPECT_EQ(publish("a", "0", 0), Texts{});
    EXPECT_EQ(publish("a", "1", 1, 1), Texts{"PUBACK 1"});  // [v3.1.1 MQTT-3.3.5-2]
    EXPECT_EQ(publish("a", "2", 2, 2), Texts{"PUBREC 2"});
    EXPECT_TRUE(host_.received_qos2.empty());
    EXPECT_EQ(state(), State::Open);

    for (int qos = 0; qos < 3; ++qos) {
        open(kV311);
        host_.closes = 0;
        EXPECT_EQ(publish("a", "x", qos, static_cast<unsigned>(qos)), Texts{});
        expect_closed(CloseCause::NotAuthorized);
    }
    settings_.disconnect_on_unauthorized_publish_v3 = true;
    open(kV31);
    host_.closes = 0;
    EXPECT_EQ(publish("a", "0", 0), Texts{});
    expect_closed(CloseCause::NotAuthorized);
}

TEST_F(SessionPublishTest, RefusalsKeepToTheClientsWishes) {
    deny(ReasonCode::BadUserNameOrPassword, "a long story");  // PUBACK cannot say that
    EXPECT_EQ(publish("a", "1", 1, 1), Texts{"PUBACK 1 0x87 reason=a long story"});
    plan_.maximum_packet_size = 10;  // [v5 MQTT-3.4.2-2]
    open();
    EXPECT_EQ(publish("a", "1", 1, 1), Texts{"PUBACK 1 0x87"});
    plan_.maximum_packet_size = 0;
    plan_.request_problem_information = false;  // [v5 MQTT-3.1.2-29]
    open();
    EXPECT_EQ(publish("a", "1", 1, 1), Texts{"PUBACK 1 0x87"});
}

TEST_F(SessionPublishTest, TopicsOfTheServerAreNotForClients) {
    EXPECT_EQ(publish("$SYS/x", "0", 0), Texts{});
    EXPECT_EQ(publish("$SYS/x", "1", 1, 1).at(0).substr(0, 13), "PUBACK 1 0x87");
    EXPECT_EQ(publish("$SYS/x", "2", 2, 2).at(0).substr(0, 13), "PUBREC 2 0x87");
    open(kV311);
    EXPECT_EQ(publish("$SYS/x", "1", 1, 1), Texts{"PUBACK 1"});
    EXPECT_EQ(publish("$SYS/x", "2", 2, 2), Texts{"PUBREC 2"});
    EXPECT_EQ(host_.take_calls(), Texts{}) << "nobody was asked, nothing was routed";
    EXPECT_EQ(state(), State::Open);
}

TEST_F(SessionPublishTest, InvalidTopicsCloseTheConnection) {  // [v5 MQTT-3.3.2-2]
    EXPECT_EQ(publish("a/+", "x", 0), Texts{"DISCONNECT 0x90 reason=wildcard in a topic name"});
    settings_.topic_max_depth = 2;
    open();
    EXPECT_EQ(publish("a/b/c", "x", 0),
              Texts{"DISCONNECT 0x90 reason=topic has more levels than topic_max_depth"});
}

TEST_F(SessionPublishTest, AHookMayRewriteTheMessageButNotItsAcknowledgement) {
    host_.on_publish = [](PublishIntent& intent, Denial&) {
        intent.topic = "other";
        intent.payload = "new";
        intent.qos = QoS::AtMostOnce;
        intent.retain = true;
        return Answer::Allowed;
    };
    EXPECT_EQ(publish("a", "x", 2, 2), Texts{"PUBREC 2"});
    EXPECT_EQ(host_.take_calls(), (Texts{"authorize a", "route other new q0 retain"}));
}

TEST_F(SessionPublishTest, APendingHookParksThePacketAndItIsCountedOnce) {
    settings_.max_message_rate = 1;
    auto answer = Answer::Pending;
    host_.on_publish = [&](PublishIntent&, Denial&) { return answer; };
    EXPECT_EQ(publish("a", "x", 1, 7), Texts{});
    EXPECT_EQ(state(), State::Parked);
    answer = Answer::Allowed;
    session().resume(now_);
    EXPECT_EQ(sent(), Texts{"PUBACK 7"});
    EXPECT_EQ(session().take_pause(), kNever) << "one message in one second";
}

TEST_F(SessionPublishTest, ReadsPauseForTheRateAndForAThrottlingHook) {
    settings_.max_message_rate = 1;
    (void)publish("a", "x", 0);
    EXPECT_EQ(session().take_pause(), kNever);
    (void)publish("a", "x", 0);
    EXPECT_EQ(session().take_pause(), now_ + Millis(1000));
    EXPECT_EQ(session().take_pause(), kNever) << "asking takes the answer away";
    host_.on_publish = [](PublishIntent& intent, Denial&) {
        intent.throttle_ms = 5000;
        return Answer::Allowed;
    };
    (void)publish("a", "x", 0);
    EXPECT_EQ(session().take_pause(), now_ + Millis(5000));
}

TEST_F(SessionPublishTest, AliasesOfTheClientStandForTheirTopic) {  // [v5 MQTT-3.3.2-12]
    settings_.topic_alias_max_client = 2;
    (void)publish("a", "1", 0, 0, alias(2));
    (void)publish("", "2", 0, 0, alias(2));
    (void)publish("b", "3", 0, 0, alias(2));
    (void)publish("", "4", 0, 0, alias(2));
    EXPECT_EQ(host_.take_calls(),
              (Texts{"authorize a", "route a 1 q0", "authorize a", "route a 2 q0", "authorize b",
                     "route b 3 q0", "authorize b", "route b 4 q0"}));
    EXPECT_EQ(publish("c", "x", 0, 0, alias(3)),  // [v5 MQTT-3.3.2-9]
              Texts{"DISCONNECT 0x94 reason=topic alias above the announced maximum"});
}

TEST_F(SessionPublishTest, AnAliasThatWasNeverSetIsAProtocolError) {
    settings_.topic_alias_max_client = 2;
    EXPECT_EQ(publish("", "x", 0, 0, alias(1)).at(0).substr(0, 15), "DISCONNECT 0x82");
    open();
    host_.closes = 0;
    EXPECT_EQ(publish("", "x", 0).at(0).substr(0, 15), "DISCONNECT 0x82");
    open();  // [v5 MQTT-3.3.2-7]: mappings end with their connection
    EXPECT_EQ(publish("", "x", 0, 0, alias(1)).at(0).substr(0, 15), "DISCONNECT 0x82");
    open();
    EXPECT_EQ(publish("a", "x", 0, 0, alias(0)).at(0).substr(0, 12), "DISCONNECT 0");
}

TEST_F(SessionPublishTest, ThePropertiesToForwardAreHandedOnAndTheRestIsNot) {
    std::string forwarded;
    std::optional<std::uint32_t> expiry;
    host_.on_publish = [&](PublishIntent& intent, Denial&) {
        forwarded = intent.properties;
        expiry = intent.message_expiry_s;
        return Answer::Allowed;
    };
    settings_.topic_alias_max_client = 2;
    mqtt::Properties properties;
    properties.message_expiry_interval = 10;
    properties.set(mqtt::Property::MessageExpiryInterval);
    properties.topic_alias = 1;
    properties.set(mqtt::Property::TopicAlias);
    properties.user_properties = {{"k", "1"}, {"k", "2"}};
    properties.set(mqtt::Property::UserProperty);
    std::string raw;
    mqtt::append_properties(properties, raw);
    (void)publish("a", "x", 0, 0, raw);
    const auto decoded = mqtt::decode_forwarded_properties(forwarded);
    EXPECT_EQ(decoded.user_properties.size(), 2U);  // [v5 MQTT-3.3.2-17] [v5 MQTT-3.3.2-18]
    EXPECT_FALSE(decoded.has(mqtt::Property::TopicAlias));
    EXPECT_FALSE(decoded.has(mqtt::Property::MessageExpiryInterval));
    EXPECT_EQ(expiry, 10U);
}

}  // namespace
}  // namespace vmq::session
