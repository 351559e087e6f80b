#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "broker/registrations.h"
#include "broker/shard.h"
#include "support/quiet_cluster.h"
#include "support/test_broker.h"

namespace vmq::broker {
namespace {

using metrics::Counter;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using vmq::testing::TestBroker;
using vmq::testing::TestClient;

constexpr NodeNumber kOther{7};
constexpr NodeNumber kFarther{8};

class Company final : public vmq::testing::QuietCluster {
public:
    [[nodiscard]] bool alone() const noexcept override { return is_alone; }
    void await_filters(ShardId shard, std::uint64_t ticket) override {
        asked.emplace_back(shard, ticket);
    }
    void register_client(ShardId shard, std::uint64_t ticket, cluster::ClientKey /*key*/,
                         cluster::Purpose /*purpose*/, cluster::Epoch /*since*/) override {
        // All other nodes have let go of it.
        shared->peers[shard]->registrations().registered(ticket,
                                                         {{}, cluster::Epoch{++epoch}, {}, true});
    }

    SharedState* shared = nullptr;
    std::uint64_t epoch = 0;
    bool is_alone = false;
    std::vector<std::pair<ShardId, std::uint64_t>> asked;
};

class ShardNodes : public ::testing::Test {
protected:
    ShardNodes() {
        company.shared = &broker.shard().shared();
        broker.shard().add_node(kOther, {"other@host", "other@host", 1'000'000});
        broker.shard().set_node_slots(kOther, shard_bit(1));
    }
    ~ShardNodes() override { broker.shard().shared().cluster = nullptr; }

    routing::SubscriptionIndex& index() { return broker.shard().shared().subscriptions; }
    std::vector<std::string> waiting(NodeNumber node) {
        std::vector<std::string> payloads;
        auto& stream = broker.shard().find_node(node)->stream;
        EXPECT_TRUE(stream.restart(0));
        while (stream.has_next()) {
            const auto next = stream.next();
            payloads.emplace_back(next.message ? next.message->payload() : "taken out");
        }
        return payloads;
    }
    /// Of the group g: one here, which takes one message, and one on the other node.
    void add_members_with_room_for_one() {
        session::Settings settings;
        settings.max_online_messages = 0;
        broker.use(settings);
        (void)broker.subscribe("v5 receive_maximum=1 client_id=sub", "topic=$share/g/t qos=1");
        index().set_remote_group(1, "", "g", "t", {1, 0});
    }
    void publish(TestClient& client, int qos, int id, std::string_view topic = "t") {
        client.send(fmt::format("PUBLISH topic={} qos={} id={} payload={}", topic, qos, id, id));
        broker.settle();
    }

