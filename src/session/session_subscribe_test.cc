#include <string>

#include "support/session_fixture.h"

namespace vmq::session {
namespace {

using mqtt::PacketType;
using mqtt::ReasonCode;

class SessionSubscribeTest : public testing::SessionFixture {};

// [v5 MQTT-3.8.4-1] [v5 MQTT-3.8.4-6] [v3.1.1 MQTT-3.8.4-1] [v3.1.1 MQTT-3.8.4-5]
TEST_F(SessionSubscribeTest, GrantsInTheOrderOfThePacket) {
    EXPECT_EQ(subscribe({entry("a", 0), entry("b/+", 1), entry("#", 2)}, 7),
              Texts{"SUBACK 7 0x00 0x01 0x02"});
    EXPECT_EQ(host_.take_calls(),
              (Texts{"subscribe a q0", "subscribe b/+ q1", "subscribe # q2", "subscribed 3/3"}));
}

TEST_F(SessionSubscribeTest, PassesTheSubscriptionIdentifierOn) {
    EXPECT_EQ(subscribe({entry("a"), entry("b")}, 7, 300), Texts{"SUBACK 7 0x00 0x00"});
    EXPECT_EQ(host_.take_calls(),
              (Texts{"subscribe a q0 id=300", "subscribe b q0 id=300", "subscribed 2/2"}));
}

TEST_F(SessionSubscribeTest, BridgesGetRetainAsPublishedAndNoLocal) {
    plan_.bridge = true;
    open(kV311);
    (void)subscribe({entry("a", 1), entry("$share/g/a", 1)});
    EXPECT_EQ(host_.take_calls(),
              (Texts{"subscribe a q1 no_local as_published", "subscribe $share/g/a q1 as_published",
                     "subscribed 2/2"}));
}

TEST_F(SessionSubscribeTest, ADeniedRequestIsRefusedFilterByFilter) {
    host_.on_subscribe = [](SubscribeIntent&, Denial& denial) {
        denial = {ReasonCode::QuotaExceeded, "enough", {}};
        return Answer::Denied;
    };
    EXPECT_EQ(subscribe({entry("a"), entry("b")}), Texts{"SUBACK 1 0x97 0x97 reason=enough"});
    EXPECT_EQ(host_.take_calls(), Texts{"subscribed 2/2"});
    EXPECT_EQ(state(), State::Open);
    open(kV311);  // [v3.1.1 MQTT-3.9.3-2]
    EXPECT_EQ(subscribe({entry("a"), entry("b")}), Texts{"SUBACK 1 0x80 0x80"});
}

TEST_F(SessionSubscribeTest, ReasonsThatSubackCannotHaveBecomeNotAuthorized) {
    host_.on_subscribe = [](SubscribeIntent& intent, Denial&) {
        intent.refusals = {ReasonCode::BadUserNameOrPassword, ReasonCode::Success,
                           ReasonCode::UnspecifiedError};
        return Answer::Allowed;
    };
    host_.subscribe_reason = [](const mqtt::SubscribeEntry&) { return ReasonCode::ServerBusy; };
    EXPECT_EQ(subscribe({entry("a"), entry("b"), entry("c")}), Texts{"SUBACK 1 0x87 0x87 0x80"});
    host_.on_subscribe = [](SubscribeIntent&, Denial& denial) {
        denial.reason = ReasonCode::Success;
        return Answer::Denied;
    };
    EXPECT_EQ(subscribe({entry("a")}), Texts{"SUBACK 1 0x87"});
}

TEST_F(SessionSubscribeTest, AHookMayRewriteAndRefuseSingleFilters) {
    host_.on_subscribe = [](SubscribeIntent& intent, Denial&) {
        intent.entries[0].filter = "rewritten";
        intent.refusals = {ReasonCode::Success, ReasonCode::NotAuthorized};
        return Answer::Allowed;
    };
    EXPECT_EQ(subscribe({entry("a", 1), entry("b"), entry("c", 2)}),
              Texts{"SUBACK 1 0x01 0x87 0x02"});
    EXPECT_EQ(host_.take_calls(),
              (Texts{"subscribe rewritten q1", "subscribe c q2", "subscribed 3/3"}));
}

// [v5 MQTT-3.8.4-6] [v3.1.1 MQTT-3.8.4-5]
TEST_F(SessionSubscribeTest, TheClientGetsAsManyReasonsAsItSentFilters) {
    host_.on_subscribe = [](SubscribeIntent& intent, Denial&) {
        intent.entries = {{"x", {}}};
        return Answer::Allowed;
    };
    EXPECT_EQ(subscribe({entry("a"), entry("b")}), Texts{"SUBACK 1 0x00 0x87"});
    EXPECT_EQ(host_.take_calls(), (Texts{"subscribe x q0", "subscribed 1/1"}));
    host_.on_subscribe = [](SubscribeIntent& intent, Denial&) {
        intent.entries = {{"x", {}}, {"y", {}}, {"z", {}}};
        return Answer::Allowed;
    };
    EXPECT_EQ(subscribe({entry("a")}), Texts{"SUBACK 1 0x00"});
    EXPECT_EQ(host_.take_calls().back(), "subscribed 3/3");
}

TEST_F(SessionSubscribeTest, APendingHookParksThePacket) {
    auto answer = Answer::Pending;
    host_.on_subscribe = [&](SubscribeIntent&, Denial&) { return answer; };
    EXPECT_EQ(subscribe({entry("a", 1)}, 5), Texts{});
    EXPECT_EQ(state(), State::Parked);
    answer = Answer::Allowed;
    session().resume(now_);
    EXPECT_EQ(sent(), Texts{"SUBACK 5 0x01"});
    EXPECT_EQ(state(), State::Open);
}

TEST_F(SessionSubscribeTest, FiltersDeeperThanTheSettingAreRefused) {
    settings_.topic_max_depth = 4;
    EXPECT_EQ(subscribe({entry("1/2/3/4"), entry("$share/g/3/4")}), Texts{"SUBACK 1 0x00 0x00"});
    EXPECT_EQ(subscribe({entry("ok"), entry("$share/g/3/4/5")}),
              Texts{"DISCONNECT 0x8f reason=topic filter has more levels than topic_max_depth"});
    expect_closed(CloseCause::ProtocolError);
    EXPECT_EQ(host_.take_calls().size(), 3U) << "nothing of the second packet was subscribed";
}

TEST_F(SessionSubscribeTest, InvalidFiltersAreRefused) {  // [v5 MQTT-4.7.1-1] [v5 MQTT-4.7.1-2]
    for (const char* filter : {"a#", "a/#/b", "a+", "$share/g", "$share//a"}) {
        open();
        host_.closes = 0;
        const Texts answer = subscribe({entry(filter)});
        ASSERT_EQ(answer.size(), 1U);
        EXPECT_TRUE(answer[0].starts_with("DISCONNECT 0x8")) << answer[0];
        expect_closed(CloseCause::ProtocolError);
    }
    EXPECT_EQ(host_.take_calls(), Texts{});
}

// [v5 MQTT-3.1.2-24]: it cannot be told and it must be told, so the connection ends.
TEST_F(SessionSubscribeTest, ASubackLargerThanTheClientAcceptsEndsTheConnection) {
    plan_.maximum_packet_size = 8;
    EXPECT_EQ(subscribe({entry("a"), entry("b"), entry("c")}), Texts{"SUBACK 1 0x00 0x00 0x00"});
    EXPECT_EQ(subscribe({entry("a"), entry("b"), entry("c"), entry("d")}),
              Texts{"DISCONNECT 0x95"});
    expect_closed(CloseCause::PacketTooLarge);
}

TEST_F(SessionSubscribeTest, AReasonThatDoesNotFitIsLeftOut) {  // [v5 MQTT-3.9.2-1]
    plan_.maximum_packet_size = 8;
    host_.on_subscribe = [](SubscribeIntent&, Denial& denial) {
        denial.reason_string = "a long story";
        return Answer::Denied;
    };
    EXPECT_EQ(subscribe({entry("a")}), Texts{"SUBACK 1 0x87"});
}

// [v5 MQTT-3.10.4-4] [v5 MQTT-3.11.3-1] [v3.1.1 MQTT-3.10.4-4]
TEST_F(SessionSubscribeTest, UnsubscribesInTheOrderOfThePacket) {
    host_.subscriptions = {"b"};
    EXPECT_EQ(unsubscribe({"a", "b"}, 9), Texts{"UNSUBACK 9 0x11 0x00"});
    EXPECT_EQ(host_.take_calls(), (Texts{"unsubscribe a", "unsubscribe b", "unsubscribed 2"}));
    open(kV311);
    EXPECT_EQ(unsubscribe({"a"}, 9), Texts{"UNSUBACK 9"});
}

TEST_F(SessionSubscribeTest, AHookMayPutOtherFiltersInPlace) {
    host_.subscriptions = {"x", "y"};
    host_.on_unsubscribe = [](UnsubscribeIntent& intent) { intent.filters = {"x", "y"}; };
    EXPECT_EQ(unsubscribe({"a"}), Texts{"UNSUBACK 1 0x00"});
    EXPECT_TRUE(host_.subscriptions.empty());
}

TEST_F(SessionSubscribeTest, AHookMaySaySomethingInTheAnswers) {
    host_.on_subscribe = [](SubscribeIntent& intent, Denial&) {
        intent.details.reason_string = "for a day";
        intent.details.user_properties = {{"k", "1"}, {"k", "2"}};
        return Answer::Allowed;
    };
    host_.on_unsubscribe = [](UnsubscribeIntent& intent) {
        intent.details.reason_string = "good bye";
        intent.details.user_properties = {{"k", "3"}};
    };
    EXPECT_EQ(subscribe({entry("a")}), Texts{"SUBACK 1 0x00 k:1 k:2 reason=for a day"});
    EXPECT_EQ(unsubscribe({"a"}), Texts{"UNSUBACK 1 0x00 k:3 reason=good bye"});
    plan_.request_problem_information = false;  // [v5 MQTT-3.1.2-29]
    open(kV5);
    EXPECT_EQ(subscribe({entry("a")}), Texts{"SUBACK 1 0x00"});
    EXPECT_EQ(unsubscribe({"a"}), Texts{"UNSUBACK 1 0x00"});
}

TEST_F(SessionSubscribeTest, WhatAHookSaysIsLeftOutWhereItIsNoText) {
    const std::string null(1, '\0');
    host_.on_subscribe = [&](SubscribeIntent& intent, Denial&) {
        intent.details.user_properties = {{"k", null}, {null, "v"}, {"k", "1"}};
        return Answer::Allowed;
    };
    host_.on_unsubscribe = [&](UnsubscribeIntent& intent) {
        intent.details.reason_string = null;
        intent.details.user_properties = {
            {"k", std::string(65'536, 'x')}, {"k", "\xff"}, {"k", ""}};
    };
    EXPECT_EQ(subscribe({entry("a")}), Texts{"SUBACK 1 0x00 k:1"});
    EXPECT_EQ(unsubscribe({"a"}), Texts{"UNSUBACK 1 0x00 k:"});  // [v5 MQTT-1.5.7-1]
}

TEST_F(SessionSubscribeTest, WhatAHookSaysIsLeftOutWhereItDoesNotFit) {
    plan_.maximum_packet_size = 8;
    host_.on_subscribe = [](SubscribeIntent& intent, Denial&) {
        intent.details.user_properties = {{"a long name", "1"}};  // [v5 MQTT-3.9.2-2]
        return Answer::Allowed;
    };
    host_.on_unsubscribe = [](UnsubscribeIntent& intent) {
        intent.details.reason_string = "a long story";  // [v5 MQTT-3.11.2-1]
        intent.details.user_properties = {{"k", "3"}};  // [v5 MQTT-3.11.2-2]
    };
    EXPECT_EQ(subscribe({entry("a")}), Texts{"SUBACK 1 0x00"});
    EXPECT_EQ(unsubscribe({"a"}), Texts{"UNSUBACK 1 0x00"});
}

}  // namespace
}  // namespace vmq::session
