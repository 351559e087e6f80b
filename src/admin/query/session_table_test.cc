#include "admin/query/session_table.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "admin/query/parser.h"
#include "support/blocking_peer.h"

namespace vmq::admin::query {
namespace {

using testing::BlockingPeer;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kPatience;
using ::testing::UnorderedElementsAre;
using namespace std::string_view_literals;

/// Two shards; a and b are MQTT 5 clients, "old" is one of MQTT 3.1.1 that has gone away with a
/// session. All have subscribed to "t" with QoS 1, a also to "u".
class SessionTableShards : public ::testing::Test {
protected:
    SessionTableShards() : broker(testing::on_port(0)) {
        EXPECT_TRUE(broker.start());
        a = &connect(testing::connect_as('a'), "\x82\x0B\0\x01\0\0\x01t\x01\0\x01u\x0C"sv,
                     "\x90\x05\0\x01\0\x01\0"sv);
        b = &connect(testing::connect_as('b'), "\x82\x07\0\x01\0\0\x01t\x01"sv,
                     "\x90\x04\0\x01\0\x01"sv);
        // CONNECT of 3.1.1 with user name "joe" and without clean session.
        BlockingPeer& old = connect("\x10\x14\0\x04MQTT\x04\x80\0\x3C\0\x03old\0\x03joe"sv,
                                    "\x82\x06\0\x01\0\x01t\x01"sv, "\x90\x03\0\x01\x01"sv);
        old.send("\xE0\0"sv);
        EXPECT_EQ(old.receive(1), "");
        a->send("\x32\x07\0\x01t\0\x07\0x"sv);
        EXPECT_EQ(a->receive_packet().substr(0, 1), "\x32"sv);  // its own message
    }

    BlockingPeer& connect(std::string_view hello, std::string_view subscribe,
                          std::string_view answer) {
        auto& peer = peers.emplace_back(
            std::make_unique<BlockingPeer>(broker.listeners().all().front()->port));
        peer->send(hello);
        EXPECT_EQ(peer->receive_packet().substr(0, 1), "\x20"sv);
        peer->send(subscribe);
        EXPECT_EQ(peer->receive_packet(), answer);
        return *peer;
    }

    Table ask(std::string_view query) {
        SessionTable sessions(broker, "n@h");
        auto table = run(parse(query).value(), sessions);
        EXPECT_TRUE(table) << (table ? "" : table.error().detail);
        return table ? std::move(table).value() : Table{};
    }
    /// The rows in words.
    std::vector<std::string> rows(std::string_view query) {
        std::vector<std::string> lines;
        const Table table = ask(query);
        EXPECT_THAT(table.warnings, IsEmpty());
        for (const auto& row : table.rows) {
            std::string line;
            for (const Value& cell : row) line += (line.empty() ? "" : " ") + in_words(cell);
            lines.push_back(std::move(line));
        }
        return lines;
    }

