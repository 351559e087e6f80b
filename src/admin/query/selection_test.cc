#include "admin/query/selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "admin/query/parser.h"
#include "admin/query/sample_rows.h"
#include "base/random.h"

namespace vmq::admin::query {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Statement statement(const std::string& query) {
    return Statement::make(parse(query).value(), kSampleFields).value();
}

SampleRow row(std::string client_id, std::int64_t size) {
    return SampleRow({Value{std::move(client_id)}, Value{}, Value{size}, Value{true}, Value{}});
}

std::vector<std::string> first_cells(const Table& table) {
    std::vector<std::string> cells;
    for (const auto& each : table.rows) cells.push_back(in_words(each.front()));
    return cells;
}

TEST(QuerySelection, TakesTheFirstRowsAndThenWantsNoMore) {
    const Statement asked = statement("SELECT client_id FROM t WHERE queue_size > 1 LIMIT 2");
    Selection selection(asked);
    selection.add(row("a", 1));
    selection.add(row("b", 2));
    EXPECT_TRUE(selection.wants_more());
    selection.add(row("c", 3));
    EXPECT_FALSE(selection.wants_more());
    selection.add(row("d", 4));
    const Table table = selection.take();
    EXPECT_THAT(table.columns, ElementsAre("client_id"));
    EXPECT_THAT(first_cells(table), ElementsAre("b", "c"));
    EXPECT_THAT(table.warnings, IsEmpty());
}

TEST(QuerySelection, ALimitOfNothingWantsNothing) {
    const Statement asked = statement("SELECT client_id FROM t LIMIT 0");
    Selection selection(asked);
    EXPECT_FALSE(selection.wants_more());
    EXPECT_THAT(selection.take().rows, IsEmpty());
}

TEST(QuerySelection, AnOrderKeepsTheLargestAndEqualOnesAsTheyCame) {
    const Statement asked = statement("SELECT client_id FROM t ORDER BY queue_size LIMIT 3");
    Selection selection(asked);
    const std::pair<const char*, int> rows[] = {{"a", 1}, {"b", 5}, {"c", 5}, {"d", 9}, {"e", 5}};
    for (const auto& [id, size] : rows) selection.add(row(id, size));
    EXPECT_TRUE(selection.wants_more());
    EXPECT_THAT(first_cells(selection.take()), ElementsAre("d", "b", "c"));
}

TEST(QuerySelection, OrdersAsASortDoes) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    for (int round = 0; round < 300; ++round) {
        const std::uint32_t limit = random.below(20);
        const bool limited = random.below(4) != 0;
        const Statement asked = statement("SELECT client_id FROM t ORDER BY queue_size" +
                                          (limited ? " LIMIT " + std::to_string(limit) : ""));
        Selection selection(asked);
        std::vector<std::pair<std::int64_t, std::string>> model;
        for (std::uint32_t i = 0, count = random.below(40); i < count; ++i) {
            const std::int64_t size = random.below(10);
            selection.add(row(std::to_string(i), size));
            model.emplace_back(-size, std::to_string(i));
        }
        std::ranges::stable_sort(model, {}, [](const auto& each) { return each.first; });
        if (limited && model.size() > limit) model.resize(limit);
        std::vector<std::string> expected;
        for (const auto& each : model) expected.push_back(each.second);
        ASSERT_EQ(first_cells(selection.take()), expected);
    }
}

TEST(QuerySelection, AnAnswerIsBoundedAndSaysSo) {
    const Statement asked = statement("SELECT client_id FROM t");
    Selection selection(asked, 10'000);
    for (int i = 0; i < 100 && selection.wants_more(); ++i) {
        selection.add(row(std::string(900, 'x'), 1));
    }
    EXPECT_FALSE(selection.wants_more());
    const Table table = selection.take();
    EXPECT_GT(table.rows.size(), 5U);
    EXPECT_LT(table.rows.size(), 11U);
    EXPECT_THAT(table.warnings, ElementsAre(HasSubstr("more than 10000 bytes")));
}

// Rows that gave way to larger ones take no room any more.
TEST(QuerySelection, WhatIsBoundedIsWhatIsKept) {
    const Statement asked = statement("SELECT client_id FROM t ORDER BY queue_size LIMIT 2");
    Selection selection(asked, 10'000);
    for (int i = 0; i < 1000; ++i) selection.add(row(std::string(900, 'x'), i));
    const Table table = selection.take();
    EXPECT_EQ(table.rows.size(), 2U);
    EXPECT_THAT(table.warnings, IsEmpty());
}

}  // namespace
}  // namespace vmq::admin::query
