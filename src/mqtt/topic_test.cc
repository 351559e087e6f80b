#include "mqtt/topic.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vmq::mqtt {
namespace {

using namespace std::string_view_literals;

std::vector<std::string_view> levels_of(std::string_view topic) {
    std::vector<std::string_view> levels;
    for (LevelCursor cursor(topic); !cursor.done();) levels.push_back(cursor.next());
    return levels;
}

// [v5 MQTT-4.7.3-1, -2] [v3.1.1, the same numbers]; [MQTT-4.7.1-1] wildcards are for filters.
TEST(TopicName, IsOneCharacterOrMoreWithoutWildcards) {
    for (const auto name : {"a"sv, "/"sv, "//"sv, " "sv, "a/b c/d"sv, "$SYS/x"sv, "$share/g/t"sv,
                            "sport/tennis/player1/ranking"sv, "d\xC3\xA9j\xC3\xA0/vu encore"sv}) {
        EXPECT_TRUE(is_valid_topic_name(name)) << name;
    }
    for (const auto name : {""sv, "#"sv, "+"sv, "a/+"sv, "a+"sv, "a/b#"sv, "twelve bytes and +"sv,
                            "0123456#"sv, "01234567#"sv, "\xC3\xA9t\xC3\xA9/+"sv, "a\0b"sv,
                            "0123456789\0"sv, "bad \xFF"sv, "0123456789 \xFF"sv}) {
        EXPECT_FALSE(is_valid_topic_name(name)) << ::testing::PrintToString(name);
    }
}

TEST(TopicName, IsCheckedAtEveryByteOfAWord) {
    for (const char bad : {'+', '#', '\0', '\xFF'}) {
        for (std::size_t size = 1; size < 30; ++size) {
            for (std::size_t at = 0; at < size; ++at) {
                std::string name(size, '"');  // next to '#', the byte a careless mask would take
                EXPECT_TRUE(is_valid_topic_name(name));
                name[at] = bad;
                EXPECT_FALSE(is_valid_topic_name(name)) << size << " bytes, at " << at;
            }
        }
    }
}

// [v5 MQTT-4.7.3-3] [v3.1.1 MQTT-4.7.3-3]
TEST(TopicName, IsAtMost65535BytesLong) {
    EXPECT_TRUE(is_valid_topic_name(std::string(65'535, 'a')));
    EXPECT_FALSE(is_valid_topic_name(std::string(65'536, 'a')));
    EXPECT_TRUE(is_valid_topic_filter(std::string(65'535, 'a')));
    EXPECT_FALSE(is_valid_topic_filter(std::string(65'536, 'a')));
}

// [v5 MQTT-4.7.1-1, -2] [v3.1.1 MQTT-4.7.1-2, -3]
TEST(TopicFilter, HasWildcardsOnlyAsWholeLevelsAndTheHashLast) {
    for (const auto filter :
         {"#"sv, "+"sv, "/"sv, "+/+"sv, "/+"sv, "a/#"sv, "+/tennis/#"sv, "sport/+/player1"sv,
          "a//b"sv, "$SYS/#"sv, "$share"sv, "\xC3\xA9/#"sv}) {
        EXPECT_TRUE(is_valid_topic_filter(filter)) << filter;
    }
    for (const auto filter :
         {""sv, "a#"sv, "sport/tennis#"sv, "sport/tennis/#/ranking"sv, "#/"sv, "##"sv, "sport+"sv,
          "+a/b"sv, "a/++/b"sv, "a/+#"sv, "a\0"sv, "\xFF"sv}) {
        EXPECT_FALSE(is_valid_topic_filter(filter)) << ::testing::PrintToString(filter);
    }
}

// [v5 MQTT-4.8.2-1, -2]
TEST(TopicFilter, ThatIsSharedHasAGroupWithoutWildcardsAndAFilter) {
    for (const auto filter : {"$share/g/t"sv, "$share/g/#"sv, "$share/g//"sv, "$share/a b/+/x"sv}) {
        EXPECT_TRUE(is_valid_topic_filter(filter)) << filter;
        EXPECT_TRUE(parse_shared_filter(filter)) << filter;
    }
    for (const auto filter : {"$share/"sv, "$share/g"sv, "$share/g/"sv, "$share//t"sv,
                              "$share/+/t"sv, "$share/#/t"sv, "$share/g#/t"sv}) {
        EXPECT_FALSE(is_valid_topic_filter(filter)) << filter;
        EXPECT_FALSE(parse_shared_filter(filter)) << filter;
    }
    EXPECT_FALSE(is_valid_topic_filter("$share/g/t#"));
}

TEST(TopicFilter, ThatIsSharedIsSplitAfterTheGroup) {
    const auto shared = parse_shared_filter("$share/consumer/sport/+/x");
    ASSERT_TRUE(shared);
    EXPECT_EQ(shared->group, "consumer");
    EXPECT_EQ(shared->filter, "sport/+/x");
    EXPECT_FALSE(parse_shared_filter("share/g/t"));
    EXPECT_FALSE(parse_shared_filter("$shared/g/t"));
    EXPECT_FALSE(parse_shared_filter("$share"));
}

TEST(Levels, AreCountedAndWalkedWithTheEmptyOnes) {
    EXPECT_EQ(levels_of("a//b"), (std::vector{"a"sv, ""sv, "b"sv}));
    EXPECT_EQ(levels_of("/"), (std::vector{""sv, ""sv}));
    EXPECT_EQ(levels_of("a"), (std::vector{"a"sv}));
    for (const auto topic : {"a"sv, "/"sv, "a/b"sv, "a//b"sv, "/a/b/"sv}) {
        EXPECT_EQ(level_count(topic), levels_of(topic).size()) << topic;
    }
}

struct Match {
    std::string_view filter;
    std::string_view topic;
    bool matches;
};

TEST(FilterMatches, AsTheSpecificationSaysByExample) {
    constexpr Match kTable[] = {
        // [v5 4.7.1.2] [v3.1.1 4.7.1.2]
        {"sport/tennis/player1/#", "sport/tennis/player1", true},
        {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
        {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
        {"sport/#", "sport", true},
        {"sport/#", "sports", false},
        {"#", "a/b/c", true},
        {"#", "/", true},
        // [v5 4.7.1.3] [v3.1.1 4.7.1.3]
        {"sport/tennis/+", "sport/tennis/player1", true},
        {"sport/tennis/+", "sport/tennis/player1/ranking", false},
        {"sport/+", "sport", false},
        {"sport/+", "sport/", true},
        {"+/+", "/finance", true},
        {"/+", "/finance", true},
        {"+", "/finance", false},
        {"+/tennis/#", "sport/tennis", true},
        // [v5 MQTT-4.7.2-1] [v3.1.1 MQTT-4.7.2-1]
        {"#", "$SYS/x", false},
        {"+/monitor/Clients", "$SYS/monitor/Clients", false},
        {"$SYS/#", "$SYS/", true},
        {"$SYS/monitor/+", "$SYS/monitor/Clients", true},
        {"a/#", "a/$b", true},
        {"a/+", "a/$b", true},
        // [v5 MQTT-4.7.3-4] [v3.1.1 4.7.3]
        {"ACCOUNTS", "Accounts", false},
        {"/finance", "finance", false},
        {"a/b", "a/b", true},
        {"a/b", "a/b/", false},
        {"a/b/", "a/b", false},
        {"a", "a/b", false},
        {"a/b", "a", false},
    };
    for (const Match& row : kTable) {
        EXPECT_EQ(filter_matches(row.filter, row.topic), row.matches)
            << row.filter << " " << row.topic;
    }
}

}  // namespace
}  // namespace vmq::mqtt
