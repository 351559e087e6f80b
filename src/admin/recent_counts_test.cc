#include "admin/recent_counts.h"

#include <gtest/gtest.h>

#include <string>

#include "admin/view_sample.h"
#include "metrics/table.h"

namespace vmq::admin {
namespace {

WatchedCounts full(std::uint64_t count) {
    WatchedCounts counts;
    counts.drops[0] = count;
    counts.queues_nearly_full = 2 * count;
    return counts;
}

constexpr TimePoint at(int seconds) { return TimePoint(Seconds(1000 + seconds)); }

// Whoever compares the page with a dashboard finds the same reasons and numbers.
TEST(WatchedCounts, AreThoseOfTheMetricMessageDrop) {
    auto node = sample_view().node;
    for (std::size_t i = 0; i < node.numbers.totals.cells.size(); ++i) {
        node.numbers.totals.cells[i] = i + 1;
    }
    const WatchedCounts counts = watched_counts(node);
    std::size_t reasons = 0;
    for (const metrics::Sample& sample : metrics::series_of(node.numbers)) {
        if (sample.name != "message_drop") continue;
        ASSERT_LT(reasons, kDropReasons.size());
        EXPECT_EQ(sample.labels.at(0).value, kDropReasons[reasons]);
        EXPECT_EQ(counts.dropped(sample.labels.at(0).value), sample.value) << kDropReasons[reasons];
        ++reasons;
    }
    EXPECT_EQ(reasons, kDropReasons.size());
    EXPECT_EQ(counts.dropped("nonsense"), 0U);
}

TEST(RecentCounts, WhatWasThereBeforeIsNotRecent) {
    RecentCounts recent;
    EXPECT_EQ(recent.add(full(7), at(0)), WatchedCounts());
    EXPECT_EQ(recent.add(full(9), at(1)), full(2));
}

TEST(RecentCounts, WhatIsOlderThanAMinuteIsForgotten) {
    RecentCounts recent;
    (void)recent.add(full(0), at(0));
    (void)recent.add(full(3), at(5));
    for (int second = 10; second <= 60; second += 5) {
        EXPECT_EQ(recent.add(full(3), at(second)), full(3)) << second;
    }
    EXPECT_EQ(recent.add(full(3), at(65)), WatchedCounts());
    EXPECT_EQ(recent.add(full(4), at(66)), full(1));
}

TEST(RecentCounts, AfterALongSilenceThereIsStillSomethingToCompareWith) {
    RecentCounts recent;
    (void)recent.add(full(1), at(0));
    EXPECT_EQ(recent.add(full(5), at(1000)), full(4));
    EXPECT_EQ(recent.add(full(5), at(1059)), full(4));
    EXPECT_EQ(recent.add(full(5), at(1060)), WatchedCounts());
}

// `metrics reset`
TEST(RecentCounts, CountersThatBeginAnewCountFromZero) {
    RecentCounts recent;
    (void)recent.add(full(10), at(0));
    EXPECT_EQ(recent.add(full(3), at(10)), full(3));
    EXPECT_EQ(recent.add(full(4), at(12)), full(4));
}

TEST(RecentCounts, ManyQuestionsCostNoMemory) {
    RecentCounts recent;
    (void)recent.add(full(0), at(0));
    for (int i = 0; i < 1000; ++i) (void)recent.add(full(1), at(1));
    EXPECT_EQ(recent.add(full(1), at(6)), full(1));
}

}  // namespace
}  // namespace vmq::admin
