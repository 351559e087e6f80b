#include "broker/untold_retained.h"

#include <gtest/gtest.h>

#include <string>

#include "cluster/fact.h"

namespace vmq::broker {
namespace {

bool may_change(UntoldRetained& untold, const std::string& mountpoint, const std::string& topic) {
    bool called = false;
    const bool may = untold.unless_untold(cluster::retained_key(mountpoint, topic),
                                          [&called] { called = true; });
    EXPECT_EQ(may, called);
    return may;
}

TEST(UntoldRetained, IsWhatHasBegunUntilAllOfItHasEnded) {
    UntoldRetained untold;
    EXPECT_TRUE(may_change(untold, "", "t"));
    untold.begin("", "t");
    untold.begin("", "t");
    untold.begin("m", "u");
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
    untold.begin("", "t");
    EXPECT_FALSE(may_change(untold, "", "t"));
}

}  // namespace
}  // namespace vmq::broker
