#include "broker/late_messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace vmq::broker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr NodeNumber kB{2};
constexpr NodeNumber kC{3};

/// How many are forgotten.
std::size_t add(LateMessages& late, std::string mountpoint, std::string client_id,
                std::vector<std::string> filters, LateMessages::Nodes from) {
    static std::uint64_t record = 0;
    return late
        .add({std::move(mountpoint), std::move(client_id), std::move(filters), std::move(from)},
             ++record)
        .forgotten;
}

TEST(LateMessages, AreThoseOfFiltersThatMatchAndOfNodesThatWereAway) {
    LateMessages late;
    EXPECT_FALSE(late.any());
    EXPECT_EQ(add(late, "", "x", {"a/b", "+/c"}, {kB}), 0U);
    EXPECT_EQ(add(late, "", "y", {"a/#"}, {kB, kC}), 0U);
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
    (void)add(late, "", "x", {"t"}, {kB, kC});
    const LateMessages::Moment moment = late.moment();
    (void)add(late, "", "y", {"t"}, {kB});
    (void)late.arrived(moment, {kC});
    EXPECT_THAT(late.sessions(kB, "", "t"), ElementsAre("y")) << "it went later";
    EXPECT_THAT(late.sessions(kC, "", "t"), ElementsAre("x")) << "it is still away";
    (void)late.arrived(late.moment(), {});
    EXPECT_FALSE(late.any());
    EXPECT_THAT(late.sessions(kB, "", "t"), IsEmpty());
}

TEST(LateMessages, WhatWasRefusedComesAgain) {
    LateMessages late;
    (void)add(late, "", "x", {"t"}, {kB});
    const LateMessages::Moment moment = late.moment();
    late.note_refused();
    (void)late.arrived(moment, {});
    EXPECT_TRUE(late.any());
    (void)late.arrived(late.moment(), {});
    EXPECT_FALSE(late.any());
}

TEST(LateMessages, ASessionThatGoesAgainIsThereOnceWithAllItHad) {
    LateMessages late;
    (void)add(late, "", "x", {"t", "u"}, {kB});
    (void)add(late, "", "x", {"t", "v"}, {kC});
    EXPECT_EQ(late.count(), 1U);
    for (const char* topic : {"t", "u", "v"}) {
        EXPECT_THAT(late.sessions(kB, "", topic), ElementsAre("x"));
        EXPECT_THAT(late.sessions(kC, "", topic), ElementsAre("x"));
    }
}

TEST(LateMessages, BeyondTheLimitTheOldestIsForgotten) {
    LateMessages late(3);
    EXPECT_EQ(add(late, "", "x", {"a", "b"}, {kB}), 0U);
    EXPECT_EQ(add(late, "", "y", {"a"}, {kB}), 0U);
    EXPECT_EQ(add(late, "", "z", {"c"}, {kB}), 1U);
    EXPECT_THAT(late.sessions(kB, "", "a"), ElementsAre("y"));
    EXPECT_THAT(late.sessions(kB, "", "b"), IsEmpty());
    EXPECT_THAT(late.sessions(kB, "", "c"), ElementsAre("z"));
    EXPECT_EQ(add(late, "", "more", {"1", "2", "3", "4"}, {kB}), 1U) << "itself";
    EXPECT_EQ(late.count(), 2U);
}

TEST(LateMessages, ASessionWithoutFiltersOrNodesIsNone) {
    LateMessages late;
    EXPECT_EQ(add(late, "", "x", {}, {kB}), 0U);
    EXPECT_EQ(add(late, "", "x", {"t"}, {}), 0U);
    EXPECT_FALSE(late.any());
}

TEST(LateMessages, TellWhatIsToBeStored) {
    LateMessages late;
    const LateMessages::Session session{"m", "x", {"t", "u"}, {kB}};
    auto change = late.add(session, 11);
    ASSERT_TRUE(change.put);
    EXPECT_EQ(change.put->client_id, "x");
    EXPECT_THAT(change.put->filters, UnorderedElementsAre("t", "u"));
    EXPECT_THAT(change.gone, IsEmpty());

    change = late.add(session, 12);
    EXPECT_FALSE(change.put) << "11 says that";
    EXPECT_THAT(change.gone, IsEmpty());

    change = late.add({"m", "x", {"v"}, {kC}}, 13);
    ASSERT_TRUE(change.put);
    EXPECT_THAT(change.put->filters, UnorderedElementsAre("t", "u", "v"));
    EXPECT_THAT(change.put->from, ElementsAre(kB, kC));
    EXPECT_THAT(change.gone, ElementsAre(11));

    EXPECT_THAT(late.arrived(late.moment(), {kC}), IsEmpty());
    EXPECT_THAT(late.arrived(late.moment(), {}), ElementsAre(13));
}

TEST(LateMessages, AreForgottenOnDiskAsWell) {
    LateMessages late(2);
    (void)late.add({"", "x", {"a", "b"}, {kB}}, 11);
    const auto change = late.add({"", "y", {"c"}, {kB}}, 12);
    EXPECT_TRUE(change.put);
    EXPECT_EQ(change.forgotten, 1U);
    EXPECT_THAT(change.gone, ElementsAre(11));
}

}  // namespace
}  // namespace vmq::broker
