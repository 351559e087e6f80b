// What one node knows of another, seen through whole nodes.
#include "broker/cluster_peer.h"

#include <gtest/gtest.h>

#include <bit>
#include <latch>
#include <memory>
#include <string>

#include "support/cluster_test_node.h"
#include "support/temporary_folder.h"

namespace vmq::broker {
namespace {

using testing::ClusterTestNode;
using testing::comes_true;

class ClusterPeerShards : public ::testing::Test {
protected:
    ClusterPeerShards() {
        EXPECT_TRUE(b.join(a, "a"));
        EXPECT_TRUE(comes_true([&] { return a.nodes() == "a+ b+ " && b.nodes() == "a+ b+ "; }));
    }
    /// Nodes other than `node` that have subscribers on the topic, as it knows.
    static int wanting(const ClusterTestNode& node, std::string_view topic) {
        routing::MatchResult result;
        Random random{1};
        auto& index = node.broker.shards().front()->shared().subscriptions;
        index.match(index.shards(), "", topic, random, result);
        ShardSet all = 0;
        for (const auto& each : result.filters) all |= each.shards & ~index.local();
        return std::popcount(all);
    }
    static routing::FilterHandle subscribe(const ClusterTestNode& node, const std::string& filter) {
        return node.broker.shards().front()->shared().subscriptions.acquire(0, "", filter);
    }

    ClusterTestNode a{"a"};
    ClusterTestNode b{"b"};
};

TEST_F(ClusterPeerShards, FiltersComeAndGo) {
    const auto handle = subscribe(a, "t/+");
    EXPECT_TRUE(comes_true([&] { return wanting(b, "t/1") == 1; }));
    EXPECT_EQ(wanting(b, "u"), 0);
    a.broker.shards().front()->shared().subscriptions.release(0, handle);
    EXPECT_TRUE(comes_true([&] { return wanting(b, "t/1") == 0; }));
}

TEST_F(ClusterPeerShards, WhoJoinsHearsOfEverythingThatIsThere) {
    for (int i = 0; i < 20'000; ++i) (void)subscribe(a, "f/" + std::to_string(i));
    ClusterTestNode c("c");
    ASSERT_TRUE(c.join(b, "b"));
    EXPECT_TRUE(comes_true([&] {
        return wanting(c, "f/0") == 1 && wanting(c, "f/9999") == 1 && wanting(c, "f/19999") == 1;
    }));
    auto& index = c.broker.shards().front()->shared().subscriptions;
    EXPECT_TRUE(comes_true([&] { return index.filter_count() == 20'000; }));
    EXPECT_TRUE(c.service->remove("a@127.0.0.1"));
    EXPECT_TRUE(comes_true([&] { return index.filter_count() == 0; })) << index.filter_count();
}

TEST_F(ClusterPeerShards, AProcessThatStartsAnewTellsAnew) {
    (void)subscribe(a, "old");
    ASSERT_TRUE(comes_true([&] { return wanting(b, "old") == 1; }));
    auto c = std::make_unique<ClusterTestNode>("c");
    ASSERT_TRUE(c->join(b, "b"));
    (void)subscribe(*c, "only/c");
    ASSERT_TRUE(comes_true([&] { return wanting(a, "only/c") == 1; }));
    c.reset();
    EXPECT_TRUE(comes_true([&] { return a.nodes() == "a+ b+ c- "; }));
    EXPECT_EQ(wanting(a, "only/c"), 1) << "its messages wait for it";
    c = std::make_unique<ClusterTestNode>("c");
    ASSERT_TRUE(c->join(b, "b"));
    EXPECT_TRUE(comes_true([&] { return wanting(a, "only/c") == 0 && wanting(b, "only/c") == 0; }));
    EXPECT_EQ(wanting(b, "old"), 1);
}

// What a shard publishes before it knows the new bit has to go there by the old one.
TEST_F(ClusterPeerShards, TheOldBitStaysUntilAllShardsKnowTheNewOne) {
    VMQ_NEEDS_STORE();
    vmq::testing::TemporaryFolder folder;
    const auto start = [&] {
        auto c = std::make_unique<ClusterTestNode>("c", 0, "secret", folder.path() + "/c");
        (void)subscribe(*c, "kept");
        return c;
    };
    auto c = start();
    ASSERT_TRUE(c->join(b, "b"));
    ASSERT_TRUE(comes_true([&] { return wanting(b, "kept") == 1; }));
    c.reset();
    ASSERT_TRUE(comes_true([&] { return b.nodes() == "a+ b+ c- "; }));

    std::latch shard_waits(1);
    std::latch go_on(1);
    b.broker.post(0, [&] {
        shard_waits.count_down();
        go_on.wait();
    });
    shard_waits.wait();
    c = start();
    EXPECT_TRUE(comes_true([&] { return wanting(b, "kept") == 2; }));
    (void)subscribe(*c, "later");  // comes behind everything that was told anew
    EXPECT_TRUE(comes_true([&] { return wanting(b, "later") == 1; }));
    EXPECT_EQ(wanting(b, "kept"), 2);
    go_on.count_down();
    EXPECT_TRUE(comes_true([&] { return wanting(b, "kept") == 1; }));
}

}  // namespace
}  // namespace vmq::broker
