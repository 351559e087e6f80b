#include "admin/query/parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace vmq::admin::query {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Query parsed(std::string_view text) {
    auto query = parse(text);
    EXPECT_TRUE(query) << text << ": " << (query ? "" : query.error().detail);
    return query ? std::move(query).value() : Query{};
}

std::string syntax_error_of(std::string_view text) {
    const auto query = parse(text);
    EXPECT_FALSE(query) << text;
    return query ? "" : query.error().detail;
}

const Comparison& comparison(const Condition& condition, std::size_t term = 0) {
    return std::get<Comparison>(condition.terms.at(term).operand);
}

Literal literal(std::string_view text) {
    const Query query = parsed("SELECT a FROM t WHERE b = " + std::string(text));
    return query.where ? comparison(*query.where).literal : Literal{};
}

TEST(QueryParser, ReadsEveryClause) {
    const Query query = parsed(
        "SELECT client_id, user\n FROM sessions WHERE is_online = true ORDER BY user LIMIT 10 "
        "ROWTIMEOUT 250");
    EXPECT_THAT(query.fields, ElementsAre("client_id", "user"));
    EXPECT_FALSE(query.all_fields);
    EXPECT_EQ(query.table, "sessions");
    ASSERT_TRUE(query.where);
    EXPECT_EQ(comparison(*query.where).field, "is_online");
    EXPECT_EQ(query.order_by, "user");
    EXPECT_EQ(query.limit, 10U);
    EXPECT_EQ(query.row_timeout, Millis(250));
}

TEST(QueryParser, EverythingBehindTheTableMayBeLeftOut) {
    const Query query = parsed("SELECT * FROM sessions");
    EXPECT_TRUE(query.all_fields);
    EXPECT_TRUE(query.fields.empty());
    EXPECT_FALSE(query.where);
    EXPECT_EQ(query.order_by, "");
    EXPECT_EQ(query.limit, std::nullopt);
    EXPECT_EQ(query.row_timeout, std::nullopt);
}

TEST(QueryParser, KnowsAllOperators) {
    const std::pair<const char*, Operator> operators[] = {
        {"=", Operator::Equal},        {"!=", Operator::NotEqual}, {"<", Operator::Less},
        {"=<", Operator::LessOrEqual}, {">", Operator::Greater},   {">=", Operator::GreaterOrEqual},
        {" MATCH ", Operator::Match},
    };
    for (const auto& [word, op] : operators) {
        const Query query = parsed("SELECT a FROM t WHERE b" + std::string(word) + "\"1\"");
        ASSERT_TRUE(query.where) << word;
        EXPECT_EQ(comparison(*query.where).op, op) << word;
    }
}

TEST(QueryParser, LessOrEqualIsWrittenAsInErlang) {
    EXPECT_THAT(syntax_error_of("SELECT a FROM t WHERE b <= 1"),
                HasSubstr("one of = != < =< > >= MATCH"));
}

TEST(QueryParser, KnowsAllLiterals) {
    EXPECT_EQ(literal("\"a b\""), Literal("a b"));
    EXPECT_EQ(literal("true"), Literal(true));
    EXPECT_EQ(literal("false"), Literal(false));
    EXPECT_EQ(literal("0"), Literal(std::int64_t{0}));
    EXPECT_EQ(literal("-1"), Literal(std::int64_t{-1}));
    EXPECT_EQ(literal("-10"), Literal(std::int64_t{-10}));
    EXPECT_EQ(literal("9223372036854775807"), Literal(std::int64_t{9223372036854775807}));
    EXPECT_EQ(literal("1.5"), Literal(1.5));
    EXPECT_EQ(literal("1e3"), Literal(1000.0));
    EXPECT_EQ(literal("-2.5e-1"), Literal(-0.25));
}

// An expression is written as it is, only a quotation mark needs a backslash.
TEST(QueryParser, ABackslashStandsForItself) {
    EXPECT_EQ(literal(R"("a\.b\\c")"), Literal(R"(a\.b\\c)"));
    EXPECT_EQ(literal(R"("a\"b")"), Literal(R"(a"b)"));
    EXPECT_EQ(literal(R"("a\\")"), Literal(R"(a\\)"));
}