    Company company;
    TestBroker broker;
    TestClient& publisher = broker.connect("v5 client_id=pub");
};

TEST_F(ShardNodes, AMessageGoesOnceToEachNodeThatWantsIt) {
    broker.shard().add_node(kFarther, {"third@host", "third@host", 1'000'000});
    broker.shard().set_node_slots(kFarther, shard_bit(2) | shard_bit(3));
    index().set_remote(1, "", "t", false);
    index().set_remote(1, "", "#", false);
    index().set_remote(2, "", "t", false);
    index().set_remote(3, "", "+", false);  // the same node, which tells its filters anew
    publish(publisher, 0, 1);
    publish(publisher, 1, 2);
    publish(publisher, 1, 3, "only/others");
    EXPECT_THAT(waiting(kOther), ElementsAre("1", "2", "3"));
    EXPECT_THAT(waiting(kFarther), ElementsAre("1", "2"));
    EXPECT_EQ(broker.count(Counter::RouterMatchesRemote), 5U);
    EXPECT_EQ(publisher.next(), "PUBACK id=2 reason=0x00") << "nobody there stores it";
    EXPECT_EQ(publisher.next(), "PUBACK id=3 reason=0x00");
    broker.shard().set_node_slots(kFarther, shard_bit(3));
    publish(publisher, 0, 4);
    EXPECT_THAT(waiting(kFarther), ElementsAre("1", "2", "4"));
}

TEST_F(ShardNodes, ItsPublisherWaitsIfAnotherNodeStoresIt) {
    index().set_remote(1, "", "t", true);
    publish(publisher, 1, 1);
    EXPECT_THAT(publisher.all(), IsEmpty());
    auto& stream = broker.shard().find_node(kOther)->stream;
    (void)stream.next();
    EXPECT_TRUE(stream.acknowledge(
        1, {}, [&](const Forwarded& was, bool safe) { broker.shard().confirm(was.reply, safe); }));
    broker.settle();
    EXPECT_EQ(publisher.next(), "PUBACK id=1 reason=0x00");
}

TEST_F(ShardNodes, TooMuchIsRefusedOrDroppedAndCounted) {
    index().set_remote(1, "", "t", true);
    broker.shard().find_node(kOther)->stream.set_most_bytes(1);
    publish(publisher, 1, 1);
    TestClient& second = broker.connect("v5 client_id=second");
    publish(second, 1, 2);
    EXPECT_TRUE(second.next().starts_with("PUBACK id=2 reason=0x97"));
    TestClient& old = broker.connect("v311 client_id=old");
    publish(old, 1, 3);
    EXPECT_THAT(old.all(), IsEmpty()) << "MQTT 3 has no word for it: the client tries again";
    publish(second, 0, 4);
    EXPECT_THAT(waiting(kOther), ElementsAre("1"));
    EXPECT_EQ(broker.count(Counter::DropNodeUnreachable), 3U);
    EXPECT_GT(broker.count(Counter::ClusterBytesDropped), 0U);
}

TEST_F(ShardNodes, WhatOnlyCleanSessionsThereWantIsDroppedForThemAlone) {
    TestClient& here = broker.subscribe("v5 client_id=here", "topic=t qos=1");
    index().set_remote(1, "", "t", false);
    broker.shard().find_node(kOther)->stream.set_most_bytes(1);
    publish(publisher, 1, 1);
    publish(publisher, 1, 2);
    EXPECT_EQ(publisher.next(), "PUBACK id=1 reason=0x00");
    EXPECT_EQ(publisher.next(), "PUBACK id=2 reason=0x00");
    EXPECT_THAT(here.take_payloads(), ElementsAre("1", "2"));
    EXPECT_THAT(waiting(kOther), ElementsAre("1"));
    EXPECT_EQ(broker.count(Counter::DropNodeUnreachable), 1U);
    // Another node that stores it, and has room.
    broker.shard().add_node(kFarther, {"third@host", "third@host", 1'000'000});
    broker.shard().set_node_slots(kFarther, shard_bit(2));
    index().set_remote(2, "", "t", true);
    publish(publisher, 1, 3);
    EXPECT_THAT(waiting(kFarther), ElementsAre("3"));
    EXPECT_EQ(broker.count(Counter::DropNodeUnreachable), 2U);
}

// The frame has some bytes more than the message; at the limit it may be either.
TEST_F(ShardNodes, WhatIsLargerThanTheOtherNodeTakesIsRefusedOrDropped) {
    auto& node = *broker.shard().find_node(kOther);
    node.longest_frame = 1000;
    const auto send = [&](int qos, int id, std::size_t size) {
        publisher.send(fmt::format("PUBLISH topic=t qos={} id={} payload={}", qos, id,
                                   std::string(size, 'x')));
        broker.settle();
    };
    index().set_remote(1, "", "t", true);
    send(1, 1, 1000);
    EXPECT_EQ(publisher.next(),
              "PUBACK id=1 reason=0x97 reason_string=the message is larger than another node of "
              "the cluster takes");
    EXPECT_EQ(broker.count(Counter::DropTooLargeForNode), 1U);
    send(1, 2, 900);
    EXPECT_EQ(node.stream.size(), 1U);
    EXPECT_EQ(broker.count(Counter::DropTooLargeForNode), 1U);
}

TEST_F(ShardNodes, WhenItIsNoMemberAnyMoreNobodyWaitsForIt) {
    index().set_remote(1, "", "t", true);
    publish(publisher, 1, 1);
    broker.shard().remove_node(kOther);
    broker.settle();
    EXPECT_TRUE(publisher.next().starts_with("PUBACK id=1 reason=0x97"));
    publish(publisher, 1, 2);
    EXPECT_EQ(publisher.next(), "PUBACK id=2 reason=0x00");
    EXPECT_EQ(broker.shard().find_node(kOther), nullptr);
}

TEST_F(ShardNodes, WhatComesFromAnotherNodeStaysHere) {
    TestClient& subscriber = broker.subscribe("v5 client_id=sub", "topic=t qos=1");
    index().set_remote(1, "", "t", true);
    mqtt::MessageParts parts;
    parts.topic = "t";
    parts.payload = "x";
    parts.qos = mqtt::QoS::AtLeastOnce;
    parts.publisher = 99;
    const auto routed = broker.shard().route_from_node(parts, {});
    EXPECT_EQ(routed.waits, 0U);
    broker.settle();
    EXPECT_THAT(subscriber.take_payloads(), ElementsAre("x"));
    EXPECT_THAT(waiting(kOther), IsEmpty());
}

TEST_F(ShardNodes, AMessageOfASharedGroupGoesToTheNodeThatHasAMember) {
    index().set_remote_group(1, "", "g", "t", {1, 0});
    index().set_remote(1, "", "t", false);
    publish(publisher, 1, 1);
    EXPECT_THAT(publisher.all(), IsEmpty()) << "until the other node has it";
    auto& stream = broker.shard().find_node(kOther)->stream;
    std::vector<std::string> groups;
    while (stream.has_next()) {
        const auto next = stream.next();
        groups.push_back(next.waiter.route ? next.waiter.route->group : "all");
    }
    EXPECT_THAT(groups, ElementsAre("all", "$share/g/t"));
    EXPECT_TRUE(stream.acknowledge(
        2, {}, [&](const Forwarded& was, bool safe) { broker.shard().confirm(was.reply, safe); }));
    broker.settle();
    EXPECT_EQ(publisher.next(), "PUBACK id=1 reason=0x00");
}

TEST_F(ShardNodes, WhenTheNodeIsAwayAnotherMemberGetsWhatItHasNotAcknowledged) {
    index().set_remote_group(1, "", "g", "t", {1, 0});
    publish(publisher, 1, 1);
    publish(publisher, 0, 2);
    index().set_away(shard_bit(1));
    broker.shard().redispatch_groups(kOther);
    EXPECT_THAT(waiting(kOther), ElementsAre("1", "2")) << "there is nobody else";
    TestClient& member = broker.subscribe("v5 client_id=sub", "topic=$share/g/t qos=1");
    broker.shard().redispatch_groups(kOther);
    broker.settle();
    EXPECT_THAT(member.take_payloads(), ElementsAre("1", "2"));
    EXPECT_THAT(waiting(kOther), ElementsAre("taken out", "taken out"));
    EXPECT_EQ(broker.shard().find_node(kOther)->stream.bytes(), 0U);
    EXPECT_EQ(publisher.next(), "PUBACK id=1 reason=0x00");
}

TEST_F(ShardNodes, WhatAnotherNodeSendsToAGroupGoesToOneMemberHereOrOn) {
    mqtt::MessageParts parts;
    parts.topic = "t";
    parts.payload = "x";
    parts.qos = mqtt::QoS::AtLeastOnce;
    const auto arrive = [&](std::uint8_t hops) {
        return broker.shard().route_group_from_node(parts, {}, "$share/g/t", hops, kOther);
    };
    (void)arrive(0);
    EXPECT_EQ(broker.count(Counter::DropNoSubscriber), 1U);
    broker.shard().add_node(kFarther, {"third@host", "third@host", 1'000'000});
    broker.shard().set_node_slots(kFarther, shard_bit(2));
    index().set_remote_group(1, "", "g", "t", {1, 0});
    (void)arrive(0);
    EXPECT_EQ(broker.count(Counter::DropNoSubscriber), 2U) << "not back to where it comes from";
    index().set_remote_group(2, "", "g", "t", {1, 0});
    (void)arrive(0);
    (void)arrive(2);
    EXPECT_THAT(waiting(kFarther), ElementsAre("x"));
    EXPECT_EQ(broker.count(Counter::DropNoSubscriber), 3U) << "not for ever";
    TestClient& first = broker.subscribe("v5 client_id=a", "topic=$share/g/t qos=1");
    TestClient& second = broker.subscribe("v5 client_id=b", "topic=$share/g/t qos=1");
    TestClient& outside = broker.subscribe("v5 client_id=c", "topic=t qos=1");
    (void)arrive(2);
    broker.settle();
    EXPECT_EQ(first.take_payloads().size() + second.take_payloads().size(), 1U);
    EXPECT_THAT(outside.take_payloads(), IsEmpty());
}

// [v5 4.8.2]
TEST_F(ShardNodes, AMemberElsewhereGetsWhatTheLastOneHereHasNotAcknowledged) {
    TestClient& member =
        broker.subscribe("v5 receive_maximum=2 client_id=sub", "topic=$share/g/t qos=1");
    for (int i = 1; i <= 3; ++i) publish(publisher, 1, i);
    EXPECT_THAT(member.all(), SizeIs(2));
    index().set_remote_group(1, "", "g", "t", {1, 0});
    member.drop();
    broker.settle();
    auto& stream = broker.shard().find_node(kOther)->stream;
    EXPECT_TRUE(stream.restart(0));
    for (const char* payload : {"1", "2", "3"}) {
        ASSERT_TRUE(stream.has_next());
        const auto next = stream.next();
        EXPECT_EQ(next.message->payload(), payload);
        ASSERT_NE(next.waiter.route, nullptr);
        EXPECT_EQ(next.waiter.route->group, "$share/g/t");
        EXPECT_EQ(next.waiter.route->hops, 1);
    }
    EXPECT_FALSE(stream.has_next());
    EXPECT_THAT(publisher.all(), SizeIs(3)) << "acknowledged before";
}

TEST_F(ShardNodes, AMemberElsewhereGetsWhatNobodyHereHasRoomFor) {
    add_members_with_room_for_one();
    for (int i = 1; i <= 3; ++i) publish(publisher, 1, i);
    EXPECT_THAT(waiting(kOther), ElementsAre("2", "3"));
    EXPECT_EQ(publisher.next(), "PUBACK id=1 reason=0x00");
    EXPECT_EQ(publisher.next(), "nothing") << "until the other node has it";
    EXPECT_TRUE(broker.shard().find_node(kOther)->stream.acknowledge(
        2, {}, [&](const Forwarded& was, bool safe) { broker.shard().confirm(was.reply, safe); }));
    broker.settle();
    EXPECT_EQ(publisher.next(), "PUBACK id=2 reason=0x00");
    EXPECT_EQ(publisher.next(), "PUBACK id=3 reason=0x00");
    EXPECT_EQ(broker.count(Counter::QueueMessageDrop), 0U);

    index().set_policy(routing::SharedPolicy::LocalOnly);
    publish(publisher, 1, 4);
    EXPECT_EQ(broker.count(Counter::QueueMessageDrop), 1U);
}

TEST_F(ShardNodes, WhatComesFromAnotherNodeDoesNotGoBackToItForLackOfRoom) {
    add_members_with_room_for_one();
    broker.shard().add_node(kFarther, {"third@host", "third@host", 1'000'000});
    broker.shard().set_node_slots(kFarther, shard_bit(2));
    mqtt::MessageParts parts;
    parts.topic = "t";
    parts.payload = "x";
    parts.qos = mqtt::QoS::AtLeastOnce;
    const auto arrive = [&](std::uint8_t hops) {
        (void)broker.shard().route_group_from_node(parts, {}, "$share/g/t", hops, kOther);
    };
    arrive(0);  // which the member takes
    arrive(0);
    EXPECT_EQ(broker.count(Counter::QueueMessageDrop), 1U);
    index().set_remote_group(2, "", "g", "t", {1, 0});
    arrive(1);
    EXPECT_EQ(broker.count(Counter::QueueMessageDrop), 1U);
    arrive(2);
    EXPECT_EQ(broker.count(Counter::QueueMessageDrop), 2U) << "not for ever";
    EXPECT_THAT(waiting(kFarther), ElementsAre("x"));
    EXPECT_THAT(waiting(kOther), IsEmpty());
}

// Its session would have kept it.
TEST_F(ShardNodes, WhatASessionElsewhereHasGivenAwayGoesBackToItForLackOfRoom) {
    add_members_with_room_for_one();
    mqtt::MessageParts parts;
    parts.topic = "t";
    parts.payload = "x";
    parts.qos = mqtt::QoS::AtLeastOnce;
    const auto arrive = [&](std::uint8_t hops) {
        (void)broker.shard().route_group_from_node(parts, {}, "$share/g/t", hops, kOther);
    };
    arrive(kGivenAwayHops);  // which the member takes
    EXPECT_THAT(waiting(kOther), IsEmpty());
    arrive(kGivenAwayHops);
    EXPECT_EQ(broker.count(Counter::QueueMessageDrop), 0U);
    auto& stream = broker.shard().find_node(kOther)->stream;
    EXPECT_TRUE(stream.restart(0));
    ASSERT_TRUE(stream.has_next());
    EXPECT_EQ(stream.next().waiter.route->hops, kGivenAwayHops + 1);
    arrive(kGivenAwayHops + 1);
    EXPECT_EQ(broker.count(Counter::QueueMessageDrop), 1U) << "not for ever";
}

TEST_F(ShardNodes, ASubackWaitsUntilOtherNodesKnow) {
    broker.shard().shared().cluster = &company;
    TestClient& client = broker.connect("v5 client_id=sub");
    client.send("SUBSCRIBE id=1 topic=t qos=1");
    broker.settle();
    EXPECT_THAT(client.all(), IsEmpty());
    ASSERT_EQ(company.asked.size(), 1U);
    broker.shard().filters_known(company.asked[0].second + 1);
    broker.shard().filters_known(company.asked[0].second);
    broker.shard().filters_known(company.asked[0].second);
    broker.settle();
    EXPECT_EQ(client.next(), "SUBACK id=1 reasons=0x01");
    client.send("UNSUBSCRIBE id=2 topic=t");
    broker.settle();
    EXPECT_EQ(client.next(), "UNSUBACK id=2 reasons=0x00");
    company.is_alone = true;
    client.send("SUBSCRIBE id=3 topic=t qos=0");
    broker.settle();
    EXPECT_EQ(client.next(), "SUBACK id=3 reasons=0x00");
    EXPECT_EQ(company.asked.size(), 1U);
}

/// The cluster is not complete.
class ShardNotReady : public ::testing::Test {
protected:
    ShardNotReady() {
        for (TestClient* client : {&old, &v5}) {
            client->send("SUBSCRIBE id=1 topic=t qos=2");
            broker.settle();
            (void)client->all();
        }
        readiness.set_ready(false);
    }
    std::vector<std::string> answers(TestClient& client, std::string_view words) {
        client.send(words);
        broker.settle();
        return client.all();
    }

