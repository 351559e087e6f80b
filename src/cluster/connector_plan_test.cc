#include "cluster/connector_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace vmq::cluster {
namespace {

using Do = ConnectorPlan::Do;
using Stage = ConnectorPlan::Stage;

constexpr TimePoint kPlannedAt{Millis(1'000)};

class ConnectorPlanTest : public ::testing::Test {
protected:
    /// The time at which something is to be done.
    Do at_deadline() {
        now_ = plan_.deadline();
        return plan_.expired(now_);
    }
    /// One attempt that fails at once; how long the pause after it is.
    Millis failed_attempt() {
        EXPECT_EQ(plan_.stage(), Stage::Resolving);
        EXPECT_EQ(plan_.resolving_failed(now_), Do::Nothing);
        EXPECT_EQ(plan_.stage(), Stage::Pausing);
        const Millis pause = plan_.deadline() - now_;
        EXPECT_EQ(at_deadline(), Do::Resolve);
        return pause;
    }
    void connect() {
        ASSERT_EQ(plan_.resolved(1, now_), Do::Connect);
        ASSERT_EQ(plan_.connected(now_), Do::Done);
        ASSERT_EQ(plan_.deadline(), kNever);
    }

    ConnectorPlan plan_{{}, 5};
    TimePoint now_ = kPlannedAt;
};

TEST_F(ConnectorPlanTest, DoesNothingBeforeItIsStarted) {
    EXPECT_EQ(plan_.deadline(), kNever);
    EXPECT_EQ(plan_.expired(now_), Do::Nothing);
    EXPECT_EQ(plan_.resolved(1, now_), Do::Nothing);
    EXPECT_EQ(plan_.connected(now_), Do::Nothing);
}

TEST_F(ConnectorPlanTest, LooksUpAndConnects) {
    EXPECT_EQ(plan_.start(now_), Do::Resolve);
    EXPECT_EQ(plan_.deadline(), kPlannedAt + Seconds(5));
    EXPECT_EQ(plan_.resolved(2, now_), Do::Connect);
    EXPECT_EQ(plan_.address(), 0U);
    EXPECT_EQ(plan_.connected(now_), Do::Done);
    EXPECT_EQ(plan_.stage(), Stage::Connected);
}

TEST_F(ConnectorPlanTest, TriesAllAddressesAndLeavesTimeForEach) {
    EXPECT_EQ(plan_.start(now_), Do::Resolve);
    now_ += Millis(500);
    EXPECT_EQ(plan_.resolved(3, now_), Do::Connect);
    EXPECT_EQ(plan_.deadline(), now_ + Millis(1'500));
    EXPECT_EQ(at_deadline(), Do::Connect);  // no answer
    EXPECT_EQ(plan_.address(), 1U);
    EXPECT_EQ(plan_.deadline(), now_ + Millis(1'500));
    EXPECT_EQ(plan_.connecting_failed(now_), Do::Connect);  // refused at once
    EXPECT_EQ(plan_.address(), 2U);
    EXPECT_EQ(plan_.deadline(), now_ + Millis(3'000)) << "the last one has all that is left";
    EXPECT_EQ(at_deadline(), Do::Nothing);
    EXPECT_EQ(plan_.stage(), Stage::Pausing);
    EXPECT_EQ(now_, kPlannedAt + Seconds(5));
}

TEST_F(ConnectorPlanTest, ANameServerThatDoesNotAnswerEndsTheAttempt) {
    (void)plan_.start(now_);
    EXPECT_EQ(at_deadline(), Do::Nothing);
    EXPECT_EQ(plan_.stage(), Stage::Pausing);
    EXPECT_EQ(plan_.resolved(1, now_), Do::Nothing) << "late";
    EXPECT_EQ(plan_.stage(), Stage::Pausing);
}

TEST_F(ConnectorPlanTest, PausesDoubleUpToTheLongest) {
    (void)plan_.start(now_);
    for (const int most : {100, 200, 400, 800, 1'600, 3'200, 5'000, 5'000, 5'000}) {
        const Millis pause = failed_attempt();
        EXPECT_GE(pause, Millis(most / 2));
        EXPECT_LE(pause, Millis(most));
    }
}

TEST_F(ConnectorPlanTest, ChanceKeepsNodesApart) {
    std::set<Millis> pauses;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        ConnectorPlan plan({.first_pause = Millis(1'000)}, seed);
        (void)plan.start(now_);
        (void)plan.resolving_failed(now_);
        pauses.insert(plan.deadline() - now_);
    }
    EXPECT_GT(pauses.size(), 30U);
}

TEST_F(ConnectorPlanTest, AfterAGoodConnectionPausesBeginAnew) {
    (void)plan_.start(now_);
    for (int i = 0; i < 5; ++i) (void)failed_attempt();
    connect();
    now_ += Seconds(5);
    plan_.ended(true, now_);
    EXPECT_LE(plan_.deadline(), now_ + Millis(100));
    EXPECT_EQ(at_deadline(), Do::Resolve);
}

TEST_F(ConnectorPlanTest, AConnectionThatFallsAtOnceOrIsRefusedIsNoGoodOne) {
    for (const bool was_good : {true, false}) {
        (void)plan_.start(now_);
        for (int i = 0; i < 5; ++i) (void)failed_attempt();
        connect();
        now_ += was_good ? Millis(4'999) : Millis(60'000);
        plan_.ended(was_good, now_);
        EXPECT_GE(plan_.deadline(), now_ + Millis(1'600));
    }
}

TEST_F(ConnectorPlanTest, StartDoesNotWaitForAPauseToEnd) {
    (void)plan_.start(now_);
    for (int i = 0; i < 5; ++i) (void)failed_attempt();
    (void)plan_.resolving_failed(now_);
    EXPECT_EQ(plan_.start(now_), Do::Resolve);
    EXPECT_LE(failed_attempt(), Millis(100));
}

TEST_F(ConnectorPlanTest, StopEndsEverything) {
    (void)plan_.start(now_);
    (void)plan_.resolved(1, now_);
    plan_.stop();
    EXPECT_EQ(plan_.deadline(), kNever);
    EXPECT_EQ(plan_.connected(now_), Do::Nothing);
    plan_.ended(true, now_);
    EXPECT_EQ(plan_.stage(), Stage::Stopped);
}

TEST_F(ConnectorPlanTest, ANameWithoutAddressesIsAFailure) {
    (void)plan_.start(now_);
    EXPECT_EQ(plan_.resolved(0, now_), Do::Nothing);
    EXPECT_EQ(plan_.stage(), Stage::Pausing);
}

TEST_F(ConnectorPlanTest, WaitsBeforeTheFirstAttemptIfItIsToldTo) {
    EXPECT_EQ(plan_.start(now_, Millis(700)), Do::Nothing);
    EXPECT_EQ(plan_.deadline(), kPlannedAt + Millis(700));
    EXPECT_EQ(at_deadline(), Do::Resolve);
}

TEST_F(ConnectorPlanTest, WaitsLongerWhereTheOtherEndIsToBeFirst) {
    DialSettings settings;
    settings.extra_pause = Millis(1000);
    ConnectorPlan plan(settings, 5);
    EXPECT_EQ(plan.start(now_), Do::Resolve);
    EXPECT_EQ(plan.resolving_failed(now_), Do::Nothing);
    EXPECT_GE(plan.deadline(), now_ + Millis(1050));
    EXPECT_LE(plan.deadline(), now_ + Millis(1100));
}

TEST_F(ConnectorPlanTest, AConnectionOfTheOtherEndIsAsGoodAsOneOfItsOwn) {
    EXPECT_EQ(plan_.start(now_), Do::Resolve);
    plan_.taken(now_);
    EXPECT_EQ(plan_.stage(), Stage::Connected);
    EXPECT_EQ(plan_.deadline(), kNever);
    EXPECT_EQ(plan_.resolved(1, now_), Do::Nothing) << "it comes too late";
    now_ += Seconds(1);
    plan_.ended(true, now_);
    EXPECT_EQ(at_deadline(), Do::Resolve);
}

// Agreeing alone is not enough to begin with short pauses again.
TEST_F(ConnectorPlanTest, PausesGrowWhileConnectionsEndRightAway) {
    EXPECT_EQ(plan_.start(now_), Do::Resolve);
    Millis longest{0};
    for (int i = 0; i < 10; ++i) {
        connect();
        plan_.taken(now_);
        now_ += Millis(10);
        plan_.ended(true, now_);
        longest = std::max(longest, Millis(plan_.deadline() - now_));
        ASSERT_EQ(at_deadline(), Do::Resolve);
    }
    EXPECT_GE(longest, Millis(2500));
}

}  // namespace
}  // namespace vmq::cluster
