#include "hooks/split_decision.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace vmq::hooks {
namespace {

using mqtt::ReasonCode;
using Topics = std::vector<SubscribeVerdict::Topic>;

SubscribeVerdict ok(Topics topics, std::size_t next = 1) {
    SubscribeVerdict verdict;
    verdict.decision = Decision::Ok;
    verdict.topics = std::move(topics);
    verdict.next = next;
    return verdict;
}

SubscribeVerdict::Topic left(const char* filter) { return {filter, {}, ReasonCode::Success, true}; }
SubscribeVerdict::Topic decided(const char* filter, ReasonCode reason = ReasonCode::Success) {
    return {filter, {}, reason, false};
}

std::string text(const SubscribeVerdict& verdict) {
    std::string all;
    for (const auto& topic : *verdict.topics) {
        all += topic.filter + (mqtt::is_error(topic.reason) ? "- " : "+ ");
    }
    return all;
}

TEST(SplitDecision, IsNeededWhileAFilterIsLeft) {
    EXPECT_TRUE(SplitDecision::needed(ok({decided("a"), left("b")})));
    EXPECT_FALSE(SplitDecision::needed(ok({decided("a")})));
    EXPECT_FALSE(SplitDecision::needed({}));
    SubscribeVerdict error = ok({left("a")});
    error.decision = Decision::Error;
    EXPECT_FALSE(SplitDecision::needed(error));
}

TEST(SplitDecision, KeepsTheOrderOfTheClient) {
    SplitDecision split(ok({left("a"), decided("b"), left("c")}));
    ASSERT_EQ(split.left().size(), 2U);
    EXPECT_EQ(split.left()[0].filter, "a");
    EXPECT_EQ(split.left()[1].filter, "c");
    EXPECT_TRUE(split.add(ok({decided("a", ReasonCode::QuotaExceeded), decided("x")})));
    EXPECT_EQ(text(split.take()), "a- b+ x+ ");
}

TEST(SplitDecision, WhatNobodyAllowsIsRefused) {
    SplitDecision split(ok({decided("a"), left("b")}));
    SubscribeVerdict exhausted;
    exhausted.decision = Decision::Error;
    EXPECT_TRUE(split.add(exhausted));
    const SubscribeVerdict verdict = split.take();
    EXPECT_EQ(text(verdict), "a+ b- ");
    EXPECT_EQ((*verdict.topics)[1].reason, ReasonCode::NotAuthorized);
}

TEST(SplitDecision, ARefusalOfTheRestKeepsItsReason) {
    SplitDecision split(ok({decided("a"), left("b")}));
    SubscribeVerdict refusal;
    refusal.decision = Decision::Error;
    refusal.refusal = {ReasonCode::QuotaExceeded, "enough", {}};
    EXPECT_TRUE(split.add(refusal));
    const SubscribeVerdict verdict = split.take();
    EXPECT_EQ((*verdict.topics)[1].reason, ReasonCode::QuotaExceeded);
    EXPECT_EQ(verdict.details.reason_string, "enough");
}

TEST(SplitDecision, AnOkWithoutAListAllowsTheRest) {
    SplitDecision split(ok({left("a"), decided("b", ReasonCode::NotAuthorized)}));
    SubscribeVerdict all;
    all.decision = Decision::Ok;
    EXPECT_TRUE(split.add(all));
    EXPECT_EQ(text(split.take()), "a+ b- ");
}

TEST(SplitDecision, MayGoOnOverSeveralPlugins) {
    SplitDecision split(ok({left("a"), left("b"), left("c")}));
    EXPECT_FALSE(split.add(ok({decided("a"), left("b"), left("c")}, 2)));
    EXPECT_EQ(split.next(), 2U);
    EXPECT_EQ(split.left().size(), 2U);
    EXPECT_TRUE(split.add(ok({decided("b")}, 3))) << "what is missing in a list is refused";
    EXPECT_EQ(text(split.take()), "a+ b+ c- ");
}

TEST(SplitDecision, FurtherFiltersStandAtTheEndAndDetailsAdd) {
    SubscribeVerdict first = ok({left("a"), decided("b")});
    first.details.user_properties.emplace_back("k", "1");
    SplitDecision split(std::move(first));
    SubscribeVerdict second = ok({decided("a"), decided("extra")});
    second.details.reason_string = "both";
    second.details.user_properties.emplace_back("k", "2");
    EXPECT_TRUE(split.add(std::move(second)));
    const SubscribeVerdict verdict = split.take();
    EXPECT_EQ(text(verdict), "a+ b+ extra+ ");
    EXPECT_EQ(verdict.details.reason_string, "both");
    EXPECT_EQ(verdict.details.user_properties.size(), 2U);
}

}  // namespace
}  // namespace vmq::hooks