    TestBroker broker;
    Readiness& readiness = broker.shard().shared().readiness;
    TestClient& old = broker.connect("v311 client_id=old");
    TestClient& v5 = broker.connect("v5 client_id=new");
};

constexpr char kWhy[] = " reason_string=the cluster is not complete: try again later";

TEST_F(ShardNotReady, NewClientsAreTurnedAwayAndThoseThatAreThereStay) {
    TestClient& refused = broker.open("v5");
    EXPECT_THAT(answers(refused, "CONNECT client_id=new"),
                ElementsAre("CONNACK session_present=0 reason=0x88"));
    EXPECT_THAT(answers(broker.open("v311"), "CONNECT client_id=x"),
                ElementsAre("CONNACK session_present=0 reason=0x03"));
    EXPECT_THAT(answers(v5, "PINGREQ"), ElementsAre("PINGRESP"));
    readiness.allow({.register_clients = true});
    (void)broker.connect("v5 client_id=x");
    readiness.set_ready(true);
    (void)broker.connect("v311 client_id=y");
}

TEST_F(ShardNotReady, PublishesAreRefusedWithVerneMQsCodes) {
    EXPECT_THAT(answers(v5, "PUBLISH topic=t qos=1 id=5 payload=x"),
                ElementsAre(std::string("PUBACK id=5 reason=0x83") + kWhy));
    EXPECT_THAT(answers(v5, "PUBLISH topic=t qos=2 id=6 payload=x"),
                ElementsAre(std::string("PUBREC id=6 reason=0x80") + kWhy));
    EXPECT_THAT(answers(v5, "PUBLISH topic=t qos=0 payload=x"), IsEmpty());
    EXPECT_THAT(answers(old, "PUBLISH topic=t qos=1 id=5 payload=x"), IsEmpty());
    EXPECT_THAT(answers(old, "PUBLISH topic=t qos=2 id=6 payload=x"), IsEmpty());
    EXPECT_EQ(broker.count(metrics::VersionCounter::MqttPublishError), 5U);
    EXPECT_EQ(broker.count(Counter::DropNetsplit), 5U);
    readiness.allow({.publish = true});
    EXPECT_THAT(answers(old, "PUBLISH topic=u qos=1 id=5 dup=1 payload=x"),
                ElementsAre("PUBACK id=5 reason=0x00"));
}

TEST_F(ShardNotReady, WhatTheBrokerPublishesItselfIsDroppedAndNobodysLoss) {
    session::PublishIntent intent;
    intent.topic = "t";
    EXPECT_TRUE(broker.shard().route(intent, {}).not_ready);
    broker.settle();
    EXPECT_THAT(old.all(), IsEmpty());
    EXPECT_EQ(broker.count(Counter::DropNetsplit), 0U);
}

TEST_F(ShardNotReady, WhatOtherNodesSendArrives) {
    mqtt::MessageParts parts;
    parts.topic = "t";
    parts.payload = "x";
    (void)broker.shard().route_from_node(parts, {});
    broker.settle();
    EXPECT_THAT(v5.take_payloads(), ElementsAre("x"));
}

TEST_F(ShardNotReady, SubscriptionsStayAsTheyAre) {
    EXPECT_THAT(answers(v5, "SUBSCRIBE id=2 topic=a qos=1 topic=b qos=0"),
                ElementsAre(std::string("SUBACK id=2") + kWhy + " reasons=0x87,0x87"));
    EXPECT_THAT(answers(old, "SUBSCRIBE id=2 topic=a qos=1 topic=b qos=0"),
                ElementsAre("SUBACK id=2 reasons=0x80,0x80"));
    EXPECT_THAT(answers(v5, "UNSUBSCRIBE id=3 topic=t topic=u"),
                ElementsAre(std::string("UNSUBACK id=3") + kWhy + " reasons=0x83,0x83"));
    EXPECT_THAT(answers(old, "UNSUBSCRIBE id=3 topic=t"), IsEmpty());
    EXPECT_EQ(broker.count(metrics::VersionCounter::MqttSubscribeError), 2U);
    EXPECT_EQ(broker.count(metrics::VersionCounter::MqttUnsubscribeError), 2U);
    readiness.set_ready(true);
    EXPECT_THAT(answers(old, "PUBLISH topic=a qos=1 id=5 payload=x"),
                ElementsAre("PUBACK id=5 reason=0x00"));
    EXPECT_THAT(answers(old, "PUBLISH topic=t qos=0 payload=y"), ElementsAre(HasSubstr("PUBLISH")));
    EXPECT_THAT(v5.take_payloads(), ElementsAre("y"));
}

TEST_F(ShardNotReady, AWillGoesTheWayOfAPublish) {
    readiness.set_ready(true);
    TestClient& dying = broker.connect("v5 client_id=d will_topic=t will_payload=gone");
    readiness.set_ready(false);
    dying.drop();
    broker.settle();
    EXPECT_THAT(v5.all(), IsEmpty());
    EXPECT_EQ(broker.count(Counter::DropNetsplit), 1U);
}

}  // namespace
}  // namespace vmq::broker
