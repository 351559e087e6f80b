#include "broker/inspect.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/broker.h"
#include "mqtt/reason_sets.h"

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

const metrics::Sample* find(const metrics::Snapshot& snapshot, std::string_view name,
                            const std::vector<metrics::Label>& labels = {}) {
    for (const metrics::Sample& sample : snapshot) {
        if (sample.name == name && sample.labels == labels) return &sample;
    }
    return nullptr;
}

TEST(InspectorShards, AddsWhatTheShardsCounted) {
    Broker broker(two_listeners());
    using metrics::Counter;
    using metrics::Direction;
    using metrics::PacketKind;
    broker.shards()[0]->metrics().add(Counter::SocketOpen);
    broker.shards()[1]->metrics().add(Counter::SocketOpen, 2);
    broker.shards()[0]->metrics().add(PacketKind{Direction::Sent, true, 3});
    broker.shards()[1]->metrics().add(PacketKind{Direction::Sent, true, 3});
    broker.shards()[1]->metrics().turn().add(std::chrono::microseconds(5));
    const auto snapshot = Inspector(broker, "a@b", "1.0").snapshot();
    EXPECT_EQ(snapshot.node, "a@b");
    EXPECT_EQ(snapshot.version, "1.0");
    EXPECT_EQ(snapshot.counter(Counter::SocketOpen), 3U);
    EXPECT_EQ(snapshot.numbers.totals.get(PacketKind{Direction::Sent, true, 3}), 2U);
    EXPECT_EQ(snapshot.numbers.totals.get(PacketKind{Direction::Sent, false, 3}), 0U);
    EXPECT_EQ(snapshot.numbers.totals.get(PacketKind{Direction::Received, true, 3}), 0U);
    EXPECT_EQ(snapshot.numbers.shard_turn.count(), 1U);
}

TEST(InspectorShards, ShowsReadingsAndASeriesPerShardAndListener) {
    Broker broker(two_listeners());
    ASSERT_TRUE(broker.start());
    const metrics::Snapshot all = metrics_of(Inspector(broker, "a@b", "1.0").snapshot());
    ASSERT_NE(find(all, "vm_memory_total"), nullptr);
    EXPECT_GT(find(all, "vm_memory_total")->value, 1'000'000U);
    EXPECT_NE(find(all, "system_utilization_scheduler_1"), nullptr);
    EXPECT_NE(find(all, "system_utilization_scheduler_2"), nullptr);
    EXPECT_EQ(find(all, "system_utilization_scheduler_3"), nullptr);
    EXPECT_NE(find(all, "listener_connections", {{"type", "mqtt"}, {"listener", "open"}}), nullptr);
    EXPECT_NE(find(all, "listener_connections", {{"type", "mqtt"}, {"listener", "default"}}),
              nullptr);
}

// The names of reason codes stand in metrics too, which does not know MQTT.
TEST(InspectorShards, EveryReasonThatAPacketMayCarryHasASeries) {
    using metrics::Direction;
    using mqtt::PacketType;
    struct Packet {
        const char* name;
        Direction direction;
        PacketType type;
        mqtt::ReasonSet reasons;
    };
    const Packet packets[] = {
        {"mqtt_connack_sent", Direction::Sent, PacketType::Connack, mqtt::kConnackReasons},
        {"mqtt_puback_sent", Direction::Sent, PacketType::Puback, mqtt::kPubackReasons},
        {"mqtt_puback_received", Direction::Received, PacketType::Puback, mqtt::kPubackReasons},
        {"mqtt_pubrec_sent", Direction::Sent, PacketType::Pubrec, mqtt::kPubackReasons},
        {"mqtt_pubrec_received", Direction::Received, PacketType::Pubrec, mqtt::kPubackReasons},
        {"mqtt_pubrel_sent", Direction::Sent, PacketType::Pubrel, mqtt::kPubrelReasons},
        {"mqtt_pubrel_received", Direction::Received, PacketType::Pubrel, mqtt::kPubrelReasons},
        {"mqtt_pubcomp_sent", Direction::Sent, PacketType::Pubcomp, mqtt::kPubrelReasons},
        {"mqtt_pubcomp_received", Direction::Received, PacketType::Pubcomp, mqtt::kPubrelReasons},
        {"mqtt_disconnect_received", Direction::Received, PacketType::Disconnect,
         mqtt::kClientDisconnectReasons},
        {"mqtt_disconnect_sent", Direction::Sent, PacketType::Disconnect,
         mqtt::kServerDisconnectReasons},
        {"mqtt_auth_received", Direction::Received, PacketType::Auth, mqtt::kClientAuthReasons},
        {"mqtt_auth_sent", Direction::Sent, PacketType::Auth, mqtt::kServerAuthReasons},
    };
    for (const Packet& packet : packets) {
        for (unsigned code = 0; code < 256; ++code) {
            const auto reason = static_cast<mqtt::ReasonCode>(code);
            if (!packet.reasons.contains(reason)) continue;
            const bool normal = packet.type == PacketType::Disconnect && code == 0;
            const std::string name(normal ? "normal_disconnect" : mqtt::reason_name(reason));
            const auto numbers = std::make_unique<metrics::Numbers>();
            numbers->totals.cells[metrics::cell::of(
                metrics::PacketKind{packet.direction, true, static_cast<std::uint8_t>(packet.type),
                                    static_cast<std::uint8_t>(code)})] = 7;
            const auto all = metrics::series_of(*numbers);
            const auto* sample =
                find(all, packet.name, {{"mqtt_version", "5"}, {"reason_code", name}});
            ASSERT_NE(sample, nullptr) << packet.name << ' ' << name;
            EXPECT_EQ(sample->value, 7U) << packet.name << ' ' << name;
        }
    }
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
