// Shards over a store that keeps messages: what is in memory, and what comes back after a crash.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "broker/shard.h"
#include "support/keeping_store.h"
#include "support/test_broker.h"

namespace vmq::broker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using vmq::testing::KeptRecords;
using vmq::testing::TestBroker;
using vmq::testing::TestClient;

constexpr const char* kKeptLong = " clean_start=0 session_expiry_interval=100";

/// By the number of shards. The subscriber "s" and the publisher "p" have homes of their own.
class ShardKept : public ::testing::TestWithParam<std::uint32_t> {
protected:
    void SetUp() override { start(); }

    void start() {
        TestBroker::Options options;
        options.shards = GetParam();
        options.records = &records;
        options.settings = settings;
        options.since_start = elapsed;
        broker = std::make_unique<TestBroker>(std::move(options));
        subscriber_id = broker->id_on(0, "s");
        publisher_id = broker->id_on(GetParam() - 1, "p");
    }
    /// Without a word to anybody: what is not in the records is gone.
    void crash(Millis away = Millis(0)) {
        elapsed += broker->simulation().now() - TestBroker::kStart + away;
        KeptRecords safe = records;
        broker.reset();
        records = std::move(safe);
        start();
    }
    TestClient& subscriber(bool present, std::string_view more = "") {
        return broker->connect("v5 client_id=" + subscriber_id + kKeptLong + std::string(more),
                               present);
    }
    TestClient& subscribed(int qos) {
        return broker->subscribe("v5 client_id=" + subscriber_id + kKeptLong,
                                 fmt::format("topic=t qos={}", qos));
    }
    void publish(int qos, int from, int to) {
        TestClient& publisher = broker->connect("v5 client_id=" + publisher_id);
        for (int i = from; i <= to; ++i) {
            publisher.send(fmt::format("PUBLISH topic=t qos={} id={} payload={}", qos, i, i));
        }
        EXPECT_THAT(publisher.all(), SizeIs(static_cast<std::size_t>(to - from + 1)));
    }
    static std::vector<std::string> numbers(int from, int to) {
        std::vector<std::string> all;
        for (int i = from; i <= to; ++i) all.push_back(std::to_string(i));
        return all;
    }

    KeptRecords records;
    session::Settings settings = [] {
        session::Settings changed;
        changed.max_offline_messages = -1;
        changed.max_online_messages = -1;
        return changed;
    }();
    Millis elapsed{0};
    std::unique_ptr<TestBroker> broker;
    std::string subscriber_id;
    std::string publisher_id;
};

INSTANTIATE_TEST_SUITE_P(Shards, ShardKept, ::testing::Values(1U, 2U));

TEST_P(ShardKept, AnOfflineSessionHasNothingInMemoryAndGetsEverythingInOrder) {
    subscribed(1).drop();
    broker->settle();
    publish(1, 1, 5000);
    EXPECT_EQ(records.messages(), 5000U);
    EXPECT_THAT(subscriber(true).take_payloads(), ::testing::ElementsAreArray(numbers(1, 5000)));
    broker->settle();
    EXPECT_EQ(records.messages(), 0U);
}

TEST_P(ShardKept, AfterACrashEverythingIsThereAndMayHaveBeenSentBefore) {
    (void)subscribed(1);
    publish(1, 1, 3);  // sent, not acknowledged by the subscriber
    crash();
    TestClient& client = subscriber(true);
    EXPECT_EQ(client.next(), "PUBLISH dup=1 qos=1 topic=t id=1 payload=1");
    EXPECT_EQ(client.next(), "PUBLISH dup=1 qos=1 topic=t id=2 payload=2");
    EXPECT_EQ(client.next(), "PUBLISH dup=1 qos=1 topic=t id=3 payload=3");
    for (const char* id : {"1", "2", "3"}) client.send(std::string("PUBACK id=") + id);
    publish(1, 4, 4);
    EXPECT_EQ(client.next(), "PUBLISH qos=1 topic=t id=4 payload=4");
}

