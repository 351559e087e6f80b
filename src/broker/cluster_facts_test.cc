// What all nodes know together, seen through whole nodes.
#include "broker/cluster_facts.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/publisher.h"
#include "support/cluster_test_node.h"
#include "support/temporary_folder.h"

namespace vmq::broker {
namespace {

using testing::ClusterTestNode;
using testing::comes_true;

/// An empty payload deletes.
void retain(const ClusterTestNode& node, const std::string& topic, const std::string& payload) {
    Publisher(node.broker)
        .publish({{.mountpoint = "",
                   .topic = topic,
                   .payload = payload,
                   .qos = mqtt::QoS::AtLeastOnce,
                   .retain = true}});
}

std::string retained(const ClusterTestNode& node, const std::string& topic) {
    const SharedState& shared = node.broker.shared();
    const auto message = shared.retained.find(shared.shards, "", topic);
    return message ? std::string(message->payload()) : "";
}

bool comes_to_be(const ClusterTestNode& node, const std::string& topic, const std::string& what) {
    return comes_true([&] { return retained(node, topic) == what; });
}

bool stays(const ClusterTestNode& a, const ClusterTestNode& b, const std::string& topic,
           const std::string& what) {
    // Something that comes behind whatever may be on its way, in both directions.
    retain(a, "mark/a", topic + what);
    retain(b, "mark/b", topic + what);
    return comes_to_be(b, "mark/a", topic + what) && comes_to_be(a, "mark/b", topic + what) &&
           retained(a, topic) == what && retained(b, topic) == what;
}

TEST(ClusterFactsShards, WhatIsRetainedIsRetainedOnAllNodes) {
    ClusterTestNode a("a");
    ClusterTestNode b("b");
    ClusterTestNode c("c");
    ASSERT_TRUE(b.join(a, "a"));
    ASSERT_TRUE(c.join(b, "b"));
    retain(a, "t", "from a");
    EXPECT_TRUE(comes_to_be(b, "t", "from a"));
    EXPECT_TRUE(comes_to_be(c, "t", "from a"));
    retain(c, "t", "from c");
    EXPECT_TRUE(comes_to_be(a, "t", "from c"));
    EXPECT_TRUE(comes_to_be(b, "t", "from c"));
    retain(b, "t", "");
    EXPECT_TRUE(comes_to_be(a, "t", ""));
    EXPECT_TRUE(comes_to_be(c, "t", ""));
    retain(a, "$SYS/a/x", "of a alone");
    EXPECT_TRUE(stays(a, b, "t", ""));
    EXPECT_EQ(retained(b, "$SYS/a/x"), "");
}

TEST(ClusterFactsShards, WhoJoinsGetsWhatIsThereAndTheClustersMessagesCount) {
    ClusterTestNode a("a");
    ClusterTestNode b("b");
    retain(a, "both", "a's");
    retain(a, "only a", "1");
    EXPECT_TRUE(comes_to_be(a, "only a", "1"));
    retain(b, "both", "b's, and later");
    for (int i = 0; i < 2000; ++i) retain(b, "only b/" + std::to_string(i), "2");
    EXPECT_TRUE(comes_to_be(b, "only b/1999", "2"));
    ASSERT_TRUE(b.join(a, "a"));
    EXPECT_TRUE(comes_to_be(b, "both", "a's"));
    EXPECT_TRUE(comes_to_be(b, "only a", "1"));
    EXPECT_TRUE(comes_to_be(a, "only b/1999", "2"));
    EXPECT_TRUE(comes_to_be(a, "only b/0", "2"));
    EXPECT_EQ(retained(a, "both"), "a's");
}

TEST(ClusterFactsShards, WhatWasWrittenWhileANodeWasAwayComesWhenItIsBack) {
    VMQ_NEEDS_STORE();
    testing::TemporaryFolder folder;
    ClusterTestNode a("a", 0, "secret", folder.path() + "/a");
    auto b = std::make_unique<ClusterTestNode>("b", 0, "secret", folder.path() + "/b");
    ASSERT_TRUE(b->join(a, "a"));
    retain(a, "changed", "1");
    retain(a, "deleted", "1");
    retain(*b, "stays", "1");
    ASSERT_TRUE(comes_to_be(*b, "changed", "1"));
    ASSERT_TRUE(comes_to_be(*b, "deleted", "1"));
    ASSERT_TRUE(comes_to_be(a, "stays", "1"));
    b.reset();
    retain(a, "changed", "2");
    retain(a, "deleted", "");
    retain(a, "new", "2");
    ASSERT_TRUE(comes_to_be(a, "deleted", ""));
    b = std::make_unique<ClusterTestNode>("b", 0, "secret", folder.path() + "/b");
    EXPECT_TRUE(comes_to_be(*b, "changed", "2"));
    EXPECT_TRUE(comes_to_be(*b, "deleted", ""));
    EXPECT_TRUE(comes_to_be(*b, "new", "2"));
    EXPECT_TRUE(stays(a, *b, "stays", "1"));
    EXPECT_TRUE(stays(a, *b, "deleted", ""));
}

// What a shard has stored, and the process has ended before the cluster's thread could tell of it:
// made by writing to the store of a node that does not run its cluster.
TEST(ClusterFactsShards, WhatTheOthersWereNotToldIsToldAfterTheNextStart) {
    VMQ_NEEDS_STORE();
    testing::TemporaryFolder folder;
    ClusterTestNode a("a", 0, "secret", folder.path() + "/a");
    auto b = std::make_unique<ClusterTestNode>("b", 0, "secret", folder.path() + "/b");
    ASSERT_TRUE(b->join(a, "a"));
    for (const char* topic : {"set", "deleted", "deleted and set", "other"}) retain(a, topic, "1");
    ASSERT_TRUE(comes_to_be(*b, "other", "1"));
    b.reset();
    {
        store::EngineOptions options;
        options.directory = folder.path() + "/b";
        auto engine = store::Engine::open(options);
        ASSERT_TRUE(engine);
        const auto message = [](const char* topic) {
            return mqtt::Message::make({.topic = topic, .payload = "2", .retain = true});
        };
        store::WriteBatch batch;
        batch.add(store::PutRetained{message("set"), 1});
        batch.add(store::PutRetained{message("untold"), 2});
        batch.add(store::DeleteRetained{"", "deleted", 3});
        batch.add(store::PutFact{untold_deletion_key("", "deleted"), {}});
        batch.add(store::PutFact{untold_deletion_key("", "deleted and set"), {}});
        batch.add(store::PutRetained{message("deleted and set"), 4});
        const store::WriteBatch* all[] = {&batch};
        ASSERT_TRUE(engine.value()->write(all, store::Durability::Os));
    }
    b = std::make_unique<ClusterTestNode>("b", 0, "secret", folder.path() + "/b");
    EXPECT_TRUE(comes_to_be(a, "set", "2"));
    EXPECT_TRUE(comes_to_be(a, "untold", "2"));
    EXPECT_TRUE(comes_to_be(a, "deleted", ""));
    EXPECT_TRUE(comes_to_be(a, "deleted and set", "2"));
    EXPECT_TRUE(stays(a, *b, "other", "1"));
    EXPECT_TRUE(stays(a, *b, "deleted", ""));
}

TEST(ClusterFactsShards, WhoLeavesKeepsItsMessagesAndHearsOfNothingMore) {
    ClusterTestNode a("a");
    ClusterTestNode b("b");
    ASSERT_TRUE(b.join(a, "a"));
    retain(a, "t", "1");
    ASSERT_TRUE(comes_to_be(b, "t", "1"));
    ASSERT_TRUE(b.service->remove("b@127.0.0.1"));
    ASSERT_TRUE(comes_true([&] { return b.nodes() == "b+ " && a.nodes() == "a+ "; }));
    EXPECT_EQ(retained(b, "t"), "1");
    retain(b, "t", "2");
    retain(a, "u", "1");
    ASSERT_TRUE(comes_to_be(b, "t", "2"));
    ASSERT_TRUE(b.join(a, "a"));
    EXPECT_TRUE(comes_to_be(b, "u", "1"));
    EXPECT_TRUE(comes_to_be(b, "t", "1")) << "the cluster's messages count";
    EXPECT_TRUE(stays(a, b, "t", "1"));
}

}  // namespace
}  // namespace vmq::broker
