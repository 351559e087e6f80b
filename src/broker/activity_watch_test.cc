#include "broker/activity_watch.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "broker/broker.h"
#include "runtime/coordination.h"

namespace vmq::broker {
namespace {

class ActivityWatchShards : public ::testing::Test {
protected:
    ActivityWatchShards() : broker_(two_shards()) { EXPECT_TRUE(broker_.start()); }
    static BrokerOptions two_shards() {
        BrokerOptions options;
        options.shards = 2;
        return options;
    }
    bool watched(ShardId id) {
        Shard& shard = *broker_.shards()[id];
        return *runtime::ask<bool>([&](auto work) { broker_.post(id, std::move(work)); },
                                   [&shard] { return shard.watched(); }, Seconds(30));
    }

    Broker broker_;
    ActivityWatches watches_{broker_};
};

TEST_F(ActivityWatchShards, ShardsCountOnlyWhileSomebodyWatches) {
    EXPECT_FALSE(watched(0));
    auto first = watches_.start();
    auto second = watches_.start();
    ASSERT_TRUE(first && second);
    EXPECT_TRUE(watched(0) && watched(1));
    first.value().reset();
    EXPECT_TRUE(watched(0) && watched(1));
    second.value().reset();
    EXPECT_FALSE(watched(0) || watched(1));
}

TEST_F(ActivityWatchShards, AllShardsAnswer) {
    auto watch = watches_.start();
    ASSERT_TRUE(watch);
    EXPECT_EQ(watch.value()->answer().missing, 0U);
    watch.value()->ask();
    (void)watched(0);  // the shards have had their turn
    (void)watched(1);
    const auto answer = watch.value()->answer();
    EXPECT_EQ(answer.missing, 0U);
    EXPECT_TRUE(answer.picture.clients.empty());
}

TEST_F(ActivityWatchShards, SoManyAtATime) {
    std::vector<std::unique_ptr<ActivityWatches::Watch>> watches;
    for (std::size_t i = 0; i < ActivityWatches::kMaxWatches; ++i) {
        auto watch = watches_.start();
        ASSERT_TRUE(watch) << i;
        watches.push_back(std::move(watch).value());
    }
    EXPECT_EQ(watches_.start().error().detail, "4 others watch already.");
    watches.pop_back();
    EXPECT_TRUE(watches_.start());
}

}  // namespace
}  // namespace vmq::broker
