#include "metrics/snapshot.h"

#include <gtest/gtest.h>

namespace vmq::metrics {
namespace {

Sample sample(std::string name, std::uint64_t value, std::string version = {}) {
    Sample result;
    result.name = std::move(name);
    result.value = value;
    if (!version.empty()) result.labels.push_back({"mqtt_version", std::move(version)});
    return result;
}

TEST(Snapshot, WithoutLabelsItHasTheSumUnderEachName) {
    const Snapshot sums =
        without_labels({sample("a", 1, "4"), sample("b", 5), sample("a", 2, "5")});
    ASSERT_EQ(sums.size(), 2U);
    EXPECT_EQ(sums[0].name, "a");
    EXPECT_EQ(sums[0].value, 3U);
    EXPECT_TRUE(sums[0].labels.empty());
    EXPECT_EQ(sums[1].value, 5U);
}

TEST(Snapshot, GroupingKeepsTheOrderOfNamesAndOfSeries) {
    Snapshot snapshot{sample("a", 1), sample("b", 2), sample("a", 3), sample("c", 4),
                      sample("b", 5)};
    group_by_name(snapshot);
    std::string order;
    for (const Sample& each : snapshot) order += each.name + std::to_string(each.value);
    EXPECT_EQ(order, "a1a3b2b5c4");
}

TEST(Snapshot, SubtractingLeavesWhatCameSinceAndGaugesAsTheyAre) {
    Snapshot now{sample("a", 10, "4"), sample("a", 20, "5"), sample("g", 7), sample("new", 3)};
    now[2].type = Type::Gauge;
    Snapshot earlier{sample("a", 4, "4"), sample("a", 30, "5"), sample("g", 5)};
    subtract(now, earlier);
    EXPECT_EQ(now[0].value, 6U);
    EXPECT_EQ(now[1].value, 0U);  // never below
    EXPECT_EQ(now[2].value, 7U);
    EXPECT_EQ(now[3].value, 3U);
}

TEST(Snapshot, AHistogramIsManyPointsWithCumulativeBuckets) {
    Sample histogram = sample("h", 0);
    histogram.type = Type::Histogram;
    histogram.histogram.buckets = {1, 2, 0, 0, 0, 0, 4};
    histogram.histogram.sum_us = 99;
    const auto all = points(histogram);
    ASSERT_EQ(all.size(), 9U);
    EXPECT_EQ(all[0].suffix, "_count");
    EXPECT_EQ(all[0].value, 7U);
    EXPECT_EQ(all[1].suffix, "_sum");
    EXPECT_EQ(all[1].value, 99U);
    EXPECT_EQ(all[3].suffix, "_bucket_100");
    EXPECT_EQ(all[3].value, 3U);
    EXPECT_EQ(all[8].suffix, "_bucket_inf");
    EXPECT_EQ(all[8].value, 7U);
    EXPECT_EQ(points(sample("c", 8)).size(), 1U);
    EXPECT_EQ(points(sample("c", 8))[0].value, 8U);
}

}  // namespace
}  // namespace vmq::metrics
