// A session's queue on its way from one node to another.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "queue/queue.h"
#include "support/messages.h"

namespace vmq::queue {
namespace {

using mqtt::QoS;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using vmq::testing::message;

constexpr TimePoint kMovedAt{Millis(1000)};

Delivery delivery(std::uint64_t sequence, QoS qos = QoS::AtLeastOnce) {
    Delivery made;
    made.message = message(std::to_string(sequence));
    made.store_sequence = sequence;
    made.qos = qos;
    return made;
}

std::vector<std::pair<std::uint64_t, bool>> lowest(const Queue& queue, std::size_t count) {
    std::vector<std::pair<std::uint64_t, bool>> found;
    queue.visit_lowest(count, [&](const Delivery& each, bool sent) {
        found.emplace_back(each.store_sequence, sent);
    });
    return found;
}

std::vector<std::uint64_t> sent_in_order(Queue& queue) {
    std::vector<std::uint64_t> sequences;
    std::vector<Delivery> expired;
    while (const auto next = queue.next(kMovedAt, expired)) {
        sequences.push_back(next->delivery().store_sequence);
    }
    return sequences;
}

TEST(QueueThatMoves, GivesWhatWasSentBeforeWhatWaits) {
    Queue queue(Limits{});
    (void)queue.attach(1);
    Delivery displaced;
    for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) {
        Delivery each = delivery(sequence);
        ASSERT_EQ(queue.offer(each, kMovedAt, displaced), Queue::Offered::Queued);
    }
    EXPECT_THAT(sent_in_order(queue), ElementsAre(1));
    (void)queue.detach();
    EXPECT_THAT(lowest(queue, 2), ElementsAre(Pair(1, true), Pair(2, false)));
    queue.drop_from_memory(2);
    EXPECT_THAT(lowest(queue, 9), ElementsAre(Pair(3, false)));
    EXPECT_TRUE(queue.window().empty());
    queue.drop_from_memory(3);
    EXPECT_THAT(lowest(queue, 9), IsEmpty());
    EXPECT_EQ(queue.backlog_size(), 0U);
}

TEST(QueueThatMoves, WhatCameInBetweenStaysBehind) {
    Queue queue(Limits{});
    Delivery displaced;
    for (const std::uint64_t later : {1001U, 1002U}) {
        Delivery each = delivery(later);
        ASSERT_EQ(queue.offer(each, kMovedAt, displaced), Queue::Offered::Queued);
    }
    for (const std::uint64_t moved : {1U, 2U, 3U}) queue.take_over(delivery(moved));
    (void)queue.attach(100);
    EXPECT_THAT(sent_in_order(queue), ElementsAre(1, 2, 3, 1001, 1002));
}

TEST(QueueThatMoves, InAStoreEachHasItsPlaceBySequence) {
    Queue queue(Limits{}, true);
    Delivery displaced;
    Delivery later = delivery(1001);
    ASSERT_EQ(queue.offer(later, kMovedAt, displaced), Queue::Offered::Queued);
    for (const std::uint64_t moved : {1U, 2U}) queue.take_over(delivery(moved));
    ASSERT_TRUE(queue.stored_range());
    EXPECT_EQ(queue.stored_range()->from, 1U);
    EXPECT_EQ(queue.stored_range()->to, 1001U);
    EXPECT_EQ(queue.backlog_size(), 3U);
    queue.drop_tail_through(2, 2);
    EXPECT_EQ(queue.stored_range()->from, 1001U);
    EXPECT_EQ(queue.backlog_size(), 1U);
    queue.drop_tail_through(1001, 1);
    EXPECT_FALSE(queue.stored_range());
}

TEST(QueueThatMoves, LimitsDoNotHoldForWhatWasThereBefore) {
    Limits limits;
    limits.max_offline_messages = 1;
    Queue queue(limits);
    for (const std::uint64_t moved : {1U, 2U, 3U}) queue.take_over(delivery(moved));
    EXPECT_EQ(queue.backlog_size(), 3U);
}

TEST(QueueThatMoves, AnExchangeGoesOnWithItsPacketId) {
    Queue queue(Limits{});
    queue.take_over_released(70'000);
    (void)queue.attach(10);
    std::vector<Delivery> expired;
    const auto next = queue.next(kMovedAt, expired);
    ASSERT_TRUE(next);
    EXPECT_EQ(next->kind, Queue::Outgoing::Kind::Pubrel);
    EXPECT_EQ(next->id, InflightWindow::id_of(70'000));
}

TEST(QueueThatMoves, TellsWhatWasReceived) {
    Queue queue(Limits{});
    queue.remember(mqtt::PacketId{7});
    std::vector<std::uint16_t> ids;
    queue.for_each_received([&ids](std::uint16_t id) { ids.push_back(id); });
    EXPECT_THAT(ids, ElementsAre(7));
}

}  // namespace
}  // namespace vmq::queue
