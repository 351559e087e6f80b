#include "vernemq/cluster_keys.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace vmq::launcher {
namespace {

using admin::ApiKeyStore;
using admin::commands::ApiScope;
using broker::SharedFact;
using cluster::FactKind;

/// What all nodes know, told to each of them.
struct World {
    std::map<std::string, std::string> facts;
    std::vector<SharedFact> news;
    std::size_t puts = 0;
};

struct KeyNode {
    explicit KeyNode(World& the_world, const std::string& name)
        : world(the_world),
          store("", name, {.min_length = 0, .max_days = {}, .rounds = 2}, [this] { return now; }) {}

    void tell() {
        ASSERT_TRUE(keys.tell([this](const std::string& id, const auto& value) -> Result<void> {
            ++world.puts;
            if (value) {
                world.facts[id] = *value;
            } else {
                world.facts.erase(id);
            }
            world.news.push_back({FactKind::ApiKey, id, value, now});
            return {};
        }));
    }
    bool opens(const std::string& key, ApiScope scope = ApiScope::Mgmt) const {
        return store.check(key, scope).outcome == ApiKeyStore::Outcome::Granted;
    }

    World& world;
    std::int64_t now = 1'800'000'000'000;
    ApiKeyStore store;
    ClusterKeys keys{store};
};

class ClusterKeysTest : public ::testing::Test {
protected:
    /// Everybody tells and hears until there is nothing new.
    void settle(std::vector<KeyNode*> nodes) {
        for (int i = 0; i < 10; ++i) {
            for (KeyNode* each : nodes) each->tell();
            const auto news = std::exchange(world_.news, {});
            if (news.empty()) return;
            for (KeyNode* each : nodes) each->keys.follow(news);
        }
        FAIL() << "they never stop talking";
    }
    World world_;
    KeyNode a_{world_, "a@h"};
    KeyNode b_{world_, "b@h"};
};

TEST_F(ClusterKeysTest, AKeyOpensOnAllNodesAndADeletedOneOnNone) {
    const std::string made = a_.store.create(ApiScope::Metrics, 1'800'000'100).value();
    ASSERT_TRUE(a_.store.add("chosen", ApiScope::Mgmt, std::nullopt));
    settle({&a_, &b_});
    EXPECT_TRUE(b_.opens(made, ApiScope::Metrics));
    EXPECT_FALSE(b_.opens(made)) << "its scope travels";
    EXPECT_TRUE(b_.opens("chosen"));
    b_.now += 200'000;
    EXPECT_FALSE(b_.opens(made, ApiScope::Metrics)) << "its expiry travels";
    ASSERT_TRUE(b_.store.remove("chosen", ApiScope::Mgmt));
    settle({&a_, &b_});
    EXPECT_FALSE(a_.opens("chosen"));
    const std::size_t puts = world_.puts;
    settle({&a_, &b_});
    EXPECT_EQ(world_.puts, puts) << "what all know is not told again";
}

TEST_F(ClusterKeysTest, TheKeyItselfDoesNotTravel) {
    const std::string made = a_.store.create(ApiScope::Mgmt, std::nullopt).value();
    ASSERT_TRUE(a_.store.add("chosen-key-of-people", ApiScope::Mgmt, std::nullopt));
    a_.tell();
    for (const auto& [id, value] : world_.facts) {
        EXPECT_EQ(value.find(made), std::string::npos);
        EXPECT_EQ(value.find("chosen-key"), std::string::npos) << value;
    }
}

TEST_F(ClusterKeysTest, ADeletedKeyStaysDeletedAfterASplit) {
    const std::string made = a_.store.create(ApiScope::Mgmt, std::nullopt).value();
    settle({&a_, &b_});
    const std::string before = world_.facts.begin()->second;
    ASSERT_TRUE(a_.store.remove(made, ApiScope::Mgmt));
    settle({&a_});  // b is away
    EXPECT_TRUE(b_.opens(made));
    // What b says of it is older, and an old fact that comes back changes nothing.
    a_.keys.follow({{FactKind::ApiKey, world_.facts.begin()->first, before, 0}});
    EXPECT_FALSE(a_.opens(made));
    settle({&a_, &b_});
    b_.keys.follow(
        {{FactKind::ApiKey, world_.facts.begin()->first, world_.facts.begin()->second, 0}});
    EXPECT_FALSE(b_.opens(made));
    EXPECT_FALSE(a_.opens(made));
}

TEST_F(ClusterKeysTest, AFactThatIsGoneDeletesItsKey) {
    const std::string made = a_.store.create(ApiScope::Mgmt, std::nullopt).value();
    a_.tell();
    a_.keys.follow({{FactKind::ApiKey, world_.facts.begin()->first, std::nullopt, 0}});
    EXPECT_FALSE(a_.opens(made));
}

TEST_F(ClusterKeysTest, WhatIsOfNoUseIsForgottenByAll) {
    const std::string made = a_.store.create(ApiScope::Mgmt, std::nullopt).value();
    settle({&a_, &b_});
    ASSERT_TRUE(a_.store.remove(made, ApiScope::Mgmt));
    settle({&a_, &b_});
    EXPECT_EQ(world_.facts.size(), 1U) << "remembered, for nodes that are away";
    for (KeyNode* each : {&a_, &b_}) {
        each->now += std::int64_t{31} * 24 * 3600 * 1000;
        ASSERT_TRUE(each->store.create(ApiScope::Mgmt, std::nullopt));
    }
    settle({&a_, &b_});
    EXPECT_EQ(world_.facts.size(), 2U) << "the two new ones";
}

TEST_F(ClusterKeysTest, WhatCannotBeReadDoesNoHarm) {
    const std::string made = a_.store.create(ApiScope::Mgmt, std::nullopt).value();
    a_.tell();
    b_.keys.follow({{FactKind::ApiKey, "x", "{\"version\":9}", 0},
                    {FactKind::ApiKey, "y", world_.facts.begin()->second, 0},
                    {FactKind::Setting, "z", "1", 0}});
    EXPECT_TRUE(b_.store.facts().empty());
    b_.tell();
    EXPECT_EQ(world_.facts.size(), 1U) << "it is left to those who understand it";
}

}  // namespace
}  // namespace vmq::launcher
