#include "admin/query/retained_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "admin/query/parser.h"
#include "support/blocking_peer.h"

namespace vmq::admin::query {
namespace {

using testing::BlockingPeer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using namespace std::string_view_literals;

broker::BrokerOptions two_mountpoints() {
    broker::BrokerOptions options = testing::on_port(0);
    options.listeners.push_back(options.listeners.front());
    options.listeners.back().name = "other";
    options.listeners.back().policy.mountpoint = "m";
    return options;
}

/// a/b and c are retained in the mountpoint "", c in "m", with their first letters in capitals.
class RetainedTableShards : public ::testing::Test {
protected:
    RetainedTableShards() : broker(two_mountpoints()) {
        EXPECT_TRUE(broker.start());
        for (const broker::Listener* listener : broker.listeners().all()) {
            BlockingPeer peer(listener->port);
            peer.send(testing::connect_as('p'));
            EXPECT_EQ(peer.receive_packet().substr(0, 1), "\x20"sv);
            if (listener->policy.mountpoint.empty()) {
                peer.send(
                    "\x33\x09\0\x03"
                    "a/b\0\x07\0A"sv);
                EXPECT_EQ(peer.receive_packet().substr(0, 1), "\x40"sv);
            }
            peer.send(
                "\x33\x07\0\x01"
                "c\0\x07\0C"sv);
            EXPECT_EQ(peer.receive_packet().substr(0, 1), "\x40"sv);
        }
    }
    std::vector<std::string> rows(std::string_view query) {
        std::vector<std::string> lines;
        RetainedTable retained(broker);
        const auto table = run(parse(query).value(), retained);
        EXPECT_TRUE(table);
        if (!table) return lines;
        EXPECT_THAT(table.value().warnings, IsEmpty());
        for (const auto& row : table.value().rows) {
            std::string line;
            for (const Value& cell : row) line += (line.empty() ? "" : " ") + in_words(cell);
            lines.push_back(std::move(line));
        }
        return lines;
    }

    broker::Broker broker;
};

TEST_F(RetainedTableShards, ShowsPayloadAndTopicOfTheMountpointWithoutAName) {
    Query query;
    query.table = "retain_srv";
    RetainedTable retained(broker);
    EXPECT_THAT(run(query, retained).value().columns, ElementsAre("payload", "topic"));
    EXPECT_THAT(rows("SELECT payload,topic FROM retain_srv"), ElementsAre("A a/b", "C c"));
    EXPECT_THAT(rows("SELECT topic FROM retain_srv LIMIT 1"), ElementsAre("a/b"));
}

// In VerneMQ a filter finds nothing, because it is compared with the topics as well.
TEST_F(RetainedTableShards, ATopicMayBeAFilter) {
    EXPECT_THAT(rows(R"(SELECT topic FROM retain_srv WHERE topic = "a/#")"), ElementsAre("a/b"));
    EXPECT_THAT(rows(R"(SELECT topic FROM retain_srv WHERE topic = "+")"), ElementsAre("c"));
    EXPECT_THAT(rows(R"(SELECT topic FROM retain_srv WHERE topic = "c")"), ElementsAre("c"));
    EXPECT_THAT(rows(R"(SELECT topic FROM retain_srv WHERE topic = "")"), IsEmpty());
    EXPECT_THAT(rows(R"(SELECT topic FROM retain_srv WHERE topic != "+")"), ElementsAre("a/b"));
    EXPECT_THAT(rows(R"(SELECT topic FROM retain_srv WHERE topic MATCH "b$")"), ElementsAre("a/b"));
    EXPECT_THAT(rows(R"(SELECT topic FROM retain_srv WHERE payload = "C")"), ElementsAre("c"));
}

TEST_F(RetainedTableShards, MountpointsAreShownWhenTheyAreLookedAt) {
    EXPECT_THAT(rows("SELECT topic,mountpoint FROM retain_srv"),
                UnorderedElementsAre("a/b ", "c ", "c m"));
    EXPECT_THAT(rows(R"(SELECT topic FROM retain_srv WHERE mountpoint = "m")"), ElementsAre("c"));
    EXPECT_THAT(rows(R"(SELECT topic FROM retain_srv WHERE mountpoint != "")"), ElementsAre("c"));
}

TEST_F(RetainedTableShards, NoAnswerIsSaid) {
    broker.stop();
    RetainedTable retained(broker);
    const auto table = run(parse("SELECT topic FROM retain_srv ROWTIMEOUT 1").value(), retained);
    EXPECT_THAT(table.value().warnings, ElementsAre(HasSubstr("has not answered within 1 ms")));
}

TEST_F(RetainedTableShards, ManyAreReadInPortionsAndTooMuchPayloadIsSaid) {
    BlockingPeer peer(broker.listeners().all().front()->port);
    peer.send(testing::connect_as('q'));
    EXPECT_EQ(peer.receive_packet().substr(0, 1), "\x20"sv);
    for (int i = 0; i < 500; ++i) {
        const std::string topic = "t/" + std::to_string(i);
        const auto size = static_cast<char>(topic.size());
        std::string packet("\x33\0\0"sv);  // PUBLISH, QoS 1, retained
        packet[1] = static_cast<char>(size + 6);
        packet += size + topic + std::string("\0\x01\0x"sv);
        peer.send(packet);
        ASSERT_EQ(peer.receive_packet().substr(0, 1), "\x40"sv);
    }
    EXPECT_EQ(rows("SELECT topic FROM retain_srv WHERE topic=\"t/+\" LIMIT 1000").size(), 500U);
    EXPECT_EQ(rows("SELECT topic FROM retain_srv WHERE topic=\"t/+\" LIMIT 450").size(), 450U);
    const std::string payload(std::size_t{1024} * 1024, 'x');
    for (char id = 'A'; id < 'A' + 17; ++id) {
        // PUBLISH of 7 bytes and the payload; its length takes three bytes.
        const std::size_t size = payload.size() + 7;
        std::string packet = "\x33";
        packet += static_cast<char>(size % 128 | 128);
        packet += static_cast<char>(size / 128 % 128 | 128);
        packet += static_cast<char>(size / 16384);
        packet += std::string("\0\x01"sv) + id + std::string("\0\x01\0"sv) + payload + 'y';
        peer.send(packet);
        ASSERT_EQ(peer.receive_packet().substr(0, 1), "\x40"sv);
    }
    RetainedTable retained(broker);
    const auto all = run(parse("SELECT payload FROM retain_srv LIMIT 1000").value(), retained);
    ASSERT_TRUE(all);
    EXPECT_THAT(all.value().warnings, ElementsAre(HasSubstr("more than 16 MiB of payload")));
    EXPECT_EQ(rows("SELECT topic FROM retain_srv LIMIT 1000").size(), 519U);
}

}  // namespace
}  // namespace vmq::admin::query
