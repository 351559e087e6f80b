// Nodes come into the cluster and leave it, seen through whole nodes.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "support/cluster_test_node.h"
#include "support/temporary_folder.h"

namespace vmq::broker {
namespace {

using testing::ClusterTestNode;
using testing::comes_true;

TEST(ClusterJoiningShards, SaysWhyANodeCannotJoin) {
    ClusterTestNode a("a");
    ClusterTestNode b("b");
    ClusterTestNode other("a");
    ClusterTestNode stranger("s", 0, "another secret");
    const auto why = [](const Result<void>& result) {
        return result ? "" : result.error().detail.substr(0, result.error().detail.find(':'));
    };
    EXPECT_EQ(why(a.join(b, "a")), "self_join");
    EXPECT_EQ(why(b.service->join("a@127.0.0.1", {"127.0.0.1", 1, false})), "not_reachable");
    EXPECT_EQ(why(b.join(a, "x")), "wrong_name");
    EXPECT_EQ(why(stranger.join(a, "a")), "bad_cookie");
    ASSERT_TRUE(b.join(a, "a"));
    ASSERT_TRUE(comes_true([&] { return b.nodes() == "a+ b+ "; }));
    EXPECT_EQ(why(other.join(b, "b")), "name_taken");
    ClusterTestNode c("c");
    EXPECT_EQ(why(b.join(c, "c")), "non_empty_node");
    EXPECT_EQ(stranger.nodes(), "s+ ");
}

TEST(ClusterJoiningShards, ANodeThatIsDownIsSeenAndCanBeTakenOut) {
    VMQ_NEEDS_STORE();
    testing::TemporaryFolder folder;
    const std::string state = folder.path() + "/b";
    ClusterTestNode a("a");
    auto b = std::make_unique<ClusterTestNode>("b", 0, "secret", state);
    ASSERT_TRUE(b->join(a, "a"));
    ASSERT_TRUE(comes_true([&] { return a.nodes() == "a+ b+ "; }));
    b.reset();
    ASSERT_TRUE(comes_true([&] { return a.nodes() == "a+ b- "; }));
    b = std::make_unique<ClusterTestNode>("b", 0, "secret", state);  // at another port
    ASSERT_TRUE(comes_true([&] { return a.nodes() == "a+ b+ " && b->nodes() == "a+ b+ "; }));
    b.reset();
    ASSERT_TRUE(comes_true([&] { return a.nodes() == "a+ b- "; }));
    EXPECT_FALSE(a.service->remove("x@127.0.0.1"));
    ASSERT_TRUE(a.service->remove("b@127.0.0.1"));
    EXPECT_TRUE(comes_true([&] { return a.nodes() == "a+ "; }));
    b = std::make_unique<ClusterTestNode>("b", 0, "secret", state);
    EXPECT_TRUE(comes_true([&] { return b->nodes() == "b+ "; })) << "it is told that it has left";
    ASSERT_TRUE(b->join(a, "a"));
    EXPECT_TRUE(comes_true([&] { return a.nodes() == "a+ b+ "; }));
}

TEST(ClusterJoiningShards, WhenAllHaveMovedAJoinSaysWhereTheyAre) {
    VMQ_NEEDS_STORE();
    testing::TemporaryFolder folder;
    auto a = std::make_unique<ClusterTestNode>("a", 0, "secret", folder.path() + "/a");
    auto b = std::make_unique<ClusterTestNode>("b", 0, "secret", folder.path() + "/b");
    ASSERT_TRUE(b->join(*a, "a"));
    ASSERT_TRUE(comes_true([&] { return a->nodes() == "a+ b+ " && b->nodes() == "a+ b+ "; }));
    b.reset();
    a.reset();
    a = std::make_unique<ClusterTestNode>("a", 0, "secret", folder.path() + "/a");
    b = std::make_unique<ClusterTestNode>("b", 0, "secret", folder.path() + "/b");
    EXPECT_EQ(b->nodes(), "a- b+ ");
    ASSERT_TRUE(b->join(*a, "a"));
    EXPECT_TRUE(comes_true([&] { return a->nodes() == "a+ b+ " && b->nodes() == "a+ b+ "; }));
}

}  // namespace
}  // namespace vmq::broker
