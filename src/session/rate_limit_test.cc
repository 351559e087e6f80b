#include "session/rate_limit.h"

#include <gtest/gtest.h>

namespace vmq::session {
namespace {

constexpr TimePoint kStart{Millis{1000}};

TEST(RateLimit, WithoutALimitNobodyWaits) {
    RateLimit limit(0, kStart);
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(limit.take(kStart), Millis::zero());
}

TEST(RateLimit, AllowsABurstOfOneSecondAndThenPauses) {
    RateLimit limit(10, kStart);
    for (int i = 0; i < 10; ++i) EXPECT_EQ(limit.take(kStart), Millis::zero());
    EXPECT_EQ(limit.take(kStart), Millis(100));
}

TEST(RateLimit, AClientThatKeepsToItsRateNeverWaits) {
    RateLimit limit(10, kStart);
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(limit.take(kStart + i * Millis(100)), Millis::zero());
}

TEST(RateLimit, ThroughputIsTheRateWhoeverWaitsAsTold) {
    constexpr int kRate = 7;
    RateLimit limit(kRate, kStart);
    TimePoint now = kStart;
    int taken = 0;
    for (; now < kStart + Seconds(100); ++taken) now += limit.take(now);
    EXPECT_NEAR(taken, 100 * kRate + kRate, 2);
}

TEST(RateLimit, IdleTimeFillsTheBucketOnceOnly) {
    RateLimit limit(2, kStart);
    const TimePoint later = kStart + Seconds(3600);
    EXPECT_EQ(limit.take(later), Millis::zero());
    EXPECT_EQ(limit.take(later), Millis::zero());
    EXPECT_GT(limit.take(later), Millis::zero());
}

TEST(RateLimit, TheLargestRateAndTheLongestSilenceDoNotOverflow) {
    RateLimit limit(4'294'967'295U, kStart);
    EXPECT_EQ(limit.take(kStart + std::chrono::hours(24 * 365 * 50)), Millis::zero());
    EXPECT_EQ(limit.take(kStart + std::chrono::hours(24 * 365 * 100)), Millis::zero());
}

}  // namespace
}  // namespace vmq::session
