#include "broker/readiness.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace vmq::broker {
namespace {

using enum ClientAction;

constexpr TimePoint kReadFrom{Millis(1'000)};

TEST(Readiness, RefusesNothingWhileTheClusterIsComplete) {
    Readiness readiness;
    EXPECT_TRUE(readiness.ready());
    for (const auto action : {Register, Publish, Subscribe, Unsubscribe}) {
        EXPECT_FALSE(readiness.refuses(action));
    }
}

TEST(Readiness, RefusesWhatIsNotAllowed) {
    Readiness readiness;
    readiness.set_ready(false);
    for (const auto action : {Register, Publish, Subscribe, Unsubscribe}) {
        EXPECT_TRUE(readiness.refuses(action));
    }
    readiness.allow({.register_clients = true});
    EXPECT_FALSE(readiness.refuses(Register));
    EXPECT_TRUE(readiness.refuses(Publish));
    readiness.allow({.publish = true});
    EXPECT_TRUE(readiness.refuses(Register));
    EXPECT_FALSE(readiness.refuses(Publish));
    readiness.allow({.subscribe = true, .unsubscribe = true});
    EXPECT_FALSE(readiness.refuses(Subscribe));
    EXPECT_FALSE(readiness.refuses(Unsubscribe));
    EXPECT_FALSE(readiness.ready());
    readiness.set_ready(true);
    EXPECT_FALSE(readiness.refuses(Publish));
}

TEST(Readiness, ALineNowAndThenSaysHowManyThereWere) {
    Readiness readiness;
    EXPECT_EQ(readiness.refused(Publish, kReadFrom), 1U);
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(readiness.refused(Publish, kReadFrom + Seconds(9)), std::nullopt);
    EXPECT_EQ(readiness.refused(Subscribe, kReadFrom), 1U) << "each has lines of its own";
    EXPECT_EQ(readiness.refused(Publish, kReadFrom + Seconds(10)), 6U);
    EXPECT_EQ(readiness.take_refused(), (std::array<std::uint64_t, 4>{0, 7, 1, 0}));
    EXPECT_EQ(readiness.take_refused(), (std::array<std::uint64_t, 4>{}));
    EXPECT_EQ(readiness.refused(Publish, kReadFrom + Seconds(11)), 1U)
        << "the next netsplit is news";
}

TEST(Readiness, NothingIsLostWhenShardsRace) {
    Readiness readiness;
    std::atomic<std::uint64_t> told{0};
    std::vector<std::thread> shards;
    for (int shard = 0; shard < 4; ++shard) {
        shards.emplace_back([&] {
            for (int i = 0; i < 1000; ++i) {
                told += readiness.refused(Register, kReadFrom + Seconds(i)).value_or(0);
            }
        });
    }
    for (auto& each : shards) each.join();
    told += readiness.refused(Register, kReadFrom + Seconds(5000)).value_or(0);
    EXPECT_EQ(told.load(), 4001U);
    EXPECT_EQ(readiness.take_refused()[0], 4001U);
}

}  // namespace
}  // namespace vmq::broker
