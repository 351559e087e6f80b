#include "broker/inspect.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/broker.h"
#include "mqtt/reason_sets.h"
#include "runtime/work_queue.h"
#include "support/blocking_peer.h"

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

using testing::BlockingPeer;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kPatience;
using testing::on_port;
using namespace std::string_view_literals;

/// A broker of two shards with clients a to h, connected and subscribed to "t".
class SessionsShards : public ::testing::Test {
protected:
    SessionsShards() : broker(on_port(0)) {
        EXPECT_TRUE(broker.start());
        for (char id = 'a'; id <= 'h'; ++id) {
            auto& peer = peers.emplace_back(
                std::make_unique<BlockingPeer>(broker.listeners().all().front()->port));
            peer->send(testing::connect_as(id));
            EXPECT_EQ(peer->receive_packet().substr(0, 1), "\x20"sv);
            peer->send("\x82\x07\0\x01\0\0\x01t\x01"sv);
            EXPECT_EQ(peer->receive_packet(), "\x90\x04\0\x01\0\x01"sv);
        }
    }
    std::multiset<std::string> read(SessionReader& reader) {
        std::multiset<std::string> ids;
        for (auto some = reader.next(kPatience); !some.empty(); some = reader.next(kPatience)) {
            for (const SessionPicture& session : some) ids.insert(session.client_id);
        }
        EXPECT_THAT(reader.silent(), IsEmpty());
        EXPECT_THAT(reader.refused(), IsEmpty());
        return ids;
    }

    Broker broker;
    std::vector<std::unique_ptr<BlockingPeer>> peers;
};

TEST_F(SessionsShards, AreReadFromAllOfThem) {
    SessionReader reader(broker, {});
    EXPECT_THAT(read(reader), ElementsAre("a", "b", "c", "d", "e", "f", "g", "h"));
}

TEST_F(SessionsShards, OneIsReadFromTheShardThatKnows) {
    SessionQuestion question;
    question.client_id = "c";
    question.mountpoint = "";
    question.subscriptions = true;
    SessionReader reader(broker, question);
    EXPECT_THAT(reader.silent(), ElementsAre(broker.shards().front()->home_of("", "c")));
    const auto sessions = reader.next(kPatience);
    ASSERT_EQ(sessions.size(), 1U);
    EXPECT_EQ(sessions.front().subscriptions.front().filter, "t");
    EXPECT_THAT(reader.next(kPatience), IsEmpty());
    question.mountpoint.reset();
    SessionReader everywhere(broker, question);
    EXPECT_THAT(read(everywhere), ElementsAre("c"));
}

TEST_F(SessionsShards, AShardThatDoesNotAnswerIsNamedAndTheOthersAreThere) {
    // Shared, because the shard may still be leaving it when the test has ended.
    const auto release = std::make_shared<runtime::WorkQueue<int>>();
    const auto hold = [release] {
        std::vector<int> taken;
        (void)release->take(taken, kPatience);
    };
    boost::asio::post(broker.shards()[0]->loop().io(), hold);
    std::multiset<std::string> expected;
    for (char id = 'a'; id <= 'h'; ++id) {
        if (broker.shards().front()->home_of("", std::string(1, id)) == 1) {
            expected.insert(std::string(1, id));
        }
    }
    SessionReader reader(broker, {});
    std::multiset<std::string> ids;
    while (ids.size() < expected.size()) {
        const auto some = reader.next(kPatience);
        ASSERT_FALSE(some.empty());
        for (const SessionPicture& session : some) ids.insert(session.client_id);
    }
    EXPECT_EQ(ids, expected);
    EXPECT_THAT(reader.next(Millis(50)), IsEmpty());
    EXPECT_THAT(reader.silent(), ::testing::Contains(ShardId{0}));
    RetainedReader retained(broker, "", std::nullopt);
    const auto answer = retained.next(Millis(1));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().detail, "shard 0 has not answered within 1 ms");
    release->push(0);
}

TEST_F(SessionsShards, RetainedMessagesAreReadWithAndWithoutAFilter) {
    for (const char* topic : {"a", "b"}) {
        peers.front()->send(fmt::format(
            "{}{}{}{}{}{}", '\x33', static_cast<char>(std::string_view(topic).size() + 6), '\0',
            static_cast<char>(std::string_view(topic).size()), topic, "\0\x09\0x"sv));
        EXPECT_EQ(peers.front()->receive_packet().substr(0, 1), "\x40"sv);
    }
    const auto topics = [this](std::string mountpoint, std::optional<std::string> filter) {
        RetainedReader reader(broker, std::move(mountpoint), std::move(filter));
        std::vector<std::string> all;
        while (!reader.done()) {
            const auto some = reader.next(kPatience);
            EXPECT_TRUE(some);
            if (!some) break;
            for (const auto& message : some.value()) all.emplace_back(message->topic());
        }
        return all;
    };
    EXPECT_THAT(topics("", std::nullopt), ElementsAre("a", "b"));
    EXPECT_THAT(topics("", "+"), ElementsAre("a", "b"));
    EXPECT_THAT(topics("", "b"), ElementsAre("b"));
    EXPECT_THAT(topics("m", std::nullopt), IsEmpty());
    EXPECT_THAT(retained_mountpoints(broker, 10, nullptr, kPatience).value(), ElementsAre(""));
}

}  // namespace
}  // namespace vmq::broker
