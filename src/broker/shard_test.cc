#include "broker/shard.h"

#include <gtest/gtest.h>

#include <string>

namespace vmq::broker {
namespace {

constexpr TimePoint kStart{Millis{1'000'000}};

mqtt::MessagePtr retained(const std::string& topic, TimePoint expires_at) {
    return mqtt::Message::make({.topic = topic, .retain = true, .expires_at = expires_at});
}

class RetainedSweep : public ::testing::Test {
protected:
    RetainedSweep() { shared_.peers.push_back(&shard_); }

    SharedState shared_{1, 1, 0};
    Shard shard_{ShardId{0}, shared_, 1, kStart};
};

// expire_retain_cache
TEST_F(RetainedSweep, ClearsExpiredMessagesAwayInTheConfiguredInterval) {
    shared_.retained.set(retained("expires", kStart + Seconds(1)));
    shared_.retained.set(retained("stays", kNever));
    shard_.sweep_retained_every(Seconds(10));
    shard_.loop().step(shard_, kStart + Seconds(9));
    EXPECT_EQ(shared_.retained.size(), 2U);
    shard_.loop().step(shard_, kStart + Seconds(11));
    EXPECT_EQ(shared_.retained.size(), 1U);

    shared_.retained.set(retained("again", kStart + Seconds(12)));
    shard_.loop().step(shard_, kStart + Seconds(22));
    EXPECT_EQ(shared_.retained.size(), 1U);
}

TEST_F(RetainedSweep, GoesOnWithManyInTheNextTurns) {
    for (int i = 0; i < 2500; ++i) {
        shared_.retained.set(retained(std::to_string(i), kStart + Seconds(1)));
    }
    shard_.sweep_retained_every(Seconds(10));
    TimePoint now = kStart + Seconds(11);
    shard_.loop().step(shard_, now);
    EXPECT_EQ(shared_.retained.size(), 1500U);
    for (int i = 0; i < 4; ++i) shard_.loop().step(shard_, now += Millis(100));
    EXPECT_EQ(shared_.retained.size(), 0U);
}

}  // namespace
}  // namespace vmq::broker
