#include "broker/pending_writes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmq::broker {
namespace {

using store::DeleteReleased;
using store::SessionId;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr TimePoint kNow{Millis{5000}};

Reply reply(session::AckTicket ticket) { return {ConnectionNumber{1}, ticket, 0}; }

struct PendingWritesTest {
    store::WritePosition add(bool lazy, PendingWrites::Ack ack = 0) {
        return writes.add(DeleteReleased{SessionId{1}, 1}, lazy, ack, kNow);
    }

    std::vector<std::string> confirmed;
    PendingWrites writes{[this](const Reply& to, bool safe) {
        confirmed.push_back(std::to_string(to.ticket) + (safe ? " safe" : " failed"));
    }};
};

TEST(PendingWrites, AnAcknowledgementWaitsForAllItsWrites) {
    PendingWritesTest f;
    const auto ack = f.writes.begin(reply(7));
    (void)f.add(true, ack);
    (void)f.add(true, ack);
    auto first = f.writes.take();
    EXPECT_EQ(first.batch.size(), 2U);
    EXPECT_THAT(f.confirmed, IsEmpty());
    (void)f.writes.committed(*first.handed, true);
    EXPECT_THAT(f.confirmed, ElementsAre("7 safe"));
}

TEST(PendingWrites, WhatIsTakenBackIsNotWrittenAndNotWaitedFor) {
    PendingWritesTest f;
    const auto ack = f.writes.begin(reply(7));
    const auto one = f.add(true, ack);
    const auto two = f.add(true, ack);
    EXPECT_TRUE(f.writes.cancel(one));
    EXPECT_FALSE(f.writes.cancel(one)) << "twice";
    EXPECT_THAT(f.confirmed, IsEmpty());
    EXPECT_TRUE(f.writes.cancel(two));
    EXPECT_THAT(f.confirmed, ElementsAre("7 safe"));
    EXPECT_TRUE(f.writes.idle());
    EXPECT_FALSE(f.writes.cancel(99));
}

TEST(PendingWrites, WhatWasHandedOverCannotBeTakenBack) {
    PendingWritesTest f;
    const auto position = f.add(true);
    auto handed = f.writes.take();
    EXPECT_FALSE(f.writes.cancel(position));
    EXPECT_EQ(f.writes.uncommitted(), position);
    EXPECT_EQ(f.writes.under_way(), 1U);
    (void)f.writes.committed(*handed.handed, true);
    EXPECT_GT(f.writes.uncommitted(), position);
    EXPECT_EQ(f.writes.under_way(), 0U);
}

TEST(PendingWrites, OneFailureAmongSeveralBatchesFailsTheAcknowledgement) {
    PendingWritesTest f;
    const auto ack = f.writes.begin(reply(7));
    (void)f.add(true, ack);
    auto first = f.writes.take();
    (void)f.add(true, ack);
    auto second = f.writes.take();
    (void)f.writes.committed(*first.handed, false);
    EXPECT_THAT(f.confirmed, IsEmpty());
    (void)f.writes.committed(*second.handed, true);
    EXPECT_THAT(f.confirmed, ElementsAre("7 failed"));
}

TEST(PendingWrites, LazyWritesWaitFromTheFirstOneOn) {
    PendingWritesTest f;
    EXPECT_TRUE(f.writes.idle());
    (void)f.add(true);
    EXPECT_FALSE(f.writes.urgent());
    EXPECT_EQ(f.writes.since(), kNow);
    (void)f.add(false);
    EXPECT_TRUE(f.writes.urgent());
    (void)f.writes.take();
    EXPECT_FALSE(f.writes.urgent());
    EXPECT_TRUE(f.writes.idle());
}

TEST(PendingWrites, ActionsComeBackOnlyWhenSafe) {
    PendingWritesTest f;
    f.writes.pump_when_safe(ConnectionNumber{3});
    f.writes.pump_when_safe(ConnectionNumber{3});
    f.writes.when_safe(
        {ConnectionNumber{3}, mqtt::PacketType::Suback, mqtt::ReasonCode::Success, "x"});
    EXPECT_TRUE(f.writes.urgent());
    auto first = f.writes.take();
    EXPECT_EQ(f.writes.committed(*first.handed, true).size(), 2U) << "one pump and the packet";
    f.writes.pump_when_safe(ConnectionNumber{3});
    auto second = f.writes.take();
    EXPECT_TRUE(f.writes.committed(*second.handed, false).empty());
}

TEST(PendingWrites, AReplyWithoutWritesIsConfirmedWithTheBatch) {
    PendingWritesTest f;
    f.writes.confirm_when_safe(reply(9));
    auto handed = f.writes.take();
    EXPECT_EQ(handed.batch.size(), 0U);
    (void)f.writes.committed(*handed.handed, true);
    EXPECT_THAT(f.confirmed, ElementsAre("9 safe"));
}

}  // namespace
}  // namespace vmq::broker
