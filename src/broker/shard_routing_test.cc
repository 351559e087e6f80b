#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "support/manual_store.h"
#include "support/test_broker.h"
#include "support/two_shards.h"

namespace vmq::broker {
namespace {

using metrics::Counter;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAreArray;
using vmq::testing::kLasting;
using vmq::testing::ManualStore;
using vmq::testing::payloads;
using vmq::testing::StoreProxy;
using vmq::testing::TestBroker;
using vmq::testing::TestClient;

using ShardRouting = vmq::testing::TwoShards;

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