TEST_P(ShardKept, NewMessagesComeBehindThoseThatAreFetched) {
    subscribed(1).drop();
    broker->settle();
    publish(1, 1, 2500);
    TestClient& client = subscriber(true);
    publish(1, 2501, 3000);
    EXPECT_THAT(client.take_payloads(), ::testing::ElementsAreArray(numbers(1, 3000)));
}

// [v5 MQTT-4.3.3-10]: the packet id is known after a crash.
TEST_P(ShardKept, AnExactlyOnceMessageRepeatedAfterACrashIsNotDeliveredTwice) {
    subscribed(2).drop();
    TestClient& publisher = broker->connect("v5 client_id=" + publisher_id + kKeptLong);
    publisher.send("PUBLISH topic=t qos=2 id=5 payload=x");
    EXPECT_EQ(publisher.next(), "PUBREC id=5 reason=0x00");
    crash();
    TestClient& again = broker->connect("v5 client_id=" + publisher_id + kKeptLong, true);
    again.send("PUBLISH topic=t qos=2 id=5 dup=1 payload=x");
    EXPECT_EQ(again.next(), "PUBREC id=5 reason=0x00");
    again.send("PUBREL id=5");
    EXPECT_EQ(again.next(), "PUBCOMP id=5 reason=0x00");
    EXPECT_THAT(subscriber(true).all(), SizeIs(1));
    crash();
    // PUBCOMP was safe: the id is free for another message.
    TestClient& third = broker->connect("v5 client_id=" + publisher_id + kKeptLong, true);
    third.send("PUBLISH topic=t qos=2 id=5 payload=y");
    EXPECT_EQ(third.next(), "PUBREC id=5 reason=0x00");
    EXPECT_EQ(records.messages(), 2U);
}

TEST_P(ShardKept, AReleasedExchangeGoesOnWithPubrelAfterACrash) {
    TestClient& client = subscribed(2);
    publish(2, 1, 1);
    EXPECT_EQ(client.next(), "PUBLISH qos=2 topic=t id=1 payload=1");
    client.send("PUBREC id=1");
    EXPECT_EQ(client.next(), "PUBREL id=1 reason=0x00");
    crash();
    TestClient& again = subscriber(true);
    EXPECT_EQ(again.next(), "PUBREL id=1 reason=0x00");
    again.send("PUBCOMP id=1");
    publish(2, 2, 2);
    EXPECT_EQ(again.next(), "PUBLISH qos=2 topic=t id=2 payload=2");
}

TEST_P(ShardKept, NothingIsAcknowledgedThatIsNotSafe) {
    subscribed(1).drop();
    broker->settle();
    TestClient& publisher = broker->connect("v5 client_id=" + publisher_id);
    TestClient& lasting = broker->connect("v5 client_id=" + broker->id_on(0, "x") + kKeptLong);
    broker->simulation().keeping_store().hold();
    publisher.send("PUBLISH topic=t qos=1 id=1 payload=x");
    EXPECT_EQ(publisher.next(), "nothing");
    lasting.send("SUBSCRIBE id=9 topic=a qos=1");
    EXPECT_EQ(lasting.next(), "nothing");
    TestClient& fresh = broker->open("v5");
    fresh.send("CONNECT client_id=" + broker->id_on(0, "y") + kKeptLong);
    EXPECT_EQ(fresh.next(), "nothing");
    broker->simulation().keeping_store().release();
    EXPECT_EQ(publisher.next(), "PUBACK id=1 reason=0x00");
    EXPECT_EQ(lasting.next(), "SUBACK id=9 reasons=0x01");
    EXPECT_EQ(fresh.next(), "CONNACK session_present=0 reason=0x00");
}

