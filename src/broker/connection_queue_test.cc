#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/test_broker.h"

namespace vmq::broker {
namespace {

using metrics::VersionCounter;
using ::testing::ElementsAre;
using ::testing::SizeIs;
using vmq::testing::TestBroker;
using vmq::testing::TestClient;

class ConnectionQueue : public ::testing::Test {
protected:
    TestBroker broker;
    TestClient& publisher = broker.connect("v5 client_id=pub");
};

TEST_F(ConnectionQueue, AnAcknowledgementMakesRoomForTheNextMessage) {
    TestClient& client = broker.subscribe("v5 client_id=sub receive_maximum=1", "topic=t qos=1");
    publisher.send("PUBLISH topic=t qos=1 id=1 payload=1");
    publisher.send("PUBLISH topic=t qos=1 id=2 payload=2");
    EXPECT_THAT(client.all(), ElementsAre("PUBLISH qos=1 topic=t id=1 payload=1"));
    client.send("PUBACK id=1");
    EXPECT_THAT(client.all(), ElementsAre("PUBLISH qos=1 topic=t id=2 payload=2"));
}

// [v5 4.3.3]: PUBREC frees nothing yet, PUBCOMP and a refusing PUBREC do.
TEST_F(ConnectionQueue, ExactlyOnceHoldsItsPlaceUntilPubcomp) {
    TestClient& client = broker.subscribe("v5 client_id=sub receive_maximum=1", "topic=t qos=2");
    for (int i = 1; i <= 3; ++i) {
        publisher.send(fmt::format("PUBLISH topic=t qos=2 id={} payload={}", i, i));
    }
    EXPECT_THAT(client.all(), ElementsAre("PUBLISH qos=2 topic=t id=1 payload=1"));
    client.send("PUBREC id=1");
    EXPECT_THAT(client.all(), ElementsAre("PUBREL id=1 reason=0x00"));
    client.send("PUBCOMP id=1");
    EXPECT_THAT(client.all(), ElementsAre("PUBLISH qos=2 topic=t id=2 payload=2"));
    client.send("PUBREC id=2 reason=0x97");
    EXPECT_THAT(client.all(), ElementsAre("PUBLISH qos=2 topic=t id=3 payload=3"));
}

TEST_F(ConnectionQueue, AcknowledgementsOfUnknownIdsAreCountedAndChangeNothing) {
    TestClient& client = broker.subscribe("v5 client_id=sub", "topic=t qos=2");
    publisher.send("PUBLISH topic=t qos=2 id=1 payload=1");
    (void)client.all();
    client.send("PUBACK id=1");  // a QoS 2 message wants PUBREC
    client.send("PUBACK id=9");
    client.send("PUBCOMP id=1");
    EXPECT_EQ(client.next(), "nothing");
    client.send("PUBREC id=9");
    EXPECT_EQ(client.next(), "PUBREL id=9 reason=0x92");  // [v5 3.6.2.1]
    EXPECT_EQ(broker.count(VersionCounter::MqttPubackInvalidError), 2U);
    EXPECT_EQ(broker.count(VersionCounter::MqttPubcompInvalidError), 1U);
    EXPECT_EQ(broker.count(VersionCounter::MqttPubrecInvalidError), 1U);
    client.send("PUBREC id=1");
    EXPECT_EQ(client.next(), "PUBREL id=1 reason=0x00");
    using metrics::Direction;
    EXPECT_EQ(broker.count(metrics::PacketKind{Direction::Sent, true, 6, 0x92}), 1U);
    EXPECT_EQ(broker.count(metrics::PacketKind{Direction::Sent, true, 6}), 1U);
    EXPECT_EQ(broker.count(metrics::PacketKind{Direction::Received, true, 5}), 2U);
}

// [v5 MQTT-4.3.3-10, MQTT-4.3.3-12]
TEST_F(ConnectionQueue, ARepeatedExactlyOnceMessageIsNotDeliveredAgain) {
    TestClient& client = broker.subscribe("v5 client_id=sub", "topic=t qos=0");
    publisher.send("PUBLISH topic=t qos=2 id=1 payload=1");
    publisher.send("PUBLISH topic=t qos=2 id=1 dup=1 payload=1");
    EXPECT_THAT(publisher.all(), ElementsAre("PUBREC id=1 reason=0x00", "PUBREC id=1 reason=0x00"));
    EXPECT_THAT(client.take_payloads(), ElementsAre("1"));
    publisher.send("PUBREL id=1");
    publisher.send("PUBREL id=1");
    EXPECT_THAT(publisher.all(),
                ElementsAre("PUBCOMP id=1 reason=0x00", "PUBCOMP id=1 reason=0x92"));
    publisher.send("PUBLISH topic=t qos=2 id=1 payload=2");
    EXPECT_THAT(client.take_payloads(), ElementsAre("2"));
}

TEST_F(ConnectionQueue, ReceivedExactlyOnceIdsOutliveTheConnectionOfASession) {
    TestClient& client = broker.subscribe("v5 client_id=sub", "topic=t qos=0");
    const char* words = "v5 client_id=p clean_start=0 session_expiry_interval=60";
    TestClient& first = broker.connect(words);
    first.send("PUBLISH topic=t qos=2 id=1 payload=1");
    EXPECT_EQ(first.next(), "PUBREC id=1 reason=0x00");
    first.drop();
    TestClient& again = broker.connect(words, true);
    again.send("PUBLISH topic=t qos=2 id=1 dup=1 payload=1");
    EXPECT_EQ(again.next(), "PUBREC id=1 reason=0x00");
    EXPECT_THAT(client.take_payloads(), ElementsAre("1"));
}

TEST_F(ConnectionQueue, OneSubscriptionMoreThanAllowedIsRefused) {
    session::Settings settings;
    settings.max_subscriptions_per_client = 2;
    broker.use(settings);
    TestClient& client = broker.connect("v5 client_id=sub");
    client.send("SUBSCRIBE id=1 topic=a topic=b topic=c");
    EXPECT_EQ(client.next(), "SUBACK id=1 reasons=0x00,0x00,0x97");
    client.send("SUBSCRIBE id=2 topic=a qos=1");  // replaces, is not more
    EXPECT_EQ(client.next(), "SUBACK id=2 reasons=0x01");
    client.send("UNSUBSCRIBE id=3 topic=b");
    client.send("SUBSCRIBE id=4 topic=c");
    EXPECT_THAT(client.all(),
                ElementsAre("UNSUBACK id=3 reasons=0x00", "SUBACK id=4 reasons=0x00"));
}

// [v5 MQTT-3.3.1-9, MQTT-3.3.1-10, MQTT-3.3.1-11]
TEST_F(ConnectionQueue, RetainHandlingDecidesWhetherRetainedMessagesAreSent) {
    publisher.send("PUBLISH topic=t retain=1 payload=kept");
    const auto subscribe = [](TestClient& client, std::string_view options) {
        client.send(fmt::format("SUBSCRIBE id=1 topic=t {}", options));
        return client.take_payloads();
    };
    TestClient& client = broker.connect("v5 client_id=sub");
    EXPECT_THAT(subscribe(client, "rh=2"), SizeIs(0));
    EXPECT_THAT(subscribe(client, "rh=1"), SizeIs(0));  // it has the subscription
    EXPECT_THAT(subscribe(client, "rh=0"), ElementsAre("kept"));
    EXPECT_THAT(subscribe(client, "rh=0"), ElementsAre("kept"));
    EXPECT_THAT(subscribe(broker.connect("v5 client_id=new"), "rh=1"), ElementsAre("kept"));
}

// [v5 4.8.2]
TEST_F(ConnectionQueue, SharedSubscriptionsBringNoRetainedMessages) {
    publisher.send("PUBLISH topic=t retain=1 payload=kept");
    broker.settle();
    TestClient& client = broker.subscribe("v5 client_id=sub", "topic=$share/g/t");
    EXPECT_EQ(client.next(), "nothing");
}

TEST_F(ConnectionQueue, ThousandsOfRetainedMessagesArriveThroughASmallWindow) {
    for (int i = 0; i < 3000; ++i) {
        publisher.send(fmt::format("PUBLISH topic=t/{} retain=1 payload={}", i, i));
        publisher.send(
            fmt::format("PUBLISH topic=u/{} retain=1 qos=1 id={} payload={}", i, i + 1, i));
    }
    broker.settle();
    TestClient& client = broker.connect("v5 client_id=sub receive_maximum=3");
    client.send("SUBSCRIBE id=1 topic=t/# qos=1 topic=u/# qos=1");
    EXPECT_THAT(client.take_payloads(), SizeIs(6000));
}

TEST_F(ConnectionQueue, RetainedMessagesGoOnForASessionThatComesBack) {
    for (int i = 0; i < 500; ++i) {
        publisher.send(
            fmt::format("PUBLISH topic=t/{} retain=1 qos=1 id={} payload={}", i, i + 1, i));
    }
    broker.settle();
    const char* words =
        "v5 client_id=sub receive_maximum=10 clean_start=0 session_expiry_interval=60";
    TestClient& first = broker.connect(words);
    first.send("SUBSCRIBE id=1 topic=# qos=1");
    EXPECT_THAT(first.all(), SizeIs(11));  // SUBACK and a full window
    first.drop();
    TestClient& again = broker.connect(words, true);
    EXPECT_THAT(again.take_payloads(), SizeIs(500));
}

TEST_F(ConnectionQueue, UnsubscribeEndsItsRetainedMessages) {
    for (int i = 0; i < 500; ++i) {
        publisher.send(
            fmt::format("PUBLISH topic=t/{} retain=1 qos=1 id={} payload={}", i, i + 1, i));
    }
    broker.settle();
    TestClient& client = broker.connect("v5 client_id=sub receive_maximum=10");
    client.send("SUBSCRIBE id=1 topic=# qos=1");
    client.send("UNSUBSCRIBE id=2 topic=#");
    EXPECT_THAT(client.take_payloads(), SizeIs(10));
}

// What a subscriber is told last about a topic has to be what was published last.
TEST_F(ConnectionQueue, ALiveMessageIsNotFollowedByAnOlderRetainedOne) {
    for (int i = 0; i < 10; ++i) {
        publisher.send(
            fmt::format("PUBLISH topic=t/{} retain=1 qos=1 id={} payload=old", i, i + 1));
    }
    broker.settle();
    TestClient& client = broker.connect("v5 client_id=sub receive_maximum=9");
    client.send("SUBSCRIBE id=1 topic=# qos=1");
    EXPECT_THAT(client.all(), SizeIs(10));
    // One retained message waits. A QoS 0 message passes the full window.
    for (int i = 0; i < 10; ++i) {
        publisher.send(fmt::format("PUBLISH topic=t/{} payload=new retain=1", i));
    }
    broker.settle();
    for (int i = 1; i <= 9; ++i) client.send(fmt::format("PUBACK id={}", i));
    EXPECT_THAT(client.all(), ::testing::Each(::testing::HasSubstr("payload=new")));
}

}  // namespace
}  // namespace vmq::broker
