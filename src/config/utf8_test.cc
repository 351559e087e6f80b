#include "config/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace vmq::config {
namespace {

TEST(Utf8, AcceptsCharactersOfEveryLength) {
    EXPECT_TRUE(is_utf8(""));
    EXPECT_TRUE(is_utf8("plain"));
    EXPECT_TRUE(is_utf8("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"));
    EXPECT_TRUE(is_utf8("\xF4\x8F\xBF\xBF"));
}

TEST(Utf8, RejectsTruncatedOverlongSurrogateAndTooLargeCharacters) {
    for (const std::string bad :
         {"\xC3", "\xE2\x82", "\xC0\xAF", "\xE0\x80\xAF", "\xF0\x80\x80\xAF", "\xED\xA0\x80",
          "\xF4\x90\x80\x80", "\xFF", "\x80", "\xC3("}) {
        EXPECT_FALSE(is_utf8(bad)) << ::testing::PrintToString(bad);
    }
}

TEST(Utf8, CountsCharactersNotBytes) {
    EXPECT_EQ(count_characters("a\xC3\xA9z"), 3U);
    EXPECT_EQ(count_characters(""), 0U);
}

}  // namespace
}  // namespace vmq::config
