#include "broker/shard.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "broker/limits.h"
#include "support/manual_store.h"
#include "support/test_broker.h"

namespace vmq::broker {
namespace {

using metrics::Counter;
using store::CommitStatus;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using vmq::testing::ManualStore;
using vmq::testing::StoreProxy;
using vmq::testing::TestBroker;
using vmq::testing::TestClient;

/// A publisher, and a persistent subscriber whose home is the shard given; both acknowledge by
/// hand.
class ShardStore : public ::testing::TestWithParam<ShardId> {
protected:
    ShardStore() {
        store.automatic = true;
        subscriber_id = broker.id_on(GetParam(), "sub");
        subscriber = &broker.subscribe(persistent(), "topic=a qos=2");
        publisher = &broker.connect("v5 client_id=" + broker.id_on(0, "pub"));
        store.automatic = false;
    }
    [[nodiscard]] std::string persistent() const {
        return "v5 clean_start=0 session_expiry_interval=60 client_id=" + subscriber_id;
    }

    ManualStore store;
    TestBroker broker{{.shards = 2, .store = std::make_unique<StoreProxy>(store)}};
    std::string subscriber_id;
    TestClient* subscriber = nullptr;
    TestClient* publisher = nullptr;
};

INSTANTIATE_TEST_SUITE_P(SubscriberHere, ShardStore, ::testing::Values(ShardId{0}));
INSTANTIATE_TEST_SUITE_P(SubscriberElsewhere, ShardStore, ::testing::Values(ShardId{1}));

TEST_P(ShardStore, PubackWaitsUntilTheMessageIsSafe) {
    publisher->send("PUBLISH topic=a qos=1 id=7 payload=x");
    EXPECT_EQ(publisher->next(), "nothing");
    EXPECT_EQ(subscriber->next(), "PUBLISH qos=1 topic=a id=1 payload=x");
    store.complete();
    EXPECT_EQ(publisher->next(), "PUBACK id=7 reason=0x00");
}

TEST_P(ShardStore, PubrecWaitsUntilTheMessageIsSafe) {
    publisher->send("PUBLISH topic=a qos=2 id=7 payload=x");
    EXPECT_EQ(publisher->next(), "nothing");
    store.complete();
    EXPECT_EQ(publisher->next(), "PUBREC id=7 reason=0x00");
    publisher->send("PUBREL id=7");
    EXPECT_EQ(publisher->next(), "PUBCOMP id=7 reason=0x00");
}

// [v5 MQTT-4.6.0-2, MQTT-4.6.0-3]: acknowledgements leave in the order of their PUBLISH, also that
// of a message that nobody had to wait for.
TEST_P(ShardStore, AcknowledgementsKeepTheOrderOfTheMessages) {
    publisher->send("PUBLISH topic=a qos=1 id=1 payload=x");
    publisher->send("PUBLISH topic=nobody qos=1 id=2 payload=x");
    publisher->send("PUBLISH topic=a qos=2 id=3 payload=x");
    broker.settle();
    publisher->send("PUBLISH topic=a qos=1 id=4 payload=x");
    EXPECT_EQ(publisher->next(), "nothing");
    store.complete_next();
    EXPECT_THAT(publisher->all(), ElementsAre("PUBACK id=1 reason=0x00", "PUBACK id=2 reason=0x10",
                                              "PUBREC id=3 reason=0x00"));
    store.complete();
    EXPECT_EQ(publisher->next(), "PUBACK id=4 reason=0x00");
}

TEST_P(ShardStore, AMessageThatCannotBeStoredIsRefusedWithQuotaExceeded) {
    publisher->send("PUBLISH topic=a qos=1 id=1 payload=x");
    publisher->send("PUBLISH topic=a qos=2 id=2 payload=x");
    EXPECT_EQ(publisher->next(), "nothing");
    store.complete(CommitStatus::Failed);
    EXPECT_THAT(publisher->all(),
                ElementsAre("PUBACK id=1 reason=0x97", "PUBREC id=2 reason=0x97"));
}

// A PUBREC with an error ends the exchange: the id is free again [v5 4.3.3].
TEST_P(ShardStore, AnIdRefusedByPubrecIsANewMessageNextTime) {
    publisher->send("PUBLISH topic=a qos=2 id=2 payload=x");
    broker.settle();
    store.complete(CommitStatus::Failed);
    EXPECT_EQ(publisher->next(), "PUBREC id=2 reason=0x97");
    store.automatic = true;
    publisher->send("PUBLISH topic=a qos=2 id=2 payload=y");
    EXPECT_EQ(publisher->next(), "PUBREC id=2 reason=0x00");
    EXPECT_THAT(subscriber->all(), ::testing::Contains("PUBLISH qos=2 topic=a id=2 payload=y"));
}

TEST_P(ShardStore, AnMqtt3PublisherGetsNoAcknowledgementForWhatCouldNotBeStored) {
    store.automatic = true;
    TestClient& old = broker.connect("v311 client_id=old");
    store.automatic = false;
    old.send("PUBLISH topic=a qos=1 id=1 payload=x");
    broker.settle();
    store.complete(CommitStatus::Failed);
    EXPECT_EQ(old.next(), "nothing");
    old.send("PUBLISH topic=a qos=1 id=1 payload=x");
    broker.settle();
    store.complete();
    EXPECT_EQ(old.next(), "PUBACK id=1 reason=0x00");
}

TEST_P(ShardStore, APublisherThatIsGoneIsNotAnswered) {
    publisher->send("PUBLISH topic=a qos=1 id=1 payload=x");
    broker.settle();
    publisher->drop();
    broker.settle();
    store.complete();
    EXPECT_EQ(subscriber->next(), "PUBLISH qos=1 topic=a id=1 payload=x");
}

TEST_P(ShardStore, PubackOfTheSubscriberDeletesTheRecord) {
    store.automatic = true;
    publisher->send("PUBLISH topic=a qos=1 id=1 payload=x");
    broker.settle();
    EXPECT_THAT(store.payloads(), ElementsAre("x"));
    subscriber->send("PUBACK id=1");
    broker.settle();
    EXPECT_THAT(store.payloads(), IsEmpty());
}

// Exactly once over a crash: the subscriber gets the message when its record is safe, and PUBREL
// when it is safe that there will be no other PUBLISH.
TEST_P(ShardStore, AnExactlyOnceExchangeTakesNoStepThatIsNotSafe) {
    publisher->send("PUBLISH topic=a qos=2 id=1 payload=x");
    EXPECT_EQ(subscriber->next(), "nothing");
    store.complete();
    EXPECT_EQ(subscriber->next(), "PUBLISH qos=2 topic=a id=1 payload=x");
    EXPECT_EQ(publisher->next(), "PUBREC id=1 reason=0x00");
    EXPECT_THAT(store.payloads(), ElementsAre("x"));
    subscriber->send("PUBREC id=1");
    EXPECT_EQ(subscriber->next(), "nothing");
    store.complete();
    EXPECT_EQ(subscriber->next(), "PUBREL id=1 reason=0x00");
    EXPECT_THAT(store.payloads(), IsEmpty());
    EXPECT_EQ(store.released(), 1U);
    subscriber->send("PUBCOMP id=1");
    broker.settle();
    store.complete();
    EXPECT_EQ(store.released(), 0U);
}

TEST_P(ShardStore, ARefusingPubrecOfTheSubscriberDeletesTheRecord) {
    store.automatic = true;
    publisher->send("PUBLISH topic=a qos=2 id=1 payload=x");
    broker.settle();
    subscriber->send("PUBREC id=1 reason=0x80");
    broker.settle();
    EXPECT_THAT(store.payloads(), IsEmpty());
}

TEST_P(ShardStore, MessagesForAnOfflineClientStayUntilItHasThem) {
    store.automatic = true;
    subscriber->drop();
    broker.settle();
    publisher->send("PUBLISH topic=a qos=1 id=1 payload=x");
    EXPECT_EQ(publisher->next(), "PUBACK id=1 reason=0x00");
    EXPECT_THAT(store.payloads(), ElementsAre("x"));
    TestClient& back = broker.connect(persistent(), true);
    EXPECT_THAT(back.take_payloads(), ElementsAre("x"));
    broker.settle();
    EXPECT_THAT(store.payloads(), IsEmpty());
}

TEST_P(ShardStore, TheEndOfASessionDeletesItWithItsMessages) {
    store.automatic = true;
    EXPECT_THAT(store.sessions(), ElementsAre(subscriber_id + " 60"));
    subscriber->drop();
    broker.settle();
    publisher->send("PUBLISH topic=a qos=1 id=1 payload=x");
    broker.settle();
    broker.advance(Seconds(61));
    EXPECT_THAT(store.sessions(), IsEmpty());
    EXPECT_THAT(store.payloads(), IsEmpty());
}

TEST_P(ShardStore, ASessionExpiryGivenByDisconnectIsStored) {
    store.automatic = true;
    subscriber->send("DISCONNECT reason=0 session_expiry_interval=3600");
    broker.settle();
    EXPECT_THAT(store.sessions(), ElementsAre(subscriber_id + " 3600"));
}

// Architecture: a message that only connected clean sessions get needs no store.
TEST(Shard, MessagesForCleanSessionsNeedNoStore) {
    ManualStore store;
    TestBroker broker({.shards = 2, .store = std::make_unique<StoreProxy>(store)});
    for (const ShardId shard : {ShardId{0}, ShardId{1}}) {
        TestClient& subscriber =
            broker.subscribe("v5 client_id=" + broker.id_on(shard, "sub"), "topic=a qos=2");
        TestClient& publisher = broker.connect("v5 client_id=" + broker.id_on(0, "pub"));
        publisher.send("PUBLISH topic=a qos=1 id=7 payload=x");
        EXPECT_EQ(publisher.next(), "PUBACK id=7 reason=0x00");
        EXPECT_EQ(subscriber.next(), "PUBLISH qos=1 topic=a id=1 payload=x");
        subscriber.drop();
    }
    EXPECT_EQ(store.waiting(), 0U);
}

TEST(Shard, OneOfSeveralPlacesThatFailsRefusesTheMessageOnce) {
    ManualStore store;
    store.automatic = true;
    TestBroker broker({.shards = 2, .store = std::make_unique<StoreProxy>(store)});
    for (const ShardId shard : {ShardId{0}, ShardId{1}}) {
        (void)broker.subscribe(
            "v5 clean_start=0 session_expiry_interval=60 client_id=" + broker.id_on(shard, "sub"),
            "topic=a qos=1");
    }
    TestClient& publisher = broker.connect("v5 client_id=" + broker.id_on(0, "pub"));
    store.automatic = false;
    publisher.send("PUBLISH topic=a qos=1 id=7 payload=x");
    broker.settle();
    ASSERT_EQ(store.waiting(), 2U);
    store.complete_next(CommitStatus::Failed);
    EXPECT_EQ(publisher.next(), "nothing");
    store.complete_next();
    EXPECT_THAT(publisher.all(), ElementsAre("PUBACK id=7 reason=0x97"));
}

TEST(Shard, ARepeatedExactlyOnceMessageIsAcknowledgedWhenItIsSafeOnEveryShard) {
    ManualStore store;
    store.automatic = true;
    TestBroker broker({.shards = 2, .store = std::make_unique<StoreProxy>(store)});
    const std::string subscriber = broker.id_on(1, "s");
    const std::string lasting = fmt::format(
        "v5 client_id={} session_expiry_interval=1000 clean_start=0", broker.id_on(0, "p"));
    broker
        .subscribe(fmt::format("v5 client_id={} session_expiry_interval=1000", subscriber),
                   "topic=t qos=2")
        .drop();
    TestClient& publisher = broker.connect(lasting);
    store.automatic = false;
    publisher.send("PUBLISH topic=t qos=2 id=1 payload=x");
    EXPECT_EQ(publisher.next(), "nothing");
    publisher.drop();
    broker.settle();
    TestClient& again = broker.open("v5");
    again.send("CONNECT " + lasting.substr(3));
    again.send("PUBLISH topic=t qos=2 id=1 dup=1 payload=x");
    EXPECT_EQ(again.next(), "nothing");
    store.automatic = true;
    store.complete();
    EXPECT_EQ(again.next(), "CONNACK session_present=1 reason=0x00");
    EXPECT_EQ(again.next(), "PUBREC id=1 reason=0x00");
    EXPECT_THAT(store.payloads(), ElementsAre("x"));
}

TEST(Shard, ThousandUnansweredAcknowledgementsStopReadingUntilTheStoreAnswers) {
    ManualStore store;
    store.automatic = true;
    TestBroker broker({.store = std::make_unique<StoreProxy>(store)});
    (void)broker.subscribe("v5 clean_start=0 session_expiry_interval=60 client_id=sub",
                           "topic=a qos=1");
    TestClient& publisher = broker.connect("v5 client_id=pub");
    store.automatic = false;
    for (int i = 1; i <= 1500; ++i) {
        publisher.send(fmt::format("PUBLISH topic=a qos=1 id={} payload=x", i));
    }
    EXPECT_EQ(publisher.next(), "nothing");
    EXPECT_EQ(
        broker.shard().metrics().get(metrics::PacketKind{metrics::Direction::Received, true, 3}),
        1000U);
    store.complete();
    EXPECT_EQ(publisher.all().size(), 1000U);
    store.complete();
    const auto rest = publisher.all();
    ASSERT_EQ(rest.size(), 500U);
    EXPECT_EQ(rest.back(), "PUBACK id=1500 reason=0x00");
}

TEST(Shard, AFullListenerRefusesOneConnectionMoreAndThenAcceptsAgain) {
    TestBroker broker;
    broker.listener().max_connections = 2;
    TestClient& first = broker.connect("v5 client_id=a");
    (void)broker.connect("v5 client_id=b");
    TestClient& third = broker.open("v5");
    third.send("CONNECT client_id=c");
    EXPECT_EQ(third.next(), "CONNACK session_present=0 reason=0x97");
    EXPECT_EQ(third.next(), "closed");
    third.drop();
    TestClient& old = broker.open("v311");
    old.send("CONNECT client_id=d");
    EXPECT_EQ(old.next(), "CONNACK session_present=0 reason=0x03");
    old.drop();
    EXPECT_EQ(broker.count(Counter::SocketRefusedMaxConnections), 2U);
    first.drop();
    broker.settle();
    EXPECT_EQ(broker.listener().connections(), 1U);
    (void)broker.connect("v5 client_id=c");
}

TEST(Shard, AFloodedListenerClosesWithoutAWord) {
    TestBroker broker;
    broker.listener().max_connections = 1;
    std::vector<TestClient*> refused;
    (void)broker.connect("v5 client_id=a");
    while (!broker.listener().flooded()) (void)broker.open("v5");
    TestClient& late = broker.open("v5");
    EXPECT_EQ(broker.listener().connections(), 1U + 64U + 2U);
    EXPECT_EQ(late.next(), "closed");
    EXPECT_EQ(broker.listener().connections(), 1U + 64U);
}

TEST(Shard, ShutDownSaysGoodByeToEveryClient) {
    TestBroker broker({.shards = 2});
    TestClient& a = broker.connect("v5 client_id=a");
    TestClient& old = broker.connect("v311 client_id=old");
    TestClient& silent = broker.open("v5");
    broker.settle();
    broker.shut_down();
    EXPECT_EQ(a.next(), "DISCONNECT reason=0x8b");
    EXPECT_EQ(a.next(), "closed");
    EXPECT_EQ(old.next(), "closed");
    EXPECT_EQ(silent.next(), "closed");
}

TEST(Shard, DoesNotStopBeforeTheWillsOfOtherShardsHaveArrived) {
    TestBroker broker({.shards = 2});
    Shard& here = broker.shard(0);
    Shard& there = broker.shard(1);
    const std::string subscriber = broker.id_on(0, "s");
    const std::string dying = broker.id_on(1, "w");
    broker
        .subscribe(fmt::format("v5 client_id={} session_expiry_interval=1000", subscriber),
                   "topic=w qos=1")
        .drop();
    (void)broker.connect(fmt::format("v5 client_id={} will_topic=w will_qos=1", dying));
    broker.settle();
    const TimePoint deadline = broker.simulation().now() + Seconds(5);
    here.shut_down(deadline);
    for (int i = 0; i < 10; ++i) (void)broker.simulation().turn(here);
    EXPECT_FALSE(here.loop().stopping()) << "the other shard has a client";
    EXPECT_EQ(here.counters().get(Counter::QueueMessageIn), 0U);
    there.shut_down(deadline);
    broker.advance(kCloseTimeout + Seconds(1));  // the client does not close its side
    EXPECT_EQ(here.counters().get(Counter::QueueMessageIn), 1U);
    EXPECT_TRUE(here.loop().stopping());
    EXPECT_TRUE(there.loop().stopping());
}

TEST(Shard, StopsAtTheDeadlineWhateverTheOthersDo) {
    TestBroker broker({.shards = 2});
    Shard& here = broker.shard(0);
    here.shut_down(broker.simulation().now() + Seconds(5));
    broker.advance(Seconds(4));
    EXPECT_FALSE(here.loop().stopping());
    broker.advance(Seconds(2));
    EXPECT_TRUE(here.loop().stopping());
}

}  // namespace
}  // namespace vmq::broker
