#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "support/manual_store.h"
#include "support/test_broker.h"

namespace vmq::broker {
namespace {

using metrics::Counter;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAreArray;
using vmq::testing::ManualStore;
using vmq::testing::StoreProxy;
using vmq::testing::TestBroker;
using vmq::testing::TestClient;

constexpr const char* kLasting = " clean_start=0 session_expiry_interval=60 client_id=";

std::vector<std::string> payloads(int first, int last) {
    std::vector<std::string> all;
    for (int i = first; i <= last; ++i) all.push_back(std::to_string(i));
    return all;
}

/// A publisher at home on shard 0; whoever gets its messages is there or on shard 1.
class ShardRouting : public ::testing::TestWithParam<ShardId> {
protected:
    void publish(int first, int last, int qos = 1) {
        for (int i = first; i <= last; ++i) {
            publisher.send(fmt::format("PUBLISH topic=t qos={} id={} payload={}", qos, i, i));
        }
        broker.settle();
    }
    [[nodiscard]] std::string id(std::string_view prefix) const {
        return broker.id_on(GetParam(), prefix);
    }

    TestBroker broker{{.shards = 2}};
    TestClient& publisher = broker.connect("v5 client_id=" + broker.id_on(0, "pub"));
};

INSTANTIATE_TEST_SUITE_P(Here, ShardRouting, ::testing::Values(ShardId{0}));
INSTANTIATE_TEST_SUITE_P(Elsewhere, ShardRouting, ::testing::Values(ShardId{1}));

TEST_P(ShardRouting, OrderIsKeptPerSubscriber) {
    TestClient& subscriber = broker.subscribe("v5 client_id=" + id("sub"), "topic=t qos=1");
    publish(1, 2000);
    EXPECT_EQ(subscriber.take_payloads(), payloads(1, 2000));
}

TEST_P(ShardRouting, EveryMatchingFilterIsServedOnce) {
    TestClient& subscriber =
        broker.subscribe("v5 client_id=" + id("sub"), "topic=t topic=# topic=+");
    publish(1, 1);
    EXPECT_THAT(subscriber.take_payloads(), SizeIs(3));
}

// [v5 MQTT-3.8.3-3]
TEST_P(ShardRouting, NoLocalKeepsAPublishersOwnMessagesAway) {
    TestClient& client = broker.subscribe("v5 client_id=" + id("sub"), "topic=t nl=1");
    client.send("PUBLISH topic=t payload=own");
    publish(1, 1);
    EXPECT_THAT(client.take_payloads(), ElementsAre("1"));
}

// [v5 MQTT-3.3.1-12, MQTT-3.3.1-13]
TEST_P(ShardRouting, RetainAsPublishedKeepsTheFlag) {
    TestClient& plain = broker.subscribe("v5 client_id=" + id("plain"), "topic=t");
    TestClient& as_published = broker.subscribe("v5 client_id=" + id("rap"), "topic=t rap=1");
    publisher.send("PUBLISH topic=t retain=1 payload=x");
    EXPECT_EQ(plain.next(), "PUBLISH qos=0 topic=t payload=x");
    EXPECT_EQ(as_published.next(), "PUBLISH qos=0 retain=1 topic=t payload=x");
}

TEST_P(ShardRouting, UpgradeOutgoingQoSRaisesItToTheSubscriptions) {
    session::Settings settings;
    settings.upgrade_outgoing_qos = true;
    broker.use(settings);
    TestClient& subscriber = broker.subscribe("v5 client_id=" + id("sub"), "topic=t qos=2");
    publish(1, 1, 0);
    EXPECT_EQ(subscriber.next(), "PUBLISH qos=2 topic=t id=1 payload=1");
}

// [v5 MQTT-3.1.2-24, MQTT-3.1.2-25]
TEST_P(ShardRouting, AMessageLargerThanTheClientAcceptsIsDroppedAndTheNextOneIsNot) {
    TestClient& subscriber = broker.subscribe(
        "v5 maximum_packet_size=50 receive_maximum=1 client_id=" + id("sub"), "topic=t qos=1");
    publisher.send("PUBLISH topic=t qos=1 id=1 payload=@60");
    publisher.send("PUBLISH topic=t qos=1 id=2 payload=small");
    publisher.send("PUBLISH topic=t payload=@60");
    EXPECT_THAT(subscriber.take_payloads(), ElementsAre("small"));
    EXPECT_EQ(broker.count(Counter::QueueMessageDropMaxPacketSize), 2U);
}

// [v5 MQTT-3.3.2-5, MQTT-3.3.2-6]
TEST_P(ShardRouting, ExpiredMessagesAreNotDeliveredAndOthersSayWhatIsLeft) {
    const std::string words = std::string("v5") + kLasting + id("sub");
    broker.subscribe(words, "topic=t qos=1").drop();
    publisher.send("PUBLISH topic=t qos=1 id=1 message_expiry_interval=5 payload=short");
    publisher.send("PUBLISH topic=t qos=1 id=2 message_expiry_interval=30 payload=long");
    broker.advance(Seconds(10));
    TestClient& back = broker.connect(words, true);
    EXPECT_EQ(back.next(), "PUBLISH qos=1 topic=t id=2 message_expiry_interval=20 payload=long");
    EXPECT_EQ(back.next(), "nothing");
    EXPECT_EQ(broker.count(Counter::QueueMessageExpired), 1U);
}

TEST_P(ShardRouting, WhatIsNotDeliveredIsCountedByReason) {
    const std::string words = std::string("v5") + kLasting + id("sub");
    broker.subscribe(words, "topic=t qos=1").drop();
    publisher.send("PUBLISH topic=nobody payload=1");
    publisher.send("PUBLISH topic=nobody retain=1 payload=1");  // kept, so not lost
    publisher.send("PUBLISH topic=t payload=1");
    publisher.send("PUBLISH topic=t qos=1 id=1 payload=1");
    broker.settle();
    EXPECT_EQ(broker.count(Counter::DropNoSubscriber), 1U);
    EXPECT_EQ(broker.count(Counter::DropOffline), 1U);
    EXPECT_EQ(broker.count(Counter::DropSessionEnded), 0U);
    (void)broker.connect("v5 clean_start=1 client_id=" + id("sub"));
    EXPECT_EQ(broker.count(Counter::DropSessionEnded), 1U);
    EXPECT_EQ(broker.count(Counter::QueueMessageUnhandled), 2U);
}

TEST_P(ShardRouting, AFullOfflineQueueDropsTheYoungest) {
    session::Settings settings;
    settings.max_offline_messages = 3;
    broker.use(settings);
    const std::string words = std::string("v5") + kLasting + id("sub");
    broker.subscribe(words, "topic=t qos=1").drop();
    publish(1, 5);
    EXPECT_EQ(broker.connect(words, true).take_payloads(), payloads(1, 3));
    EXPECT_EQ(broker.count(Counter::QueueMessageDrop), 2U);
}

TEST_P(ShardRouting, ALifoQueueDropsTheOldestAndTheStoreForgetsIt) {
    ManualStore store;
    store.automatic = true;
    session::Settings settings;
    settings.max_offline_messages = 3;
    settings.queue_lifo = true;
    TestBroker lifo(
        {.shards = 2, .store = std::make_unique<StoreProxy>(store), .settings = settings});
    lifo.subscribe(std::string("v5") + kLasting + id("sub"), "topic=t qos=1").drop();
    TestClient& sender = lifo.connect("v5 client_id=p");
    for (int i = 1; i <= 5; ++i) {
        sender.send(fmt::format("PUBLISH topic=t qos=1 id={} payload={}", i, i));
    }
    lifo.settle();
    EXPECT_EQ(store.payloads(), payloads(3, 5));
}

// Messages of a shared subscription [v5 4.8.2].
using ShardShared = ShardRouting;
INSTANTIATE_TEST_SUITE_P(Here, ShardShared, ::testing::Values(ShardId{0}));
INSTANTIATE_TEST_SUITE_P(Elsewhere, ShardShared, ::testing::Values(ShardId{1}));

TEST_P(ShardShared, EachMessageGoesToOneMember) {
    TestClient& a = broker.subscribe("v5 client_id=" + id("a"), "topic=$share/g/t qos=1");
    TestClient& b =
        broker.subscribe("v5 client_id=" + broker.id_on(0, "b"), "topic=$share/g/t qos=1");
    publish(1, 100);
    auto all = a.take_payloads();
    EXPECT_GT(all.size(), 0U);
    const auto rest = b.take_payloads();
    EXPECT_GT(rest.size(), 0U);
    all.insert(all.end(), rest.begin(), rest.end());
    EXPECT_THAT(all, UnorderedElementsAreArray(payloads(1, 100)));
}

// [v5 4.8.2]: a member that goes away before it acknowledged a QoS 1 message: another gets it.
TEST_P(ShardShared, AnotherMemberGetsWhatOneThatIsGoneHasNotAcknowledged) {
    for (const char* session : {" client_id=", kLasting}) {
        TestClient& leaving = broker.subscribe("v5 receive_maximum=3" + (session + id("leaving")),
                                               "topic=$share/g/t qos=1");
        TestClient& staying = broker.subscribe("v5 client_id=" + broker.id_on(0, "staying"),
                                               "topic=$share/g/t qos=1");
        publish(1, 40);
        EXPECT_THAT(leaving.all(), SizeIs(3));  // the others wait for its acknowledgements
        leaving.drop();
        EXPECT_THAT(staying.take_payloads(), UnorderedElementsAreArray(payloads(1, 40)));
        staying.send("DISCONNECT");
        broker.settle();
    }
}

// [v5 MQTT-4.8.2-4, MQTT-4.8.2-5]: QoS 2 exchanges that have begun are completed with the same
// client if its session goes on.
TEST_P(ShardShared, ExactlyOnceExchangesThatHaveBegunStay) {
    const std::string words = "v5 receive_maximum=3" + (kLasting + id("leaving"));
    TestClient& leaving = broker.subscribe(words, "topic=$share/g/t qos=2");
    publish(1, 5, 2);
    EXPECT_THAT(leaving.all(), SizeIs(3));
    leaving.send("PUBREC id=1");
    EXPECT_EQ(leaving.next(), "PUBREL id=1 reason=0x00");
    TestClient& staying =
        broker.subscribe("v5 client_id=" + broker.id_on(0, "staying"), "topic=$share/g/t qos=2");
    leaving.drop();
    EXPECT_EQ(staying.take_payloads(), payloads(4, 5));
    TestClient& back = broker.connect(words, true);
    EXPECT_THAT(back.all(),
                ElementsAre("PUBREL id=1 reason=0x00", "PUBLISH dup=1 qos=2 topic=t id=2 payload=2",
                            "PUBLISH dup=1 qos=2 topic=t id=3 payload=3"));
}

TEST_P(ShardShared, AnotherMemberGetsWhatOneHasNoRoomFor) {
    session::Settings settings;
    settings.max_online_messages = 2;
    broker.use(settings);
    TestClient& slow =
        broker.subscribe("v5 receive_maximum=1 client_id=" + id("slow"), "topic=$share/g/t qos=1");
    settings.max_online_messages = -1;
    broker.use(settings);
    TestClient& fast =
        broker.subscribe("v5 client_id=" + broker.id_on(0, "fast"), "topic=$share/g/t qos=1");
    publish(1, 100);
    EXPECT_EQ(broker.count(Counter::QueueMessageDrop), 0U);
    auto all = fast.take_payloads();
    EXPECT_THAT(all, SizeIs(97));
    const auto rest = slow.take_payloads();
    all.insert(all.end(), rest.begin(), rest.end());
    EXPECT_THAT(all, UnorderedElementsAreArray(payloads(1, 100)));
}

TEST_P(ShardShared, TheOneMemberThatHasRoomIsFoundAmongManyThatHaveNone) {
    session::Settings settings;
    settings.max_online_messages = 0;
    broker.use(settings);
    constexpr int kFull = 20;
    for (int i = 0; i < kFull; ++i) {
        (void)broker.subscribe(
            fmt::format("v5 receive_maximum=1 client_id={}",
                        broker.id_on(static_cast<ShardId>(i % 2), fmt::format("full{}-", i))),
            "topic=$share/g/t qos=1");
    }
    settings.max_online_messages = -1;
    broker.use(settings);
    TestClient& idle = broker.subscribe("v5 client_id=" + id("idle"), "topic=$share/g/t qos=1");
    publish(1, 200);
    EXPECT_EQ(broker.count(Counter::QueueMessageDrop), 0U);
    EXPECT_THAT(idle.take_payloads(), SizeIs(200 - kFull));
}

TEST_P(ShardShared, AMessageForWhichNobodyHasRoomIsCountedAndAcknowledged) {
    session::Settings settings;
    settings.max_online_messages = 0;
    broker.use(settings);
    for (const char* prefix : {"a", "b"}) {
        (void)broker.subscribe("v5 receive_maximum=1 client_id=" + id(prefix),
                               "topic=$share/g/t qos=1");
    }
    publish(1, 4);
    EXPECT_EQ(broker.count(Counter::QueueMessageDrop), 2U);
    EXPECT_THAT(publisher.all(), SizeIs(4));
}

TEST_P(ShardShared, TheLastMemberKeepsItsMessagesForWhenItIsBack) {
    const std::string words = "v5 receive_maximum=2" + (kLasting + id("last"));
    TestClient& last = broker.subscribe(words, "topic=$share/g/t qos=1");
    publish(1, 5);
    EXPECT_THAT(last.all(), SizeIs(2));
    last.drop();
    broker.settle();
    publish(6, 8);
    EXPECT_EQ(broker.connect(words, true).take_payloads(), payloads(1, 8));
}

TEST_P(ShardShared, MessagesHandedOnAreStoredForTheMemberThatGetsThem) {
    ManualStore store;
    store.automatic = true;
    TestBroker stored({.shards = 2, .store = std::make_unique<StoreProxy>(store)});
    TestClient& leaving = stored.subscribe("v5 receive_maximum=1" + (kLasting + id("leaving")),
                                           "topic=$share/g/t qos=1");
    TestClient& sender = stored.connect("v5 client_id=p");
    for (int i = 1; i <= 3; ++i) {
        sender.send(fmt::format("PUBLISH topic=t qos=1 id={} payload={}", i, i));
    }
    stored.settle();
    TestClient& staying = stored.subscribe(
        std::string("v5") + kLasting + stored.id_on(0, "staying"), "topic=$share/g/t qos=1");
    leaving.drop();
    stored.settle();
    EXPECT_THAT(store.payloads(), UnorderedElementsAreArray(payloads(1, 3)));
    EXPECT_THAT(staying.take_payloads(), UnorderedElementsAreArray(payloads(1, 3)));
    EXPECT_THAT(store.payloads(), IsEmpty());
}

TEST(ShardRoutingMail, AFullMailboxPausesReadsAndLosesNothing) {
    TestBroker broker({.shards = 2});
    TestClient& subscriber = broker.subscribe("v5 client_id=" + broker.id_on(1, "sub"), "topic=t");
    session::Settings settings;
    settings.max_online_messages = -1;
    TestClient& publisher = broker.connect("v5 client_id=" + broker.id_on(0, "pub"));
    constexpr int kMessages = 60'000;
    for (int i = 0; i < kMessages; ++i) publisher.send("PUBLISH topic=t");
    // The other shard is busy with something else: only the publisher's takes turns.
    Shard& shard = broker.shard(0);
    for (int i = 0; i < 20; ++i) {
        broker.exchange();
        broker.simulation().turn(shard);
    }
    EXPECT_TRUE(shard.congested());
    EXPECT_EQ(broker.count(Counter::ShardReadsPaused), 1U);
    const auto read =
        shard.metrics().get(metrics::PacketKind{metrics::Direction::Received, true, 3});
    EXPECT_GE(read, runtime::Mailbox<ShardMessage>::kCapacity);
    subscriber.set_reading(true);
    EXPECT_THAT(subscriber.take_payloads(), SizeIs(kMessages));
    EXPECT_FALSE(shard.congested());
}

// A socket that fails while a turn's output is written ends a session after the mail of that turn.
TEST(ShardRoutingMail, AWillOfAClientWhoseWriteFailsDoesNotWaitForTheNextEvent) {
    ManualStore store;
    store.automatic = true;
    TestBroker broker({.shards = 2, .store = std::make_unique<StoreProxy>(store)});
    TestClient& watcher = broker.subscribe("v5 client_id=" + broker.id_on(1, "watcher"), "topic=w");
    TestClient& failing = broker.subscribe(
        "v5 will_topic=w will_payload=bye client_id=" + broker.id_on(0, "failing"), "topic=t");
    (void)broker.subscribe(std::string("v5") + kLasting + broker.id_on(0, "stored"),
                           "topic=t qos=1");
    TestClient& publisher = broker.connect("v5 client_id=" + broker.id_on(0, "pub"));
    store.on_commit = [&] { failing.drop(); };
    publisher.send("PUBLISH topic=t qos=1 id=1 payload=x");
    broker.exchange();
    EXPECT_TRUE(broker.simulation().turn(broker.shard(0)));
    store.on_commit = nullptr;
    EXPECT_THAT(watcher.take_payloads(), ElementsAre("bye"));
}

}  // namespace
}  // namespace vmq::broker
