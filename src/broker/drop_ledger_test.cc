#include "broker/drop_ledger.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "broker/shard.h"
#include "support/manual_store.h"
#include "support/test_broker.h"

namespace vmq::broker {
namespace {

using vmq::testing::TestBroker;
using vmq::testing::TestClient;

std::uint64_t total(const DropPicture& picture, Undelivered reason) {
    return picture.totals[static_cast<std::size_t>(reason)];
}

TEST(DropLedger, CountsByReasonClientAndTopicPrefix) {
    DropLedger ledger;
    ledger.add(Undelivered::QueueFull, "m", "a", "plant/1/x");
    ledger.add(Undelivered::QueueFull, "m", "a", "plant/1/y", 2);
    ledger.add(Undelivered::QueueFull, "", "a", "plant");
    ledger.add(Undelivered::Expired, "m", "a", "plant/1");
    const DropPicture picture = ledger.picture();
    EXPECT_EQ(total(picture, Undelivered::QueueFull), 4U);
    EXPECT_EQ(total(picture, Undelivered::Expired), 1U);
    ASSERT_EQ(picture.clients.size(), 3U);
    EXPECT_EQ(picture.clients[0].mountpoint, "m");
    EXPECT_EQ(picture.clients[0].client_id, "a");
    EXPECT_EQ(picture.clients[0].messages, 3U);
    EXPECT_EQ(picture.clients[1].mountpoint, "");
    ASSERT_EQ(picture.topics.size(), 3U);
    EXPECT_EQ(picture.topics[0].prefix, "plant/1");
    EXPECT_EQ(picture.topics[0].messages, 3U);
    EXPECT_EQ(picture.topics[1].prefix, "plant");
    EXPECT_EQ(picture.topics[2].reason, Undelivered::Expired);
}

TEST(DropLedger, WhatIsNotKnownCountsInTheTotalOnly) {
    DropLedger ledger;
    ledger.add(Undelivered::NoSubscriber, "", "", "");
    ledger.add(Undelivered::NoSubscriber, "", "", "", 0);
    EXPECT_EQ(total(ledger.picture(), Undelivered::NoSubscriber), 1U);
    EXPECT_TRUE(ledger.picture().clients.empty());
    EXPECT_TRUE(ledger.picture().topics.empty());
}

TEST(DropLedger, OneClientMoreThanIsCountedTakesNoMoreMemory) {
    DropLedger ledger;
    const std::string name(100'000, 'x');
    for (std::size_t i = 0; i <= DropLedger::kCounted; ++i) {
        ledger.add(Undelivered::QueueFull, name, std::to_string(i) + name,
                   std::to_string(i) + name);
    }
    const DropPicture picture = ledger.picture();
    EXPECT_EQ(picture.clients.size(), DropLedger::kCounted);
    EXPECT_EQ(picture.topics.size(), DropLedger::kCounted);
    EXPECT_EQ(picture.clients.front().mountpoint.size(), DropLedger::kMaxKeyBytes);
    EXPECT_EQ(picture.clients.front().client_id.size(), DropLedger::kMaxKeyBytes);
    EXPECT_EQ(picture.topics.front().prefix.size(), DropLedger::kMaxKeyBytes);
    EXPECT_EQ(total(picture, Undelivered::QueueFull), DropLedger::kCounted + 1);
}

TEST(DropLedger, PicturesOfShardsAreAddedUp) {
    DropLedger one;
    DropLedger other;
    one.add(Undelivered::QueueFull, "", "a", "t");
    other.add(Undelivered::QueueFull, "", "a", "t", 2);
    other.add(Undelivered::QueueFull, "", "b", "u");
    DropPicture sum = one.picture();
    sum.merge(other.picture());
    EXPECT_EQ(total(sum, Undelivered::QueueFull), 4U);
    ASSERT_EQ(sum.clients.size(), 2U);
    EXPECT_EQ(sum.clients[0].messages, 3U);
    EXPECT_EQ(sum.clients[1].client_id, "b");
    ASSERT_EQ(sum.topics.size(), 2U);
    EXPECT_EQ(sum.topics[0].messages, 3U);
}

TEST(DropLedger, EveryReasonHasAName) {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < kUndeliveredReasons; ++i) {
        EXPECT_FALSE(name_of(static_cast<Undelivered>(i)).empty());
        names.insert(name_of(static_cast<Undelivered>(i)));
    }
    EXPECT_EQ(names.size(), kUndeliveredReasons);
}

DropPicture of(TestBroker& broker) {
    broker.settle();
    return broker.shard().drops().picture();
}

constexpr const char* kKept = "v5 client_id=s clean_start=0 session_expiry_interval=60";

TEST(ShardDrops, AFullQueueIsCountedWithItsClient) {
    session::Settings settings;
    settings.max_offline_messages = 1;
    TestBroker broker({.settings = settings});
    broker.subscribe(kKept, "topic=a/b/c qos=1").drop();
    broker.settle();
    TestClient& publisher = broker.connect("v5 client_id=p");
    for (int id = 1; id <= 3; ++id) {
        publisher.send("PUBLISH topic=a/b/c qos=1 payload=x id=" + std::to_string(id));
    }
    const DropPicture picture = of(broker);
    EXPECT_EQ(total(picture, Undelivered::QueueFull), 2U);
    ASSERT_EQ(picture.clients.size(), 1U);
    EXPECT_EQ(picture.clients[0].client_id, "s");
    EXPECT_EQ(picture.topics.at(0).prefix, "a/b");
}

TEST(ShardDrops, WhatNobodySubscribesToIsCountedWithItsPublisher) {
    TestBroker broker;
    TestClient& publisher = broker.connect("v5 client_id=p");
    publisher.send("PUBLISH topic=a qos=0 payload=x");
    publisher.send("PUBLISH topic=a qos=1 id=1 payload=x");
    publisher.send("PUBLISH topic=kept qos=0 payload=x retain=1");
    const DropPicture picture = of(broker);
    EXPECT_EQ(total(picture, Undelivered::NoSubscriber), 2U);
    ASSERT_EQ(picture.clients.size(), 1U);
    EXPECT_EQ(picture.clients[0].client_id, "p");
    EXPECT_EQ(picture.clients[0].messages, 2U);
    EXPECT_EQ(picture.topics.at(0).prefix, "a");
}

TEST(ShardDrops, QoS0ForAClientThatIsAwayAndWhatWaitsWhenASessionEnds) {
    TestBroker broker;
    broker.subscribe(kKept, "topic=a qos=1").drop();
    broker.settle();
    TestClient& publisher = broker.connect("v5 client_id=p");
    publisher.send("PUBLISH topic=a qos=0 payload=x");
    publisher.send("PUBLISH topic=a qos=1 id=1 payload=x");
    publisher.send("PUBLISH topic=a qos=1 id=2 payload=x");
    EXPECT_EQ(total(of(broker), Undelivered::ClientOffline), 1U);
    broker.advance(Seconds(61));
    const DropPicture picture = of(broker);
    EXPECT_EQ(total(picture, Undelivered::SessionEnded), 2U);
    EXPECT_EQ(picture.clients.at(1).reason, Undelivered::SessionEnded);
    EXPECT_EQ(picture.clients.at(1).client_id, "s");
}

TEST(ShardDrops, ExpiredAndTooLargeMessagesAreCounted) {
    TestBroker broker;
    broker.subscribe(kKept, "topic=a qos=1").drop();
    broker.settle();
    TestClient& publisher = broker.connect("v5 client_id=p");
    publisher.send("PUBLISH topic=a qos=1 id=1 payload=x message_expiry_interval=1");
    publisher.send("PUBLISH topic=a qos=1 id=2 payload=" + std::string(100, 'x'));
    broker.settle();
    broker.advance(Seconds(2));
    broker.connect(std::string(kKept) + " maximum_packet_size=50", true);
    const DropPicture picture = of(broker);
    EXPECT_EQ(total(picture, Undelivered::Expired), 1U);
    EXPECT_EQ(total(picture, Undelivered::TooLarge), 1U);
}

TEST(ShardDrops, AFullDiskIsCountedWithThePublisher) {
    testing::KeptRecords records;
    TestBroker broker({.records = &records});
    broker.subscribe(kKept, "topic=a qos=1");
    TestClient& publisher = broker.connect("v5 client_id=p");
    broker.simulation().keeping_store().takes = false;
    publisher.send("PUBLISH topic=a qos=1 id=1 payload=x");
    EXPECT_TRUE(publisher.next().starts_with("PUBACK id=1 reason=0x97"));
    const DropPicture picture = of(broker);
    EXPECT_EQ(total(picture, Undelivered::StorageFull), 1U);
    EXPECT_EQ(picture.clients.at(0).client_id, "p");
}

/// Lines of the log that say that a queue is nearly full.
std::size_t warnings(const std::string& captured) {
    std::size_t count = 0;
    for (auto at = captured.find("nearly full, "); at != std::string::npos;
         at = captured.find("nearly full, ", at + 1)) {
        ++count;
    }
    return count;
}

TEST(ShardDrops, TheLogIsWarnedBeforeTheFirstDropAndNotForEveryMessage) {
    session::Settings settings;
    settings.max_offline_messages = 20;
    TestBroker broker({.settings = settings});
    broker.subscribe(kKept, "topic=a qos=1").drop();
    broker.settle();
    TestClient& publisher = broker.connect("v5 client_id=p");
    const auto publish = [&](int count) {
        ::testing::internal::CaptureStderr();
        for (int id = 1; id <= count; ++id) {
            publisher.send("PUBLISH topic=a qos=1 payload=x id=" + std::to_string(id));
        }
        broker.settle();
        return warnings(::testing::internal::GetCapturedStderr());
    };
    EXPECT_EQ(publish(15), 0U);
    EXPECT_EQ(publish(1), 1U);
    EXPECT_EQ(publish(4), 0U);
    EXPECT_EQ(total(of(broker), Undelivered::QueueFull), 0U);
    (void)broker.connect(kKept, true).take_payloads();
    broker.shard().disconnect_client("", "s", false);
    broker.settle();
    EXPECT_EQ(broker.shard().counters().get(metrics::Counter::QueueNearlyFull), 1U);
    EXPECT_EQ(publish(9), 0U) << "low again";
    EXPECT_EQ(publish(7), 1U);
    EXPECT_EQ(broker.shard().counters().get(metrics::Counter::QueueNearlyFull), 2U);
}

TEST(ShardDrops, SmallQueuesAreNotWatched) {
    session::Settings settings;
    settings.max_offline_messages = 9;
    TestBroker broker({.settings = settings});
    broker.subscribe(kKept, "topic=a qos=1").drop();
    broker.settle();
    TestClient& publisher = broker.connect("v5 client_id=p");
    ::testing::internal::CaptureStderr();
    for (int id = 1; id <= 9; ++id) {
        publisher.send("PUBLISH topic=a qos=1 payload=x id=" + std::to_string(id));
    }
    broker.settle();
    EXPECT_EQ(warnings(::testing::internal::GetCapturedStderr()), 0U);
}

}  // namespace
}  // namespace vmq::broker
