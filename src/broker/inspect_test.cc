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
    runtime::WorkQueue<int> release;
    const auto hold = [&release] {
        std::vector<int> taken;
        (void)release.take(taken, kPatience);
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
    release.push(0);
}

TEST_F(SessionsShards, AreDisconnectedAndUnsubscribed) {
    EXPECT_TRUE(unsubscribe_session(broker, "", "a", "t", false, kPatience).value());
    EXPECT_FALSE(unsubscribe_session(broker, "", "a", "t", false, kPatience).value());
    EXPECT_FALSE(disconnect_session(broker, "m", "a", false, kPatience).value());
    EXPECT_TRUE(disconnect_session(broker, "", "a", false, kPatience).value());
    EXPECT_EQ(peers.front()->receive_packet().substr(0, 3), "\xE0\x01\x98"sv);
    EXPECT_EQ(peers.front()->receive(1), "");
    SessionReader reader(broker, {});
    EXPECT_THAT(read(reader), ElementsAre("b", "c", "d", "e", "f", "g", "h"));
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
