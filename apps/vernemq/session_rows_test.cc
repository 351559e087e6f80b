#include "vernemq/session_rows.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vmq::launcher {
namespace {

using admin::commands::Cell;
using admin::commands::FieldFlag;
using admin::commands::Rows;

std::string in_words(const std::vector<FieldFlag>& flags) {
    std::string words;
    for (const auto& [name, value] : flags) {
        words += (words.empty() ? "" : " ") + name + (value ? "=" + *value : "");
    }
    return words;
}

TEST(SessionRows, WhatIsAskedOfEachNodeIsWhatWasAsked) {
    const auto plan = plan_session_rows({{"client_id", "~a"}, {"user", std::nullopt}}).value();
    EXPECT_EQ(in_words(plan.flags), "client_id=~a user");
    EXPECT_EQ(plan.node, "");
    EXPECT_EQ(plan.order_by, "");
    EXPECT_EQ(plan_session_rows({{"node", "a@h"}}).value().node, "a@h");
    EXPECT_EQ(plan_session_rows({{"node", "~a"}}).value().node, "");
    EXPECT_FALSE(plan_session_rows({{"nope", std::nullopt}}));
    EXPECT_FALSE(plan_session_rows({{"is_online", "perhaps"}}));
}

TEST(SessionRows, WhatRowsAreOrderedByIsAskedFor) {
    auto plan = plan_session_rows({{"order_by", "offline_messages"}}).value();
    EXPECT_TRUE(plan.hidden);
    EXPECT_EQ(in_words(plan.flags),
              "order_by=offline_messages mountpoint client_id is_online user peer_host peer_port "
              "offline_messages");
    plan =
        plan_session_rows({{"order_by", "offline_messages"}, {"client_id", std::nullopt}}).value();
    EXPECT_EQ(in_words(plan.flags), "order_by=offline_messages client_id offline_messages");
    plan = plan_session_rows({{"order_by", "client_id"}}).value();
    EXPECT_FALSE(plan.hidden);
    EXPECT_EQ(in_words(plan.flags), "order_by=client_id");
}

Rows some(const std::vector<std::pair<std::string, std::int64_t>>& rows,
          const std::string& missing = "") {
    Rows part{{{"client_id", "n"}, {}}, {}};
    for (const auto& [client, number] : rows) part.table.rows.push_back({client, number});
    if (!missing.empty()) part.missing.push_back(missing);
    return part;
}

std::string clients(const Rows& rows) {
    std::string all;
    for (const auto& row : rows.table.rows) all += std::get<std::string>(row[0]);
    return all;
}

TEST(SessionRows, TheRowsOfAllNodesAreOneTable) {
    SessionRowsPlan plan;
    const Rows all = merge_rows({some({{"a", 1}, {"b", 3}}, "x"), some({{"c", 2}}, "y")}, plan, 10);
    EXPECT_EQ(clients(all), "abc");
    EXPECT_EQ(all.missing, (std::vector<std::string>{"x", "y"}));
    EXPECT_EQ(all.table.columns, (std::vector<std::string>{"client_id", "n"}));
}

TEST(SessionRows, TheLargestStandFirstAndWhatNobodyAskedForIsLeftOut) {
    SessionRowsPlan plan{.flags = {}, .node = {}, .order_by = "n", .hidden = true};
    const Rows all = merge_rows({some({{"a", 1}, {"b", 3}}), some({{"c", 2}, {"d", 3}})}, plan, 10);
    EXPECT_EQ(clients(all), "bdca");
    EXPECT_EQ(all.table.columns, std::vector<std::string>{"client_id"});
    EXPECT_EQ(all.table.rows[0].size(), 1U);
}

TEST(SessionRows, MoreThanCanBeShownIsCutOffAndSaid) {
    EXPECT_TRUE(merge_rows({some({{"a", 1}, {"b", 3}})}, {}, 2).missing.empty());
    const Rows all = merge_rows({some({{"a", 1}, {"b", 3}}), some({{"c", 2}})}, {}, 2);
    EXPECT_EQ(clients(all), "ab");
    ASSERT_EQ(all.missing.size(), 1U);
    EXPECT_EQ(all.missing[0], "these are the first 2 rows: ask for less");
}

}  // namespace
}  // namespace vmq::launcher
