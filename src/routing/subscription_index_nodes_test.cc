// What the index knows of other nodes, and what it tells them of this one.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/random.h"
#include "mqtt/internal_group.h"
#include "routing/subscription_index.h"

namespace vmq::routing {
namespace {

using Name = std::pair<std::string, std::string>;

class Changes final : public FilterObserver {
public:
    void on_local_change(std::string mountpoint, std::string filter) override {
        const std::lock_guard lock(mutex_);
        seen_.emplace_back(std::move(mountpoint), std::move(filter));
    }
    std::vector<Name> take() {
        const std::lock_guard lock(mutex_);
        return std::exchange(seen_, {});
    }

private:
    std::mutex mutex_;
    std::vector<Name> seen_;
};

class SubscriptionIndexNodesTest : public testing::Test {
protected:
    static constexpr std::uint32_t kShards = 4;
    static constexpr NodeSlot kOther = kShards;
    static constexpr NodeSlot kThird = kShards + 1;

    MatchResult match(std::string_view topic, std::string_view mountpoint = "") {
        MatchResult result;
        index.match(0, mountpoint, topic, random, result);
        return result;
    }
    std::map<Name, bool> local() const {
        std::vector<SubscriptionIndex::LocalFilter> found;
        for (FilterWalk walk; !walk.done;) index.collect_local_some(walk, found);
        std::map<Name, bool> result;
        for (const auto& each : found) result[{each.mountpoint, each.filter}] = each.persistent;
        EXPECT_EQ(result.size(), found.size());
        return result;
    }

