#include "admin/query/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "admin/query/sample_rows.h"

namespace vmq::admin::query {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Result<Query> from(const std::vector<Flag>& flags) {
    return query_from_flags("samples", kSampleFields, flags);
}

const Comparison& comparison(const Query& query, std::size_t term) {
    return std::get<Comparison>(query.where->terms.at(term).operand);
}

TEST(QueryFlags, WithoutAnyTheDefaultsAreShown) {
    const auto query = from({});
    ASSERT_TRUE(query);
    EXPECT_EQ(query.value().table, "samples");
    EXPECT_THAT(query.value().fields, IsEmpty());
    EXPECT_FALSE(query.value().where);
    EXPECT_EQ(query.value().limit, kDefaultLimit);
    EXPECT_EQ(query.value().row_timeout, std::nullopt);
}

TEST(QueryFlags, BareFieldsAreShownAndValuesSelect) {
    const auto query = from({{"topic", {}}, {"user", "joe"}, {"client_id", "~^a"}, {"user", {}}});
    ASSERT_TRUE(query);
    EXPECT_THAT(query.value().fields, ElementsAre("topic", "user"));
    ASSERT_EQ(query.value().where->terms.size(), 2U);
    EXPECT_EQ(query.value().where->terms[1].joiner, Joiner::And);
    EXPECT_EQ(comparison(query.value(), 0).op, Operator::Equal);
    EXPECT_EQ(comparison(query.value(), 0).literal, Literal("joe"));
    EXPECT_EQ(comparison(query.value(), 1).op, Operator::Match);
    EXPECT_EQ(comparison(query.value(), 1).literal, Literal("^a"));
}

// In VerneMQ a quotation mark ends the text of the query, and topics that look like numbers are
// never found.
TEST(QueryFlags, ValuesAreTakenAsTheyAre) {
    const auto query =
        from({{"client_id", "a\" OR \"\" = \""}, {"topic", "5"}, {"queue_size", "5"}});
    ASSERT_TRUE(query);
    EXPECT_EQ(comparison(query.value(), 0).literal, Literal("a\" OR \"\" = \""));
    const auto statement = Statement::make(query.value(), kSampleFields);
    ASSERT_TRUE(statement);
    EXPECT_TRUE(statement.value().accepts(SampleRow(
        {Value{"a\" OR \"\" = \""}, Value{}, Value{std::int64_t{5}}, Value{}, Value{"5"}})));
}

TEST(QueryFlags, LimitTimeoutAndOrder) {
    const auto query = from({{"limit", "7"}, {"rowtimeout", "250"}, {"order_by", "queue_size"}});
    ASSERT_TRUE(query);
    EXPECT_EQ(query.value().limit, 7U);
    EXPECT_EQ(query.value().row_timeout, Millis(250));
    EXPECT_EQ(query.value().order_by, "queue_size");
}

TEST(QueryFlags, WrongOnesAreErrors) {
    EXPECT_EQ(from({{"limit", "x"}}).error().detail, "Invalid value: \"x\" for flag: limit");
    EXPECT_EQ(from({{"limit", {}}}).error().detail, "Invalid value: \"\" for flag: limit");
    EXPECT_EQ(from({{"rowtimeout", "-1"}}).error().detail,
              "Invalid value: \"-1\" for flag: rowtimeout");
    EXPECT_THAT(from({{"usr", {}}}).error().detail, HasSubstr("the nearest are user"));
    EXPECT_THAT(from({{"usr", "x"}}).error().detail, HasSubstr("the nearest are user"));
    EXPECT_TRUE(from(std::vector<Flag>(kMaxComparisons, {"user", "x"})));
    EXPECT_EQ(from(std::vector<Flag>(kMaxComparisons + 1, {"user", "x"})).error().code,
              ErrorCode::LimitReached);
}

}  // namespace
}  // namespace vmq::admin::query
