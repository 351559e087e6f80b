#include "base/latency_histogram.h"

#include <gtest/gtest.h>

namespace vmq {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(LatencyHistogram, BucketsDouble) {
    EXPECT_EQ(LatencyHistogram::bucket_of(nanoseconds(-1)), 0U);
    EXPECT_EQ(LatencyHistogram::bucket_of(nanoseconds(999)), 0U);
    EXPECT_EQ(LatencyHistogram::bucket_of(microseconds(1)), 1U);
    EXPECT_EQ(LatencyHistogram::bucket_of(microseconds(2)), 2U);
    EXPECT_EQ(LatencyHistogram::bucket_of(microseconds(3)), 2U);
    EXPECT_EQ(LatencyHistogram::bucket_of(seconds(10)), 24U);
    EXPECT_EQ(LatencyHistogram::bucket_of(seconds(1000)), LatencyHistogram::kBuckets - 1);
}

TEST(LatencyHistogram, CountsAndSums) {
    LatencyHistogram histogram;
    histogram.add(nanoseconds(500), 64);
    histogram.add(microseconds(3));
    auto counts = histogram.counts();
    EXPECT_EQ(counts.count(), 65U);
    EXPECT_EQ(counts.sum_ns, 500U * 64 + 3000);
    EXPECT_EQ(counts.buckets[0], 64U);
    EXPECT_EQ(counts.buckets[2], 1U);
    counts += histogram.counts();
    EXPECT_EQ(counts.count(), 130U);
}

}  // namespace
}  // namespace vmq
