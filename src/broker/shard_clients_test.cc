#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "support/manual_store.h"
#include "support/test_broker.h"

namespace vmq::broker {
namespace {

using metrics::Counter;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using vmq::testing::ManualStore;
using vmq::testing::StoreProxy;
using vmq::testing::TestBroker;
using vmq::testing::TestClient;

constexpr const char* kWill = " will_topic=w will_payload=bye";
constexpr const char* kPersistent = " clean_start=0 session_expiry_interval=60";

/// Every case with one shard and with two, where clients move to their home.
class ShardClients : public ::testing::TestWithParam<std::uint32_t> {
protected:
    void allow(void (*change)(session::Settings&)) {
        session::Settings settings;
        change(settings);
        broker.use(settings);
    }
    TestClient& watch() { return broker.subscribe("v5 client_id=watcher", "topic=w"); }

    TestBroker broker{{.shards = GetParam()}};
};

INSTANTIATE_TEST_SUITE_P(OneShard, ShardClients, ::testing::Values(1U));
INSTANTIATE_TEST_SUITE_P(TwoShards, ShardClients, ::testing::Values(2U));

TEST_P(ShardClients, BytesBehindConnectMoveToTheHomeShard) {
    for (int i = 0; i < 4; ++i) {
        TestClient& client = broker.open();
        client.send(fmt::format("CONNECT client_id=a{}", i));
        client.send("SUBSCRIBE id=1 topic=t");
        client.send("PUBLISH topic=t qos=1 id=2 payload=x");
        client.send("UNSUBSCRIBE id=3 topic=t");
        EXPECT_THAT(client.all(),
                    ElementsAre("CONNACK session_present=0 reason=0x00", "SUBACK id=1 reasons=0x00",
                                AnyOf("PUBLISH qos=0 topic=t payload=x", "PUBACK id=2 reason=0x00"),
                                AnyOf("PUBLISH qos=0 topic=t payload=x", "PUBACK id=2 reason=0x00"),
                                "UNSUBACK id=3 reasons=0x00"));
    }
    EXPECT_EQ(broker.listener().connections(), 4U);
}

// [v5 MQTT-3.1.4-3] [v3.1.1 MQTT-3.1.4-2]
TEST_P(ShardClients, ANewConnectionTakesTheClientOver) {
    for (const char* version : {"v5", "v311"}) {
        TestClient& first = broker.connect(std::string(version) + " client_id=a");
        (void)broker.connect(std::string(version) + " client_id=a");
        if (version == std::string_view("v5")) {
            EXPECT_EQ(first.next(), "DISCONNECT reason=0x8e");
        }
        EXPECT_EQ(first.next(), "closed");
    }
    EXPECT_EQ(broker.count(Counter::SessionTakenOver), 3U);
}

// [v5 MQTT-4.4.0-1]
TEST_P(ShardClients, ATakenOverSessionGoesOnWithWhatWasInFlight) {
    TestClient& first = broker.subscribe(
        std::string("v5 client_id=a receive_maximum=2") + kPersistent, "topic=t qos=2");
    TestClient& publisher = broker.connect("v5 client_id=b");
    for (int i = 1; i <= 3; ++i) {
        publisher.send(
            fmt::format("PUBLISH topic=t qos={} id={} payload={}", i == 2 ? 2 : 1, i, i));
    }
    EXPECT_THAT(first.all(), SizeIs(2));
    first.send("PUBREC id=2");
    EXPECT_EQ(first.next(), "PUBREL id=2 reason=0x00");
    TestClient& second = broker.connect(std::string("v5 client_id=a") + kPersistent, true);
    EXPECT_THAT(second.all(),
                ElementsAre("PUBLISH dup=1 qos=1 topic=t id=1 payload=1", "PUBREL id=2 reason=0x00",
                            "PUBLISH qos=1 topic=t id=3 payload=3"));
}

// [v5 MQTT-3.1.2-4]
TEST_P(ShardClients, CleanStartEndsTheEarlierSession) {
    broker.subscribe(std::string("v5 client_id=a") + kPersistent, "topic=t qos=1").drop();
    TestClient& publisher = broker.connect("v5 client_id=b");
    publisher.send("PUBLISH topic=t qos=1 id=1 payload=x");
    EXPECT_EQ(publisher.next(), "PUBACK id=1 reason=0x00");
    TestClient& again = broker.connect("v5 client_id=a clean_start=1");
    EXPECT_EQ(again.next(), "nothing");
    publisher.send("PUBLISH topic=t qos=1 id=2 payload=x");
    EXPECT_EQ(publisher.next(), "PUBACK id=2 reason=0x10");  // its subscription is gone
}

// [v5 MQTT-3.1.2-23]
TEST_P(ShardClients, ASessionEndsWhenItsExpiryHasPassed) {
    const std::string words = std::string("v5 client_id=a") + kPersistent;
    broker.subscribe(words, "topic=t").drop();
    broker.advance(Seconds(58));
    broker.connect(words, true).drop();
    broker.advance(Seconds(58));  // from the last end of a connection on
    broker.connect(words, true).drop();
    broker.advance(Seconds(61));
    (void)broker.connect(words, false);
    EXPECT_EQ(broker.count(Counter::ClientExpired), 1U);
}

TEST_P(ShardClients, DisconnectMaySetAnotherSessionExpiry) {
    const std::string words = std::string("v5 client_id=a") + kPersistent;
    broker.connect(words).send("DISCONNECT reason=0 session_expiry_interval=5");
    broker.advance(Seconds(6));
    broker.connect(words, false).send("DISCONNECT reason=0 session_expiry_interval=0");
    (void)broker.connect(words, false);
}

TEST_P(ShardClients, QoS0MessagesDoNotWaitForAnOfflineClient) {
    const std::string words = std::string("v5 client_id=a") + kPersistent;
    broker.subscribe(words, "topic=t qos=1").drop();
    TestClient& publisher = broker.connect("v5 client_id=b");
    publisher.send("PUBLISH topic=t payload=lost");
    publisher.send("PUBLISH topic=t qos=1 id=1 payload=kept");
    broker.settle();
    EXPECT_THAT(broker.connect(words, true).take_payloads(), ElementsAre("kept"));
}

// [v5 MQTT-3.1.2-8]: sent after every end but DISCONNECT with reason 0 [v5 MQTT-3.14.4-3].
TEST_P(ShardClients, TheWillIsSentUnlessTheClientSaysGoodBye) {
    TestClient& watcher = watch();
    const std::string words = std::string("v5 client_id=a") + kWill;
    broker.connect(words).drop();
    EXPECT_THAT(watcher.take_payloads(), ElementsAre("bye"));
    broker.connect(words).send("DISCONNECT reason=4");
    EXPECT_THAT(watcher.take_payloads(), ElementsAre("bye"));
    broker.connect(words).send("DISCONNECT");
    EXPECT_THAT(watcher.take_payloads(), IsEmpty());
    broker.connect(words).send("CONNECT client_id=a");  // a protocol error
    EXPECT_THAT(watcher.take_payloads(), ElementsAre("bye"));
}

TEST_P(ShardClients, ATakeoverSendsTheWillUnlessThatIsSuppressed) {
    TestClient& watcher = watch();
    const std::string words = std::string("v311 client_id=a") + kWill;
    (void)broker.connect(words);
    (void)broker.connect(words);
    EXPECT_THAT(watcher.take_payloads(), ElementsAre("bye"));
    allow([](auto& settings) { settings.suppress_lwt_on_session_takeover = true; });
    broker.connect(words).send("DISCONNECT");
    EXPECT_THAT(watcher.take_payloads(), ElementsAre("bye"));
    (void)broker.connect(words);
    (void)broker.connect(words);
    EXPECT_THAT(watcher.take_payloads(), IsEmpty());
}

// [v5 MQTT-3.1.3-9]
TEST_P(ShardClients, ADelayedWillIsSentAfterItsDelay) {
    TestClient& watcher = watch();
    const std::string words =
        std::string("v5 client_id=a will_delay_interval=10") + kWill + kPersistent;
    broker.connect(words).drop();
    broker.advance(Seconds(9));
    EXPECT_EQ(watcher.next(), "nothing");
    broker.advance(Seconds(2));
    EXPECT_THAT(watcher.take_payloads(), ElementsAre("bye"));
    (void)broker.connect(words, true);
}

TEST_P(ShardClients, ADelayedWillIsNotSentIfTheClientIsBackInTime) {
    TestClient& watcher = watch();
    const std::string words =
        std::string("v5 client_id=a will_delay_interval=10") + kWill + kPersistent;
    broker.connect(words).drop();
    broker.advance(Seconds(9));
    (void)broker.connect(words, true);
    (void)broker.connect(words, true);  // nor after a takeover
    broker.advance(Seconds(20));
    EXPECT_EQ(watcher.next(), "nothing");
}

// [v5 3.1.3.2.2]: the end of the session, if that is earlier.
TEST_P(ShardClients, ADelayedWillIsSentWhenTheSessionEnds) {
    TestClient& watcher = watch();
    const std::string delayed = std::string(" will_delay_interval=100") + kWill;
    broker.connect("v5 client_id=a clean_start=0 session_expiry_interval=5" + delayed).drop();
    broker.advance(Seconds(6));
    EXPECT_THAT(watcher.take_payloads(), ElementsAre("bye"));
    broker.connect("v5 client_id=a" + delayed).drop();  // ends with the connection
    EXPECT_THAT(watcher.take_payloads(), ElementsAre("bye"));
}

TEST_P(ShardClients, CleanStartSendsADelayedWill) {
    TestClient& watcher = watch();
    const std::string words =
        std::string("v5 client_id=a will_delay_interval=100") + kWill + kPersistent;
    broker.connect(words).drop();
    (void)broker.connect("v5 client_id=a clean_start=1");
    EXPECT_THAT(watcher.take_payloads(), ElementsAre("bye"));
    (void)broker.connect(words);
    (void)broker.connect("v5 client_id=a clean_start=1");  // and when it takes the client over
    EXPECT_THAT(watcher.take_payloads(), ElementsAre("bye"));
}

TEST_P(ShardClients, TheLongestWillDelayShortensIt) {
    allow([](auto& settings) { settings.max_last_will_delay_s = 2; });
    TestClient& watcher = watch();
    broker.connect(std::string("v5 client_id=a will_delay_interval=100") + kWill + kPersistent)
        .drop();
    broker.advance(Seconds(3));
    EXPECT_THAT(watcher.take_payloads(), ElementsAre("bye"));
}

TEST_P(ShardClients, AServerThatShutsDownSendsDelayedWillsAtOnce) {
    TestClient& watcher = broker.subscribe(std::string("v5 client_id=watcher") + kPersistent,
                                           "topic=w qos=1 retain=1");
    (void)broker.connect(std::string("v5 client_id=a will_delay_interval=100 will_retain=1") +
                         kWill + kPersistent);
    broker.shut_down();
    EXPECT_EQ(watcher.next(), "DISCONNECT reason=0x8b");
    EXPECT_EQ(broker.shard().shared().retained.size(), 1U);
}

TEST_P(ShardClients, AnAssignedClientIdHasItsHomeWhereTheClientIs) {
    for (int i = 0; i < 6; ++i) {
        TestClient& client = broker.open();
        client.send("CONNECT");
        EXPECT_EQ(client.next(), "CONNACK session_present=0 reason=0x00");
    }
    EXPECT_EQ(broker.count(Counter::ShardMessagesSent), 0U);
}

class ShardSeveralSessions : public ShardClients {
protected:
    ShardSeveralSessions() {
        allow([](auto& settings) { settings.allow_multiple_sessions = true; });
    }
};

INSTANTIATE_TEST_SUITE_P(OneShard, ShardSeveralSessions, ::testing::Values(1U));
INSTANTIATE_TEST_SUITE_P(TwoShards, ShardSeveralSessions, ::testing::Values(2U));

TEST_P(ShardSeveralSessions, FanoutGivesEachACopy) {
    TestClient& first = broker.subscribe("v5 client_id=a", "topic=t qos=1");
    TestClient& second = broker.connect("v5 client_id=a clean_start=0", true);
    TestClient& third = broker.connect("v5 client_id=a clean_start=0", true);
    TestClient& publisher = broker.connect("v5 client_id=b");
    publisher.send("PUBLISH topic=t qos=1 id=1 payload=x");
    for (TestClient* each : {&first, &second, &third}) {
        EXPECT_THAT(each->take_payloads(), ElementsAre("x"));
    }
}

TEST_P(ShardSeveralSessions, BalanceGivesEachMessageToOneOfThem) {
    allow([](auto& settings) {
        settings.allow_multiple_sessions = true;
        settings.balance_sessions = true;
    });
    TestClient& first = broker.subscribe("v5 client_id=a", "topic=t qos=1");
    TestClient& second = broker.connect("v5 client_id=a clean_start=0", true);
    TestClient& publisher = broker.connect("v5 client_id=b");
    for (int i = 1; i <= 100; ++i) {
        publisher.send(fmt::format("PUBLISH topic=t qos=1 id={} payload={}", i, i));
    }
    const auto one = first.take_payloads();
    const auto other = second.take_payloads();
    EXPECT_EQ(one.size() + other.size(), 100U);
    EXPECT_GT(one.size(), 25U);
    EXPECT_GT(other.size(), 25U);
}

// They are members of a group, and yet subscribe like others.
TEST_P(ShardSeveralSessions, BalancedOnesHaveOrdinarySubscriptions) {
    allow([](auto& settings) {
        settings.allow_multiple_sessions = true;
        settings.balance_sessions = true;
    });
    TestClient& publisher = broker.connect("v5 client_id=b");
    publisher.send("PUBLISH topic=t/1 retain=1 payload=kept");
    broker.settle();
    TestClient& client = broker.connect("v5 client_id=a clean_start=0 session_expiry_interval=60");
    client.send("SUBSCRIBE id=1 topic=t/+ qos=1 nl=1");
    EXPECT_EQ(client.next(), "SUBACK id=1 reasons=0x01");
    EXPECT_THAT(client.take_payloads(), ElementsAre("kept"));
    client.send("PUBLISH topic=t/2 payload=own");
    publisher.send("PUBLISH topic=t/2 qos=1 id=1 payload=other");
    EXPECT_THAT(client.take_payloads(), ElementsAre("other"));
    client.drop();
    publisher.send("PUBLISH topic=t/2 qos=1 id=2 payload=later");
    broker.settle();
    TestClient& again = broker.connect("v5 client_id=a clean_start=0", true);
    EXPECT_THAT(again.take_payloads(), ElementsAre("later"));
    again.send("UNSUBSCRIBE id=2 topic=t/+");
    EXPECT_EQ(again.next(), "UNSUBACK id=2 reasons=0x00");
    publisher.send("PUBLISH topic=t/2 payload=never");
    EXPECT_THAT(again.take_payloads(), ::testing::IsEmpty());
}

// Its subscription has ended; its messages have not.
TEST_P(ShardSeveralSessions, BalancedOnesGetWhatWaitsForOneThatBreaksAfterAnUnsubscribe) {
    allow([](auto& settings) {
        settings.allow_multiple_sessions = true;
        settings.balance_sessions = true;
    });
    TestClient& first = broker.subscribe("v5 client_id=a", "topic=t qos=1");
    TestClient& second = broker.connect("v5 client_id=a clean_start=0 receive_maximum=1", true);
    TestClient& publisher = broker.connect("v5 client_id=b");
    for (int i = 1; i <= 40; ++i) {
        publisher.send(fmt::format("PUBLISH topic=t qos=1 id={} payload={}", i, i));
    }
    const std::size_t taken = first.take_payloads().size();
    EXPECT_LT(taken, 40U);
    first.send("UNSUBSCRIBE id=1 topic=t");
    EXPECT_EQ(first.next(), "UNSUBACK id=1 reasons=0x00");
    second.drop();
    broker.settle();
    EXPECT_EQ(first.take_payloads().size(), 40 - taken);
}

// Its client's other session is full, another member is not.
TEST_P(ShardSeveralSessions, MembersGetWhatWaitsForOneThatBreaksAfterAnUnsubscribe) {
    allow([](auto& settings) {
        settings.allow_multiple_sessions = true;
        settings.max_online_messages = 20;
    });
    TestClient& publisher = broker.connect("v5 client_id=b");
    TestClient& first = broker.subscribe("v5 client_id=a receive_maximum=1", "topic=u qos=1");
    for (int i = 1; i <= 21; ++i) {
        publisher.send(fmt::format("PUBLISH topic=u qos=1 id={} payload=u", i));
    }
    broker.settle();
    TestClient& second = broker.connect("v5 client_id=a clean_start=0 receive_maximum=1", true);
    second.send("SUBSCRIBE id=1 topic=$share/g/t qos=1");
    EXPECT_EQ(second.next(), "SUBACK id=1 reasons=0x01");
    TestClient& other = broker.subscribe("v5 client_id=c", "topic=$share/g/t qos=1");
    for (int i = 1; i <= 20; ++i) {
        publisher.send(fmt::format("PUBLISH topic=t qos=1 id={} payload={}", i + 21, i));
    }
    broker.settle();
    std::size_t taken = other.take_payloads().size();
    EXPECT_LT(taken, 20U);
    second.send("UNSUBSCRIBE id=2 topic=$share/g/t");
    broker.settle();
    second.drop();
    broker.settle();
    taken += other.take_payloads().size();
    EXPECT_EQ(taken, 20U);
    EXPECT_EQ(broker.count(Counter::QueueMessageDrop), 0U);
    EXPECT_EQ(first.take_payloads().size(), 21U);
}

TEST_P(ShardSeveralSessions, TheOthersGoOnWhenOneIsGone) {
    TestClient& first = broker.subscribe("v5 client_id=a receive_maximum=1", "topic=t qos=1");
    TestClient& second = broker.connect("v5 client_id=a clean_start=0 receive_maximum=1", true);
    TestClient& third = broker.connect("v5 client_id=a clean_start=0 receive_maximum=1", true);
    TestClient& publisher = broker.connect("v5 client_id=b");
    for (int i = 1; i <= 3; ++i) {
        publisher.send(fmt::format("PUBLISH topic=t qos=1 id={} payload={}", i, i));
    }
    broker.settle();
    first.drop();  // the one that came first: another takes its place
    broker.settle();
    third.drop();
    broker.settle();
    EXPECT_THAT(second.take_payloads(), ElementsAre("1", "2", "3"));
    publisher.send("PUBLISH topic=t payload=4");
    EXPECT_THAT(second.take_payloads(), ElementsAre("4"));
    second.drop();
    publisher.send("PUBLISH topic=t qos=1 id=5 payload=5");
    broker.settle();
    EXPECT_EQ(broker.connect("v5 client_id=c").next(), "nothing");
    EXPECT_EQ(broker.listener().connections(), 2U);
}

TEST_P(ShardSeveralSessions, AShortOneBesideALastingOneDoesNotEndIt) {
    TestClient& lasting =
        broker.subscribe(std::string("v5 client_id=a") + kPersistent, "topic=t qos=1");
    TestClient& brief = broker.connect("v5 client_id=a");
    lasting.drop();
    broker.settle();
    brief.drop();
    broker.settle();
    (void)broker.connect(std::string("v5 client_id=a") + kPersistent, true);
}

TEST_P(ShardSeveralSessions, EachSendsItsOwnWill) {
    TestClient& watcher = watch();
    TestClient& first = broker.connect("v5 client_id=a will_topic=w will_payload=1");
    TestClient& second =
        broker.connect("v5 client_id=a will_topic=w will_payload=2 clean_start=0", true);
    first.drop();
    EXPECT_THAT(watcher.take_payloads(), ElementsAre("1"));
    second.drop();
    EXPECT_THAT(watcher.take_payloads(), ElementsAre("2"));
}

TEST_P(ShardSeveralSessions, ASharedMessageOfOneThatIsGoneGoesToAnother) {
    TestClient& first = broker.subscribe("v5 client_id=a", "topic=$share/g/t qos=1");
    TestClient& second = broker.connect("v5 client_id=a clean_start=0", true);
    TestClient& publisher = broker.connect("v5 client_id=b");
    for (int i = 1; i <= 20; ++i) {
        publisher.send(fmt::format("PUBLISH topic=t qos=1 id={} payload={}", i, i));
    }
    const auto lost = first.all().size();
    EXPECT_GT(lost, 0U);
    first.drop();
    EXPECT_THAT(second.take_payloads(), SizeIs(20));
}

TEST(ShardClientsStore, OneOfSeveralSessionsTakesItsRecordsWithIt) {
    ManualStore store;
    store.automatic = true;
    session::Settings settings;
    settings.allow_multiple_sessions = true;
    TestBroker broker({.store = std::make_unique<StoreProxy>(store), .settings = settings});
    const std::string words = std::string("v5 client_id=a") + kPersistent;
    TestClient& first = broker.subscribe(words, "topic=t qos=1");
    TestClient& second = broker.connect(words, true);
    broker.connect("v5 client_id=b").send("PUBLISH topic=t qos=1 id=1 payload=x");
    broker.settle();
    EXPECT_THAT(store.payloads(), ElementsAre("x"));
    first.drop();
    broker.settle();
    EXPECT_THAT(store.payloads(), ElementsAre("x"));
    EXPECT_THAT(second.take_payloads(), ElementsAre("x"));
    broker.settle();
    EXPECT_THAT(store.payloads(), IsEmpty());
}

}  // namespace
}  // namespace vmq::broker
