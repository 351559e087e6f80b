#include "routing/shared_group.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

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
    EXPECT_EQ(members.choose(random, ClientNumber{3})->client, ClientNumber{2});
    members.leave(ClientNumber{2});
    EXPECT_FALSE(members.choose(random, ClientNumber{3}));
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
        const auto chosen = members.choose(random, client);
        ASSERT_EQ(chosen.has_value(), !candidates.empty());
        if (chosen) {
            ASSERT_TRUE(candidates.begin()->second.contains(chosen->client));
        }
    }
}

}  // namespace
}  // namespace vmq::routing
