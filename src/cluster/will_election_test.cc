#include "cluster/will_election.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "support/frame_round_trip.h"

namespace vmq::cluster {
namespace {

using vmq::testing::there_and_back;

const NodeProcess kDead{"dead@h", {}, Boot{5}};

TimePoint at_second(int seconds) { return TimePoint() + Seconds(seconds); }
bool all_run(std::string_view /*node*/) { return true; }

TEST(WillElection, ANodeVotesForOneAlone) {
    WillElection election;
    EXPECT_FALSE(election.vote(kDead, "a@h", false, all_run)) << "it is linked with it";
    EXPECT_TRUE(election.vote(kDead, "a@h", true, all_run));
    EXPECT_TRUE(election.vote(kDead, "a@h", true, all_run)) << "asked again";
    EXPECT_FALSE(election.vote(kDead, "b@h", true, all_run));
    EXPECT_FALSE(election.stand(kDead, "self@h", all_run, at_second(0)));
    EXPECT_EQ(election.votes(kDead), 0U);
    const NodeProcess other{"dead@h", {}, Boot{6}};
    EXPECT_TRUE(election.vote(other, "b@h", true, all_run)) << "another process";
}

TEST(WillElection, WhenTheChosenOneGoesAnotherMayBe) {
    WillElection election;
    EXPECT_TRUE(election.vote(kDead, "a@h", true, all_run));
    EXPECT_TRUE(
        election.vote(kDead, "b@h", true, [](std::string_view node) { return node != "a@h"; }));
    EXPECT_FALSE(election.vote(kDead, "a@h", true, all_run));
    election.forget(kDead);
    EXPECT_TRUE(election.vote(kDead, "a@h", true, all_run));
}

TEST(WillElection, ACandidateAsksNowAndThenAndCountsEachOnce) {
    WillElection election;
    EXPECT_TRUE(election.stand(kDead, "self@h", all_run, at_second(0)));
    EXPECT_FALSE(election.stand(kDead, "self@h", all_run, at_second(1)));
    EXPECT_TRUE(election.stand(kDead, "self@h", all_run, at_second(2)));
    election.voted(kDead, "a@h");
    election.voted(kDead, "a@h");
    election.voted({"x@h", {}, Boot{1}}, "b@h");
    EXPECT_EQ(election.votes(kDead), 2U);
}

TEST(WillElection, RemembersAsMuchAsItMay) {
    WillElection election;
    for (std::uint64_t i = 0; i < 4096; ++i) {
        ASSERT_TRUE(election.vote({"d@h", {}, Boot{i}}, "a@h", true, all_run));
    }
    EXPECT_FALSE(election.vote({"d@h", {}, Boot{5000}}, "a@h", true, all_run));
}

// However links come and go (nodes stay), no two nodes are chosen that could both see a majority
// with the one chosen before still there.
TEST(WillElectionRandom, NoTwoMajoritiesWhileNobodyGoes) {
    for (unsigned seed = 1; seed <= 300; ++seed) {
        std::mt19937 random(seed);
        constexpr std::size_t kNodes = 5;
        std::array<WillElection, kNodes> nodes;
        std::set<std::size_t> chosen;
        for (int i = 0; i < 200; ++i) {
            const std::size_t candidate = random() % kNodes;
            const std::size_t voter = random() % kNodes;
            const std::string name = "n" + std::to_string(candidate) + "@h";
            (void)nodes[candidate].stand(kDead, name, all_run, at_second(i));
            if (voter == candidate || random() % 2 == 0) continue;
            const bool gone = random() % 4 != 0;
            if (nodes[voter].vote(kDead, name, gone, all_run)) {
                nodes[candidate].voted(kDead, "n" + std::to_string(voter) + "@h");
            }
            for (std::size_t each = 0; each < kNodes; ++each) {
                if (nodes[each].votes(kDead) > kNodes / 2) chosen.insert(each);
            }
        }
        EXPECT_LE(chosen.size(), 1U) << "seed " << seed;
    }
}

TEST(WillElectionCodec, FramesAndTheFact) {
    NodeProcess process{"dead@h", {}, Boot{7}};
    process.incarnation.bytes[3] = 9;
    EXPECT_EQ(there_and_back(WillsVote{process}, FrameType::WillsVote).process, process);
    const auto voted = there_and_back(WillsVoted{process, true}, FrameType::WillsVoted);
    EXPECT_EQ(voted.process, process);
    EXPECT_TRUE(voted.voted);
    WillsDone done;
    ASSERT_TRUE(decode("dead@h", encode(WillsDone{process, 300, 400}), done));
    EXPECT_EQ(done.process, process);
    EXPECT_EQ(done.through, 300U);
    EXPECT_EQ(done.delay_s, 400U);
    EXPECT_FALSE(decode("dead@h", "short", done));
}

}  // namespace
}  // namespace vmq::cluster