TEST(QueryParser, ConditionsKeepTheirOrderAndParentheses) {
    const Query query = parsed("SELECT a FROM t WHERE a = 1 OR (b = 2 AND c = 3) AND d = 4");
    ASSERT_TRUE(query.where);
    ASSERT_EQ(query.where->terms.size(), 3U);
    EXPECT_EQ(query.where->terms[1].joiner, Joiner::Or);
    EXPECT_EQ(query.where->terms[2].joiner, Joiner::And);
    const auto& inner = *std::get<std::unique_ptr<Condition>>(query.where->terms[1].operand);
    ASSERT_EQ(inner.terms.size(), 2U);
    EXPECT_EQ(comparison(inner, 1).field, "c");
}

TEST(QueryParser, ErrorsNameThePlace) {
    EXPECT_EQ(syntax_error_of(""), "query, byte 1: SELECT is expected here");
    EXPECT_EQ(syntax_error_of("select a FROM t"), "query, byte 1: SELECT is expected here");
    EXPECT_EQ(syntax_error_of("SELECT a, FROM t"), "query, byte 11: a field or * is expected here");
    EXPECT_EQ(syntax_error_of("SELECT A FROM t"), "query, byte 8: a field or * is expected here");
    EXPECT_THAT(syntax_error_of("SELECT a FROM t WHERE"), HasSubstr("byte 22: a field or ("));
    EXPECT_THAT(syntax_error_of("SELECT a FROM t WHERE (a = 1"), HasSubstr(") is expected"));
    EXPECT_THAT(syntax_error_of("SELECT a FROM t WHERE a = b"),
                HasSubstr("byte 27: \"text\", a number"));
    EXPECT_THAT(syntax_error_of("SELECT a FROM t WHERE a = \"x"),
                HasSubstr("closing quotation mark"));
    EXPECT_THAT(syntax_error_of("SELECT a FROM t WHERE a = 1x"),
                HasSubstr("the end of the number"));
    EXPECT_THAT(syntax_error_of("SELECT a FROM t WHERE a = -"), HasSubstr("a number within range"));
    EXPECT_THAT(syntax_error_of("SELECT a FROM t WHERE a = 1e999"),
                HasSubstr("a number within range"));
    EXPECT_THAT(syntax_error_of("SELECT a FROM t LIMIT -1"),
                HasSubstr("a number up to 4294967295"));
    EXPECT_THAT(syntax_error_of("SELECT a FROM t LIMIT 4294967296"),
                HasSubstr("byte 23: a number"));
    EXPECT_THAT(syntax_error_of("SELECT a FROM t ORDER user"), HasSubstr("BY is expected"));
    EXPECT_THAT(syntax_error_of("SELECT a FROM t; DROP"), HasSubstr("byte 16: the end or one of"));
    EXPECT_THAT(syntax_error_of("SELECTa FROM t"), HasSubstr("SELECT is expected"));
}

std::string nested(std::size_t depth) {
    return "SELECT a FROM t WHERE " + std::string(depth, '(') + "a = 1" + std::string(depth, ')');
}

std::string comparisons(std::size_t count) {
    std::string text = "SELECT a FROM t WHERE a = 1";
    for (std::size_t i = 1; i < count; ++i) text += " OR a = 1";
    return text;
}

TEST(QueryParser, WhatItTakesIsBounded) {
    (void)parsed(nested(kMaxNesting - 1));
    EXPECT_THAT(syntax_error_of(nested(kMaxNesting)), HasSubstr("nested too deeply"));
    (void)parsed(comparisons(kMaxComparisons));
    EXPECT_THAT(syntax_error_of(comparisons(kMaxComparisons + 1)),
                HasSubstr("more than 256 comparisons"));
    const std::string query = "SELECT a FROM t";
    (void)parsed(query + std::string(kMaxQueryBytes - query.size(), ' '));
    EXPECT_THAT(syntax_error_of(query + std::string(kMaxQueryBytes - query.size() + 1, ' ')),
                HasSubstr("longer than"));
}

}  // namespace
}  // namespace vmq::admin::query
