#include "admin/query/drop_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "admin/query/parser.h"
#include "support/blocking_peer.h"

namespace vmq::admin::query {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::string_view_literals;

std::vector<std::string> rows(const broker::Broker& broker, std::string_view query) {
    DropTable drops(broker);
    const auto table = run(parse(query).value(), drops);
    EXPECT_TRUE(table);
    std::vector<std::string> lines;
    for (const auto& row : table.value().rows) {
        std::string line;
        for (const Value& cell : row) line += (line.empty() ? "" : " ") + in_words(cell, "-");
        lines.push_back(std::move(line));
    }
    EXPECT_THAT(table.value().warnings, IsEmpty());
    return lines;
}

TEST(DropTableShards, ShowsReasonsClientsAndTopicPrefixes) {
    broker::Broker broker(testing::on_port(0));
    ASSERT_TRUE(broker.start());
    EXPECT_THAT(rows(broker, "SELECT * FROM drops"), IsEmpty());
    for (const char id : {'a', 'b', 'c'}) {
        testing::BlockingPeer peer(broker.listeners().all().front()->port);
        peer.send(testing::connect_as(id));
        EXPECT_EQ(peer.receive_packet().substr(0, 1), "\x20"sv);
        for (int i = 0; i <= id - 'a'; ++i) {
            peer.send("\x32\x07\0\x01t\0\x07\0x"sv);  // nobody subscribes
            EXPECT_EQ(peer.receive_packet().substr(0, 1), "\x40"sv);
        }
    }
    EXPECT_THAT(rows(broker, R"(SELECT * FROM drops WHERE by = "reason")"),
                ElementsAre("no_subscriber reason - - - 6 0"));
    EXPECT_THAT(rows(broker, R"(SELECT client_id,messages FROM drops WHERE by = "client"
                                AND reason = "no_subscriber" ORDER BY messages LIMIT 2)"),
                ElementsAre("c 3", "b 2"));
    EXPECT_THAT(rows(broker, R"(SELECT topic,messages FROM drops WHERE by = "topic")"),
                ElementsAre("t 6"));
}

TEST(DropTableShards, ShardsThatDoNotAnswerAreNamed) {
    broker::Broker broker(testing::on_port(0));
    ASSERT_TRUE(broker.start());
    broker.stop();
    DropTable drops(broker);
    const auto table = run(parse("SELECT * FROM drops ROWTIMEOUT 1").value(), drops);
    EXPECT_THAT(table.value().warnings, ElementsAre(HasSubstr("Shard 0 has not answered"),
                                                    HasSubstr("Shard 1 has not answered")));
}

}  // namespace
}  // namespace vmq::admin::query
