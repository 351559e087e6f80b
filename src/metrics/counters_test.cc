#include "metrics/counters.h"

#include <gtest/gtest.h>

#include <set>

namespace vmq::metrics {
namespace {

TEST(Counters, EveryCounterHasANameOfItsOwnAndADescription) {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < kCounters; ++i) {
        const auto counter = static_cast<Counter>(i);
        EXPECT_FALSE(counter_description(counter).empty());
        EXPECT_TRUE(names.insert(counter_name(counter)).second) << counter_name(counter);
    }
}

TEST(Counters, TotalAddsTheShards) {
    ShardMetrics a;
    ShardMetrics b;
    a.add(Counter::SocketOpen);
    b.add(Counter::SocketOpen, 2);
    const ShardMetrics* const shards[] = {&a, &b};
    EXPECT_EQ(total(shards, Counter::SocketOpen), 3U);
}

TEST(Counters, PacketsAreCountedByDirectionAndVersion) {
    ShardMetrics shard;
    shard.add_packet(Direction::Sent, true, 3);
    EXPECT_EQ(shard.packets(Direction::Sent, true, 3), 1U);
    EXPECT_EQ(shard.packets(Direction::Sent, false, 3), 0U);
    EXPECT_EQ(shard.packets(Direction::Received, true, 3), 0U);
}

}  // namespace
}  // namespace vmq::metrics
