#include "broker/inspect.h"

#include <gtest/gtest.h>

#include "broker/broker.h"

namespace vmq::broker {
namespace {

BrokerOptions two_listeners() {
    BrokerOptions options;
    options.shards = 2;
    options.listeners.resize(2);
    options.listeners[0].socket.address = "127.0.0.1";
    options.listeners[0].max_connections = 10;
    options.listeners[1].name = "open";
    options.listeners[1].socket.address = "127.0.0.1";
    options.listeners[1].max_connections = 0;
    options.listeners[1].policy.mountpoint = "m";
    return options;
}

TEST(InspectorShards, AddsWhatTheShardsCounted) {
    Broker broker(two_listeners());
    using metrics::Counter;
    using metrics::Direction;
    broker.shards()[0]->metrics().add(Counter::SocketOpen);
    broker.shards()[1]->metrics().add(Counter::SocketOpen, 2);
    broker.shards()[0]->metrics().add_packet(Direction::Sent, true, 3, 4);
    broker.shards()[1]->metrics().add_packet(Direction::Sent, true, 3, 5);
    const auto snapshot = Inspector(broker, "a@b", "1.0").snapshot();
    EXPECT_EQ(snapshot.node, "a@b");
    EXPECT_EQ(snapshot.version, "1.0");
    EXPECT_EQ(snapshot.counter(Counter::SocketOpen), 3U);
    EXPECT_EQ(snapshot.packet(Direction::Sent, true, 3), 9U);
    EXPECT_EQ(snapshot.packet(Direction::Sent, false, 3), 0U);
    EXPECT_EQ(snapshot.packet(Direction::Received, true, 3), 0U);
}

TEST(InspectorShards, CountersBeginAgainAtZero) {
    Broker broker(two_listeners());
    using metrics::Counter;
    using metrics::Direction;
    Inspector inspector(broker, "a@b", "1.0");
    broker.shards()[0]->metrics().add(Counter::SocketOpen, 5);
    broker.shards()[1]->metrics().add_packet(Direction::Sent, true, 3, 5);
    inspector.reset_counters();
    EXPECT_EQ(inspector.snapshot().counter(Counter::SocketOpen), 0U);
    EXPECT_EQ(inspector.snapshot().packet(Direction::Sent, true, 3), 0U);
    broker.shards()[1]->metrics().add(Counter::SocketOpen, 2);
    EXPECT_EQ(inspector.snapshot().counter(Counter::SocketOpen), 2U);
}

TEST(InspectorShards, ListenersRunUntilTheBrokerStops) {
    Broker broker(two_listeners());
    ASSERT_TRUE(broker.start());
    const Inspector inspector(broker, "a@b", "1.0");
    const auto running = inspector.snapshot();
    ASSERT_EQ(running.listeners.size(), 2U);
    EXPECT_EQ(running.listeners[0].name, "default");
    EXPECT_NE(running.listeners[0].port, 0);
    EXPECT_EQ(running.listeners[0].max_connections, 10U);
    EXPECT_TRUE(running.listeners[0].running);
    EXPECT_EQ(running.listeners[1].max_connections, std::nullopt);
    EXPECT_EQ(running.listeners[1].mountpoint, "m");
    broker.stop();
    EXPECT_FALSE(inspector.snapshot().listeners[0].running);
}

}  // namespace
}  // namespace vmq::broker
