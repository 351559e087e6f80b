#include "cluster/writer_table.h"

#include <gtest/gtest.h>

#include <string>

#include "cluster/test_values.h"

namespace vmq::cluster {
namespace {

using test::incarnation;

TEST(WriterTable, GivesOneNumberToAnIncarnationOfAName) {
    WriterTable table;
    const auto a = table.intern("a@h", incarnation(1));
    const auto wiped = table.intern("a@h", incarnation(2));
    const auto b = table.intern("b@h", incarnation(1));
    EXPECT_NE(a, wiped);
    EXPECT_NE(a, b);
    EXPECT_EQ(table.intern("a@h", incarnation(1)), a);
    EXPECT_EQ(table.find("b@h", incarnation(1)), b);
    EXPECT_FALSE(table.find("b@h", incarnation(2)));
    EXPECT_EQ(table[*wiped], (Writer{"a@h", incarnation(2)}));
    EXPECT_EQ(table.size(), 3U);
}

TEST(WriterTable, TheOrderOfStampsIsThatOfNamesAndNotOfNumbers) {
    WriterTable table;
    const WriterNumber z = *table.intern("z@h", incarnation(1));
    const WriterNumber a = *table.intern("a@h", incarnation(1));
    const WriterNumber newer = *table.intern("a@h", incarnation(2));
    EXPECT_TRUE(table.before({{5}, a}, {{5}, z}));
    EXPECT_FALSE(table.before({{5}, z}, {{5}, a}));
    EXPECT_TRUE(table.before({{5}, a}, {{5}, newer}));
    EXPECT_TRUE(table.before({{4}, z}, {{5}, a}));
    EXPECT_FALSE(table.before({{5}, a}, {{5}, a}));
}

TEST(WriterTable, RefusesOneMoreThanThereCanBe) {
    WriterTable table;
    for (std::size_t i = 0; i < WriterTable::kMostWriters; ++i) {
        ASSERT_TRUE(table.intern("n" + std::to_string(i) + "@h", incarnation(0)));
    }
    EXPECT_FALSE(table.intern("another@h", incarnation(0)));
    EXPECT_TRUE(table.intern("n7@h", incarnation(0))) << "one that is known";
}

}  // namespace
}  // namespace vmq::cluster