TEST_P(ShardKept, AConnectionThatEndsIsNotHeldUpByWhatWaitsForTheStore) {
    broker->simulation().keeping_store().hold();
    TestClient& client = broker->open("v5");
    client.send("CONNECT client_id=" + subscriber_id + kKeptLong);
    client.send("DISCONNECT");
    EXPECT_EQ(client.next(), "CONNACK session_present=0 reason=0x00");
    EXPECT_EQ(client.next(), "closed");
    broker->simulation().keeping_store().release();
}

// What was asked on a connection that broke is answered on the next one when it is safe, too.
TEST_P(ShardKept, ANewConnectionIsToldNothingThatIsNotSafeEither) {
    TestClient& client = subscribed(2);
    publish(2, 1, 1);
    EXPECT_EQ(client.next(), "PUBLISH qos=2 topic=t id=1 payload=1");
    broker->simulation().keeping_store().hold();
    client.send("PUBREC id=1");
    client.send("UNSUBSCRIBE id=2 topic=t");
    EXPECT_EQ(client.next(), "nothing");
    client.drop();
    broker->settle();
    TestClient& again = broker->open("v5");
    again.send("CONNECT client_id=" + subscriber_id + kKeptLong);
    again.send("UNSUBSCRIBE id=3 topic=t");
    EXPECT_EQ(again.next(), "nothing");
    broker->simulation().keeping_store().release();
    EXPECT_EQ(again.next(), "CONNACK session_present=1 reason=0x00");
    EXPECT_THAT(again.all(), ::testing::UnorderedElementsAre("PUBREL id=1 reason=0x00",
                                                             "UNSUBACK id=3 reasons=0x11"));
}

// A member that is gone before it acknowledged: the publisher waits until another has the message.
TEST_P(ShardKept, AMessageThatChangesHandsIsSafeBeforeItsPublisherIsTold) {
    const std::string first = broker->id_on(0, "m");
    const std::string second = broker->id_on(GetParam() - 1, "n");
    TestClient& member =
        broker->subscribe("v5 client_id=" + first + kKeptLong, "topic=$share/g/t qos=1");
    broker->settle();
    for (const auto& shard : broker->simulation().shards()) {
        shard->shared().lazy_write_delay = Seconds(10);
    }
    TestClient& publisher = broker->connect("v5 client_id=" + publisher_id);
    publisher.send("PUBLISH topic=t qos=1 id=1 payload=x");
    EXPECT_EQ(publisher.next(), "nothing");
    (void)broker->subscribe("v5 client_id=" + second + kKeptLong, "topic=$share/g/t qos=1");
    member.drop();
    broker->settle();
    EXPECT_EQ(publisher.next(), "PUBACK id=1 reason=0x00");
    crash();
    EXPECT_THAT(broker->connect("v5 client_id=" + second + kKeptLong, true).take_payloads(),
                ElementsAre("x"));
    EXPECT_THAT(broker->connect("v5 client_id=" + first + kKeptLong, true).take_payloads(),
                IsEmpty());
}

TEST_P(ShardKept, ASessionThatNeverExpiresKnowsWhatWasNotSent) {
    TestClient& client = broker->subscribe(
        "v5 client_id=" + subscriber_id + " session_expiry_interval=4294967295", "topic=t qos=1");
    client.drop();
    broker->settle();
    publish(1, 1, 1);
    crash();
    EXPECT_EQ(subscriber(true).next(), "PUBLISH qos=1 topic=t id=1 payload=1");
}

TEST_P(ShardKept, WhatIsAcknowledgedInTimeNeverReachesTheStore) {
    TestClient& client = subscribed(1);
    broker->settle();
    for (const auto& shard : broker->simulation().shards()) {
        shard->shared().lazy_write_delay = Millis(100);
    }
    const auto before = records.written();
    TestClient& publisher = broker->connect("v5 client_id=" + publisher_id);
    publisher.send("PUBLISH topic=t qos=1 id=1 payload=x");
    EXPECT_EQ(publisher.next(), "nothing") << "nobody has it for sure";
    EXPECT_THAT(client.take_payloads(), ElementsAre("x"));
    EXPECT_EQ(publisher.next(), "PUBACK id=1 reason=0x00");
    broker->advance(Seconds(1));
    EXPECT_EQ(records.written(), before);
}

