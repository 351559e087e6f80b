#include "cluster/positions.h"

#include <gtest/gtest.h>

namespace vmq::cluster {
namespace {

constexpr WriterNumber kA{0};
constexpr WriterNumber kB{1};
constexpr WriterNumber kFar{40};

TEST(Positions, AreZeroForWritersNeverMentioned) {
    Positions positions;
    EXPECT_EQ(positions[kFar], HybridTime{});
    EXPECT_TRUE(positions.empty());
    EXPECT_EQ(positions.highest(), HybridTime{});
    positions.set(kFar, {});
    EXPECT_EQ(positions.size(), 0U);
}

TEST(Positions, RaisingNeverLowersAndSaysWhetherItDidAnything) {
    Positions positions;
    EXPECT_TRUE(positions.raise(kA, {5}));
    EXPECT_FALSE(positions.raise(kA, {4}));
    EXPECT_EQ(positions[kA], HybridTime{5});
    Positions more;
    more.set(kA, {3});
    more.set(kFar, {9});
    EXPECT_TRUE(positions.raise(more));
    EXPECT_FALSE(positions.raise(more));
    EXPECT_EQ(positions[kA], HybridTime{5});
    EXPECT_EQ(positions.highest(), HybridTime{9});
}

TEST(Positions, LoweringTakesTheLowerOfBoth) {
    Positions positions;
    positions.set(kA, {5});
    positions.set(kB, {6});
    positions.lower(kA, {7});
    EXPECT_EQ(positions[kA], HybridTime{5});
    Positions other;
    other.set(kA, {9});
    positions.lower(other);
    EXPECT_EQ(positions[kA], HybridTime{5});
    EXPECT_EQ(positions[kB], HybridTime{});
}

TEST(Positions, CoverWhatIsNowhereBeyond) {
    Positions some;
    Positions more;
    some.set(kA, {5});
    more.set(kA, {5});
    EXPECT_TRUE(some.covers(more));
    more.set(kFar, {1});
    EXPECT_FALSE(some.covers(more));
    EXPECT_TRUE(more.covers(some));
    EXPECT_FALSE(some == more);
    more.set(kFar, {});
    EXPECT_TRUE(some == more) << "of different lengths";
}

}  // namespace
}  // namespace vmq::cluster
