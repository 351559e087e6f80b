#include "broker/untold_retained.h"

#include <gtest/gtest.h>

#include <string>

#include "cluster/fact.h"

namespace vmq::broker {
namespace {

bool may_change(UntoldRetained& untold, const std::string& mountpoint, const std::string& topic) {
    bool called = false;
    const std::string key = cluster::retained_key(mountpoint, topic);
    const auto stamp = untold.unless_untold(key, [&called] { called = true; });
    EXPECT_EQ(called, !stamp.has_value());
    EXPECT_EQ(called, !untold.contains(key));
    return called;
}

TEST(UntoldRetained, IsWhatHasBegunUntilAllOfItHasEnded) {
    routing::RetainedIndex index(1, 0);
    UntoldRetained untold;
    EXPECT_TRUE(may_change(untold, "", "t"));
    untold.begin("", "t", index);
    untold.begin("", "t", index);
    untold.begin("m", "u", index);
    EXPECT_FALSE(may_change(untold, "", "t"));
    EXPECT_FALSE(may_change(untold, "m", "u"));
    EXPECT_TRUE(may_change(untold, "m", "t"));
    EXPECT_TRUE(may_change(untold, "", "u"));
    EXPECT_EQ(untold.size(), 2U);
    untold.end("", "t");
    EXPECT_FALSE(may_change(untold, "", "t"));
    untold.end("", "t");
    EXPECT_TRUE(may_change(untold, "", "t"));
    untold.end("", "t");  // was never begun
    untold.begin("", "t", index);
    EXPECT_FALSE(may_change(untold, "", "t"));
}

TEST(UntoldRetained, WhatIsHeldUpIsStoredBehindWhatWasThereAndBeforeWhatHasBegun) {
    routing::RetainedIndex index(1, 0);
    UntoldRetained untold;
    const auto set = [&index] {
        std::uint64_t stamp = 0;
        index.set(mqtt::Message::make({.topic = "t", .payload = "x", .retain = true}), &stamp);
        return stamp;
    };
    const std::uint64_t before = set();
    untold.begin("", "t", index);
    const std::uint64_t first = set();
    untold.begin("", "t", index);
    const auto held = untold.unless_untold(cluster::retained_key("", "t"), [] {});
    ASSERT_TRUE(held);
    EXPECT_GT(*held, before);
    EXPECT_LT(*held, first);
}

}  // namespace
}  // namespace vmq::broker