TEST_P(ShardKept, WhatIsNotAcknowledgedInTimeIsWritten) {
    (void)subscribed(1);
    broker->settle();
    for (const auto& shard : broker->simulation().shards()) {
        shard->shared().lazy_write_delay = Millis(100);
    }
    TestClient& publisher = broker->connect("v5 client_id=" + publisher_id);
    publisher.send("PUBLISH topic=t qos=1 id=1 payload=x");
    EXPECT_EQ(publisher.next(), "nothing");
    broker->advance(Millis(200));
    EXPECT_EQ(publisher.next(), "PUBACK id=1 reason=0x00");
    EXPECT_EQ(records.messages(), 1U);
}

TEST_P(ShardKept, SubscriptionsAndTheirEndSurvive) {
    TestClient& client = subscribed(1);
    client.send("SUBSCRIBE id=2 topic=other qos=1");
    EXPECT_EQ(client.next(), "SUBACK id=2 reasons=0x01");
    client.send("UNSUBSCRIBE id=3 topic=t");
    EXPECT_EQ(client.next(), "UNSUBACK id=3 reasons=0x00");
    crash();
    TestClient& again = subscriber(true);
    publish(1, 1, 1);
    TestClient& publisher = broker->connect("v5 client_id=" + publisher_id);
    publisher.send("PUBLISH topic=other qos=1 id=9 payload=o");
    EXPECT_THAT(again.take_payloads(), ElementsAre("o"));
}

TEST_P(ShardKept, ASessionThatExpiredMeanwhileIsGone) {
    subscribed(1).drop();
    broker->settle();
    crash(Seconds(99));
    subscriber(true).drop();
    broker->settle();
    crash(Seconds(101));
    broker->advance(Seconds(1));
    (void)subscriber(false);
    EXPECT_THAT(records.sessions(), SizeIs(1));
}

TEST_P(ShardKept, AWillWhoseDelayEndsWhileTheBrokerIsDownIsPublishedAtStart) {
    broker
        ->connect("v5 client_id=" + subscriber_id + kKeptLong +
                  " will_topic=w will_payload=bye will_qos=1 will_delay_interval=10")
        .drop();
    (void)broker->subscribe("v5 client_id=" + broker->id_on(0, "watcher") + kKeptLong,
                            "topic=w qos=1");
    broker->settle();
    crash(Seconds(20));
    TestClient& watcher =
        broker->connect("v5 client_id=" + broker->id_on(0, "watcher") + kKeptLong, true);
    broker->advance(Seconds(1));
    EXPECT_THAT(watcher.take_payloads(), ElementsAre("bye"));
    broker->advance(Seconds(100));
    EXPECT_THAT(watcher.take_payloads(), IsEmpty());
}

TEST_P(ShardKept, TheWillOfAClientThatWasThereWhenTheBrokerDiedIsPublished) {
    (void)broker->connect("v5 client_id=" + subscriber_id + kKeptLong +
                          " will_topic=w will_payload=bye will_qos=1");
    (void)broker->subscribe("v5 client_id=" + broker->id_on(0, "watcher") + kKeptLong,
                            "topic=w qos=1");
    broker->settle();
    crash();
    TestClient& watcher =
        broker->connect("v5 client_id=" + broker->id_on(0, "watcher") + kKeptLong, true);
    broker->advance(Seconds(1));
    EXPECT_THAT(watcher.take_payloads(), ElementsAre("bye"));
}

TEST_P(ShardKept, RetainedMessagesAreSafeBeforeTheyAreAcknowledged) {
    broker->simulation().keeping_store().hold();
    TestClient& publisher = broker->connect("v5 client_id=" + publisher_id);
    publisher.send("PUBLISH topic=r retain=1 qos=1 id=1 payload=x");
    EXPECT_EQ(publisher.next(), "nothing");
    broker->simulation().keeping_store().release();
    EXPECT_EQ(publisher.next(), "PUBACK id=1 reason=0x10");
    crash();
    TestClient& client = broker->subscribe("v5 client_id=c", "topic=r");
    EXPECT_EQ(client.next(), "PUBLISH qos=0 retain=1 topic=r payload=x");
}

