#include "broker/connection.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "broker/limits.h"
#include "support/test_broker.h"

namespace vmq::broker {
namespace {

using metrics::Counter;
using metrics::VersionCounter;
using ::testing::ElementsAre;
using ::testing::Le;
using ::testing::SizeIs;
using vmq::testing::TestBroker;
using vmq::testing::TestClient;

session::Settings with(void (*change)(session::Settings&)) {
    session::Settings settings;
    change(settings);
    return settings;
}

/// A CONNECT whose remaining length is exactly `size`, filled up with user properties.
std::string connect_of_size(std::size_t size) {
    const auto words = [](std::size_t count, std::size_t last) {
        std::string text = "CONNECT client_id=a";
        for (std::size_t i = 0; i < count; ++i)
            text += " user=\"n:" + std::string(60'000, 'x') + '"';
        return text + " user=\"n:" + std::string(last, 'x') + '"';
    };
    const auto encode = [&](std::size_t count, std::size_t last) {
        return conformance::encode_packet(conformance::split_words(words(count, last)).value(),
                                          conformance::Version::V5)
            .value();
    };
    const auto remaining = [](const std::string& packet) {
        std::size_t header = 1;
        while ((static_cast<unsigned char>(packet[header]) & 0x80U) != 0) ++header;
        return packet.size() - header - 1;
    };
    const std::size_t count = size / 60'100;
    const std::size_t without = remaining(encode(count, 0));
    return encode(count, size - without);
}

TEST(Connection, AConnectOfTheLargestSizeIsAccepted) {
    TestBroker broker;
    TestClient& client = broker.open();
    client.send_bytes(connect_of_size(kMaxConnectSize));
    EXPECT_EQ(client.next(), "CONNACK session_present=0 reason=0x00");
}

TEST(Connection, AConnectOneByteLargerIsRefusedBeforeItIsBuffered) {
    TestBroker broker;
    TestClient& client = broker.open();
    const std::string packet = connect_of_size(kMaxConnectSize + 1);
    const std::size_t version_known = 4 + mqtt::kVersionBytes;
    client.send_bytes(packet.substr(0, version_known - 1));
    EXPECT_EQ(client.next(), "nothing");
    EXPECT_EQ(broker.count(VersionCounter::MqttInvalidMsgSizeError), 0U);
    client.send_bytes(packet.substr(version_known - 1, 1));
    EXPECT_EQ(client.next(), "CONNACK session_present=0 reason=0x95");
    EXPECT_EQ(client.next(), "closed");
    EXPECT_EQ(broker.count(VersionCounter::MqttInvalidMsgSizeError), 1U);
}

TEST(Connection, ALargeConnectOfMqtt3IsClosedWithoutAWord) {
    TestBroker broker({.settings = with([](auto& s) { s.max_message_size = 50; })});
    for (const char* version : {"v31", "v311"}) {
        TestClient& client = broker.open(version);
        client.send("CONNECT client_id=a username=@100");
        EXPECT_EQ(client.next(), "closed");
    }
    TestClient& client = broker.open("v5");
    client.send("CONNECT client_id=a username=@100");
    EXPECT_EQ(client.next(), "CONNACK session_present=0 reason=0x95");
    EXPECT_EQ(client.next(), "closed");
}

TEST(Connection, TheLimitOfConnectDoesNotHoldForWhatComesBehindIt) {
    TestBroker broker;
    TestClient& subscriber = broker.subscribe("v5 client_id=sub", "topic=t");
    TestClient& client = broker.open();
    client.send("CONNECT client_id=a");
    client.send(fmt::format("PUBLISH topic=t payload=@{}", kMaxConnectSize + 1));
    EXPECT_THAT(client.all(), ElementsAre("CONNACK session_present=0 reason=0x00"));
    EXPECT_THAT(subscriber.take_payloads(), ElementsAre(SizeIs(kMaxConnectSize + 1)));
}

TEST(Connection, APacketOneByteLargerThanAllowedClosesTheConnection) {
    TestBroker broker({.settings = with([](auto& s) { s.max_message_size = 200; })});
    TestClient& client = broker.connect("v5 client_id=a");
    client.send(fmt::format("PUBLISH topic=t payload=@{}", 200 - 4));
    EXPECT_EQ(client.next(), "nothing");
    client.send(fmt::format("PUBLISH topic=t payload=@{}", 201 - 4));
    EXPECT_THAT(client.next(), ::testing::StartsWith("DISCONNECT reason=0x95"));
    EXPECT_EQ(client.next(), "closed");
}

TEST(Connection, PacketsArriveInAnyPieces) {
    TestBroker broker;
    TestClient& client = broker.open();
    std::string bytes;
    for (const char* words : {"CONNECT client_id=a", "SUBSCRIBE id=1 topic=t",
                              "PUBLISH topic=t payload=hello", "PINGREQ"}) {
        bytes += conformance::encode_packet(conformance::split_words(words).value(),
                                            conformance::Version::V5)
                     .value();
    }
    for (const char byte : bytes) {
        client.send_bytes({&byte, 1});
        broker.settle();
    }
    EXPECT_THAT(client.all(),
                ElementsAre("CONNACK session_present=0 reason=0x00", "SUBACK id=1 reasons=0x00",
                            "PUBLISH qos=0 topic=t payload=hello", "PINGRESP"));
}

TEST(Connection, ASilentConnectionIsClosed) {
    TestBroker broker({.settings = with([](auto& s) { s.mqtt_connect_timeout = Millis(2000); })});
    TestClient& client = broker.open();
    broker.advance(Millis(1900));
    EXPECT_EQ(client.next(), "nothing");
    broker.advance(Millis(200));
    EXPECT_EQ(client.next(), "closed");
    EXPECT_EQ(broker.count(Counter::SocketCloseTimeout), 1U);
}

// [v5 MQTT-3.1.2-22]: one and a half times the keep-alive.
TEST(Connection, KeepAliveRunsFromTheLastPacket) {
    TestBroker broker;
    TestClient& client = broker.connect("v5 client_id=a keep_alive=10");
    broker.advance(Seconds(14));
    client.send("PINGREQ");
    EXPECT_EQ(client.next(), "PINGRESP");
    broker.advance(Seconds(14));
    EXPECT_EQ(client.next(), "nothing");
    broker.advance(Seconds(2));
    EXPECT_EQ(client.next(), "DISCONNECT reason=0x8d");
    EXPECT_EQ(client.next(), "closed");
}

TEST(Connection, TheLongestConnectionLifetimeEndsIt) {
    TestBroker broker({.settings = with([](auto& s) { s.max_connection_lifetime_s = 100; })});
    TestClient& client = broker.connect("v5 client_id=a");
    broker.advance(Seconds(99));
    EXPECT_EQ(client.next(), "nothing");
    broker.advance(Seconds(2));
    EXPECT_EQ(client.next(), "DISCONNECT reason=0xa0");
}

TEST(Connection, Mqtt3GetsUnacknowledgedMessagesAgainAfterRetryInterval) {
    TestBroker broker({.settings = with([](auto& s) { s.retry_interval_ms = 5000; })});
    TestClient& client = broker.subscribe("v311 client_id=a", "topic=t qos=2");
    TestClient& publisher = broker.connect("v5 client_id=b");
    publisher.send("PUBLISH topic=t qos=1 id=1 payload=x");
    publisher.send("PUBLISH topic=t qos=2 id=2 payload=y");
    EXPECT_THAT(client.all(), SizeIs(2));
    client.send("PUBREC id=2");
    EXPECT_EQ(client.next(), "PUBREL id=2 reason=0x00");
    broker.advance(Seconds(11));
    const auto again = client.all();
    EXPECT_THAT(again, ::testing::Contains("PUBLISH dup=1 qos=1 topic=t id=1 payload=x"));
    EXPECT_THAT(again, ::testing::Contains("PUBREL id=2 reason=0x00"));
    EXPECT_THAT(again, SizeIs(Le(4U)));
    client.send("PUBACK id=1");
    client.send("PUBCOMP id=2");
    broker.advance(Seconds(60));
    EXPECT_EQ(client.next(), "nothing");
}

// [v5 MQTT-4.4.0-1]: only after a new connection.
TEST(Connection, Mqtt5NeverGetsAMessageTwiceOnOneConnection) {
    TestBroker broker({.settings = with([](auto& s) { s.retry_interval_ms = 5000; })});
    TestClient& client = broker.subscribe("v5 client_id=a", "topic=t qos=1");
    client.send("PUBLISH topic=t qos=1 id=1 payload=x");
    EXPECT_THAT(client.all(), SizeIs(2));
    broker.advance(Seconds(60));
    EXPECT_EQ(client.next(), "nothing");
}

TEST(Connection, MaxMessageRatePausesReadingAndGoesOnByItself) {
    TestBroker broker({.settings = with([](auto& s) { s.max_message_rate = 10; })});
    TestClient& subscriber = broker.subscribe("v5 client_id=sub", "topic=t");
    TestClient& client = broker.connect("v5 client_id=a");
    for (int i = 0; i < 40; ++i) client.send(fmt::format("PUBLISH topic=t payload={}", i));
    client.send("PINGREQ");
    EXPECT_THAT(subscriber.take_payloads(), SizeIs(Le(11U)));
    EXPECT_GT(broker.count(Counter::PublishThrottled), 0U);
    broker.advance(Millis(1500));
    EXPECT_EQ(client.next(), "nothing");
    broker.advance(Millis(3500));
    EXPECT_EQ(client.next(), "PINGRESP");
    EXPECT_EQ(
        broker.shard().metrics().get(metrics::PacketKind{metrics::Direction::Received, true, 3}),
        40U);
}

TEST(Connection, APausedClientIsClosedWhenItIsGone) {
    TestBroker broker({.settings = with([](auto& s) { s.max_message_rate = 1; })});
    TestClient& client = broker.connect("v5 client_id=a");
    for (int i = 0; i < 10; ++i) client.send("PUBLISH topic=t payload=x");
    broker.settle();
    client.drop();
    broker.settle();
    EXPECT_EQ(broker.shard().connection_count(), 0U);
}

/// Memory that waits for the sockets of a shard's clients: what was produced and not written.
class ConnectionBackPressure : public ::testing::Test {
protected:
    static constexpr int kMessages = 2000;
    static constexpr int kPayload = 1000;

    void publish(TestClient& publisher, int qos) {
        for (int i = 1; i <= kMessages; ++i) {
            publisher.send(
                fmt::format("PUBLISH topic=t qos={} id={} payload=@{}", qos, i, kPayload));
        }
        broker.settle();
    }

    TestBroker broker{{.settings = with([](auto& s) {
                           s.max_online_messages = 100;
                           s.receive_max_client = 65'535;
                       })}};
};

TEST_F(ConnectionBackPressure, ASubscriberThatDoesNotReadGetsWhatItsSocketAndQueueHold) {
    TestClient& subscriber = broker.subscribe("v5 client_id=sub", "topic=t");
    TestClient& publisher = broker.connect("v5 client_id=pub");
    subscriber.set_reading(false);
    publish(publisher, 0);
    const auto dropped = broker.count(Counter::QueueMessageDrop);
    const auto out = broker.count(Counter::QueueMessageOut);
    EXPECT_GT(dropped, 0U);
    EXPECT_EQ(dropped + out + 100, kMessages + 0U);
    // What was sent and is not in the socket is in the output buffer.
    const auto produced = out * (kPayload + 7);
    EXPECT_LT(produced - broker.count(Counter::BytesSent), kOutputHighWater + 2 * kPayload);
    subscriber.set_reading(true);
    EXPECT_THAT(subscriber.take_payloads(), SizeIs(kMessages - dropped));
    publisher.send("PUBLISH topic=t payload=last");
    EXPECT_THAT(subscriber.take_payloads(), ElementsAre("last"));
}

TEST_F(ConnectionBackPressure, ASubscriberThatDoesNotReadDoesNotStopOthers) {
    TestClient& stuck = broker.subscribe("v5 client_id=stuck", "topic=t");
    TestClient& subscriber = broker.subscribe("v5 client_id=sub", "topic=t");
    TestClient& publisher = broker.connect("v5 client_id=pub");
    stuck.set_reading(false);
    for (int round = 0; round < 20; ++round) {
        for (int i = 0; i < 100; ++i) {
            publisher.send(fmt::format("PUBLISH topic=t payload=@{}", kPayload));
        }
        EXPECT_THAT(subscriber.take_payloads(), SizeIs(100));
    }
}

TEST_F(ConnectionBackPressure, AWindowOfAnyLengthIsNotSentToASocketThatIsFull) {
    TestClient& subscriber = broker.subscribe("v5 client_id=sub", "topic=t qos=1");
    TestClient& publisher = broker.connect("v5 client_id=pub");
    subscriber.set_reading(false);
    publish(publisher, 1);
    const auto dropped = broker.count(Counter::QueueMessageDrop);
    EXPECT_GT(dropped, 0U);
    subscriber.set_reading(true);
    EXPECT_THAT(subscriber.take_payloads(), SizeIs(kMessages - dropped));
}

TEST_F(ConnectionBackPressure, AClientThatAsksAndDoesNotListenIsNotReadFrom) {
    TestClient& client = broker.connect("v5 client_id=a");
    client.set_reading(false);
    constexpr int kRequests = 400'000;
    std::string requests;
    for (int i = 0; i < kRequests; ++i) requests.append("\xC0\0", 2);
    client.send_bytes(requests);
    broker.settle();
    const auto handled =
        broker.shard().metrics().get(metrics::PacketKind{metrics::Direction::Received, true, 12});
    EXPECT_LT(handled, kRequests + 0U);
    EXPECT_LE(handled * 2 - broker.count(Counter::BytesSent), kOutputHighWater + kReadBufferSize);
    client.set_reading(true);
    EXPECT_THAT(client.all(), SizeIs(kRequests));
}

// [v5 MQTT-3.1.2-22] [v3.1.1 MQTT-3.1.2-24]: taking messages is no packet of the client.
TEST_F(ConnectionBackPressure, AClientThatOnlyTakesIsClosedWhenItsKeepAliveIsOver) {
    TestClient& client = broker.subscribe("v5 client_id=sub keep_alive=10", "topic=t");
    TestClient& publisher = broker.connect("v5 client_id=pub");
    std::size_t got = 0;
    for (int second = 0; second < 14; ++second) {
        client.set_reading(false);
        publish(publisher, 0);
        client.set_reading(true);
        got += client.take_payloads().size();
        broker.advance(Seconds(1));
    }
    EXPECT_GT(got, 0U);
    EXPECT_EQ(client.next(), "nothing");
    broker.advance(Seconds(2));
    EXPECT_EQ(client.next(), "DISCONNECT reason=0x8d");
}

TEST_F(ConnectionBackPressure, WhatAClientSentWhileItWasNotReadFromShowsThatItLives) {
    TestClient& client = broker.connect("v5 client_id=a keep_alive=10");
    client.set_reading(false);
    std::string requests;
    for (int i = 0; i < 400'000; ++i) requests.append("\xC0\0", 2);
    client.send_bytes(requests);
    broker.advance(Seconds(40));
    EXPECT_EQ(broker.shard().connection_count(), 1U);
    client.set_reading(true);
    EXPECT_THAT(client.all(), SizeIs(400'000));
    broker.advance(Seconds(16));
    EXPECT_EQ(client.next(), "DISCONNECT reason=0x8d");
}

// The last packets have kCloseTimeout to leave.
TEST_F(ConnectionBackPressure, AClosedClientThatDoesNotReadIsGivenUpAfterAWhile) {
    TestClient& client = broker.subscribe("v5 client_id=sub", "topic=t");
    TestClient& publisher = broker.connect("v5 client_id=pub");
    client.set_reading(false);
    publish(publisher, 0);
    (void)broker.connect("v5 client_id=sub");
    EXPECT_EQ(broker.shard().connection_count(), 3U);
    broker.advance(kCloseTimeout + Millis(100));
    EXPECT_EQ(broker.shard().connection_count(), 2U);
}

TEST_F(ConnectionBackPressure, AQueueLongerThanThePumpBudgetIsSentInPortions) {
    auto settings = with([](auto& s) { s.max_offline_messages = -1; });
    settings.max_online_messages = -1;
    broker.use(settings);
    const char* words = "v5 client_id=sub clean_start=0 session_expiry_interval=60";
    broker.subscribe(words, "topic=t qos=1").drop();
    TestClient& publisher = broker.connect("v5 client_id=pub");
    for (int i = 1; i <= 3 * kPumpBudget; ++i) {
        publisher.send(fmt::format("PUBLISH topic=t qos=1 id={} payload=x", i));
    }
    broker.settle();
    TestClient& client = broker.open();
    client.send("CONNECT client_id=sub clean_start=0 session_expiry_interval=60");
    broker.exchange();
    broker.simulation().turn(broker.shard());
    const auto out = broker.count(Counter::QueueMessageOut);
    EXPECT_GT(out, 0U);
    EXPECT_LE(out, 2U * kPumpBudget);
    EXPECT_THAT(client.take_payloads(), SizeIs(3 * kPumpBudget));
}

}  // namespace
}  // namespace vmq::broker
