#include "broker/broker.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/limits.h"
#include "support/blocking_peer.h"

namespace vmq::broker {
namespace {

using namespace std::string_view_literals;
using testing::connect_as;
using testing::on_port;

class Peer final : public testing::BlockingPeer {
public:
    explicit Peer(const Broker& broker) : BlockingPeer(broker.listeners().all().front()->port) {}
};

TEST(BrokerShards, DeliversBetweenItsShardsAndSaysGoodByeWhenStopped) {
    Broker broker(on_port(0));
    ASSERT_TRUE(broker.start());
    ASSERT_NE(broker.listeners().all().front()->port, 0);
    EXPECT_EQ(broker.shard_count(), 2U);
    std::vector<std::unique_ptr<Peer>> peers;
    for (char id = 'a'; id < 'i'; ++id) {
        peers.push_back(std::make_unique<Peer>(broker));
        ASSERT_TRUE(peers.back()->connected());
        peers.back()->send(connect_as(id));
        peers.back()->send("\x82\x07\0\x01\0\0\x01t\x01"sv);  // SUBSCRIBE t, QoS 1
        EXPECT_EQ(peers.back()->receive_packet().substr(0, 1), "\x20"sv);
        EXPECT_EQ(peers.back()->receive_packet(), "\x90\x04\0\x01\0\x01"sv);
    }
    peers.front()->send("\x32\x07\0\x01t\0\x07\0x"sv);  // PUBLISH t, QoS 1, "x"
    for (std::size_t i = 1; i < peers.size(); ++i) {
        EXPECT_EQ(peers[i]->receive_packet(), "\x32\x07\0\x01t\0\x01\0x"sv);
    }
    const auto started = steady_now();
    broker.stop();
    EXPECT_LT(steady_now() - started, Seconds(5));
    EXPECT_EQ(peers.back()->receive_packet().substr(0, 1), "\xE0"sv);
    for (std::size_t i = 1; i + 1 < peers.size(); ++i) {
        EXPECT_EQ(peers[i]->receive(3).substr(0, 1), "\xE0"sv);  // DISCONNECT [v5 3.14.2.1]
    }
}

TEST(BrokerShards, StopTellsTheReason) {
    Broker broker(on_port(0, 1));
    ASSERT_TRUE(broker.start());
    Peer peer(broker);
    peer.send(connect_as('a'));
    EXPECT_EQ(peer.receive_packet().substr(0, 1), "\x20"sv);
    broker.stop();
    const std::string packet = peer.receive_packet();
    ASSERT_GE(packet.size(), 3U);
    EXPECT_EQ(packet[0], '\xE0');
    EXPECT_EQ(packet[2], '\x8B');
    EXPECT_EQ(peer.receive(1), "");
}

TEST(BrokerShards, ASecondBrokerOnTheSamePortFailsAndNamesTheListener) {
    Broker first(on_port(0));
    ASSERT_TRUE(first.start());
    Broker second(on_port(first.listeners().all().front()->port));
    const auto started = second.start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, ErrorCode::AddressInUse);
    EXPECT_NE(started.error().detail.find("listener.tcp.test"), std::string::npos);
    Peer peer(first);  // the first is not disturbed
    peer.send(connect_as('a'));
    EXPECT_EQ(peer.receive_packet().substr(0, 1), "\x20"sv);
}

TEST(BrokerShards, WithoutAStartThereIsNothingToStop) {
    Broker broker(on_port(0));
    broker.stop();
}

TEST(BrokerShards, StopWaitsNoLongerThanItsPatienceForAClientThatStays) {
    Broker broker(on_port(0));
    ASSERT_TRUE(broker.start());
    Peer peer(broker);
    ASSERT_TRUE(peer.connected());
    peer.send("\x10\x0d\0\x04MQTT\x05\x02\0\x3c\0\0\0"sv);
    ASSERT_EQ(peer.receive_packet().front(), '\x20');
    const TimePoint before = steady_now();
    broker.stop(Millis(50));
    // Waiting for the peer to close would take kCloseTimeout.
    EXPECT_LT(steady_now() - before, kCloseTimeout);
}

}  // namespace
}  // namespace vmq::broker
