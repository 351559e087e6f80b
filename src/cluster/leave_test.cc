#include "cluster/leave.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "support/frame_round_trip.h"

namespace vmq::cluster {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using vmq::testing::there_and_back;
using Step = Leave::Step;
using Words = std::vector<std::string>;

class LeavingNode final : public LeaveHost {
public:
    void suspend_listeners() override { did.emplace_back("suspend"); }
    void disconnect_clients() override { did.emplace_back("disconnect"); }
    void give_sessions_away() override { did.emplace_back("give"); }
    void stop_giving() override { did.emplace_back("stop"); }
    void remove_member() override { did.emplace_back("remove"); }
    void say(std::string line) override { lines.push_back(std::move(line)); }
    void end(LeaveEnd how, std::string line, std::string /*hint*/) override {
        ended = how;
        lines.push_back(std::move(line));
    }
    Words take() { return std::exchange(did, {}); }

    Words did;
    Words lines;
    std::optional<LeaveEnd> ended;
};

class LeaveTest : public ::testing::Test {
protected:
    static TimePoint at(int seconds) { return TimePoint() + Seconds(seconds); }
    static constexpr LeaveOrder kKill{true, Seconds(5), Seconds(60)};
    static LeaveCounts left(std::size_t connections, std::size_t sessions = 0) {
        LeaveCounts counts;
        counts.others_ready = true;
        counts.connections = connections;
        counts.sessions = sessions;
        return counts;
    }

