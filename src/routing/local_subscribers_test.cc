#include "routing/local_subscribers.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <utility>

#include "mqtt/internal_group.h"
#include "mqtt/topic_size.h"
#include "routing/subscription_model.h"

namespace vmq::routing {
namespace {

struct Client final : Subscriber {};
using Added = LocalSubscribers::Added;

class LocalSubscribersTest : public testing::Test {
protected:
    Added subscribe(Client& client, std::string_view filter, std::uint32_t id = 0,
                    bool persistent = false, bool online = true) {
        return local.subscribe(client, number(client), "", filter, {}, id, persistent, online);
    }
    bool unsubscribe(Client& client, std::string_view filter) {
        return local.unsubscribe(client, number(client), "", filter);
    }
    MatchResult match(std::string_view topic) {
        MatchResult result;
        index.match(0, "", topic, random, result);
        return result;
    }
    static ClientNumber number(const Client& client) {
        return ClientNumber{reinterpret_cast<std::uintptr_t>(&client)};
    }

    SubscriptionIndex index{2, 7};
    LocalSubscribers local{1, index};
    Random random{1};
    Client a;
    Client b;
    Client c;
};

TEST_F(LocalSubscribersTest, AMatchLeadsToTheSubscribersWithTheirOptions) {
    const mqtt::SubscriptionOptions options{.qos = mqtt::QoS::AtLeastOnce, .no_local = true};
    local.subscribe(a, number(a), "", "x/+", options, 42, false, true);
    const MatchResult result = match("x/y");
    ASSERT_EQ(result.filters.size(), 1U);
    const auto list = local.subscribers(result.filters[0].key);
    ASSERT_EQ(list.size(), 1U);
    EXPECT_EQ(list[0].subscriber, &a);
    EXPECT_EQ(list[0].subscription_id, 42U);
    EXPECT_EQ(list[0].options, options);
}

// [v5 MQTT-3.8.4-3]: an identical filter replaces the subscription.
TEST_F(LocalSubscribersTest, SubscribingAgainReplacesAndAddsNothing) {
    EXPECT_EQ(subscribe(a, "x", 1), Added::New);
    EXPECT_EQ(subscribe(a, "x", 2), Added::Replaced);
    EXPECT_EQ(subscribe(a, "$share/g/x", 1), Added::New);
    EXPECT_EQ(subscribe(a, "$share/g/x", 3), Added::Replaced);
    EXPECT_EQ(local.subscription_count(), 2U);
    EXPECT_EQ(a.subscription_count(), 2U);
    const auto list = local.subscribers(match("x").filters[0].key);
    ASSERT_EQ(list.size(), 1U);
    EXPECT_EQ(list[0].subscription_id, 2U);
    EXPECT_EQ(local.find(a, "", "$share/g/x")->subscription_id, 3U);
}

TEST_F(LocalSubscribersTest, UnsubscribingOneLeavesTheOthers) {
    for (Client* client : {&a, &b, &c}) subscribe(*client, "x");
    EXPECT_TRUE(unsubscribe(a, "x"));
    EXPECT_FALSE(unsubscribe(a, "x"));
    EXPECT_TRUE(unsubscribe(c, "x"));
    const MatchResult result = match("x");
    ASSERT_EQ(result.filters.size(), 1U);
    ASSERT_EQ(local.subscribers(result.filters[0].key).size(), 1U);
    EXPECT_EQ(local.subscribers(result.filters[0].key)[0].subscriber, &b);
    EXPECT_TRUE(unsubscribe(b, "x"));
    EXPECT_TRUE(match("x").empty());
    EXPECT_TRUE(local.subscribers(result.filters[0].key).empty());
}

TEST_F(LocalSubscribersTest, APersistentSubscriberMarksItsShardUntilTheLastOneGoes) {
    subscribe(a, "x", 0, true);
    subscribe(b, "x", 0, true);
    subscribe(c, "x", 0, false);
    EXPECT_EQ(match("x").filters[0].persistent_shards, shard_bit(1));
    local.set_state(a, number(a), true, false);
    EXPECT_EQ(match("x").filters[0].persistent_shards, shard_bit(1));
    unsubscribe(b, "x");
    EXPECT_EQ(match("x").filters[0].persistent_shards, 0U);
    EXPECT_EQ(match("x").filters[0].shards, shard_bit(1));
    local.set_state(c, number(c), false, true);
    EXPECT_EQ(match("x").filters[0].persistent_shards, shard_bit(1));
}

TEST_F(LocalSubscribersTest, AStateGivenWithASubscriptionHoldsForTheEarlierOnesToo) {
    subscribe(a, "x", 0, false);
    subscribe(a, "y", 0, true);
    EXPECT_EQ(match("x").filters[0].persistent_shards, shard_bit(1));
    unsubscribe(a, "x");
    unsubscribe(a, "y");
    EXPECT_EQ(index.filter_count(), 0U);
}

TEST_F(LocalSubscribersTest, AnOfflineMemberOfAGroupIsChosenOnlyIfItsMessagesAreStored) {
    subscribe(a, "$share/g/x", 0, false, false);
    EXPECT_TRUE(match("x").empty());
    local.set_state(a, number(a), false, true);
    ASSERT_EQ(match("x").shared.size(), 1U);
    subscribe(b, "$share/g/x", 0, false, true);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(match("x").shared[0].member, number(b));
    local.set_state(b, number(b), false, false);
    EXPECT_EQ(match("x").shared[0].member, number(a));
}

// queue_deliver_mode = balance
TEST_F(LocalSubscribersTest, SessionsOfOneClientIdTakeTurnsAsMembersOfAGroup) {
    subscribe(a, "x/+", 7);
    subscribe(a, "$share/g/x/y", 8);
    local.take_turns(a, number(a), "", "id/1", true);
    subscribe(a, "z", 9);
    EXPECT_EQ(a.subscription_count(), 3U);
    MatchResult result = match("x/y");
    EXPECT_TRUE(result.filters.empty());
    ASSERT_EQ(result.shared.size(), 2U);
    EXPECT_EQ(match("z").shared.size(), 1U);

    for (const auto& [filter, id] : {std::pair{"x/+", 7U}, {"$share/g/x/y", 8U}, {"z", 9U}}) {
        const OwnSubscription* own = local.find(a, "", filter);
        ASSERT_NE(own, nullptr) << filter;
        EXPECT_TRUE(own->shared);
        EXPECT_EQ(own->subscription_id, id);
        EXPECT_EQ(local.text(*own), filter);
        EXPECT_EQ(local.find(a, "", local.shared_text(*own)), own);
    }
    EXPECT_EQ(local.shared_text(*local.find(a, "", "z")),
              "$share/" + mqtt::group_of_sessions("id/1") + "/z");
    EXPECT_EQ(subscribe(a, "z", 10), Added::Replaced);
    EXPECT_TRUE(unsubscribe(a, "z"));
    EXPECT_FALSE(unsubscribe(a, "z"));
    EXPECT_TRUE(match("z").empty());

    local.take_turns(a, number(a), "", "id/1", false);
    result = match("x/y");
    EXPECT_EQ(result.filters.size(), 1U);
    EXPECT_EQ(result.shared.size(), 1U) << "the group of its own choice";
    EXPECT_EQ(local.subscription_count(), 2U);
    local.unsubscribe_all(a, number(a));
    EXPECT_TRUE(match("x/y").empty());
}

TEST_F(LocalSubscribersTest, AFilterTooLongForAGroupIsSubscribedToByEachSession) {
    const std::string longest(mqtt::kMaxTopicSize - 20, 'a');
    local.take_turns(a, number(a), "", "an id of twenty bytes", true);
    subscribe(a, longest);
    EXPECT_EQ(match(longest).filters.size(), 1U);
    ASSERT_NE(local.find(a, "", longest), nullptr);
    EXPECT_EQ(local.text(*local.find(a, "", longest)), longest);
    EXPECT_TRUE(unsubscribe(a, longest));
    EXPECT_TRUE(match(longest).empty());
}

TEST_F(LocalSubscribersTest, ManySubscriptionsOfOneClientAreAllFoundAndAllLeft) {
    for (int i = 0; i < 500; ++i) subscribe(a, "t/" + std::to_string(i));
    for (int i = 0; i < 500; i += 2) EXPECT_TRUE(unsubscribe(a, "t/" + std::to_string(i)));
    for (int i = 0; i < 500; ++i) {
        EXPECT_EQ(local.find(a, "", "t/" + std::to_string(i)) != nullptr, i % 2 == 1);
    }
    EXPECT_EQ(local.subscription_count(), 250U);
    local.unsubscribe_all(a, number(a));
    EXPECT_EQ(a.subscription_count(), 0U);
    EXPECT_EQ(local.subscription_count(), 0U);
    EXPECT_EQ(index.filter_count(), 0U);
}

TEST(LocalSubscribersModel, SeveralShardsAgreeWithANaiveModelUnderRandomOperations) {
    const std::uint64_t first = std::random_device{}();
    for (std::uint64_t seed = first; seed < first + 8; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        SubscriptionModel model(seed);
        Random random(seed);
        for (int i = 0; i < 6000; ++i) {
            ASSERT_EQ(model.step([&](std::uint32_t bound) { return random.below(bound); }), "");
        }
        ASSERT_EQ(model.finish(), "");
    }
}

}  // namespace
}  // namespace vmq::routing
