#include "plugins/native/late_answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <latch>
#include <memory>
#include <utility>
#include <vector>

#include "runtime/work_queue.h"
#include "support/test_shards.h"

namespace vmq::plugins::native {
namespace {

using hooks::Decision;
using hooks::PublishVerdict;
using hooks::RegisterVerdict;
using vmq::testing::TestShards;

RegisterVerdict ok() {
    RegisterVerdict verdict;
    verdict.decision = Decision::Ok;
    return verdict;
}

/// What is posted waits until the test runs it.
class LateAnswersTest : public ::testing::Test {
protected:
    LateAnswers make(LateAnswers::Options options) {
        options.now = [this] { return now; };
        return {std::move(options), [this](ShardId shard, std::function<void()> work) {
                    posted.emplace_back(shard, std::move(work));
                }};
    }
    hooks::Completion<RegisterVerdict> keep() {
        return [this](RegisterVerdict verdict) { verdicts.push_back(std::move(verdict)); };
    }
    void run() {
        for (auto& [shard, work] : std::exchange(posted, {})) work();
    }

    TimePoint now{Seconds(1000)};
    std::vector<std::pair<ShardId, std::function<void()>>> posted;
    std::vector<RegisterVerdict> verdicts;
};

TEST_F(LateAnswersTest, AnAnswerGoesToItsShardInALaterTurn) {
    LateAnswers late = make({});
    const auto ticket = late.wait<RegisterVerdict>(5, keep());
    EXPECT_NE(ticket, 0U);
    EXPECT_EQ(late.waiting(), 1U);
    EXPECT_TRUE(late.give(ticket, ok()));
    EXPECT_TRUE(verdicts.empty());
    ASSERT_EQ(posted.size(), 1U);
    EXPECT_EQ(posted[0].first, 5U);
    run();
    ASSERT_EQ(verdicts.size(), 1U);
    EXPECT_EQ(verdicts[0].decision, Decision::Ok);
    EXPECT_EQ(late.waiting(), 0U);
}

TEST_F(LateAnswersTest, OnlyTheFirstAnswerToATicketOfItsKindCounts) {
    LateAnswers late = make({});
    const auto ticket = late.wait<RegisterVerdict>(0, keep());
    EXPECT_FALSE(late.give(ticket, PublishVerdict{}));
    EXPECT_FALSE(late.give(ticket + 1, ok()));
    EXPECT_FALSE(late.give(0, ok()));
    EXPECT_TRUE(late.give(ticket, ok()));
    EXPECT_FALSE(late.give(ticket, ok()));
    run();
    EXPECT_EQ(verdicts.size(), 1U);
}

TEST_F(LateAnswersTest, ATicketIsNotUsedAgain) {
    LateAnswers late = make({});
    const auto first = late.wait<RegisterVerdict>(0, keep());
    late.withdraw(first);
    const auto second = late.wait<RegisterVerdict>(0, keep());
    EXPECT_NE(first, second);
    EXPECT_FALSE(late.give(first, ok()));
    EXPECT_TRUE(late.give(second, ok()));
}

TEST_F(LateAnswersTest, AsManyWaitAsMay) {
    LateAnswers late = make({.max_waiting = 2});
    const auto first = late.wait<RegisterVerdict>(0, keep());
    EXPECT_NE(late.wait<RegisterVerdict>(0, keep()), 0U);
    EXPECT_EQ(late.wait<RegisterVerdict>(0, keep()), 0U);
    EXPECT_TRUE(late.give(first, ok()));
    EXPECT_NE(late.wait<RegisterVerdict>(0, keep()), 0U);
}

TEST_F(LateAnswersTest, WhatNobodyCanBeWaitingForIsForgotten) {
    LateAnswers late = make({.max_waiting = 2, .forget_after = Seconds(10)});
    const auto old = late.wait<RegisterVerdict>(1, keep());
    now += Seconds(5);
    const auto young = late.wait<RegisterVerdict>(1, keep());
    now += Seconds(5) - Millis(1);
    EXPECT_EQ(late.wait<RegisterVerdict>(1, keep()), 0U);
    now += Millis(1);
    EXPECT_NE(late.wait<RegisterVerdict>(1, keep()), 0U) << "there is room again";
    EXPECT_FALSE(late.give(old, ok()));
    EXPECT_TRUE(late.give(young, ok()));
    run();
    EXPECT_EQ(verdicts.size(), 1U) << "what is forgotten is not answered";
}

TEST_F(LateAnswersTest, AfterStoppingNothingIsTakenOrPosted) {
    const auto kept = std::make_shared<int>(0);
    LateAnswers late = make({});
    const auto ticket = late.wait<RegisterVerdict>(0, [kept](const RegisterVerdict&) {});
    EXPECT_EQ(kept.use_count(), 2);
    late.stop();
    EXPECT_EQ(kept.use_count(), 1) << "nothing of the shards is held on to";
    EXPECT_FALSE(late.give(ticket, ok()));
    EXPECT_EQ(late.wait<RegisterVerdict>(0, keep()), 0U);
    late.stop();
    EXPECT_TRUE(posted.empty());
}

TEST(LateAnswers, AnswersOfManyThreadsComeOnceEachToTheirShards) {
    constexpr ShardId kShards = 2;
    constexpr std::ptrdiff_t kEach = 500;
    std::array<std::ptrdiff_t, kShards> got{};  // each shard writes its own
    std::atomic<std::ptrdiff_t> taken{0};
    std::latch answered(kEach * std::ptrdiff_t{kShards});
    TestShards shards(kShards);
    LateAnswers late({}, [&shards](ShardId shard, std::function<void()> work) {
        shards.post(shard, std::move(work));
    });
    runtime::WorkQueue<std::uint64_t> tickets;
    const auto answer = [&] {
        std::vector<std::uint64_t> some;
        while (tickets.take(some, Seconds(30))) {
            for (const auto ticket : std::exchange(some, {})) {
                taken += late.give(ticket, ok()) ? 1 : 0;
                taken += late.give(ticket, ok()) ? 1 : 0;
            }
        }
    };
    {
        const runtime::WorkThread first(answer);
        const runtime::WorkThread second(answer);
        for (ShardId shard = 0; shard < kShards; ++shard) {
            shards.post(shard, [&, shard] {
                for (int i = 0; i < kEach; ++i) {
                    const auto done = [&, shard](const RegisterVerdict&) {
                        EXPECT_EQ(TestShards::current_shard, shard);
                        ++got.at(shard);
                        answered.count_down();
                    };
                    const auto ticket = late.wait<RegisterVerdict>(shard, done);
                    tickets.push(ticket);
                    tickets.push(ticket);
                }
            });
        }
        answered.wait();
        tickets.close();
    }
    EXPECT_EQ(taken, kEach * std::ptrdiff_t{kShards});
    for (const std::ptrdiff_t count : got) EXPECT_EQ(count, kEach);
}

}  // namespace
}  // namespace vmq::plugins::native
