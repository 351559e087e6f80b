#include "admin/query/value.h"

#include <gtest/gtest.h>

namespace vmq::admin::query {
namespace {

TEST(QueryValue, InWords) {
    EXPECT_EQ(in_words(Value{}), "undefined");
    EXPECT_EQ(in_words(Value{}, "null"), "null");
    EXPECT_EQ(in_words(Value{true}), "true");
    EXPECT_EQ(in_words(Value{false}), "false");
    EXPECT_EQ(in_words(Value{std::int64_t{-5}}), "-5");
    EXPECT_EQ(in_words(Value{"a b"}), "a b");
}

TEST(QueryValue, UnsetComesFirstAndNumbersAreNotOrderedAsText) {
    EXPECT_TRUE(comes_before(Value{}, Value{std::int64_t{-1}}));
    EXPECT_TRUE(comes_before(Value{std::int64_t{9}}, Value{std::int64_t{10}}));
    EXPECT_TRUE(comes_before(Value{"10"}, Value{"9"}));
    EXPECT_FALSE(comes_before(Value{"a"}, Value{"a"}));
}

TEST(QueryValue, FootprintGrowsWithTheText) {
    EXPECT_EQ(footprint(Value{std::string(1000, 'x')}) - footprint(Value{""}), 1000U);
}

TEST(QueryValue, EveryTypeHasAName) {
    EXPECT_EQ(name_of(Type::Text), "text");
    EXPECT_EQ(name_of(Type::Integer), "an integer");
    EXPECT_EQ(name_of(Type::Boolean), "true or false");
}

}  // namespace
}  // namespace vmq::admin::query