    broker::Broker broker;
    std::vector<std::unique_ptr<BlockingPeer>> peers;
    BlockingPeer* a = nullptr;
    BlockingPeer* b = nullptr;
};

TEST_F(SessionTableShards, ShowsSessionsConnectedOrNot) {
    EXPECT_THAT(
        rows("SELECT client_id,is_online,is_offline,statename,num_sessions,clean_session,"
             "node,mountpoint FROM sessions ROWTIMEOUT 10000"),
        UnorderedElementsAre("a true false online 1 true n@h ", "b true false online 1 true n@h ",
                             "old false true offline 0 false n@h "));
    EXPECT_THAT(rows("SELECT client_id,protocol,user,peer_host,keep_alive,deliver_mode,is_plugin "
                     "FROM sessions ROWTIMEOUT 10000"),
                UnorderedElementsAre("a 5 undefined 127.0.0.1 0 fanout false",
                                     "b 5 undefined 127.0.0.1 0 fanout false",
                                     "old undefined undefined undefined undefined fanout false"));
}

TEST_F(SessionTableShards, ADefaultQueryShowsWhatVerneMqShows) {
    Query query;
    query.table = "sessions";
    SessionTable sessions(broker, "n@h");
    EXPECT_THAT(run(query, sessions).value().columns,
                UnorderedElementsAre("client_id", "is_online", "mountpoint", "peer_host",
                                     "peer_port", "user"));
}

TEST_F(SessionTableShards, OneClientIsAskedForByItsId) {
    EXPECT_THAT(rows(R"(SELECT client_id FROM sessions WHERE client_id = "b")"), ElementsAre("b"));
    EXPECT_THAT(rows(R"(SELECT client_id FROM sessions WHERE client_id = "b" AND mountpoint = "")"),
                ElementsAre("b"));
    EXPECT_THAT(
        rows(R"(SELECT client_id FROM sessions WHERE client_id = "b" AND mountpoint = "m")"),
        IsEmpty());
    EXPECT_THAT(
        rows(R"(SELECT client_id FROM sessions WHERE client_id = "b" AND is_online = false)"),
        IsEmpty());
    EXPECT_THAT(rows(R"(SELECT client_id FROM sessions WHERE client_id MATCH "^(a|old)$")"),
                UnorderedElementsAre("a", "old"));
}

TEST_F(SessionTableShards, SubscriptionsMakeRows) {
    EXPECT_THAT(rows("SELECT client_id,topic,qos,rap,no_local FROM sessions"),
                UnorderedElementsAre("a t 1 false false", "a u 0 true true", "b t 1 false false",
                                     "old t 1 false false"));
    EXPECT_THAT(rows(R"(SELECT client_id FROM sessions WHERE topic = "u")"), ElementsAre("a"));
    EXPECT_THAT(rows(R"(SELECT num_subscriptions FROM sessions WHERE client_id = "a")"),
                ElementsAre("2"));
}

TEST_F(SessionTableShards, MessagesOfAQueueMakeRows) {
    EXPECT_THAT(rows("SELECT client_id,routing_key,payload,msg_qos,dup,msg_ref FROM sessions "
                     "ORDER BY client_id"),
                ElementsAre(::testing::MatchesRegex("old t x 1 false [A-Za-z0-9+/]+AAAAAAAAAQ=="),
                            "b t x 1 true undefined", "a t x 1 true undefined"));
    EXPECT_THAT(
        rows(R"(SELECT queue_size,offline_messages,online_messages,waiting_acks FROM sessions
                        WHERE client_id = "old")"),
        ElementsAre("1 1 0 undefined"));
    EXPECT_THAT(rows(R"(SELECT waiting_acks FROM sessions WHERE client_id = "a")"),
                ElementsAre("1"));
}

TEST_F(SessionTableShards, OrderAndLimitAreOverAllShards) {
    EXPECT_THAT(rows("SELECT client_id FROM sessions ORDER BY client_id LIMIT 2"),
                ElementsAre("old", "b"));
    EXPECT_EQ(ask("SELECT client_id FROM sessions LIMIT 2").rows.size(), 2U);
}

TEST_F(SessionTableShards, StarShowsEverythingThatMakesNoMoreRows) {
    const Table table = ask("SELECT * FROM sessions");
    EXPECT_EQ(table.rows.size(), 3U);
    for (const char* field : {"queue_pid", "session_pid", "queue_size", "queue_started_at",
                              "session_started_at", "session_expiry"}) {
        EXPECT_THAT(table.columns, Contains(field));
    }
    EXPECT_THAT(table.columns, ::testing::Not(Contains("topic")));
}

TEST_F(SessionTableShards, EveryFieldCanBeAskedFor) {
    for (const Field& field : SessionTable::all_fields()) {
        EXPECT_FALSE(field.help.empty()) << field.name;
        const Table table = ask(fmt::format("SELECT {} FROM sessions", field.name));
        EXPECT_GE(table.rows.size(), 3U) << field.name;
        for (const auto& row : table.rows) {
            const Value& cell = row.front();
            const bool fits = std::holds_alternative<std::monostate>(cell) ||
                              cell.index() == (field.type == Type::Text      ? 3U
                                               : field.type == Type::Integer ? 2U
                                                                             : 1U);
            EXPECT_TRUE(fits) << field.name;
        }
    }
}

TEST_F(SessionTableShards, ShardsThatDoNotAnswerAreNamed) {
    broker.stop();
    const Table table = ask("SELECT client_id FROM sessions ROWTIMEOUT 1");
    EXPECT_THAT(table.rows, IsEmpty());
    EXPECT_THAT(table.warnings, ElementsAre(HasSubstr("Shard 0 has not answered within 1 ms"),
                                            HasSubstr("Shard 1 has not answered")));
}

}  // namespace
}  // namespace vmq::admin::query
