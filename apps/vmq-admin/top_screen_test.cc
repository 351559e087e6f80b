#include "vmq-admin/top_screen.h"

#include <gtest/gtest.h>

#include <string>

namespace vmq::admin_tool {
namespace {

constexpr std::string_view kPicture = R"({
  "node": "a@b", "version": "1", "uptime_s": 3700, "interval_ms": 2000,
  "connections": 3, "sessions": 4, "subscriptions": 5, "retained": 6,
  "rates": {"connects": 0.5, "connections_closed": 0, "publish_in": 1234.5, "publish_out": 12345678,
            "bytes_in": 99.9, "bytes_out": 0, "queue_in": 1, "queue_out": 2, "drops": 7,
            "drops_by_reason": {"queue_full": 7, "expired": 0}},
  "shards": [{"shard": 0, "busy_percent": 12}, {"shard": 1, "busy_percent": 100}],
  "latency": [{"what": "shard turn", "per_second": 10, "p50_us": 10, "p99_us": 1000},
              {"what": "store commit", "per_second": 0, "p50_us": null, "p99_us": null},
              {"what": "auth_on_publish of vmq_acl", "per_second": 1, "p50_us": 1000000, "p99_us": null}],
  "clients": [{"client_id": "many", "mountpoint": "", "messages_in": 9, "messages_out": 0, "bytes_in": 1, "bytes_out": 1},
              {"client_id": "big\u001b[2J", "mountpoint": "m", "messages_in": 1, "messages_out": 2, "bytes_in": 50000, "bytes_out": 0}],
  "topics": [{"topic": "a/\u6f22\u5b57", "messages": 3, "bytes": 4}],
  "shards_missing": 0
})";

std::string text_of(TopSize size, TopSort sort = TopSort::Messages) {
    std::string out;
    const auto lines = top_screen(kPicture, size, sort);
    EXPECT_TRUE(lines);
    for (const std::string& line : lines.value()) out += line + "\n";
    return out;
}

TEST(TopScreen, ShowsThePicture) {
    EXPECT_EQ(text_of({.width = 80, .height = {}}),
              R"~(a@b  vernemq 1  up 1 h 01 min  every 2.0 s  by messages
connections 3  sessions 4  subscriptions 5  retained 6

per second         in      out
publish          1234    12.3M  connects          0.5
bytes            99.9      0.0  closed            0.0
queues            1.0      2.0  drops             7.0
not delivered:  queue_full 7.0
shards busy  0: 12 %  1: 100 %

took                                     /s      p50      p99
shard turn                             10.0   <=10us    <=1ms
store commit                            0.0        -        -
auth_on_publish of vmq_acl              1.0     <=1s      >1s

client                                      msg in   msg out  bytes in bytes out
many                                           9.0       0.0       1.0       1.0
big\x1b[2J (m)                                 1.0       2.0     50.0K       0.0

topic                                    published               bytes
a/漢字                                         3.0                 4.0
)~");
}

TEST(TopScreen, SortsClients) {
    for (const auto& [sort, first] : {std::pair(TopSort::Messages, "many"),
                                      {TopSort::In, "many"},
                                      {TopSort::Out, "big"},
                                      {TopSort::Bytes, "big"}}) {
        const std::string text = text_of({}, sort);
        const bool is_many = text.find("\nmany") < text.find("\nbig");
        EXPECT_EQ(is_many, std::string_view(first) == "many") << name_of(sort);
        EXPECT_EQ(top_sort_of(name_of(sort)), sort);
    }
    EXPECT_EQ(next(TopSort::Bytes), TopSort::Messages);
    EXPECT_FALSE(top_sort_of("age"));
}

TEST(TopScreen, FitsEveryTerminal) {
    for (std::size_t width = 1; width < 130; ++width) {
        for (std::size_t height = 1; height < 40; ++height) {
            const auto lines = top_screen(kPicture, {width, height}, TopSort::Messages);
            ASSERT_TRUE(lines);
            ASSERT_LE(lines.value().size(), height) << width;
            for (const std::string& line : lines.value()) {
                std::size_t columns = 0;
                for (const char c : line) {
                    const auto byte = static_cast<unsigned char>(c);
                    columns += byte >= 0xE3 ? 2 : (byte & 0xC0U) == 0x80 ? 0 : 1;
                }
                ASSERT_LE(columns, width) << line;
            }
        }
    }
}

TEST(TopScreen, UsesTheRoomForClientsAndTopics) {
    const auto lines = top_screen(kPicture, {80, 30}, TopSort::Messages).value();
    EXPECT_EQ(lines.back().substr(0, 2), "a/");
}

TEST(TopScreen, WhatIsNoPictureIsSaid) {
    for (const std::string_view wrong : {"", "[]", "{", "text"}) {
        EXPECT_FALSE(top_screen(wrong, {}, TopSort::Messages)) << wrong;
    }
    EXPECT_TRUE(top_screen("{}", {}, TopSort::Messages));
    EXPECT_TRUE(top_screen(R"({"rates":1,"clients":[1,{}],"shards":{}})", {}, TopSort::Messages));
}

}  // namespace
}  // namespace vmq::admin_tool
