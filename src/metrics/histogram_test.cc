#include "metrics/histogram.h"

#include <gtest/gtest.h>

namespace vmq::metrics {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

TEST(Histogram, ABoundBelongsToItsBucket) {
    Histogram histogram;
    histogram.add(microseconds(10));
    histogram.add(microseconds(10) + nanoseconds(1));
    histogram.add(microseconds(1'000'000));
    histogram.add(microseconds(1'000'001));
    const HistogramValue value = histogram.value();
    EXPECT_EQ(value.buckets[0], 1U);
    EXPECT_EQ(value.buckets[1], 1U);
    EXPECT_EQ(value.buckets[5], 1U);
    EXPECT_EQ(value.buckets[6], 1U);
    EXPECT_EQ(value.count(), 4U);
}

TEST(Histogram, DurationsBelowAMicrosecondAddUp) {
    Histogram histogram;
    for (int i = 0; i < 10; ++i) histogram.add(nanoseconds(300));
    EXPECT_EQ(histogram.value().sum_us, 3U);
}

TEST(Histogram, AClockThatGoesBackIsNoDuration) {
    Histogram histogram;
    histogram.add(nanoseconds(-5));
    EXPECT_EQ(histogram.value().sum_us, 0U);
    EXPECT_EQ(histogram.value().buckets[0], 1U);
}

TEST(Histogram, ValuesAddAndSubtract) {
    Histogram histogram;
    histogram.add(microseconds(5));
    const HistogramValue one = histogram.value();
    HistogramValue sum = one;
    sum += one;
    EXPECT_EQ(sum.count(), 2U);
    EXPECT_EQ(sum.sum_us, 10U);
    sum -= one;
    EXPECT_EQ(sum, one);
}

}  // namespace
}  // namespace vmq::metrics