    SubscriptionIndex index{kShards, 99};
    Random random{1};
};

TEST_F(SubscriptionIndexNodesTest, AnotherNodeStandsBehindTheShards) {
    (void)index.acquire(1, "", "a/+");
    index.set_remote(kOther, "", "a/+", true);
    index.set_remote(kThird, "", "#", false);
    const MatchResult result = match("a/b");
    ASSERT_EQ(result.filters.size(), 2U);
    ShardSet all = 0;
    ShardSet persistent = 0;
    for (const FilterMatch& each : result.filters) {
        all |= each.shards;
        persistent |= each.persistent_shards;
    }
    EXPECT_EQ(all, shard_bit(1) | shard_bit(kOther) | shard_bit(kThird));
    EXPECT_EQ(persistent, shard_bit(kOther));
    EXPECT_EQ(all & index.local(), shard_bit(1));
    index.set_remote(kOther, "", "a/+", false);
    EXPECT_EQ(match("a/b").filters[0].persistent_shards | match("a/b").filters[1].persistent_shards,
              0U);
}

TEST_F(SubscriptionIndexNodesTest, ItsFiltersGoOneByOneOrAllAtOnce) {
    const FilterHandle own = index.acquire(0, "m", "x/1");
    for (int i = 0; i < 5000; ++i) {
        index.set_remote(kOther, "m", "x/" + std::to_string(i), i % 2 == 0);
    }
    index.set_remote(kThird, "m", "x/7", false);
    EXPECT_EQ(index.filter_count(), 5000U);
    index.clear_remote(kOther, "m", "x/3");
    index.clear_remote(kOther, "m", "x/3");
    index.clear_remote(kThird, "m", "x/4");
    index.clear_remote(kOther, "m", "nothing/there");
    EXPECT_EQ(index.filter_count(), 4999U);
    EXPECT_EQ(match("x/4", "m").filters[0].shards, shard_bit(kOther));
    for (FilterWalk walk; !walk.done;) index.clear_remote_some(kOther, walk);
    EXPECT_EQ(index.filter_count(), 2U);
    EXPECT_EQ(match("x/1", "m").filters[0].shards, shard_bit(0));
    EXPECT_EQ(match("x/7", "m").filters[0].shards, shard_bit(kThird));
    EXPECT_TRUE(match("x/4", "m").empty());
    index.release(0, own);
    index.clear_remote(kThird, "m", "x/7");
    EXPECT_EQ(index.filter_count(), 0U);
    EXPECT_EQ(index.bytes(), SubscriptionIndex(kShards, 99).bytes());
}

TEST_F(SubscriptionIndexNodesTest, ToldIsWhatMayHaveChangedForTheOthers) {
    Changes changes;
    const FilterHandle before = index.acquire(0, "", "before");
    index.observe(&changes);
    const FilterHandle first = index.acquire(0, "m", "a/#");
    EXPECT_EQ(changes.take(), (std::vector<Name>{{"m", "a/#"}}));
    EXPECT_EQ(index.local_presence("m", "a/#"), (LocalPresence{true, false}));
    const FilterHandle second = index.acquire(3, "m", "a/#");
    (void)index.acquire(3, "m", "a/#");
    index.set_persistent(0, first, false);
    EXPECT_TRUE(changes.take().empty()) << "nothing new for others";
    index.set_persistent(0, first, true);
    EXPECT_EQ(changes.take().size(), 1U);
    index.set_persistent(3, second, true);
    index.set_persistent(3, second, false);
    EXPECT_TRUE(changes.take().empty()) << "one with stored messages was there all the time";
    EXPECT_EQ(index.local_presence("m", "a/#"), (LocalPresence{true, true}));
    index.release(0, first);
    EXPECT_GE(changes.take().size(), 1U);
    EXPECT_EQ(index.local_presence("m", "a/#"), (LocalPresence{true, false}));
    index.release(3, second);
    EXPECT_EQ(changes.take().size(), 1U);
    EXPECT_EQ(index.local_presence("m", "a/#"), LocalPresence{});
    EXPECT_EQ(local(), (std::map<Name, bool>{{{"", "before"}, false}}));
    index.release(0, before);
    index.observe(nullptr);
    (void)index.acquire(0, "", "after");
    EXPECT_EQ(changes.take().size(), 1U);
}

TEST_F(SubscriptionIndexNodesTest, OthersFiltersAreNoChangeOfThisNode) {
    Changes changes;
    index.observe(&changes);
    index.set_remote(kOther, "", "a", true);
    index.clear_remote(kOther, "", "a");
    index.set_remote(kOther, "", "b", true);
    EXPECT_TRUE(changes.take().empty());
    EXPECT_EQ(index.local_presence("", "b"), LocalPresence{});
    EXPECT_TRUE(local().empty());
}

TEST_F(SubscriptionIndexNodesTest, AWalkFindsEverythingThatIsThere) {
    std::map<Name, bool> model;
    for (int i = 0; i < 3000; ++i) {
        const std::string filter = "f/" + std::to_string(i) + (i % 3 == 0 ? "/#" : "");
        const FilterHandle handle = index.acquire(static_cast<ShardId>(i % 4), "m", filter);
        index.set_persistent(static_cast<ShardId>(i % 4), handle, i % 5 == 0);
        model[{"m", filter}] = i % 5 == 0;
        index.set_remote(kOther, "m", "r/" + std::to_string(i), true);
    }
    EXPECT_EQ(local(), model);
}

// Shards subscribe and leave at random while the cluster's thread follows what it is told and other
// nodes come and go: in the end what it has followed is what is there.
TEST_F(SubscriptionIndexNodesTest, WhoFollowsTheChangesKnowsThemAll) {
    Changes changes;
    index.observe(&changes);
    std::atomic<std::uint32_t> running{kShards};
    std::vector<std::thread> shards;
    std::mutex kept_mutex;
    std::map<Name, bool> kept;
    for (ShardId shard = 0; shard < kShards; ++shard) {
        shards.emplace_back([&, shard] {
            Random own{shard + 10};
            std::map<std::string, std::pair<FilterHandle, bool>> held;
            for (int round = 0; round < 20'000; ++round) {
                const std::string filter = "f/" + std::to_string(own.below(50)) + "/+";
                const auto at = held.find(filter);
                if (at == held.end()) {
                    held[filter] = {index.acquire(shard, "", filter), false};
                } else if (own.below(2) == 0) {
                    at->second.second = !at->second.second;
                    index.set_persistent(shard, at->second.first, at->second.second);
                } else {
                    index.release(shard, at->second.first);
                    held.erase(at);
                }
            }
            const std::lock_guard lock(kept_mutex);
            for (const auto& [filter, each] : held) {
                bool& persistent = kept[{"", filter}];
                persistent = persistent || each.second;
            }
            --running;
        });
    }
    std::map<Name, bool> followed;
    Random own{5};
    for (bool last = false; !last;) {
        last = running == 0;
        for (const auto& [mountpoint, filter] : changes.take()) {
            const LocalPresence now = index.local_presence(mountpoint, filter);
            if (now.subscribed) {
                followed[{mountpoint, filter}] = now.persistent;
            } else {
                followed.erase({mountpoint, filter});
            }
        }
        for (int i = 0; i < 20; ++i) {
            index.set_remote(kOther, "", "f/" + std::to_string(own.below(50)) + "/+", true);
            index.clear_remote(kOther, "", "f/" + std::to_string(own.below(50)) + "/+");
        }
    }
    for (std::thread& each : shards) each.join();
    EXPECT_EQ(followed, kept);
    EXPECT_EQ(local(), kept);
}

TEST_F(SubscriptionIndexNodesTest, MembersOfSharedGroupsOnOtherNodesAreChosenToo) {
    index.set_remote_group(kOther, "", "g", "t/+", {1, 0});
    auto result = match("t/1");
    ASSERT_EQ(result.shared.size(), 1U);
    EXPECT_EQ(result.shared[0].shard, kOther);
    EXPECT_EQ(result.shared[0].name, "$share/g/t/+");
    EXPECT_TRUE(result.filters.empty());
    SharedMatch chosen;
    EXPECT_FALSE(index.choose_for_node(0, "", "g", "t/+", shard_bit(kOther), random, chosen));
    EXPECT_TRUE(index.choose_for_node(0, "", "g", "t/+", 0, random, chosen));
    EXPECT_EQ(chosen.shard, kOther);
    const GroupHandle own = index.join(2, "", "g", "t/+", ClientNumber{9}, true);
    EXPECT_EQ(match("t/1").shared.at(0).shard, 2U) << "the default prefers this node";
    EXPECT_TRUE(index.choose_for_node(0, "", "g", "t/+", 0, random, chosen));
    EXPECT_EQ(chosen.member, ClientNumber{9});
    index.leave({&own, 1}, ClientNumber{9});
    EXPECT_EQ(match("t/1").shared.at(0).shard, kOther);
    index.set_remote_group(kOther, "", "g", "t/+", {0, 0});
    index.set_remote_group(kOther, "", "g", "t/+", {0, 0});
    EXPECT_TRUE(match("t/1").empty());
    EXPECT_EQ(index.filter_count(), 0U);
}

TEST_F(SubscriptionIndexNodesTest, AConnectedMemberElsewhereIsBetterThanAnAbsentOneByThePolicy) {
    const GroupHandle own = index.join(2, "", "g", "t/+", ClientNumber{9}, true);
    index.set_online({&own, 1}, ClientNumber{9}, false, true);
    SharedMatch match{own.key, 2, ClientNumber{9}, {}};
    const auto handed_on = [&] {
        const bool other = index.has_other_online(0, own, ClientNumber{9});
        EXPECT_EQ(index.choose_elsewhere(0, match, "", "t/1", 0, random, Elsewhere::Connected),
                  other);
        return other;
    };
    index.set_policy(SharedPolicy::Random);
    index.set_remote_group(kOther, "", "g", "t/+", {0, 1});
    EXPECT_FALSE(handed_on()) << "absent as well";
    index.set_remote_group(kThird, "", "g", "t/+", {1, 0});
    EXPECT_TRUE(handed_on());
    EXPECT_EQ(match.shard, kThird);
    index.set_away(shard_bit(kThird));
    EXPECT_FALSE(handed_on());
    index.set_away(0);
    index.set_policy(SharedPolicy::PreferOnlineBeforeLocal);
    EXPECT_TRUE(handed_on());
    index.set_policy(SharedPolicy::PreferLocal);
    EXPECT_FALSE(handed_on()) << "connected or not";
    index.set_policy(SharedPolicy::LocalOnly);
    EXPECT_FALSE(handed_on());
}

TEST_F(SubscriptionIndexNodesTest, WhatAnotherNodeHasGivenAwayGoesBackWhateverThePolicy) {
    const GroupHandle own = index.join(2, "", "g", "t/+", ClientNumber{9}, true);
    index.set_remote_group(kOther, "", "g", "t/+", {0, 1});
    index.set_policy(SharedPolicy::LocalOnly);
    SharedMatch match{own.key, 2, ClientNumber{9}, {}};
    EXPECT_FALSE(index.choose_elsewhere(0, match, "", "t/1", 0, random));
    EXPECT_FALSE(
        index.choose_elsewhere(0, match, "", "t/1", shard_bit(kOther), random, Elsewhere::Back));
    EXPECT_TRUE(index.choose_elsewhere(0, match, "", "t/1", 0, random, Elsewhere::Back));
    EXPECT_EQ(match.shard, kOther);
}

// Whatever shared_subscription_policy says.
TEST_F(SubscriptionIndexNodesTest, SessionsOfOneClientIdTakeTurnsWhereverTheyAre) {
    const std::string group = mqtt::group_of_sessions("id");
    const GroupHandle own = index.join(2, "", group, "t", ClientNumber{9}, true);
    index.set_remote_group(kOther, "", group, "t", {1, 0});
    for (const auto policy : {SharedPolicy::PreferLocal, SharedPolicy::LocalOnly}) {
        index.set_policy(policy);
        int there = 0;
        for (int i = 0; i < 100; ++i) there += match("t").shared.at(0).shard == kOther ? 1 : 0;
        EXPECT_GT(there, 25);
        EXPECT_LT(there, 75);
        EXPECT_TRUE(index.has_other_online(0, own, ClientNumber{9}));
    }
}

TEST_F(SubscriptionIndexNodesTest, AnotherNodeIsFoundForWhatNobodyHereCanTake) {
    const GroupHandle own = index.join(2, "", "g", "t/+", ClientNumber{9}, true);
    SharedMatch match{own.key, 2, ClientNumber{9}, {}};
    const auto elsewhere = [&](ShardSet except) {
        return index.choose_elsewhere(0, match, "", "t/1", except, random);
    };
    EXPECT_FALSE(elsewhere(0));
    index.set_remote_group(kOther, "", "other group", "t/+", {1, 0});
    index.set_remote_group(kOther, "", "g", "#", {1, 0});
    EXPECT_FALSE(elsewhere(0));
    index.set_remote_group(kOther, "", "g", "t/+", {1, 0});
    index.set_remote_group(kThird, "", "g", "t/+", {0, 1});
    ASSERT_TRUE(elsewhere(0));
    EXPECT_EQ(match.shard, kOther) << "connected ones first";
    EXPECT_EQ(match.name, "$share/g/t/+");
    ASSERT_TRUE(elsewhere(shard_bit(kOther)));
    EXPECT_EQ(match.shard, kThird);
    EXPECT_FALSE(elsewhere(shard_bit(kOther) | shard_bit(kThird)));
    index.set_away(shard_bit(kOther));
    ASSERT_TRUE(elsewhere(0));
    EXPECT_EQ(match.shard, kThird) << "that answers";
    ASSERT_TRUE(elsewhere(shard_bit(kThird)));
    EXPECT_EQ(match.shard, kOther) << "better than nobody";
    index.set_policy(SharedPolicy::LocalOnly);
    EXPECT_FALSE(elsewhere(0));
}

TEST_F(SubscriptionIndexNodesTest, GroupsOfANodeThatGoesAreClearedAway) {
    for (int i = 0; i < 200; ++i) {
        const std::string filter = "f/" + std::to_string(i);
        index.set_remote_group(kOther, "", "g", filter, {1, 2});
        if (i % 2 == 0) index.set_remote_group(kThird, "", "g", filter, {0, 1});
        if (i % 3 == 0) index.set_remote(kOther, "", filter, false);
    }
    for (FilterWalk walk; !walk.done;) index.clear_remote_some(kOther, walk);
    EXPECT_EQ(index.filter_count(), 100U);
    for (FilterWalk walk; !walk.done;) index.clear_remote_some(kThird, walk);
    EXPECT_EQ(index.filter_count(), 0U);
}

TEST_F(SubscriptionIndexNodesTest, WhatOthersAreToldOfGroupsIsHowManyMembersThereAre) {
    Changes changes;
    index.observe(&changes);
    const std::vector<Name> told{{"mp", "$share/g/t"}};
    const GroupHandle first = index.join(0, "mp", "g", "t", ClientNumber{1}, true);
    EXPECT_EQ(changes.take(), told);
    const GroupHandle second = index.join(1, "mp", "g", "t", ClientNumber{2}, true);
    EXPECT_EQ(changes.take(), told);
    EXPECT_EQ(index.local_group("mp", "g", "t"), (GroupPresence{2, 0}));
    index.set_online({&second, 1}, ClientNumber{2}, false, true);
    EXPECT_EQ(changes.take(), told);
    EXPECT_EQ(index.local_group("mp", "g", "t"), (GroupPresence{1, 1}));
    std::vector<SubscriptionIndex::LocalFilter> found;
    for (FilterWalk walk; !walk.done;) index.collect_local_some(walk, found);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].filter, "$share/g/t");
    EXPECT_EQ(found[0].members, (GroupPresence{1, 1}));
    index.leave({&first, 1}, ClientNumber{1});
    index.leave({&second, 1}, ClientNumber{2});
    EXPECT_EQ(changes.take().size(), 2U);
    EXPECT_EQ(index.local_group("mp", "g", "t"), GroupPresence{});
    index.set_remote_group(kOther, "mp", "g", "t", {5, 5});
    EXPECT_EQ(index.local_group("mp", "g", "t"), GroupPresence{});
    EXPECT_TRUE(changes.take().empty());
    index.observe(nullptr);
}

}  // namespace
}  // namespace vmq::routing
