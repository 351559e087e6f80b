#include "broker/repeated_lines.h"

#include <gtest/gtest.h>

#include <string>

namespace vmq::broker {
namespace {

TEST(RepeatedLines, TheFirstOnesOfAKeyPassAndTheOthersAreCounted) {
    RepeatedLines lines;
    EXPECT_FALSE(lines.active());
    for (std::uint32_t i = 0; i < RepeatedLines::kLinesPerKey; ++i) EXPECT_TRUE(lines.may("a"));
    EXPECT_FALSE(lines.may("a"));
    EXPECT_FALSE(lines.may("a"));
    EXPECT_TRUE(lines.may("b"));
    EXPECT_TRUE(lines.active());
    const auto reports = lines.take_due();
    ASSERT_EQ(reports.size(), 1U);
    EXPECT_EQ(reports[0].key, "a");
    EXPECT_EQ(reports[0].lines, 2U);
    EXPECT_FALSE(lines.active());
    EXPECT_TRUE(lines.may("a"));
}

TEST(RepeatedLines, ManyKeysAreCountedTogether) {
    RepeatedLines lines;
    for (std::size_t i = 0; i < RepeatedLines::kMaxKeys; ++i) {
        EXPECT_TRUE(lines.may(std::to_string(i)));
    }
    EXPECT_FALSE(lines.may("one more"));
    EXPECT_TRUE(lines.may("0"));
    const auto reports = lines.take_due();
    ASSERT_EQ(reports.size(), 1U);
    EXPECT_EQ(reports[0].key, "");
    EXPECT_EQ(reports[0].lines, 1U);
}

TEST(RepeatedLines, LongKeysAreCut) {
    RepeatedLines lines;
    const std::string longest(RepeatedLines::kLongestKey, 'x');
    for (std::uint32_t i = 0; i < RepeatedLines::kLinesPerKey; ++i) {
        EXPECT_TRUE(lines.may(longest + std::to_string(i)));
    }
    EXPECT_FALSE(lines.may(longest));
}

}  // namespace
}  // namespace vmq::broker
