#include "cluster/hybrid_clock.h"

#include <gtest/gtest.h>

#include "cluster/test_values.h"

namespace vmq::cluster {
namespace {

using test::kWall;

TEST(HybridClock, FollowsTheWallAndCountsWithinAMillisecond) {
    HybridClock clock;
    EXPECT_EQ(clock.next(kWall), HybridTime::at(kWall));
    EXPECT_EQ(clock.next(kWall), HybridTime::at(kWall).next());
    EXPECT_EQ(clock.next(kWall + 1), HybridTime::at(kWall + 1));
    EXPECT_EQ(clock.last().wall_ms(), kWall + 1);
}

TEST(HybridClock, NeverGoesBackWhenTheWallDoes) {
    HybridClock clock;
    const HybridTime before = clock.next(kWall);
    EXPECT_EQ(clock.next(kWall - 3'600'000), before.next());
    EXPECT_EQ(clock.next(-5), before.next().next());
}

TEST(HybridClock, MoreThanFitsIntoAMillisecondGoesOnInTheNext) {
    HybridClock clock;
    HybridTime last = clock.next(kWall);
    for (int i = 0; i < 100'000; ++i) {
        const HybridTime next = clock.next(kWall);
        ASSERT_GT(next, last);
        last = next;
    }
    EXPECT_EQ(last.wall_ms(), kWall + 1);
}

TEST(HybridClock, IsBehindWhatOthersHaveStamped) {
    HybridClock clock;
    const HybridTime seen = HybridTime::at(kWall + 30'000);
    EXPECT_TRUE(clock.take_in(seen, kWall));
    EXPECT_EQ(clock.next(kWall), seen.next());
    EXPECT_TRUE(clock.take_in(HybridTime::at(kWall), kWall)) << "older than what it has";
    EXPECT_EQ(clock.last(), seen.next());
}

TEST(HybridClock, RefusesWhatIsFurtherAheadOfTheWallThanTheBound) {
    HybridClock clock(Millis{1000});
    EXPECT_TRUE(clock.take_in(HybridTime::at(kWall + 1000), kWall));
    EXPECT_FALSE(clock.take_in(HybridTime::at(kWall + 1001), kWall));
    EXPECT_EQ(clock.last(), HybridTime::at(kWall + 1000));
    EXPECT_TRUE(clock.take_in(HybridTime::at(kWall + 1001), kWall + 1)) << "a moment later";
}

TEST(HybridClock, AWriteIsLaterThanWhatItReplacesHoweverFarAhead) {
    HybridClock clock;
    const HybridTime ahead = HybridTime::at(kWall + 3'600'000);
    EXPECT_EQ(clock.next(kWall, ahead), ahead.next());
}

TEST(HybridClock, AfterARestartGoesOnBehindWhatWasStored) {
    HybridClock clock;
    const HybridTime stored = HybridTime::at(kWall + 3'600'000);
    clock.start_after(stored);
    clock.start_after(HybridTime::at(5));
    EXPECT_EQ(clock.next(kWall), stored.next());
}

TEST(HybridTime, WhatNoClockCanShowBecomesTheNearest) {
    EXPECT_EQ(HybridTime::at(-1), HybridTime{});
    EXPECT_EQ(HybridTime::at(INT64_MAX), kLatestTime);
    EXPECT_LT(kLatestTime, kLatestTime.next());
}

}  // namespace
}  // namespace vmq::cluster
