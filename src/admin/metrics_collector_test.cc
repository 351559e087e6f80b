#include "admin/metrics_collector.h"

#include <gtest/gtest.h>

namespace vmq::admin {
namespace {

metrics::Sample sample(std::string name, std::uint64_t value,
                       metrics::Type type = metrics::Type::Counter) {
    metrics::Sample result;
    result.name = std::move(name);
    result.value = value;
    result.type = type;
    return result;
}

TEST(MetricsCollector, PutsSeriesOfSeveralSourcesTogether) {
    MetricsCollector collector("a@b");
    collector.add([](metrics::Snapshot& snapshot) {
        snapshot.push_back(sample("connections", 1));
        snapshot.push_back(sample("other", 2));
    });
    collector.add(
        [](metrics::Snapshot& snapshot) { snapshot.push_back(sample("connections", 3)); });
    const auto snapshot = collector.snapshot();
    ASSERT_EQ(snapshot.size(), 3U);
    EXPECT_EQ(snapshot[0].name, "connections");
    EXPECT_EQ(snapshot[1].name, "connections");
    EXPECT_EQ(snapshot[1].value, 3U);
}

TEST(MetricsCollector, AResetLetsCountersBeginAgainAndGaugesAlone) {
    std::uint64_t now = 10;
    MetricsCollector collector("a@b");
    collector.add([&now](metrics::Snapshot& snapshot) {
        snapshot.push_back(sample("counter", now));
        snapshot.push_back(sample("gauge", now, metrics::Type::Gauge));
    });
    EXPECT_EQ(collector.snapshot()[0].value, 10U);
    collector.reset();
    EXPECT_EQ(collector.snapshot()[0].value, 0U);
    EXPECT_EQ(collector.snapshot()[1].value, 10U);
    now = 15;
    EXPECT_EQ(collector.snapshot()[0].value, 5U);
    collector.reset();
    now = 16;
    EXPECT_EQ(collector.snapshot()[0].value, 1U);
}

}  // namespace
}  // namespace vmq::admin
