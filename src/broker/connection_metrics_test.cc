#include <gtest/gtest.h>

#include "support/test_broker.h"

namespace vmq::broker {
namespace {

using metrics::Counter;
using metrics::Direction;
using metrics::PacketKind;
using metrics::VersionCounter;
using vmq::testing::TestBroker;
using vmq::testing::TestClient;

TEST(ConnectionMetrics, PacketsCountForTheVersionOfTheirClient) {
    TestBroker broker;
    (void)broker.connect("v5 client_id=a");
    TestClient& old = broker.connect("v311 client_id=b");
    old.send("PINGREQ");
    EXPECT_EQ(old.next(), "PINGRESP");
    EXPECT_EQ(broker.count(PacketKind{Direction::Received, true, 1}), 1U);
    EXPECT_EQ(broker.count(PacketKind{Direction::Received, false, 1}), 1U);
    EXPECT_EQ(broker.count(PacketKind{Direction::Sent, true, 2}), 1U);
    EXPECT_EQ(broker.count(PacketKind{Direction::Sent, false, 2}), 1U);
    EXPECT_EQ(broker.count(PacketKind{Direction::Received, false, 12}), 1U);
    EXPECT_EQ(broker.count(PacketKind{Direction::Sent, false, 13}), 1U);
    EXPECT_EQ(broker.count(PacketKind{Direction::Sent, true, 13}), 0U);
}

TEST(ConnectionMetrics, MqttThreeHasNoReasonCodesOutsideConnack) {
    TestBroker broker;
    TestClient& old = broker.connect("v311 client_id=b");
    old.send("PUBREL id=7");
    EXPECT_EQ(old.next(), "PUBCOMP id=7 reason=0x00");
    EXPECT_EQ(broker.count(PacketKind{Direction::Sent, false, 7}), 1U);
}

TEST(ConnectionMetrics, TheEndOfAConnectionCountsByItsCause) {
    TestBroker broker;
    (void)broker.connect("v5 client_id=silent keep_alive=1");
    broker.advance(Seconds(3));
    EXPECT_EQ(broker.count(VersionCounter::ClientKeepaliveExpired), 1U);
    EXPECT_EQ(broker.count(PacketKind{Direction::Sent, true, 14, 0x8D}), 1U);
    TestClient& leaving = broker.connect("v5 client_id=leaving");
    leaving.send("DISCONNECT reason=0x04");
    broker.settle();
    EXPECT_EQ(broker.count(PacketKind{Direction::Received, true, 14, 0x04}), 1U);
    EXPECT_EQ(broker.count(Counter::SessionProtocolError), 0U);
}

}  // namespace
}  // namespace vmq::broker
