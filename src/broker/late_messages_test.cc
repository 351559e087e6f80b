#include "broker/late_messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace vmq::broker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr NodeNumber kB{2};
constexpr NodeNumber kC{3};

TEST(LateMessages, AreThoseOfFiltersThatMatchAndOfNodesThatWereAway) {
    LateMessages late;
    EXPECT_FALSE(late.any());
    EXPECT_EQ(late.add("", "x", {"a/b", "+/c"}, {kB}), 0U);
    EXPECT_EQ(late.add("", "y", {"a/#"}, {kB, kC}), 0U);
    EXPECT_TRUE(late.any());
    EXPECT_THAT(late.sessions(kB, "", "a/b"), ElementsAre("x", "y"));
    EXPECT_THAT(late.sessions(kC, "", "a/b"), ElementsAre("y"));
    EXPECT_THAT(late.sessions(kB, "", "z/c"), ElementsAre("x"));
    EXPECT_THAT(late.sessions(kB, "", "z"), IsEmpty());
    EXPECT_THAT(late.sessions(kB, "other", "a/b"), IsEmpty());
    EXPECT_TRUE(late.expects(kB, "", "x"));
    EXPECT_FALSE(late.expects(kC, "", "x"));
}

TEST(LateMessages, EndWhenWhatHadBeenSentHasArrived) {
    LateMessages late;
    (void)late.add("", "x", {"t"}, {kB, kC});
    const LateMessages::Moment moment = late.moment();
    (void)late.add("", "y", {"t"}, {kB});
    late.arrived(moment, {kC});
    EXPECT_THAT(late.sessions(kB, "", "t"), ElementsAre("y")) << "it went later";
    EXPECT_THAT(late.sessions(kC, "", "t"), ElementsAre("x")) << "it is still away";
    late.arrived(late.moment(), {});
    EXPECT_FALSE(late.any());
    EXPECT_THAT(late.sessions(kB, "", "t"), IsEmpty());
}

TEST(LateMessages, WhatWasRefusedComesAgain) {
    LateMessages late;
    (void)late.add("", "x", {"t"}, {kB});
    const LateMessages::Moment moment = late.moment();
    late.note_refused();
    late.arrived(moment, {});
    EXPECT_TRUE(late.any());
    late.arrived(late.moment(), {});
    EXPECT_FALSE(late.any());
}

TEST(LateMessages, ASessionThatGoesAgainIsThereOnceWithAllItHad) {
    LateMessages late;
    (void)late.add("", "x", {"t", "u"}, {kB});
    (void)late.add("", "x", {"t", "v"}, {kC});
    EXPECT_EQ(late.count(), 1U);
    for (const char* topic : {"t", "u", "v"}) {
        EXPECT_THAT(late.sessions(kB, "", topic), ElementsAre("x"));
        EXPECT_THAT(late.sessions(kC, "", topic), ElementsAre("x"));
    }
}

TEST(LateMessages, BeyondTheLimitTheOldestIsForgotten) {
    LateMessages late(3);
    EXPECT_EQ(late.add("", "x", {"a", "b"}, {kB}), 0U);
    EXPECT_EQ(late.add("", "y", {"a"}, {kB}), 0U);
    EXPECT_EQ(late.add("", "z", {"c"}, {kB}), 1U);
    EXPECT_THAT(late.sessions(kB, "", "a"), ElementsAre("y"));
    EXPECT_THAT(late.sessions(kB, "", "b"), IsEmpty());
    EXPECT_THAT(late.sessions(kB, "", "c"), ElementsAre("z"));
    EXPECT_EQ(late.add("", "more", {"1", "2", "3", "4"}, {kB}), 1U) << "itself";
    EXPECT_EQ(late.count(), 2U);
}

TEST(LateMessages, ASessionWithoutFiltersOrNodesIsNone) {
    LateMessages late;
    EXPECT_EQ(late.add("", "x", {}, {kB}), 0U);
    EXPECT_EQ(late.add("", "x", {"t"}, {}), 0U);
    EXPECT_FALSE(late.any());
}

}  // namespace
}  // namespace vmq::broker
