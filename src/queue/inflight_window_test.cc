#include "queue/inflight_window.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/messages.h"

namespace vmq::queue {
namespace {

using mqtt::PacketId;
using mqtt::QoS;
using mqtt::ReasonCode;
using testing::message;
using Next = InflightWindow::Next;
using Stage = InflightWindow::Stage;

constexpr TimePoint kNow{Millis{5000}};

Delivery delivery(std::string_view payload, QoS qos) {
    Delivery made;
    made.message = message(payload);
    made.qos = qos;
    return made;
}

InflightWindow connected(std::uint16_t capacity) {
    InflightWindow window;
    window.begin_connection(capacity);
    return window;
}

PacketId send(InflightWindow& window, std::string_view payload, QoS qos = QoS::AtLeastOnce,
              TimePoint now = kNow) {
    return window.add(delivery(payload, qos), now).id;
}

std::vector<std::string> payloads(const InflightWindow& window) {
    std::vector<std::string> all;
    window.for_each([&all](const InflightWindow::Entry& entry) {
        all.emplace_back(entry.delivery.message ? entry.delivery.message->payload() : "-");
    });
    return all;
}

TEST(InflightWindow, PubackCompletesQoS1AndFreesTheSlot) {
    InflightWindow window = connected(1);
    const auto id = send(window, "a");
    EXPECT_FALSE(window.can_add());
    EXPECT_EQ(window.on_puback(id).value().message->payload(), "a");
    EXPECT_TRUE(window.can_add());
    EXPECT_TRUE(window.empty());
}

// [v5 MQTT-4.3.3-4]: a PUBREC below 0x80 is answered by PUBREL; the payload has then served.
TEST(InflightWindow, PubrecReleasesThePayloadAndKeepsTheIdAndTheSlot) {
    InflightWindow window = connected(1);
    const auto id = send(window, "a", QoS::ExactlyOnce);
    EXPECT_EQ(window.on_pubrec(id, ReasonCode::Success).value().next, Next::SendPubrel);
    EXPECT_EQ(payloads(window), std::vector<std::string>{"-"});
    EXPECT_FALSE(window.can_add());
    EXPECT_TRUE(window.on_pubcomp(id));
    EXPECT_TRUE(window.empty());
    EXPECT_TRUE(window.can_add());
}

TEST(InflightWindow, ARepeatedPubrecAsksForThePubrelAgain) {
    InflightWindow window = connected(1);
    const auto id = send(window, "a", QoS::ExactlyOnce);
    (void)window.on_pubrec(id, ReasonCode::Success);
    EXPECT_EQ(window.on_pubrec(id, ReasonCode::NoMatchingSubscribers).value().next,
              Next::SendPubrel);
    EXPECT_EQ(window.size(), 1U);
}

TEST(InflightWindow, ARefusingPubrecEndsTheExchangeAndFreesTheSlot) {
    InflightWindow window = connected(1);
    const auto id = send(window, "a", QoS::ExactlyOnce);
    auto outcome = window.on_pubrec(id, ReasonCode::QuotaExceeded);
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome.value().next, Next::Nothing);
    EXPECT_EQ(outcome.value().delivery.message->payload(), "a");
    EXPECT_TRUE(window.can_add());
    EXPECT_EQ(window.on_pubcomp(id).error().code, ErrorCode::PacketIdNotFound);
}

TEST(InflightWindow, WrongAcknowledgementIsTheClientsErrorAndChangesNothing) {
    InflightWindow window = connected(4);
    const auto twice = send(window, "a", QoS::ExactlyOnce);
    const auto once = send(window, "b");
    EXPECT_EQ(window.on_puback(twice).error().code, ErrorCode::PacketIdWrongStage);
    EXPECT_EQ(window.on_pubcomp(twice).error().code, ErrorCode::PacketIdWrongStage);
    EXPECT_EQ(window.on_pubrec(once, ReasonCode::Success).error().code,
              ErrorCode::PacketIdWrongStage);
    EXPECT_EQ(window.on_pubcomp(once).error().code, ErrorCode::PacketIdWrongStage);
    for (const auto unknown : {PacketId{0}, PacketId{3}, PacketId{999}, PacketId{65'535}}) {
        EXPECT_EQ(window.on_puback(unknown).error().code, ErrorCode::PacketIdNotFound);
        EXPECT_EQ(window.on_pubrec(unknown, ReasonCode::Success).error().code,
                  ErrorCode::PacketIdNotFound);
        EXPECT_EQ(window.on_pubcomp(unknown).error().code, ErrorCode::PacketIdNotFound);
    }
    EXPECT_EQ(payloads(window), (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(window.outstanding(), 2U);
}

TEST(InflightWindow, AFinishedIdIsNotFoundAgain) {
    InflightWindow window = connected(4);
    (void)send(window, "kept");
    const auto id = send(window, "a");
    ASSERT_TRUE(window.on_puback(id));
    EXPECT_EQ(window.on_puback(id).error().code, ErrorCode::PacketIdNotFound);
    EXPECT_EQ(window.outstanding(), 1U);
}

TEST(InflightWindow, IdsWrapAroundAndSkipAllThatAreInFlight) {
    InflightWindow window = connected(4);
    std::vector<PacketId> kept{send(window, "first", QoS::ExactlyOnce)};
    (void)window.on_pubrec(kept[0], ReasonCode::Success);
    for (int i = 0; i < 200'000; ++i) {
        const auto id = send(window, "x");
        ASSERT_NE(id, PacketId{0});
        for (const auto other : kept) ASSERT_NE(id, other) << "after " << i;
        if (i == 5000 || i == 5001) {
            kept.push_back(id);
        } else {
            ASSERT_TRUE(window.on_puback(id));
        }
    }
    EXPECT_EQ(window.size(), 3U);
    EXPECT_TRUE(window.on_pubcomp(kept[0]));
    EXPECT_TRUE(window.on_puback(kept[1]));
    EXPECT_TRUE(window.on_puback(kept[2]));
}

TEST(InflightWindow, OneThatIsNeverAcknowledgedDoesNotKeepTheFinishedOnesBehindIt) {
    InflightWindow window = connected(2);
    (void)send(window, "never");
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(window.on_puback(send(window, "x")));
    EXPECT_LE(window.remembered(), 64U);
}

TEST(InflightWindow, HoldsAsManyAsThereAreIdsAndThenNoMore) {
    InflightWindow window = connected(65'535);
    std::vector<bool> seen(65'536);
    while (window.can_add()) {
        const auto id = static_cast<std::uint16_t>(send(window, "x"));
        ASSERT_FALSE(seen[id]);
        seen[id] = true;
    }
    EXPECT_EQ(window.size(), 65'535U);
    ASSERT_TRUE(window.on_puback(PacketId{40'000}));
    EXPECT_EQ(send(window, "y"), PacketId{40'000});
    EXPECT_FALSE(window.can_add());
}

// [v5 MQTT-4.4.0-1] [v3.1.1 MQTT-4.4.0-1]: the same ids again, as PUBLISH or as PUBREL.
TEST(InflightWindow, ANewConnectionSendsWhatIsUnacknowledgedAgainOldestFirst) {
    InflightWindow window = connected(8);
    const auto a = send(window, "a");
    const auto b = send(window, "b", QoS::ExactlyOnce);
    const auto c = send(window, "c", QoS::ExactlyOnce);
    const auto d = send(window, "d");
    (void)window.on_pubrec(b, ReasonCode::Success);
    ASSERT_TRUE(window.on_puback(a));
    ASSERT_FALSE(window.must_resend());

    window.begin_connection(8);
    EXPECT_TRUE(window.must_resend());
    EXPECT_FALSE(window.can_add()) << "new ones wait for those sent before";
    auto* entry = window.next_to_resend(kNow);
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->id, b);
    EXPECT_EQ(entry->stage, Stage::AwaitPubcomp);
    entry = window.next_to_resend(kNow);
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->id, c);
    EXPECT_EQ(entry->delivery.message->payload(), "c");
    entry = window.next_to_resend(kNow);
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->id, d);
    EXPECT_EQ(window.next_to_resend(kNow), nullptr);
    EXPECT_TRUE(window.can_add());
    EXPECT_EQ(window.outstanding(), 3U);
}

// [v5 MQTT-3.3.4-9]: the window of the new connection may be smaller than what is in flight.
TEST(InflightWindow, ResendingHonoursTheNewCapacity) {
    InflightWindow window = connected(3);
    const auto a = send(window, "a");
    const auto b = send(window, "b");
    (void)send(window, "c");
    window.begin_connection(1);
    ASSERT_NE(window.next_to_resend(kNow), nullptr);
    EXPECT_EQ(window.next_to_resend(kNow), nullptr);
    EXPECT_TRUE(window.must_resend());
    // An answer for one that was not sent yet frees no slot on this connection.
    ASSERT_TRUE(window.on_puback(b));
    EXPECT_EQ(window.next_to_resend(kNow), nullptr);
    ASSERT_TRUE(window.on_puback(a));
    auto* entry = window.next_to_resend(kNow);
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->delivery.message->payload(), "c");
    EXPECT_FALSE(window.must_resend());
    EXPECT_EQ(window.outstanding(), 1U);
}

TEST(InflightWindow, AWithdrawnPacketGivesItsSlotBack) {
    InflightWindow window = connected(1);
    const auto id = send(window, "too large");
    EXPECT_EQ(window.withdraw(id).message->payload(), "too large");
    EXPECT_TRUE(window.empty());
    EXPECT_TRUE(window.can_add());
}

TEST(InflightWindow, OverdueNamesEachUnansweredOneOnceAndOldestFirst) {
    InflightWindow window = connected(4);
    const auto a = send(window, "a", QoS::AtLeastOnce, kNow);
    const auto b = send(window, "b", QoS::AtLeastOnce, kNow + Millis(10));
    (void)send(window, "late", QoS::AtLeastOnce, kNow + Millis(30));
    const TimePoint deadline = kNow + Millis(20);
    const TimePoint now = kNow + Millis(50);
    std::size_t from = 0;
    auto* entry = window.overdue(deadline, now, from);
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->id, a);
    entry = window.overdue(deadline, now, from);
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->id, b);
    EXPECT_EQ(window.overdue(deadline, now, from), nullptr);
    EXPECT_EQ(window.outstanding(), 3U);
}

TEST(InflightWindow, WhatWaitsToBeSentAgainIsNotOverdue) {
    InflightWindow window = connected(2);
    (void)send(window, "a");
    (void)send(window, "b");
    window.begin_connection(1);
    ASSERT_NE(window.next_to_resend(kNow + Millis(100)), nullptr);
    std::size_t from = 0;
    EXPECT_EQ(window.overdue(kNow + Millis(50), kNow + Millis(200), from), nullptr);
}

TEST(InflightWindow, ClearForgetsEverythingButTheNextId) {
    InflightWindow window = connected(2);
    const auto id = send(window, "a");
    window.clear();
    EXPECT_TRUE(window.empty());
    EXPECT_EQ(window.outstanding(), 0U);
    EXPECT_EQ(window.on_puback(id).error().code, ErrorCode::PacketIdNotFound);
    EXPECT_NE(send(window, "b"), id);
}

TEST(InflightWindowDeathTest, AddingToAFullWindowIsOurBug) {
    InflightWindow window = connected(1);
    (void)send(window, "a");
    EXPECT_DEATH((void)send(window, "b"), "can_add");
}

TEST(InflightWindowDeathTest, AddingQoS0IsOurBug) {
    InflightWindow window = connected(1);
    EXPECT_DEATH((void)send(window, "a", QoS::AtMostOnce), "AtMostOnce");
}

}  // namespace
}  // namespace vmq::queue
