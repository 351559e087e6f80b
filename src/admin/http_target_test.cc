#include "admin/http_target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmq::admin {
namespace {

using ::testing::ElementsAre;

std::string shown(std::string_view target) {
    const auto query = query_of(target);
    if (!query) return "bad";
    std::string text;
    for (const auto& [name, value] : *query) {
        text += "[" + name + (value ? "=" + *value : "") + "]";
    }
    return text;
}

TEST(HttpTarget, PathEndsAtTheQuery) {
    EXPECT_EQ(path_of("/a/b?c=/d?e"), "/a/b");
    EXPECT_EQ(path_of("/a"), "/a");
    EXPECT_EQ(path_of(""), "");
}

TEST(HttpTarget, SegmentsAreDecodedOneByOne) {
    EXPECT_THAT(path_segments("session/show").value(), ElementsAre("session", "show"));
    EXPECT_THAT(path_segments("a%20b+c").value(), ElementsAre("a b+c"));
}

TEST(HttpTarget, NoSegmentLeadsElsewhere) {
    for (const char* path : {"", "/", "a/", "/a", "a//b", "..", "a/../b", "a/%2e%2e/b", ".", "%2E",
                             "a%2fb", "a%2Fb", "a%00", "a%0a", "%", "%4", "%4g", "a/%zz"}) {
        EXPECT_FALSE(path_segments(path)) << path;
    }
    EXPECT_TRUE(path_segments("..."));
}

TEST(HttpTarget, TheQueryKeepsItsOrderAndWhatHasNoValue) {
    EXPECT_EQ(shown("/x"), "");
    EXPECT_EQ(shown("/x?"), "");
    EXPECT_EQ(shown("/x?--client_id&--limit=10&a=b=c&&e="), "[--client_id][--limit=10][a=b=c][e=]");
    EXPECT_EQ(shown("/x?a%3Db=%26%2b+c"), "[a=b=&+ c]");
}

TEST(HttpTarget, WhatCannotBeDecodedIsNoQuery) {
    for (const char* target : {"?%", "?a=%4", "?=a", "?a&%zz=1", "?a=%g0"}) {
        EXPECT_EQ(shown(target), "bad") << target;
    }
}

}  // namespace
}  // namespace vmq::admin
