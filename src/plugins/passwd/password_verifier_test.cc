#include "plugins/passwd/password_verifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <latch>
#include <thread>
#include <utility>

#include "plugins/passwd/password_hash.h"
#include "support/test_shards.h"

namespace vmq::plugins::passwd {
namespace {

using ::testing::HasSubstr;
using testing::TestShards;
using Outcome = PasswordVerifier::Outcome;

bool same_text(std::string_view hash, std::string_view password) { return hash == password; }

PasswordVerifier::Options options(std::uint32_t threads, std::size_t max_waiting) {
    return {threads, max_waiting, Seconds(10)};
}

PasswordVerifier::Request request(std::string_view password, ShardId shard,
                                  std::function<void(Outcome)> done) {
    return {nullptr, "right", Secret(password), shard, std::move(done)};
}

/// A verification that waits until it is let go.
struct Gate {
    std::latch entered{1};
    std::latch open{1};

    bool pass(std::string_view hash, std::string_view password) {
        entered.count_down();
        open.wait();
        return hash == password;
    }
};

TEST(PasswordVerifier, EachShardGetsItsAnswersOnItsOwnThread) {
    constexpr std::size_t kEach = 200;
    constexpr ShardId kShards = 2;
    std::latch answered(static_cast<std::ptrdiff_t>(kEach * kShards));
    std::array<std::pair<std::size_t, std::size_t>, kShards>
        got{};  // right and wrong; each shard writes its own
    TestShards shards(kShards);
    PasswordVerifier verifier(options(3, kEach * kShards),
                              [&shards](ShardId shard, std::function<void()> work) {
                                  shards.post(shard, std::move(work));
                              },
                              {&same_text, &steady_now});
    for (ShardId shard = 0; shard < kShards; ++shard) {
        shards.post(shard, [&, shard] {
            for (std::size_t i = 0; i < kEach; ++i) {
                const auto done = [&, shard](Outcome outcome) {
                    EXPECT_EQ(TestShards::current_shard, shard);
                    auto& [right, wrong] = got.at(shard);
                    ++(outcome == Outcome::Right ? right : wrong);
                    answered.count_down();
                };
                EXPECT_TRUE(verifier.submit(request(i % 4 == 0 ? "wrong" : "right", shard, done)));
            }
        });
    }
    answered.wait();
    for (const auto& [right, wrong] : got) {
        EXPECT_EQ(right, kEach * 3 / 4);
        EXPECT_EQ(wrong, kEach / 4);
    }
    const auto counts = verifier.counts();
    EXPECT_EQ(counts.right, 300U);
    EXPECT_EQ(counts.wrong, 100U);
    EXPECT_EQ(counts.busy, 0U);
    EXPECT_EQ(counts.waiting, 0U);
}

TEST(PasswordVerifier, RealHashesAreCheckedByAllThreadsAtOnce) {
    const std::string hash =
        "$6$rounds=1000$saltsalt$LAV5VE5Y7w1d73x1mFNspYWUpazfmwv2SoepNXNKJ/"
        "otop/Zok96Hr8Q13LEv0DRY/x8v0/crpIjl8NJSAqXV/";
    std::latch answered(40);
    std::atomic<int> right{0};
    TestShards shards(1);
    PasswordVerifier verifier(options(4, 40), [&shards](ShardId shard, std::function<void()> work) {
        shards.post(shard, std::move(work));
    });
    for (int i = 0; i < 40; ++i) {
        PasswordVerifier::Request job = request(i % 2 == 0 ? "secret" : "other", 0, [&](Outcome o) {
            right += o == Outcome::Right ? 1 : 0;
            answered.count_down();
        });
        job.hash = hash;
        EXPECT_TRUE(verifier.submit(std::move(job)));
    }
    answered.wait();
    EXPECT_EQ(right, 20);
}

TEST(PasswordVerifier, AsManyWaitAsMayAndTheNextIsRefused) {
    Gate gate;
    std::latch answered(3);
    TestShards shards(1);
    PasswordVerifier verifier(
        options(1, 2),
        [&shards](ShardId shard, std::function<void()> work) {
            shards.post(shard, std::move(work));
        },
        {[&gate](auto hash, auto password) { return gate.pass(hash, password); }, &steady_now});
    const auto done = [&answered](Outcome) { answered.count_down(); };
    EXPECT_TRUE(verifier.submit(request("right", 0, done)));
    gate.entered.wait();
    EXPECT_TRUE(verifier.submit(request("right", 0, done)));
    EXPECT_TRUE(verifier.submit(request("right", 0, done)));
    EXPECT_EQ(verifier.counts().waiting, 2U);
    ::testing::internal::CaptureStderr();
    EXPECT_FALSE(verifier.submit(request("right", 0, done)));
    EXPECT_FALSE(verifier.submit(request("right", 0, done)));
    const std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_THAT(said, HasSubstr("2 wait, 1 were told so far that the broker is busy"));
    EXPECT_EQ(said.find("busy"), said.rfind("busy")) << "one line, not one per client";
    EXPECT_EQ(verifier.counts().busy, 2U);
    gate.open.count_down();
    answered.wait();
    EXPECT_EQ(verifier.counts().right, 3U);
}

TEST(PasswordVerifier, WhatHasWaitedTooLongIsNotCheckedAnyMore) {
    Gate gate;
    std::latch answered(3);
    std::atomic<TimePoint> now{TimePoint(Seconds(100))};
    std::vector<Outcome> outcomes;
    {
        TestShards shards(1);
        PasswordVerifier verifier(
            options(1, 10),
            [&shards](ShardId shard, std::function<void()> work) {
                shards.post(shard, std::move(work));
            },
            {[&gate](auto hash, auto password) { return gate.pass(hash, password); },
             [&now] { return now.load(); }});
        const auto done = [&](Outcome outcome) {
            outcomes.push_back(outcome);
            answered.count_down();
        };
        EXPECT_TRUE(verifier.submit(request("right", 0, done)));
        gate.entered.wait();
        EXPECT_TRUE(verifier.submit(request("right", 0, done)));
        now = TimePoint(Seconds(100) + Millis(1));
        EXPECT_TRUE(verifier.submit(request("right", 0, done)));
        now = TimePoint(Seconds(110) + Millis(1));
        gate.open.count_down();
        answered.wait();
        EXPECT_EQ(verifier.counts().busy, 1U);
    }
    EXPECT_THAT(outcomes, ::testing::ElementsAre(Outcome::Right, Outcome::Busy, Outcome::Right));
}

TEST(PasswordVerifier, AfterStoppingNothingIsTakenOrAnswered) {
    Gate gate;
    std::atomic<int> answers{0};
    TestShards shards(1);
    PasswordVerifier verifier(
        options(1, 10),
        [&shards](ShardId shard, std::function<void()> work) {
            shards.post(shard, std::move(work));
        },
        {[&gate](auto hash, auto password) { return gate.pass(hash, password); }, &steady_now});
    const auto done = [&answers](Outcome) { ++answers; };
    EXPECT_TRUE(verifier.submit(request("right", 0, done)));
    gate.entered.wait();
    EXPECT_TRUE(verifier.submit(request("right", 0, done)));
    {
        const runtime::WorkThread opener([&] {
            while (verifier.counts().waiting != 0) std::this_thread::yield();
            gate.open.count_down();
        });
        verifier.stop();
    }
    EXPECT_FALSE(verifier.submit(request("right", 0, done)));
    EXPECT_EQ(verifier.counts().right, 1U);
    verifier.stop();
}

}  // namespace
}  // namespace vmq::plugins::passwd
