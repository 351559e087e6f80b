#include "vernemq/watchdog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <map>

namespace vmq::launcher {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Shards whose turns the test takes.
struct ManualShards {
    std::map<ShardId, std::vector<std::function<void()>>> posted;

    ShardPulse::Post post() {
        return [this](ShardId shard, std::function<void()> work) {
            posted[shard].push_back(std::move(work));
        };
    }
    void turn(ShardId shard) {
        for (const auto& work : std::exchange(posted[shard], {})) work();
    }
};

TEST(ShardPulse, AllIsWellWhileEveryShardAnswers) {
    ManualShards shards;
    ShardPulse pulse(2, shards.post());
    for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(pulse.look());
        shards.turn(0);
        shards.turn(1);
    }
    EXPECT_THAT(pulse.silent(), IsEmpty());
}

TEST(ShardPulse, OneSilentShardIsEnoughUntilItGoesOn) {
    ManualShards shards;
    ShardPulse pulse(3, shards.post());
    EXPECT_TRUE(pulse.look());
    shards.turn(0);
    shards.turn(2);
    EXPECT_TRUE(pulse.look()) << "it may only be late";
    shards.turn(0);
    shards.turn(2);
    for (int i = 0; i < 4; ++i) {
        EXPECT_FALSE(pulse.look());
        EXPECT_THAT(pulse.silent(), ElementsAre(1));
        shards.turn(0);
        shards.turn(2);
    }
    EXPECT_EQ(shards.posted[1].size(), 1U) << "a hanging shard collects no work";
    shards.turn(1);
    EXPECT_TRUE(pulse.look());
}

TEST(ShardPulse, OneThatIsLateNowAndThenIsNotSilent) {
    ManualShards shards;
    ShardPulse pulse(1, shards.post());
    for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(pulse.look());
        EXPECT_TRUE(pulse.look()) << "the answer has not come yet";
        shards.turn(0);
    }
}

TEST(ShardPulse, AnswersMayComeAfterItsEnd) {
    ManualShards shards;
    EXPECT_TRUE(ShardPulse(1, shards.post()).look());
    shards.turn(0);
}

TEST(Watchdog, SaysThatAllIsWellFromAThreadOfItsOwn) {
    std::promise<void> said;
    const Watchdog watchdog(
        Millis(4), 1, [](ShardId, const std::function<void()>& work) { work(); },
        [&said, first = true]() mutable {
            if (std::exchange(first, false)) said.set_value();
        });
    said.get_future().wait();
}

}  // namespace
}  // namespace vmq::launcher
