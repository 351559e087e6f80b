#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "broker/shard.h"
#include "cluster/frame_codec.h"
#include "support/test_broker.h"

namespace vmq::broker {
namespace {

using metrics::Counter;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;
using vmq::testing::KeptRecords;
using vmq::testing::TestBroker;
using vmq::testing::TestClient;

constexpr NodeNumber kSlow{7};
constexpr NodeNumber kIdle{8};
constexpr std::size_t kMemory = 100'000;

/// A node whose store remembers, and another one that is played by hand.
class ShardSpool : public ::testing::Test {
protected:
    ShardSpool() { begin(); }

    /// A process, the first or after a kill.
    void begin(std::size_t memory = kMemory, std::size_t disk = 10'000'000) {
        broker.emplace(TestBroker::Options{.records = &records, .since_start = Seconds(++boots)});
        shard().add_node(kSlow, {"other@host", "other@host 1", memory, nullptr,
                                 std::make_shared<SpoolSize>(disk)});
        shard().forget_outboxes();
        shard().set_node_slots(kSlow, shard_bit(1));
        index().set_remote(1, "", "t/#", true);
        index().set_remote(1, "", "clean", false);
        publisher = &broker->connect("v5 client_id=pub session_expiry_interval=60");
    }
    Shard& shard() { return broker->shard(); }
    NodeOutbox& node() { return *shard().find_node(kSlow); }
    routing::SubscriptionIndex& index() { return shard().shared().subscriptions; }
    void publish(int first, int last, int qos = 1, std::string_view topic = "t/1",
                 std::size_t size = 0) {
        for (int i = first; i <= last; ++i) {
            publisher->send(fmt::format("PUBLISH topic={} qos={} id={} payload={}{}", topic, qos, i,
                                        i, std::string(size, '-')));
        }
        broker->settle();
    }
    void link() {
        EXPECT_TRUE(node().stream.restart(0));
        shard().node_linked(node(), true);
        broker->settle();
    }
    /// Numbers that go out on the link now; "" for a place without a message.
    std::vector<std::string> sent() {
        std::vector<std::string> payloads;
        while (node().stream.has_next()) {
            const auto next = node().stream.next();
            payloads.emplace_back(next.message ? next.message->payload() : "");
            payloads.back() = payloads.back().substr(0, payloads.back().find('-'));
        }
        return payloads;
    }
    void acknowledge(std::vector<std::uint64_t> refused = {}) {
        auto& stream = node().stream;
        EXPECT_TRUE(stream.acknowledge(
            stream.next_sequence() - 1, refused,
            [&](const Forwarded& was, bool safe) { shard().on_forwarded(node(), was, safe); }));
        broker->settle();
    }
    std::vector<std::string> send_all() {
        std::vector<std::string> all;
        for (auto some = sent(); !some.empty(); some = sent()) {
            all.insert(all.end(), some.begin(), some.end());
            EXPECT_LE(node().stream.bytes(), kMemory + 2000);
            acknowledge();
        }
        return all;
    }
    static std::vector<std::string> numbers(int first, int last) {
        std::vector<std::string> all;
        for (int i = first; i <= last; ++i) all.push_back(std::to_string(i));
        return all;
    }

