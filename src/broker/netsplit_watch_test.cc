#include "broker/netsplit_watch.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace vmq::broker {
namespace {

using config::NetsplitPolicy;
using metrics::Counter;

constexpr TimePoint kWatchedFrom{Millis(1'000)};

class NetsplitWatchTest : public ::testing::Test {
protected:
    /// "a+ b-": a runs, b does not.
    void look(const std::string& nodes) {
        std::vector<NetsplitWatch::Member> members;
        const std::string_view all = nodes;
        for (std::size_t at = 0; at < all.size(); at += 3) {
            members.push_back({all.substr(at, 1), all[at + 1] == '+'});
        }
        watch_.look(members, now_ += Seconds(1));
    }
    [[nodiscard]] std::uint64_t detected() const {
        return metrics_->get(Counter::NetsplitDetected);
    }
    [[nodiscard]] std::uint64_t resolved() const {
        return metrics_->get(Counter::NetsplitResolved);
    }

    std::unique_ptr<metrics::ShardMetrics> metrics_ = std::make_unique<metrics::ShardMetrics>();
    Readiness readiness_;
    NetsplitWatch watch_{NetsplitPolicy::All, readiness_, *metrics_};
    TimePoint now_ = kWatchedFrom;
};

TEST(NetsplitPolicies, WhatIsEnough) {
    const auto enough = [](NetsplitPolicy policy, std::size_t members) {
        std::string text;
        for (std::size_t running = 1; running <= members; ++running) {
            text += NetsplitWatch::enough(policy, running, members) ? '+' : '-';
        }
        return text;
    };
    EXPECT_EQ(enough(NetsplitPolicy::All, 1), "+");
    EXPECT_EQ(enough(NetsplitPolicy::All, 4), "---+");
    EXPECT_EQ(enough(NetsplitPolicy::Quorum, 1), "+");
    EXPECT_EQ(enough(NetsplitPolicy::Quorum, 2), "-+");
    EXPECT_EQ(enough(NetsplitPolicy::Quorum, 3), "-++");
    EXPECT_EQ(enough(NetsplitPolicy::Quorum, 4), "--++");
    EXPECT_EQ(enough(NetsplitPolicy::Quorum, 5), "--+++");
    EXPECT_EQ(enough(NetsplitPolicy::None, 5), "+++++");
}

TEST_F(NetsplitWatchTest, OneThatIsMissingIsEnoughForAll) {
    look("a+");
    EXPECT_TRUE(readiness_.ready());
    look("a+ b+ c+");
    EXPECT_TRUE(readiness_.ready());
    EXPECT_EQ(detected(), 0U);
    look("a+ b+ c-");
    EXPECT_FALSE(readiness_.ready());
    look("a+ b- c-");
    EXPECT_EQ(detected(), 1U) << "it is the same one";
    look("a+ b- c+");
    EXPECT_FALSE(readiness_.ready());
    EXPECT_EQ(resolved(), 0U);
    look("a+ b+ c+");
    EXPECT_TRUE(readiness_.ready());
    EXPECT_EQ(resolved(), 1U);
}

TEST_F(NetsplitWatchTest, ANodeThatIsRemovedEndsIt) {
    look("a+ b+");
    look("a+ b-");
    look("a+");
    EXPECT_TRUE(readiness_.ready());
    EXPECT_EQ(resolved(), 1U);
}

TEST_F(NetsplitWatchTest, WhoStartsOrJoinsIsNotReadyBeforeItSeesTheOthersWhichIsNoNetsplit) {
    look("a+ b- c-");
    EXPECT_FALSE(readiness_.ready());
    look("a+ b+ c-");
    EXPECT_FALSE(readiness_.ready());
    look("a+ b+ c+");
    EXPECT_TRUE(readiness_.ready());
    look("a+");
    watch_.begin_anew();
    look("a+ d-");
    EXPECT_FALSE(readiness_.ready());
    look("a+ d+");
    EXPECT_TRUE(readiness_.ready());
    EXPECT_EQ(detected() + resolved(), 0U);
    look("a+ d-");
    EXPECT_EQ(detected(), 1U);
}

TEST_F(NetsplitWatchTest, ThePolicyMayChangeMeanwhile) {
    look("a+ b+ c+");
    look("a+ b+ c-");
    watch_.set_policy(NetsplitPolicy::Quorum);
    look("a+ b+ c-");
    EXPECT_TRUE(readiness_.ready());
    look("a+ b- c-");
    EXPECT_FALSE(readiness_.ready());
    watch_.set_policy(NetsplitPolicy::None);
    look("a+ b- c-");
    EXPECT_TRUE(readiness_.ready());
    EXPECT_EQ(detected(), 1U);
    EXPECT_EQ(resolved(), 0U) << "they are away all the same";
}

}  // namespace
}  // namespace vmq::broker
