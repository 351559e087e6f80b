#include "routing/shared_group.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <set>
#include <span>
#include <vector>

namespace vmq::routing {
namespace {

using Presence = SharedGroup::Presence;

SharedGroup group() { return {SubscriptionKey{1}, nullptr, "g"}; }

TEST(SharedGroup, AnOnlineMemberGoesBeforeAStoredOneAndAnAwayOneIsNeverChosen) {
    SharedGroup members = group();
    Random random(1);
    EXPECT_FALSE(members.choose(random));
    members.join({ClientNumber{1}, 0}, Presence::Away);
    EXPECT_FALSE(members.choose(random));
    members.join({ClientNumber{2}, 0}, Presence::Stored);
    EXPECT_EQ(members.choose(random)->client, ClientNumber{2});
    members.join({ClientNumber{3}, 1}, Presence::Online);
    EXPECT_EQ(members.choose(random)->client, ClientNumber{3});
    EXPECT_EQ(members.choose(random)->shard, 1U);
    EXPECT_EQ(members.choose(random, std::array{ClientNumber{3}})->client, ClientNumber{2});
    EXPECT_EQ(members.choose(random, std::span<const ClientNumber>{}, true)->client,
              ClientNumber{3});
    EXPECT_FALSE(members.choose(random, std::array{ClientNumber{3}}, true)) << "only absent ones";
    members.leave(ClientNumber{2});
    EXPECT_FALSE(members.choose(random, std::array{ClientNumber{3}}));
}

TEST(SharedGroup, ThoseThatWereTriedAreNotChosenAgainUntilNobodyIsLeft) {
    SharedGroup members = group();
    for (std::uint64_t i = 1; i <= 20; ++i) {
        members.join({ClientNumber{i}, 0}, i <= 12 ? Presence::Online : Presence::Stored);
    }
    Random random(3);
    std::vector<ClientNumber> tried{ClientNumber{99}};  // not a member
    while (const auto next = members.choose(random, tried)) {
        EXPECT_EQ(std::count(tried.begin(), tried.end(), next->client), 0);
        EXPECT_EQ(static_cast<std::uint64_t>(next->client) <= 12, tried.size() <= 12);
        tried.push_back(next->client);
    }
    EXPECT_EQ(tried.size(), 21U);
}

/// Whom a thousand messages go to: "here" or the number of a node.
std::map<std::string, int> thousand(const SharedGroup& members, SharedPolicy policy,
                                    ShardSet away = 0) {
    Random random(7);
    std::map<std::string, int> count;
    for (int i = 0; i < 1000; ++i) {
        const auto chosen = members.choose(random, policy, away);
        if (chosen.member) ++count["here"];
        if (chosen.node) ++count[std::to_string(*chosen.node)];
    }
    return count;
}
std::set<std::string> ever(const SharedGroup& members, SharedPolicy policy, ShardSet away = 0) {
    std::set<std::string> names;
    for (const auto& [name, count] : thousand(members, policy, away)) names.insert(name);
    return names;
}

TEST(SharedGroup, ThePolicyDecidesBetweenThisNodeAndOthers) {
    using Names = std::set<std::string>;
    SharedGroup members = group();
    members.join({ClientNumber{1}, 0}, Presence::Stored);
    members.set_remote({4, 2, 1});
    members.set_remote({5, 0, 3});
    EXPECT_EQ(ever(members, SharedPolicy::PreferLocal), Names{"here"});
    EXPECT_EQ(ever(members, SharedPolicy::LocalOnly), Names{"here"});
    EXPECT_EQ(ever(members, SharedPolicy::Random), Names{"4"}) << "the only ones connected";
    EXPECT_EQ(ever(members, SharedPolicy::PreferOnlineBeforeLocal), Names{"4"});
    members.set_remote({4, 0, 1});
    EXPECT_EQ(ever(members, SharedPolicy::Random), (Names{"here", "4", "5"}));
    EXPECT_EQ(ever(members, SharedPolicy::PreferOnlineBeforeLocal), Names{"here"});
    members.set_presence(ClientNumber{1}, Presence::Online);
    members.set_remote({4, 2, 1});
    EXPECT_EQ(ever(members, SharedPolicy::Random), (Names{"here", "4"}));
    EXPECT_EQ(ever(members, SharedPolicy::PreferOnlineBeforeLocal), Names{"here"});
    members.leave(ClientNumber{1});
    EXPECT_FALSE(members.empty());
    EXPECT_EQ(ever(members, SharedPolicy::PreferLocal), Names{"4"});
    EXPECT_EQ(ever(members, SharedPolicy::LocalOnly), Names{});
    members.set_remote({4, 0, 0});
    EXPECT_EQ(ever(members, SharedPolicy::PreferLocal), Names{"5"});
    members.set_remote({5, 0, 0});
    EXPECT_TRUE(members.empty());
}

TEST(SharedGroup, ANodeIsChosenAsOftenAsItHasMembers) {
    SharedGroup members = group();
    members.join({ClientNumber{1}, 0}, Presence::Online);
    members.set_remote({4, 3, 0});
    members.set_remote({5, 6, 0});
    auto count = thousand(members, SharedPolicy::Random);
    EXPECT_NEAR(count["here"], 100, 40);
    EXPECT_NEAR(count["4"], 300, 60);
    EXPECT_NEAR(count["5"], 600, 60);
}

TEST(SharedGroup, ANodeThatIsAwayIsTheLastResort) {
    using Names = std::set<std::string>;
    SharedGroup members = group();
    members.set_remote({4, 2, 0});
    members.set_remote({5, 0, 1});
    EXPECT_EQ(ever(members, SharedPolicy::Random, shard_bit(4)), Names{"5"});
    EXPECT_EQ(ever(members, SharedPolicy::Random, shard_bit(4) | shard_bit(5)), Names{"5"})
        << "messages wait for somebody there";
    members.set_remote({5, 0, 0});
    EXPECT_EQ(ever(members, SharedPolicy::Random, shard_bit(4)), Names{"4"});
}

TEST(SharedGroup, JoiningTwiceChangesNothing) {
    SharedGroup members = group();
    EXPECT_TRUE(members.join({ClientNumber{1}, 0}, Presence::Online));
    EXPECT_FALSE(members.join({ClientNumber{1}, 0}, Presence::Away));
    Random random(1);
    EXPECT_TRUE(members.choose(random));
    members.leave(ClientNumber{1});
    EXPECT_TRUE(members.empty());
}

TEST(SharedGroup, TheChoiceAmongOnlineMembersIsUniform) {
    SharedGroup members = group();
    for (std::uint64_t i = 0; i < 20; ++i) {
        members.join({ClientNumber{i}, 0}, i < 10 ? Presence::Online : Presence::Stored);
    }
    Random random(5);
    std::map<ClientNumber, int> count;
    for (int i = 0; i < 10'000; ++i) ++count[members.choose(random)->client];
    ASSERT_EQ(count.size(), 10U);
    for (const auto& [client, times] : count) {
        EXPECT_GT(times, 800);
        EXPECT_LT(times, 1200);
    }
}

TEST(SharedGroup, AgreesWithANaiveModelUnderRandomOperations) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    SharedGroup members = group();
    std::map<ClientNumber, Presence> model;
    for (int i = 0; i < 30'000; ++i) {
        const ClientNumber client{random.below(24)};
        const auto presence = static_cast<Presence>(random.below(3));
        switch (random.below(4)) {
            case 0:
                ASSERT_EQ(members.join({client, 0}, presence),
                          model.emplace(client, presence).second);
                break;
            case 1:
                members.leave(client);
                model.erase(client);
                break;
            case 2:
                members.set_presence(client, presence);
                if (model.contains(client)) model[client] = presence;
                break;
            default:
                break;
        }
        ASSERT_EQ(members.empty(), model.empty());
        std::map<Presence, std::set<ClientNumber>> candidates;
        for (const auto& [each, is] : model) {
            if (each != client && is != Presence::Away) candidates[is].insert(each);
        }
        const auto chosen = members.choose(random, std::array{client});
        ASSERT_EQ(chosen.has_value(), !candidates.empty());
        if (chosen) {
            ASSERT_TRUE(candidates.begin()->second.contains(chosen->client));
        }
    }
}

}  // namespace
}  // namespace vmq::routing