TEST_P(ShardKept, ARetainedMessageIsGoneForGoodBeforeThatIsAcknowledged) {
    TestClient& publisher = broker->connect("v5 client_id=" + publisher_id);
    publisher.send("PUBLISH topic=r retain=1 qos=1 id=1 payload=x");
    EXPECT_EQ(publisher.next(), "PUBACK id=1 reason=0x10");
    broker->simulation().keeping_store().hold();
    TestClient& other = broker->connect("v5 client_id=" + broker->id_on(0, "other"));
    other.send("PUBLISH topic=r retain=1 qos=0");
    broker->settle();
    publisher.send("PUBLISH topic=r retain=1 qos=1 id=2");
    EXPECT_EQ(publisher.next(), "nothing");
    broker->simulation().keeping_store().release();
    EXPECT_EQ(publisher.next(), "PUBACK id=2 reason=0x10");
    crash();
    TestClient& client = broker->subscribe("v5 client_id=c", "topic=r");
    EXPECT_EQ(client.next(), "nothing");
}

TEST_P(ShardKept, AFullDiskRefusesWhatWouldHaveToBeStoredAndNothingElse) {
    subscribed(1).drop();
    TestClient& live = broker->subscribe("v5 client_id=live", "topic=u qos=1");
    broker->settle();
    broker->simulation().keeping_store().takes = false;
    TestClient& publisher = broker->connect("v5 client_id=" + publisher_id);
    publisher.send("PUBLISH topic=t qos=1 id=1 payload=x");
    EXPECT_THAT(publisher.next(), ::testing::StartsWith("PUBACK id=1 reason=0x97"));
    publisher.send("PUBLISH topic=t qos=0 payload=x");
    publisher.send("PUBLISH topic=u qos=1 id=2 payload=y");
    EXPECT_EQ(publisher.next(), "PUBACK id=2 reason=0x00");
    EXPECT_THAT(live.take_payloads(), ElementsAre("y"));
    broker->simulation().keeping_store().takes = true;
    publisher.send("PUBLISH topic=t qos=1 id=3 payload=z");
    EXPECT_EQ(publisher.next(), "PUBACK id=3 reason=0x00");
    EXPECT_EQ(records.messages(), 1U);
}

TEST_P(ShardKept, ALimitedQueueDropsWithoutReading) {
    settings.max_offline_messages = 10;
    crash();
    subscribed(1).drop();
    broker->settle();
    publish(1, 1, 15);
    EXPECT_EQ(records.messages(), 10U);
    EXPECT_THAT(subscriber(true).take_payloads(), ::testing::ElementsAreArray(numbers(1, 10)));
}

TEST_P(ShardKept, ALifoQueueKeepsTheYoungestAndSendsThemFirst) {
    settings.max_offline_messages = 10;
    settings.queue_lifo = true;
    crash();
    subscribed(1).drop();
    broker->settle();
    publish(1, 1, 15);
    broker->settle();
    EXPECT_EQ(records.messages(), 10U);
    auto expected = numbers(6, 15);
    std::reverse(expected.begin(), expected.end());
    EXPECT_THAT(subscriber(true).take_payloads(), ::testing::ElementsAreArray(expected));
}

TEST_P(ShardKept, TheEndOfASessionTakesItsRecordsWithIt) {
    subscribed(1).drop();
    broker->settle();
    publish(1, 1, 5);
    (void)broker->connect("v5 client_id=" + subscriber_id);  // Clean Start
    broker->settle();
    EXPECT_THAT(records.sessions(), IsEmpty());
    EXPECT_EQ(records.messages(), 0U);
}

}  // namespace
}  // namespace vmq::broker