    int boots = 0;
    KeptRecords records;
    std::optional<TestBroker> broker;
    TestClient* publisher = nullptr;
};

TEST_F(ShardSpool, ItsPublisherDoesNotWaitForANodeThatIsAway) {
    broker->simulation().keeping_store().hold();
    publish(1, 1);
    EXPECT_THAT(publisher->all(), IsEmpty()) << "not safe here yet";
    broker->simulation().keeping_store().release();
    broker->settle();
    EXPECT_EQ(publisher->next(), "PUBACK id=1 reason=0x00");
    EXPECT_EQ(broker->count(Counter::ClusterMessagesSpooled), 1U);
    publish(2, 2, 2);
    EXPECT_EQ(publisher->next(), "PUBREC id=2 reason=0x00");
    publish(3, 3, 0);
    EXPECT_EQ(records.messages(), 2U) << "QoS 0 only waits in memory";
    link();
    EXPECT_THAT(send_all(), ElementsAre("1", "2", "3"));
    EXPECT_EQ(records.messages(), 0U);
}

TEST_F(ShardSpool, WhatWaitsForANodeGoesToDiskWhenItsLinkIsLost) {
    link();
    publish(1, 3);
    EXPECT_THAT(sent(), ElementsAre("1", "2", "3"));
    EXPECT_THAT(publisher->all(), IsEmpty()) << "safe nowhere";
    EXPECT_EQ(records.messages(), 0U);
    shard().node_linked(node(), false);
    broker->settle();
    EXPECT_THAT(publisher->all(), SizeIs(3));
    EXPECT_EQ(records.messages(), 3U);
    publish(4, 4);
    link();
    EXPECT_THAT(send_all(), ElementsAre("1", "2", "3", "4"));
    EXPECT_EQ(records.messages(), 0U);
    publish(5, 5);
    EXPECT_THAT(sent(), ElementsAre("5"));
    acknowledge();
    EXPECT_EQ(broker->count(Counter::ClusterMessagesSpooled), 4U) << "with a link nothing does";
}

TEST_F(ShardSpool, MoreThanMemoryTakesIsOnDiskAloneAndComesInOrder) {
    publish(1, 500, 1, "t/1", 1000);
    EXPECT_THAT(publisher->all(), SizeIs(500));
    EXPECT_LE(node().stream.bytes(), kMemory + 2000);
    EXPECT_GT(node().spool.behind(), 300U);
    EXPECT_EQ(node().last_sequence(), 500U);
    link();
    publish(501, 510);
    EXPECT_THAT(send_all(), numbers(1, 510));
    EXPECT_EQ(node().spool.behind(), 0U);
    EXPECT_EQ(node().last_sequence(), 510U);
    EXPECT_EQ(records.messages(), 0U);
}

TEST_F(ShardSpool, ALinkThatDoesNotKeepUpMakesUseOfTheDisk) {
    link();
    publish(1, 300, 1, "t/1", 1000);
    EXPECT_GT(node().spool.behind(), 100U);
    EXPECT_THAT(publisher->all(), SizeIs(300)) << "those in memory were put on disk before";
    publish(301, 301, 1, "clean");
    EXPECT_EQ(broker->count(Counter::DropNodeUnreachable), 1U) << "it would overtake others";
    EXPECT_THAT(send_all(), numbers(1, 300));
}

TEST_F(ShardSpool, AProcessThatIsKilledLeavesItToTheNext) {
    publish(1, 300, 1, "t/1", 1000);
    publish(301, 301, 2);
    begin();
    EXPECT_EQ(node().spool.behind(), 301U);
    publish(302, 303);
    link();
    EXPECT_THAT(send_all(), numbers(1, 303));
    EXPECT_EQ(records.messages(), 0U);
    begin();
    EXPECT_EQ(node().spool.behind(), 0U);
    link();
    EXPECT_THAT(send_all(), IsEmpty());
}

TEST_F(ShardSpool, ARepeatedMessageIsAnsweredWhenTheFirstOneIsSafe) {
    link();
    publish(1, 1, 2);
    EXPECT_THAT(sent(), ElementsAre("1"));
    publisher->drop();
    broker->settle();
    TestClient& again =
        broker->connect("v5 client_id=pub clean_start=0 session_expiry_interval=60", true);
    again.send("PUBLISH topic=t/1 qos=2 id=1 dup=1 payload=1");
    broker->settle();
    EXPECT_THAT(again.all(), IsEmpty());
    shard().node_linked(node(), false);
    broker->settle();
    EXPECT_EQ(again.next(), "PUBREC id=1 reason=0x00");
    link();
    EXPECT_THAT(sent(), ElementsAre("1", "")) << "nothing stands for the answer";
    again.send("PUBLISH topic=t/1 qos=2 id=2 payload=2");
    broker->settle();
    again.drop();
    broker->settle();
    TestClient& third =
        broker->connect("v5 client_id=pub clean_start=0 session_expiry_interval=60", true);
    third.send("PUBLISH topic=t/1 qos=2 id=2 dup=1 payload=2");
    broker->settle();
    EXPECT_THAT(third.all(), IsEmpty());
    EXPECT_THAT(sent(), ElementsAre("2", ""));
    acknowledge();
    EXPECT_EQ(third.next(), "PUBREC id=2 reason=0x00");
}

TEST_F(ShardSpool, WhatIsRefusedWhenItsConnectionHasGoneWasNotReceived) {
    link();
    publish(1, 2, 2);
    EXPECT_THAT(sent(), ElementsAre("1", "2"));
    publisher->drop();
    broker->settle();
    TestClient& again =
        broker->connect("v5 client_id=pub clean_start=0 session_expiry_interval=60", true);
    again.send("PUBLISH topic=t/1 qos=2 id=1 dup=1 payload=1");  // before it is known
    broker->settle();
    EXPECT_THAT(sent(), ElementsAre(""));
    acknowledge({1, 2});
    EXPECT_THAT(again.next(), StartsWith("PUBREC id=1 reason=0x97"));
    for (const int id : {1, 2}) {
        again.send(fmt::format("PUBLISH topic=t/1 qos=2 id={0} dup=1 payload={0}", id));
        broker->settle();
        EXPECT_THAT(sent(), ElementsAre(std::to_string(id))) << "as if it were new";
        acknowledge();
        EXPECT_EQ(again.next(), fmt::format("PUBREC id={} reason=0x00", id));
    }
}

TEST_F(ShardSpool, OfANodeThatIsNoMemberAnyMoreNothingStays) {
    publish(1, 2);
    shard().remove_node(kSlow);
    broker->advance(Millis(1000));
    EXPECT_EQ(records.messages(), 0U);
    publish(3, 3);
    broker->advance(Millis(1000));
    broker.emplace(TestBroker::Options{.records = &records, .since_start = Seconds(++boots)});
    shard().forget_outboxes();
    broker->advance(Millis(1000));
    for (const store::StoredSession& each : records.sessions()) {
        EXPECT_EQ(each.record.key.client_id, "pub");
    }
}

TEST_F(ShardSpool, WhatTheOtherNodeCannotStoreIsSentAgainLater) {
    publish(1, 3);
    link();
    EXPECT_THAT(sent(), ElementsAre("1", "2", "3"));
    acknowledge({2});
    EXPECT_THAT(sent(), IsEmpty()) << "not at once";
    EXPECT_EQ(records.messages(), 1U);
    broker->advance(Millis(1000));
    EXPECT_THAT(sent(), ElementsAre("2"));
    acknowledge();
    EXPECT_EQ(records.messages(), 0U);
}

TEST_F(ShardSpool, BeyondTheLimitsPublishersAreRefused) {
    begin(10'000, 20'000);
    publish(1, 100, 1, "t/1", 1000);
    std::size_t taken = 0;
    for (const std::string& each : publisher->all()) {
        if (each.find("reason=0x00") != std::string::npos) {
            ++taken;
        } else {
            EXPECT_THAT(each, StartsWith(fmt::format("PUBACK id={} reason=0x97", taken + 1)));
            break;
        }
    }
    EXPECT_GE(taken, 15U);
    EXPECT_LE(taken, 25U);
    EXPECT_EQ(broker->count(Counter::DropNodeUnreachable), 100 - taken);
    link();
    EXPECT_THAT(send_all(), numbers(1, static_cast<int>(taken)));
    publish(1, 1);
    EXPECT_THAT(send_all(), ElementsAre("1"));
}

TEST_F(ShardSpool, WhileTheDiskRefusesItWaitsInMemory) {
    broker->simulation().keeping_store().takes = false;
    publish(1, 2);
    EXPECT_THAT(publisher->all(), IsEmpty());
    link();
    EXPECT_THAT(sent(), ElementsAre("1", "2"));
    acknowledge();
    EXPECT_THAT(publisher->all(), SizeIs(2));
    EXPECT_EQ(records.messages(), 0U);
}

TEST_F(ShardSpool, MessagesOfGroupsWaitForTheirOnlyMembers) {
    index().set_remote_group(1, "", "g", "s", {1, 0});
    publish(1, 2, 1, "s");
    EXPECT_THAT(publisher->all(), SizeIs(2));
    begin();
    link();
    ASSERT_TRUE(node().stream.has_next());
    const auto next = node().stream.next();
    ASSERT_TRUE(next.waiter.route);
    EXPECT_EQ(next.waiter.route->group, "$share/g/s");
}

TEST_F(ShardSpool, WillsOfClientsAreKeptAsWell) {
    TestClient& client =
        broker->connect("v5 client_id=will will_topic=t/w will_payload=gone will_qos=1");
    client.drop();
    broker->settle();
    EXPECT_EQ(records.messages(), 1U);
}

/// Where all members of this node are full, and another one sends what it cannot take either.
class ShardSpoolGroups : public ShardSpool {
protected:
    void fill_up() {
        session::Settings settings;
        settings.max_online_messages = 0;
        broker->use(settings);
        (void)broker->subscribe("v5 receive_maximum=1 client_id=full", "topic=$share/g/u qos=1");
        shard().add_node(kIdle, {"third@host", "third@host 1", kMemory});
        shard().set_node_slots(kIdle, shard_bit(2));
        EXPECT_EQ(arrive(1).waits, 0U) << "taken by the member";
        index().set_remote_group(1, "", "g", "u", {1, 0});
    }
    session::Routed arrive(std::uint8_t hops) {
        mqtt::MessageParts parts;
        parts.topic = "u";
        parts.payload = "x";
        parts.qos = mqtt::QoS::AtLeastOnce;
        return shard().route_group_from_node(parts, {ConnectionNumber{1'000'000}, 1, 0},
                                             "$share/g/u", hops, kIdle);
    }
};

// Acknowledgements between nodes are in order: were one to wait for another node's, nodes could
// wait for one another in a circle.
TEST_F(ShardSpoolGroups, WhatGoesOnToAnotherNodeWaitsForNoneButThisDisk) {
    fill_up();
    link();
    EXPECT_EQ(arrive(0).waits, 1U);
    broker->settle();
    EXPECT_EQ(records.messages(), 1U);
    ASSERT_TRUE(node().stream.has_next());
    const auto next = node().stream.next();
    EXPECT_FALSE(next.waiter.reply.wanted());
    EXPECT_TRUE(next.waiter.record.there());
    acknowledge();
    broker->advance(Seconds(1));
    EXPECT_EQ(records.messages(), 0U);
}

TEST_F(ShardSpoolGroups, WithoutADiskNobodyWaitsForIt) {
    begin(kMemory, 0);
    fill_up();
    link();
    EXPECT_EQ(arrive(0).waits, 0U);
    ASSERT_TRUE(node().stream.has_next());
    EXPECT_FALSE(node().stream.next().waiter.reply.wanted());
}

TEST_F(ShardSpoolGroups, HowFarItCameIsKnownAfterARestart) {
    fill_up();
    EXPECT_EQ(arrive(1).waits, 1U);
    begin();
    link();
    ASSERT_TRUE(node().stream.has_next());
    const auto next = node().stream.next();
    EXPECT_EQ(next.waiter.route->group, "$share/g/u");
    EXPECT_EQ(next.waiter.route->hops, 2);
}

// A QoS 2 message whose packet id is stored together with its copies, and nothing to store one on.
TEST(ShardSpoolless, ARememberedPublisherIsAnsweredWhenTheOtherNodeHasIt) {
    KeptRecords records;
    TestBroker broker({.shards = 2, .records = &records});
    const auto& shards = broker.simulation().shards();
    for (const auto& shard : shards) {
        shard->add_node(kSlow, {"other@host", "other@host 1", kMemory, nullptr,
                                std::make_shared<SpoolSize>(0U)});
        shard->forget_outboxes();
        shard->set_node_slots(kSlow, shard_bit(2));
        shard->node_linked(*shard->find_node(kSlow), true);
    }
    TestClient& publisher =
        broker.connect("v5 session_expiry_interval=60 client_id=" + broker.id_on(0, "pub"));
    session::Settings settings;
    settings.max_online_messages = 0;
    broker.use(settings);
    (void)broker.subscribe("v5 receive_maximum=1 client_id=" + broker.id_on(1, "full"),
                           "topic=$share/g/u qos=1");
    publisher.send("PUBLISH topic=u qos=1 id=1 payload=1");
    broker.settle();
    EXPECT_EQ(publisher.next(), "PUBACK id=1 reason=0x00");
    broker.shard().shared().subscriptions.set_remote_group(2, "", "g", "u", {1, 0});
    publisher.send("PUBLISH topic=u qos=2 id=2 payload=2");
    broker.settle();
    EXPECT_EQ(publisher.next(), "nothing");
    NodeOutbox& node = *shards[1]->find_node(kSlow);
    ASSERT_TRUE(node.stream.restart(0));
    ASSERT_TRUE(node.stream.has_next());
    EXPECT_EQ(node.stream.next().message->payload(), "2");
    EXPECT_TRUE(node.stream.acknowledge(
        1, {}, [&](const Forwarded& was, bool safe) { shards[1]->on_forwarded(node, was, safe); }));
    broker.settle();
    EXPECT_EQ(publisher.next(), "PUBREC id=2 reason=0x00");
}

}  // namespace
}  // namespace vmq::broker