    LeavingNode node;
    Leave leave{node};
};

TEST_F(LeaveTest, WithoutKOnlyTheListenersAreSuspended) {
    leave.begin({}, {}, at(0));
    EXPECT_THAT(node.take(), ElementsAre("suspend"));
    leave.suspended("", at(1));
    EXPECT_EQ(node.ended, LeaveEnd::Done);
    EXPECT_THAT(node.lines, ElementsAre("Done! Use -k to teardown and migrate existing sessions!"));
    EXPECT_FALSE(leave.under_way());
    leave.look(left(0), at(100));
    EXPECT_THAT(node.take(), IsEmpty());
}

TEST_F(LeaveTest, GoesThroughAllSteps) {
    leave.begin(kKill, left(2, 3), at(0));
    leave.suspended("", at(0));
    EXPECT_THAT(node.take(), ElementsAre("suspend", "disconnect"));
    leave.look(left(1, 3), at(1));
    EXPECT_EQ(leave.step(), Step::Disconnect);
    leave.look(left(0, 3), at(2));
    EXPECT_THAT(node.take(), ElementsAre("give"));
    LeaveCounts counts = left(0, 1);
    counts.sessions_gone = 2;
    counts.messages = 25;
    counts.messages_gone = 75;
    leave.look(counts, at(7));
    EXPECT_THAT(node.lines, ElementsAre("Migrated 2/3 queues and 75/100 messages, 74 %"));
    counts = left(0, 0);
    counts.waiting_bytes = 1;
    leave.look(counts, at(8));
    EXPECT_EQ(leave.step(), Step::Settle);
    EXPECT_THAT(node.take(), IsEmpty());
    leave.look(left(0, 0), at(9));
    EXPECT_THAT(node.take(), ElementsAre("stop", "remove"));
    EXPECT_FALSE(node.ended);
    leave.removed();
    EXPECT_EQ(node.ended, LeaveEnd::Done);
    EXPECT_EQ(node.lines.back(), "Done");
    EXPECT_EQ(leave.step(), Step::Gone);
}

TEST_F(LeaveTest, DoesNotBeginWhileMembersAreAway) {
    leave.begin(kKill, {}, at(0));
    leave.look({}, at(2));
    EXPECT_FALSE(node.ended) << "they may just be coming";
    leave.look({}, at(3));
    EXPECT_THAT(node.take(), IsEmpty());
    EXPECT_EQ(node.ended, LeaveEnd::Alert);
    EXPECT_THAT(node.lines, ElementsAre("Can't migrate queues because cluster is inconsistent, "
                                        "retry!"));
    EXPECT_FALSE(leave.under_way());
}

TEST_F(LeaveTest, BeginsWhenTheLastMemberIsThere) {
    leave.begin(kKill, {}, at(0));
    leave.look(left(1), at(2));
    EXPECT_THAT(node.take(), ElementsAre("suspend"));
}

TEST_F(LeaveTest, AListenerThatStaysOpenEndsIt) {
    leave.begin(kKill, left(0), at(0));
    leave.suspended("it is stuck", at(1));
    EXPECT_EQ(node.ended, LeaveEnd::Failed);
    EXPECT_THAT(node.lines.back(), HasSubstr("it is stuck"));
}

TEST_F(LeaveTest, GivesUpAfterTheTimeoutWithoutProgressOnly) {
    leave.begin(kKill, left(5), at(0));
    leave.suspended("", at(0));
    leave.look(left(5), at(1));
    leave.look(left(4), at(59));
    leave.look(left(4), at(118));
    EXPECT_TRUE(leave.under_way());
    leave.look(left(4), at(119));
    EXPECT_FALSE(leave.under_way());
    EXPECT_EQ(node.ended, LeaveEnd::Alert);
    EXPECT_EQ(node.lines.back(), "error, still online queues, check the logs, and retry!");
}

TEST_F(LeaveTest, GoesOnWhenItIsAskedForAgain) {
    leave.begin(kKill, left(0, 2), at(0));
    leave.suspended("", at(0));
    leave.look(left(0, 2), at(0));
    leave.look(left(0, 2), at(1));
    node.take();
    leave.look(left(0, 2), at(61));
    EXPECT_THAT(node.take(), ElementsAre("stop"));
    EXPECT_EQ(node.ended, LeaveEnd::Failed);
    leave.begin(kKill, left(0, 2), at(100));
    leave.suspended("", at(100));
    leave.look(left(0, 2), at(100));
    leave.look(left(0, 0), at(101));
    leave.look(left(0, 0), at(102));
    EXPECT_THAT(node.take(), ElementsAre("suspend", "disconnect", "give", "stop", "remove"));
}

TEST_F(LeaveTest, ASecondOrderTakesItFurther) {
    leave.begin({}, left(1), at(0));
    leave.begin(kKill, left(1), at(0));
    leave.suspended("", at(1));
    EXPECT_THAT(node.take(), ElementsAre("suspend", "disconnect"));
    leave.begin({}, left(1), at(1));
    leave.look(left(0), at(2));
    EXPECT_EQ(leave.step(), Step::Remove) << "what was begun goes on";
}

TEST_F(LeaveTest, ASessionThatComesAfterAllGoesToo) {
    leave.begin(kKill, left(0, 1), at(0));
    leave.suspended("", at(0));
    LeaveCounts counts = left(0, 0);
    counts.waiting_bytes = 5;
    leave.look(counts, at(1));
    EXPECT_EQ(leave.step(), Step::Settle);
    leave.look(left(0, 1), at(2));
    EXPECT_EQ(leave.step(), Step::Move);
}

// Whatever comes in whatever order: it leaves only with nothing left, and says one end for one
// beginning.
TEST(LeaveRandom, NeverLeavesAnythingBehind) {
    for (unsigned seed = 1; seed <= 300; ++seed) {
        std::mt19937 random(seed);
        LeavingNode node;
        Leave leave(node);
        LeaveCounts counts;
        int now = 0;
        for (int i = 0; i < 200; ++i) {
            now += static_cast<int>(random() % 10);
            const TimePoint at = TimePoint() + Seconds(now);
            counts.others_ready = random() % 4 != 0;
            counts.connections = random() % 3;
            counts.sessions = random() % 3;
            counts.waiting_bytes = random() % 2;
            const bool was = leave.under_way();
            node.ended.reset();
            node.did.clear();
            switch (random() % 4) {
                case 0:
                    leave.begin({random() % 2 == 0, Seconds(1), Seconds(20)}, counts, at);
                    break;
                case 1:
                    leave.suspended(random() % 5 == 0 ? "no" : "", at);
                    break;
                case 2:
                    leave.removed();
                    break;
                default:
                    leave.look(counts, at);
            }
            const bool removes = std::ranges::count(node.did, std::string("remove")) > 0;
            EXPECT_FALSE(removes && (counts.sessions > 0 || counts.waiting_bytes > 0))
                << "seed " << seed;
            if (was && !leave.under_way()) {
                EXPECT_TRUE(node.ended) << "seed " << seed;
            }
            if (leave.step() == Step::Gone) break;
        }
    }
}

TEST(LeaveCodec, Request) {
    const auto got =
        there_and_back(LeaveRequest{300, {true, Seconds(7), Seconds(400)}}, FrameType::Leave);
    EXPECT_EQ(got.ticket, 300U);
    EXPECT_EQ(got.order, (LeaveOrder{true, Seconds(7), Seconds(400)}));
}

TEST(LeaveCodec, StateIsFitForATerminal) {
    const auto got =
        there_and_back(LeaveState{3, LeaveEnd::Alert, "a\x1B[31mb", std::string(5000, 'h')},
                       FrameType::LeaveState);
    EXPECT_EQ(got.ticket, 3U);
    EXPECT_EQ(got.ended, LeaveEnd::Alert);
    EXPECT_EQ(got.line, "a?[31mb");
    EXPECT_EQ(got.hint.size(), LeaveState::kLongestText);
    EXPECT_FALSE(there_and_back(LeaveState{3, std::nullopt, "l", ""}, FrameType::LeaveState).ended);
}

}  // namespace
}  // namespace vmq::cluster
