// What all nodes know together, seen through whole nodes.
#include "broker/cluster_facts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/publisher.h"
#include "broker/untold_deletion.h"
#include "runtime/guarded.h"
#include "support/cluster_test_node.h"
#include "support/temporary_folder.h"

namespace vmq::broker {
namespace {

using testing::ClusterTestLimits;
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

/// Two nodes that are one cluster and keep what they know.
struct StoredPair {
    StoredPair() {
        start_b();
        EXPECT_TRUE(b->join(a, "a"));
    }
    void start_b() {
        b = std::make_unique<ClusterTestNode>("b", 0, "secret", folder.path() + "/b");
    }

    testing::TemporaryFolder folder;
    ClusterTestNode a{"a", 0, "secret", folder.path() + "/a"};
    std::unique_ptr<ClusterTestNode> b;
};

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

// What a shard does, in slow motion: it has changed the index, and the cluster's thread has not
// been told. So another node's change can neither take its place nor be lost.
TEST(ClusterFactsShards, AChangeThatIsNotToldYetWinsOverWhatComesFromOthers) {
    ClusterTestNode a("a");
    ClusterTestNode b("b");
    ASSERT_TRUE(b.join(a, "a"));
    SharedState& shared = b.broker.shards().front()->shared();
    for (const char* topic : {"set", "deleted", "twice"}) retain(a, topic, "1");
    ASSERT_TRUE(comes_to_be(b, "twice", "1"));
    const auto set = [&](const std::string& topic) {
        shared.retained.set(
            mqtt::Message::make({.topic = topic, .payload = "b's", .retain = true}));
    };
    for (const char* topic : {"set", "deleted", "twice", "twice", "no room"}) {
        shared.untold_retained.begin("", topic, shared.retained);
    }
    set("set");
    set("twice");
    EXPECT_TRUE(shared.retained.erase("", "deleted"));
    for (const char* topic : {"set", "deleted", "twice", "no room"}) retain(a, topic, "2");
    retain(a, "behind them", "1");
    ASSERT_TRUE(comes_to_be(b, "behind them", "1"));
    EXPECT_EQ(retained(b, "set"), "b's");
    EXPECT_EQ(retained(b, "deleted"), "");
    EXPECT_EQ(retained(b, "twice"), "b's");
    EXPECT_EQ(retained(b, "no room"), "");

    ClusterPort& cluster = *shared.cluster.load();
    cluster.on_retained_change("", "set", true);
    cluster.on_retained_change("", "deleted", true);
    cluster.on_retained_change("", "twice", true);
    cluster.on_retained_change("", "no room", false);
    EXPECT_TRUE(comes_to_be(a, "set", "b's"));
    EXPECT_TRUE(comes_to_be(a, "deleted", ""));
    EXPECT_TRUE(comes_to_be(a, "twice", "b's"));
    EXPECT_TRUE(comes_to_be(b, "no room", "2"));
    EXPECT_TRUE(stays(a, b, "set", "b's"));
    EXPECT_EQ(shared.untold_retained.size(), 1U);
    cluster.on_retained_change("", "twice", true);
    EXPECT_TRUE(comes_true([&] { return shared.untold_retained.size() == 0; }));
    retain(a, "twice", "3");
    EXPECT_TRUE(comes_to_be(b, "twice", "3"));
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
    StoredPair nodes;
    const ClusterTestNode& a = nodes.a;
    auto& b = nodes.b;
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
    nodes.start_b();
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
    StoredPair nodes;
    const ClusterTestNode& a = nodes.a;
    auto& b = nodes.b;
    for (const char* topic : {"set", "deleted", "deleted and set", "other"}) retain(a, topic, "1");
    ASSERT_TRUE(comes_to_be(*b, "other", "1"));
    b.reset();
    {
        store::EngineOptions options;
        options.directory = nodes.folder.path() + "/b";
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
    nodes.start_b();
    EXPECT_TRUE(comes_to_be(a, "set", "2"));
    EXPECT_TRUE(comes_to_be(a, "untold", "2"));
    EXPECT_TRUE(comes_to_be(a, "deleted", ""));
    EXPECT_TRUE(comes_to_be(a, "deleted and set", "2"));
    EXPECT_TRUE(stays(a, *b, "other", "1"));
    EXPECT_TRUE(stays(a, *b, "deleted", ""));
}

TEST(ClusterFactsShards, WhatIsTooMuchOrTooLongForANodeStaysAwayAndIsCounted) {
    ClusterTestNode a("a", 0, "secret", {}, {.longest_frame = 256U * 1024});
    ClusterTestNode b("b", 0, "secret", {}, {.max_retained = 2, .longest_frame = 256U * 1024});
    ASSERT_TRUE(b.join(a, "a"));
    const auto count = [](const ClusterTestNode& node, metrics::Counter counter) {
        return node.broker.shared().cluster_metrics.get(counter);
    };
    retain(a, "too long", std::string(200'000, 'x'));
    retain(a, "1", "x");
    retain(a, "2", "x");
    EXPECT_TRUE(comes_to_be(b, "1", "x"));
    EXPECT_TRUE(comes_to_be(b, "2", "x"));
    EXPECT_EQ(count(b, metrics::Counter::RetainLimitReached), 0U);
    retain(a, "3", "x");
    EXPECT_TRUE(comes_true([&] { return count(b, metrics::Counter::RetainLimitReached) == 1; }));
    EXPECT_EQ(retained(b, "3"), "");
    EXPECT_EQ(retained(b, "too long"), "");
    EXPECT_EQ(count(a, metrics::Counter::DropTooLargeForNode), 1U);
}

TEST(ClusterFactsShards, ANodeThatTakesLessIsToldWhatFits) {
    ClusterTestNode a("a");
    ClusterTestNode b("b", 0, "secret", {}, {.longest_frame = 256U * 1024});
    ASSERT_TRUE(b.join(a, "a"));
    retain(a, "long", std::string(300'000, 'x'));
    retain(a, "short", "x");
    EXPECT_TRUE(comes_to_be(b, "short", "x"));
    EXPECT_EQ(retained(b, "long"), "");
    retain(b, "of b", "x");
    EXPECT_TRUE(comes_to_be(a, "of b", "x"));
    EXPECT_TRUE(comes_true([&] {
        metrics::Snapshot snapshot;
        a.service->add_metrics(snapshot);
        return std::ranges::any_of(snapshot, [](const metrics::Sample& each) {
            return each.name == "cluster_facts_too_long" && each.value == 1;
        });
    }));
    retain(a, "long", "short now");
    EXPECT_TRUE(comes_to_be(b, "long", "short now"));
}

/// What a node is told of settings and keys.
class Told {
public:
    SharedFacts::Tell tell() {
        return [this](const std::vector<SharedFact>& changes) {
            values_.with([&](Values& values) {
                for (const SharedFact& each : changes) values[each.key] = each.value.value_or("-");
            });
        };
    }
    bool comes_to_be(const std::string& key, const std::string& value) const {
        return comes_true([&] {
            return values_.with([&](const Values& values) {
                const auto at = values.find(key);
                return (at == values.end() ? "" : at->second) == value;
            });
        });
    }
    void clear() {
        values_.with([](Values& values) { values.clear(); });
    }

private:
    using Values = std::map<std::string, std::string>;
    runtime::Guarded<Values> values_;
};

TEST(ClusterFactsShards, SettingsAndKeysAreThoseOfAllNodesAndOutliveARestart) {
    VMQ_NEEDS_STORE();
    testing::TemporaryFolder folder;
    Told at_a;
    Told at_b;
    ClusterTestNode a("a", 0, "secret", {}, {.on_shared_facts = at_a.tell()});
    const auto start_b = [&] {
        return std::make_unique<ClusterTestNode>("b", 0, "secret", folder.path() + "/b",
                                                 ClusterTestLimits{.on_shared_facts = at_b.tell()});
    };
    auto b = start_b();
    using cluster::FactKind;
    ASSERT_TRUE(a.service->put_shared(FactKind::Setting, "before", "1"));
    ASSERT_TRUE(b->service->put_shared(FactKind::Setting, "own", "1"));
    ASSERT_TRUE(b->service->put_shared(FactKind::ApiKey, "id", "hash"));
    EXPECT_TRUE(at_a.comes_to_be("before", "1"));
    ASSERT_TRUE(b->join(a, "a"));
    EXPECT_TRUE(at_b.comes_to_be("before", "1"));
    EXPECT_TRUE(at_b.comes_to_be("own", "-")) << "it takes the cluster's";
    EXPECT_TRUE(at_a.comes_to_be("id", "hash"));
    EXPECT_TRUE(at_a.comes_to_be("own", ""));
    ASSERT_TRUE(b->service->put_shared(FactKind::Setting, "k", "1"));
    EXPECT_TRUE(at_a.comes_to_be("k", "1"));
    ASSERT_TRUE(a.service->put_shared(FactKind::Setting, "k", "2"));
    EXPECT_TRUE(at_b.comes_to_be("k", "2"));
    b.reset();
    ASSERT_TRUE(a.service->put_shared(FactKind::Setting, "before", std::nullopt));
    at_b.clear();
    b = start_b();
    EXPECT_TRUE(at_b.comes_to_be("k", "2"));
    EXPECT_TRUE(at_b.comes_to_be("id", "hash"));
    EXPECT_TRUE(at_b.comes_to_be("before", "-"));
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
