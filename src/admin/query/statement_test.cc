#include "admin/query/statement.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>

#include "admin/query/parser.h"
#include "admin/query/sample_rows.h"
#include "base/random.h"

namespace vmq::admin::query {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<Statement> made_from(const std::string& query) {
    auto read = parse(query);
    if (!read) return read.error();
    return Statement::make(read.value(), kSampleFields);
}

/// client_id=a/b.c user=unset queue_size=10 is_online=true topic=t
const SampleRow kRow({Value{"a/b.c"}, Value{}, Value{std::int64_t{10}}, Value{true}, Value{"t"}});

bool accepts(const std::string& condition) {
    const auto made = made_from("SELECT client_id FROM t WHERE " + condition);
    EXPECT_TRUE(made) << condition << ": " << (made ? "" : made.error().detail);
    return made && made.value().accepts(kRow);
}

std::string error_of(const std::string& condition) {
    const auto made = made_from("SELECT client_id FROM t WHERE " + condition);
    EXPECT_FALSE(made) << condition;
    return made ? "" : made.error().detail;
}

TEST(QueryStatement, ComparesText) {
    EXPECT_TRUE(accepts(R"(client_id = "a/b.c")"));
    EXPECT_FALSE(accepts(R"(client_id = "a/b")"));
    EXPECT_TRUE(accepts(R"(client_id != "a/b")"));
    EXPECT_TRUE(accepts(R"(client_id > "a/b")"));
    EXPECT_TRUE(accepts(R"(client_id =< "a/b.c")"));
    EXPECT_FALSE(accepts(R"(client_id < "a/b.c")"));
}

TEST(QueryStatement, ComparesNumbersByValue) {
    EXPECT_TRUE(accepts("queue_size = 10"));
    EXPECT_TRUE(accepts("queue_size > 9"));
    EXPECT_TRUE(accepts("queue_size < 10.5"));
    EXPECT_TRUE(accepts("queue_size >= 1e1"));
    EXPECT_FALSE(accepts("queue_size =< -10"));
    EXPECT_TRUE(accepts("queue_size != 9"));
}

TEST(QueryStatement, ALiteralIsTakenAsTheTypeOfItsField) {
    EXPECT_TRUE(accepts(R"(queue_size = "10")"));
    EXPECT_TRUE(accepts(R"(is_online = "true")"));
    EXPECT_TRUE(accepts("is_online = true"));
    EXPECT_FALSE(accepts("is_online != true"));
    EXPECT_FALSE(accepts("client_id = 10"));
    EXPECT_FALSE(accepts("topic = true"));
    EXPECT_THAT(error_of(R"(queue_size > "x")"),
                "field queue_size is an integer, which \"x\" is not");
    EXPECT_THAT(error_of("queue_size = true"), HasSubstr("queue_size is an integer"));
    EXPECT_THAT(error_of("is_online = 1"), "field is_online is true or false, which 1 is not");
    EXPECT_THAT(error_of(R"(is_online = "yes")"), HasSubstr("is_online is true or false"));
    EXPECT_THAT(error_of("client_id = 1.5"), HasSubstr("client_id is text"));
}

TEST(QueryStatement, WhatIsUnsetEqualsOnlyItsNames) {
    EXPECT_TRUE(accepts(R"(user = "undefined")"));
    EXPECT_TRUE(accepts(R"(user = "null")"));
    EXPECT_FALSE(accepts(R"(user != "undefined")"));
    EXPECT_FALSE(accepts(R"(user = "")"));
    EXPECT_TRUE(accepts(R"(user != "x")"));
    EXPECT_FALSE(accepts(R"(user < "x")"));
    EXPECT_FALSE(accepts(R"(user MATCH "")"));
    EXPECT_FALSE(accepts(R"(queue_size = "null")"));
    EXPECT_TRUE(accepts(R"(queue_size != "null")"));
}

TEST(QueryStatement, ATopicNameEqualsTheFiltersThatMatchIt) {
    const SampleRow row({{}, {}, {}, {}, Value{"a/#"}, Value{"a/b"}});
    const auto accepted = [&row](const std::string& condition) {
        return made_from("SELECT topic FROM t WHERE " + condition).value().accepts(row);
    };
    EXPECT_TRUE(accepted(R"(routing_key = "a/#")"));
    EXPECT_TRUE(accepted(R"(routing_key = "+/b")"));
    EXPECT_TRUE(accepted(R"(routing_key = "a/b")"));
    EXPECT_FALSE(accepted(R"(routing_key = "b/#")"));
    EXPECT_FALSE(accepted(R"(routing_key != "a/+")"));
    EXPECT_TRUE(accepted(R"(routing_key != "b/+")"));
    EXPECT_FALSE(accepted(R"(routing_key = "a#")"));
    EXPECT_TRUE(accepted(R"(topic = "a/#")")) << "a filter is itself";
    EXPECT_FALSE(accepted(R"(topic = "#")"));
}

TEST(QueryStatement, AnExpressionIsFoundAnywhere) {
    EXPECT_TRUE(accepts(R"(client_id MATCH "b\.c")"));
    EXPECT_TRUE(accepts(R"(client_id MATCH "^a.*c$")"));
    EXPECT_FALSE(accepts(R"(client_id MATCH "^b")"));
    EXPECT_TRUE(accepts(R"(queue_size MATCH "^1")"));
}

TEST(QueryStatement, ABadExpressionIsAnErrorThatNamesTheField) {
    EXPECT_THAT(error_of(R"x(client_id MATCH "(")x"), HasSubstr("expression for client_id: "));
    EXPECT_THAT(error_of(R"x(client_id MATCH "(?=a)")x"), HasSubstr("expression for client_id: "));
    EXPECT_THAT(error_of("client_id MATCH 1"), HasSubstr("is not a \"text\""));
    EXPECT_THAT(error_of("client_id MATCH \"" + std::string(kMaxPatternBytes + 1, 'a') + '"'),
                HasSubstr("longer than 1024 bytes"));
    EXPECT_THAT(error_of(R"(client_id MATCH "(((a{100}){100}){100}){100}")"),
                HasSubstr("client_id"));
}

TEST(QueryStatement, ConditionsAreEvaluatedLeftToRight) {
    EXPECT_FALSE(accepts("queue_size = 10 OR queue_size = 10 AND queue_size = 1"));
    EXPECT_TRUE(accepts("queue_size = 10 OR (queue_size = 10 AND queue_size = 1)"));
    EXPECT_TRUE(accepts("queue_size = 1 AND queue_size = 1 OR queue_size = 10"));
    EXPECT_FALSE(accepts("(queue_size = 1)"));
}

TEST(QueryStatement, SelectsFieldsByNameByDefaultAndByStar) {
    EXPECT_THAT(made_from("SELECT topic,user,topic FROM t").value().selected(), ElementsAre(4, 1));
    EXPECT_THAT(made_from("SELECT * FROM t").value().selected(), ElementsAre(0, 1, 2, 3));
    Query bare;
    EXPECT_THAT(Statement::make(bare, kSampleFields).value().selected(), ElementsAre(0, 1));
}

TEST(QueryStatement, KnowsWhichFieldsItLooksAt) {
    const auto made = made_from(
        R"(SELECT user FROM t WHERE queue_size > 1 AND (is_online = true) ORDER BY topic)");
    ASSERT_TRUE(made);
    EXPECT_EQ(made.value().used().to_ulong(), 0b11110U);
    EXPECT_EQ(made.value().order_by(), 4U);
}

TEST(QueryStatement, UnknownFieldsAreNamedWithTheNearest) {
    for (const char* query : {"SELECT usr FROM t", "SELECT user FROM t WHERE usr = 1",
                              "SELECT user FROM t ORDER BY usr"}) {
        const auto made = made_from(query);
        ASSERT_FALSE(made) << query;
        EXPECT_THAT(made.error().detail, HasSubstr("no field usr; the nearest are user, "));
    }
}

TEST(QueryStatement, NamesTheTextThatEveryRowMustHave) {
    const auto required = [](const std::string& where) {
        const auto made = made_from("SELECT user FROM t WHERE " + where);
        const std::string* text = made.value().required_text(0);
        return text == nullptr ? "-" : *text;
    };
    EXPECT_EQ(required(R"(client_id = "a")"), "a");
    EXPECT_EQ(required(R"(is_online = true AND client_id = "a" AND user = "b")"), "a");
    EXPECT_EQ(required(R"(client_id = "a" OR is_online = true)"), "-");
    EXPECT_EQ(required(R"(client_id != "a")"), "-");
    EXPECT_EQ(required(R"((client_id = "a") AND is_online = true)"), "-");
    EXPECT_EQ(required(R"(client_id = "undefined")"), "-");
    EXPECT_EQ(required("is_online = true"), "-");
    EXPECT_EQ(made_from("SELECT user FROM t").value().required_text(0), nullptr);
}

/// A condition in words together with what it means, said as simply as possible.
struct Model {
    Random& random;
    std::size_t comparisons = 0;

    using Meaning = std::function<bool(const SampleRow&)>;
    struct Made {
        std::string words;
        Meaning meaning;
    };

    Made comparison() {
        ++comparisons;
        const std::uint32_t op = random.below(6);
        static constexpr std::string_view kOperators[] = {"=", "!=", "<", "=<", ">", ">="};
        const auto decide = [op](int order) {
            switch (op) {
                case 0:
                    return order == 0;
                case 1:
                    return order != 0;
                case 2:
                    return order < 0;
                case 3:
                    return order <= 0;
                case 4:
                    return order > 0;
                default:
                    return order >= 0;
            }
        };
        const std::uint32_t kind = random.below(4);
        const std::size_t field = kind == 0 ? 2 : kind == 1 ? 3 : random.below(2);
        std::string literal;
        std::function<int(const Value&)> order;
        if (field == 2) {
            const auto number = static_cast<std::int64_t>(random.below(7)) - 3;
            literal = std::to_string(number);
            order = [number](const Value& value) {
                const std::int64_t own = std::get<std::int64_t>(value);
                return own < number ? -1 : own > number ? 1 : 0;
            };
        } else if (field == 3) {
            const bool boolean = random.below(2) == 1;
            literal = boolean ? "true" : "false";
            order = [boolean](const Value& value) { return int{std::get<bool>(value)} - boolean; };
        } else {
            const std::string text(random.below(3), static_cast<char>('a' + random.below(3)));
            literal = '"' + text + '"';
            order = [text](const Value& value) {
                return std::get<std::string>(value).compare(text);
            };
        }
        return {fmt::format("{}{}{}", kSampleFields[field].name, kOperators[op], literal),
                [=](const SampleRow& row) {
                    const Value value = row.value(field);
                    if (std::holds_alternative<std::monostate>(value)) return op == 1;
                    return decide(order(value));
                }};
    }

    Made condition(int depth) {
        Made all = term(depth);
        for (std::uint32_t more = random.below(4); more > 0; --more) {
            Made next = term(depth);
            const bool both = random.below(2) == 1;
            all.words += (both ? " AND " : " OR ") + next.words;
            all.meaning = [left = all.meaning, right = next.meaning, both](const SampleRow& row) {
                const bool a = left(row);
                const bool b = right(row);
                return both ? a && b : a || b;
            };
        }
        return all;
    }

    Made term(int depth) {
        if (depth == 0 || comparisons > 50 || random.below(3) != 0) return comparison();
        Made inner = condition(depth - 1);
        inner.words = '(' + inner.words + ')';
        return inner;
    }
};

TEST(QueryStatement, AcceptsWhatANaiveEvaluatorAccepts) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const auto text = [&] {
        return std::string(random.below(3), static_cast<char>('a' + random.below(3)));
    };
    std::size_t accepted = 0;
    for (int round = 0; round < 2000; ++round) {
        const auto [words, meaning] = Model{random}.condition(4);
        const auto made = made_from("SELECT client_id FROM t WHERE " + words);
        ASSERT_TRUE(made) << words << made.error().detail;
        for (int i = 0; i < 20; ++i) {
            const SampleRow row({Value{text()}, random.below(3) == 0 ? Value{} : Value{text()},
                                 Value{static_cast<std::int64_t>(random.below(7)) - 3},
                                 Value{random.below(2) == 1}, Value{}});
            ASSERT_EQ(made.value().accepts(row), meaning(row)) << words;
            accepted += meaning(row) ? 1 : 0;
        }
    }
    EXPECT_GT(accepted, 5'000U);
    EXPECT_LT(accepted, 35'000U);
}

}  // namespace
}  // namespace vmq::admin::query
