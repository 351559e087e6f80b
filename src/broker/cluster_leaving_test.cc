#include "broker/cluster_leaving.h"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "runtime/coordination.h"
#include "support/cluster_test_node.h"

namespace vmq::broker {
namespace {

using cluster::LeaveEnd;
using testing::ClusterTestNode;
using testing::comes_true;
using testing::kPatience;

/// What a node that is told to leave has said in the end.
std::optional<LeaveWatch::Taken> leave(const ClusterTestNode& asked, const std::string& node,
                                       const cluster::LeaveOrder& order = {}) {
    return runtime::ask_later<LeaveWatch::Taken>(
        [](const std::function<void()>& work) { work(); },
        [&](const std::function<void(LeaveWatch::Taken)>& give) {
            (void)asked.service->leave(node, order, give);
        },
        kPatience);
}

class TwoNodes : public ::testing::Test {
protected:
    TwoNodes() : a("a"), b("b") {
        EXPECT_TRUE(b.join(a, "a"));
        EXPECT_TRUE(comes_true([&] { return a.nodes() == "a+ b+ " && b.nodes() == "a+ b+ "; }));
    }
    ClusterTestNode a;
    ClusterTestNode b;
};

TEST(ClusterLeavingAlone, ThereIsNothingToLeave) {
    ClusterTestNode a("a");
    const auto taken = leave(a, "a@127.0.0.1");
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->ended, LeaveEnd::Failed);
    EXPECT_NE(taken->lines.find("is in no cluster with other nodes"), std::string::npos);
}

TEST_F(TwoNodes, AnotherNodeIsAskedAndSuspendsItsListeners) {
    const auto taken = leave(a, "b@127.0.0.1");
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->ended, LeaveEnd::Done);
    EXPECT_FALSE(b.broker.listeners().all().front()->running());
    EXPECT_TRUE(a.broker.listeners().all().front()->running());
    EXPECT_EQ(b.nodes(), "a+ b+ ");
}

TEST_F(TwoNodes, LeavesWithAllItHas) {
    const auto taken = leave(a, "b@127.0.0.1", {true, Seconds(1), Seconds(30)});
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->ended, LeaveEnd::Done);
    EXPECT_TRUE(taken->lines.ends_with("Done\n")) << taken->lines;
    EXPECT_TRUE(comes_true([&] { return a.nodes() == "a+ "; }));
    EXPECT_TRUE(comes_true([&] { return b.nodes() == "b+ "; }));
}

TEST_F(TwoNodes, WhoIsNoMemberCannotBeAsked) {
    const auto taken = leave(a, "c@127.0.0.1");
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->ended, LeaveEnd::Failed);
}

TEST(LeaveWatch, KeepsTheLastLinesAndOneEnd) {
    int ends = 0;
    LeaveWatch::Taken last;
    LeaveWatch watch([&](LeaveWatch::Taken taken) {
        ++ends;
        last = std::move(taken);
    });
    for (std::size_t i = 0; i < LeaveWatch::kMostLines + 1; ++i) watch.say(std::to_string(i));
    const auto taken = watch.take();
    EXPECT_TRUE(taken.lines.starts_with("1\n2\n"));
    EXPECT_FALSE(taken.ended);
    EXPECT_FALSE(watch.over());
    watch.end(LeaveEnd::Failed, "bad", "do something");
    watch.end(LeaveEnd::Done, "good", "");
    EXPECT_EQ(ends, 1);
    EXPECT_EQ(last.lines, "bad\n");
    EXPECT_EQ(last.ended, LeaveEnd::Failed);
    EXPECT_EQ(last.hint, "do something");
    EXPECT_TRUE(watch.over());
}

}  // namespace
}  // namespace vmq::broker
