#include "sim/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmq::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LedgerTest : public ::testing::Test {
protected:
    LedgerTest() {
        subscriber = ledger.add_subscriber("t/#", 2);
        auto& session = ledger.subscriber(subscriber);
        session.home = 0;
        session.home_since = world.now;
        session.subscribed_since = world.now;
        world.now += Seconds(100);
    }
    std::size_t send(int qos) { return ledger.sent(7, 1, "t/a", qos, 1); }

    World world{1};
    Calm calm{world, 3};
    Ledger ledger{world, calm};
    std::size_t subscriber = 0;
};

TEST_F(LedgerTest, FiltersMatchAsInMqtt) {
    EXPECT_TRUE(Ledger::matches("t/#", "t/0/1"));
    EXPECT_TRUE(Ledger::matches("t/+/1", "t/0/1"));
    EXPECT_TRUE(Ledger::matches("t/0/1", "t/0/1"));
    EXPECT_FALSE(Ledger::matches("t/+", "t/0/1"));
    EXPECT_FALSE(Ledger::matches("t/1/#", "t/0/1"));
    EXPECT_FALSE(Ledger::matches("t/0/1/2", "t/0/1"));
}

TEST_F(LedgerTest, WhatWasAcknowledgedIsDue) {
    const std::size_t got = send(1);
    const std::size_t lost = send(1);
    const std::size_t refused = send(1);
    ledger.acknowledged(got);
    ledger.acknowledged(lost);
    ledger.received(subscriber, got, 1, false);
    ledger.check_all();
    EXPECT_THAT(ledger.failures(), ElementsAre(HasSubstr("never got message 1 ")));
    EXPECT_EQ(ledger.promises(), 2U);
    EXPECT_LT(refused, ledger.messages());
}

TEST_F(LedgerTest, NothingIsDueOfANodeThatCannotKnow) {
    calm.begin(0, 1);
    calm.forgets(1);
    calm.end(0, 1);
    ledger.acknowledged(send(1));
    EXPECT_EQ(ledger.promises(), 0U);
    world.now += Calm::kSettled;
    ledger.acknowledged(send(1));
    EXPECT_EQ(ledger.promises(), 1U);
}

TEST_F(LedgerTest, OrderAndDuplicates) {
    const std::size_t first = send(2);
    const std::size_t second = send(2);
    ledger.received(subscriber, second, 2, false);
    ledger.received(subscriber, first, 2, false);
    EXPECT_THAT(ledger.failures(), ElementsAre(HasSubstr("behind message 1")));
    ledger.received(subscriber, first, 2, false);
    EXPECT_EQ(ledger.failures().size(), 2U);
    ledger.crashed();
    ledger.received(subscriber, first, 2, true);
    EXPECT_EQ(ledger.failures().size(), 2U) << "after a crash it may come again";
    EXPECT_THAT(ledger.known(), IsEmpty());
}

}  // namespace
}  // namespace vmq::sim
