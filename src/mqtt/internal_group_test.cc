#include "mqtt/internal_group.h"

#include <gtest/gtest.h>

#include <string>

#include "mqtt/topic.h"
#include "mqtt/topic_size.h"

namespace vmq::mqtt {
namespace {

std::string filter_of(std::string_view client_id, std::string_view filter) {
    return "$share/" + group_of_sessions(client_id) + "/" + std::string(filter);
}

TEST(InternalGroup, NoClientCanNameIt) {
    for (const std::string_view id : {"", "meter", "a/b", "+", "#", "%2F", "\xC3\xA4"}) {
        const std::string group = group_of_sessions(id);
        EXPECT_TRUE(is_internal_group(group));
        EXPECT_FALSE(is_valid_utf8(group)) << id;
        EXPECT_FALSE(is_valid_topic_filter(filter_of(id, "a/b"))) << id;
    }
    EXPECT_FALSE(is_internal_group("meter"));
}

TEST(InternalGroup, EveryClientIdHasItsOwn) {
    EXPECT_NE(group_of_sessions("a/b"), group_of_sessions("a%2Fb"));
    EXPECT_NE(group_of_sessions("+"), group_of_sessions("#"));
    EXPECT_EQ(group_of_sessions("a/b"), group_of_sessions("a/b"));
}

TEST(InternalGroup, NodesTakeItApart) {
    for (const std::string_view id : {"", "meter", "a/b", "+", "#/", "%"}) {
        for (const std::string_view filter : {"a", "a/+/b", "#", "/", "$SYS/#"}) {
            const std::string whole = filter_of(id, filter);
            const auto shared = parse_shared_filter(whole);
            ASSERT_TRUE(shared.has_value()) << id << ' ' << filter;
            EXPECT_EQ(shared->group, group_of_sessions(id));
            EXPECT_EQ(shared->filter, filter);
            EXPECT_EQ(as_subscribed(whole), filter);
            EXPECT_TRUE(is_valid_filter_of_nodes(whole));
        }
    }
    EXPECT_EQ(as_subscribed("a/+"), "a/+");
    EXPECT_EQ(as_subscribed("$share/g/a"), "$share/g/a");
}

TEST(InternalGroup, WhatNodesSayIsLookedAt) {
    EXPECT_TRUE(is_valid_filter_of_nodes("a/+"));
    EXPECT_TRUE(is_valid_filter_of_nodes("$share/g/a"));
    EXPECT_FALSE(is_valid_filter_of_nodes("a/#/b"));
    EXPECT_FALSE(is_valid_filter_of_nodes("$share/g\xFF/a"));
    EXPECT_FALSE(is_valid_filter_of_nodes(filter_of("id", "a/#/b")));
    EXPECT_FALSE(is_valid_filter_of_nodes(filter_of("id", "")));
    EXPECT_FALSE(is_valid_filter_of_nodes(filter_of("id", "\xFF")));
    EXPECT_FALSE(is_valid_filter_of_nodes(filter_of("id", "$share/g/a")));
    EXPECT_FALSE(is_valid_filter_of_nodes(filter_of("id", std::string(kMaxTopicSize, 'a'))));
}

}  // namespace
}  // namespace vmq::mqtt
