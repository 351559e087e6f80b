#include "routing/subscription_index.h"

#include <gtest/gtest.h>

#include <array>

#include <set>

namespace vmq::routing {
namespace {

class SubscriptionIndexTest : public testing::Test {
protected:
    MatchResult match(std::string_view topic, std::string_view mountpoint = "") {
        MatchResult result;
        index.match(0, mountpoint, topic, random, result);
        return result;
    }

    SubscriptionIndex index{4, 99};
    Random random{1};
};

TEST_F(SubscriptionIndexTest, AcquiringIsIdempotentAndShardsShareTheKey) {
    const FilterHandle first = index.acquire(0, "", "a/+");
    EXPECT_EQ(index.acquire(0, "", "a/+").key, first.key);
    EXPECT_EQ(index.acquire(2, "", "a/+").key, first.key);
    const MatchResult result = match("a/b");
    ASSERT_EQ(result.filters.size(), 1U);
    EXPECT_EQ(result.filters[0].key, first.key);
    EXPECT_EQ(result.filters[0].shards, shard_bit(0) | shard_bit(2));
    EXPECT_EQ(index.filter_count(), 1U);
}

TEST_F(SubscriptionIndexTest, AKeyIsNeverReusedOnceTheFilterIsGone) {
    const FilterHandle first = index.acquire(0, "", "a");
    index.release(0, first);
    EXPECT_TRUE(match("a").empty());
    EXPECT_EQ(index.find(0, "", "a").node, nullptr);
    EXPECT_NE(index.acquire(0, "", "a").key, first.key);
}

TEST_F(SubscriptionIndexTest, ReleasingOneShardKeepsTheOther) {
    const FilterHandle handle = index.acquire(0, "", "a");
    (void)index.acquire(1, "", "a");
    index.set_persistent(0, handle, true);
    EXPECT_EQ(match("a").filters[0].persistent_shards, shard_bit(0));
    index.release(0, handle);
    ASSERT_EQ(match("a").filters.size(), 1U);
    EXPECT_EQ(match("a").filters[0].shards, shard_bit(1));
    EXPECT_EQ(match("a").filters[0].persistent_shards, 0U);
}

TEST_F(SubscriptionIndexTest, AnInnerLevelIsNoFilterUntilSomebodySubscribes) {
    const FilterHandle outer = index.acquire(0, "", "a/b/c");
    EXPECT_TRUE(match("a/b").empty());
    EXPECT_EQ(index.find(0, "", "a/b").node, nullptr);
    const FilterHandle inner = index.acquire(1, "", "a/b");
    EXPECT_EQ(index.filter_count(), 2U);
    index.release(0, outer);
    EXPECT_EQ(match("a/b").filters.size(), 1U);
    index.release(1, inner);
    EXPECT_EQ(index.filter_count(), 0U);
}

TEST_F(SubscriptionIndexTest, MountpointsDoNotSeeEachOther) {
    (void)index.acquire(0, "one", "#");
    (void)index.join(0, "one", "g", "#", ClientNumber{1}, true);
    EXPECT_TRUE(match("a", "").empty());
    EXPECT_FALSE(match("a", "one").empty());
    EXPECT_TRUE(match("one/a", "").empty());
}

TEST_F(SubscriptionIndexTest, AGroupIsNamedByNameAndFilter) {
    const GroupHandle one = index.join(0, "", "g", "a/+", ClientNumber{1}, true);
    const GroupHandle two = index.join(1, "", "g", "a/#", ClientNumber{2}, true);
    const GroupHandle three = index.join(2, "", "h", "a/#", ClientNumber{3}, true);
    EXPECT_EQ(index.find_group(0, "", "g", "a/#").group, two.group);
    EXPECT_EQ(index.text(0, three), "$share/h/a/#");
    const MatchResult result = match("a/b");
    std::set<SubscriptionKey> keys;
    for (const SharedMatch& shared : result.shared) keys.insert(shared.group);
    EXPECT_EQ(keys, (std::set<SubscriptionKey>{one.key, two.key, three.key}));
    EXPECT_TRUE(result.filters.empty());
}

TEST_F(SubscriptionIndexTest, AGroupEndsWithItsLastMember) {
    const GroupHandle group = index.join(0, "", "g", "a", ClientNumber{1}, true);
    (void)index.join(1, "", "g", "a", ClientNumber{2}, true);
    index.leave({&group, 1}, ClientNumber{1});
    EXPECT_EQ(match("a").shared[0].member, ClientNumber{2});
    index.leave({&group, 1}, ClientNumber{2});
    EXPECT_TRUE(match("a").empty());
    EXPECT_EQ(index.filter_count(), 0U);
    EXPECT_EQ(index.find_group(0, "", "g", "a").group, nullptr);
}

TEST_F(SubscriptionIndexTest, AGroupKeepsTheFilterThatShardsHaveLeft) {
    const GroupHandle group = index.join(0, "", "g", "a", ClientNumber{1}, true);
    const FilterHandle filter = index.acquire(0, "", "a");
    EXPECT_EQ(index.filter_count(), 1U);
    index.release(0, filter);
    EXPECT_EQ(index.filter_count(), 1U);
    EXPECT_EQ(match("a").shared.size(), 1U);
    (void)index.acquire(1, "", "a");
    index.leave({&group, 1}, ClientNumber{1});
    EXPECT_EQ(match("a").filters.size(), 1U);
    EXPECT_EQ(index.filter_count(), 1U);
}

TEST_F(SubscriptionIndexTest, AnotherMemberIsChosenWhenTheFirstCannotTakeTheMessage) {
    (void)index.join(0, "", "g", "a", ClientNumber{1}, true);
    SharedMatch chosen = match("a").shared[0];
    EXPECT_FALSE(index.choose_other(0, chosen, "", "a", std::array{ClientNumber{1}}, random));
    (void)index.join(3, "", "g", "a", ClientNumber{2}, true);
    EXPECT_TRUE(index.choose_other(0, chosen, "", "a", std::array{ClientNumber{1}}, random));
    EXPECT_EQ(chosen.member, ClientNumber{2});
    EXPECT_EQ(chosen.shard, 3U);
}

}  // namespace
}  // namespace vmq::routing
