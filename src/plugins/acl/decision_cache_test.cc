#include "plugins/acl/decision_cache.h"

#include <gtest/gtest.h>

#include <string>

namespace vmq::plugins::acl {
namespace {

constexpr Identity kAlice{"mp", "client", "alice"};

/// Whether the cache had to ask, and what it then said.
struct Asked {
    int times = 0;
    bool get(DecisionCache& cache, const Identity& who, std::string_view topic,
             std::uint64_t generation, bool answer) {
        return cache.get(who, topic, generation, [this, answer] {
            ++times;
            return answer;
        });
    }
};

TEST(DecisionCache, RemembersYesAndNo) {
    DecisionCache cache;
    Asked asked;
    for (const bool answer : {true, false}) {
        const std::string topic = answer ? "a" : "b";
        EXPECT_EQ(asked.get(cache, kAlice, topic, 0, answer), answer);
        EXPECT_EQ(asked.get(cache, kAlice, topic, 0, !answer), answer);
    }
    EXPECT_EQ(asked.times, 2);
}

TEST(DecisionCache, ForgetsWhatOlderRulesSaid) {
    DecisionCache cache;
    Asked asked;
    EXPECT_TRUE(asked.get(cache, kAlice, "a", 1, true));
    EXPECT_FALSE(asked.get(cache, kAlice, "a", 2, false));
    EXPECT_FALSE(asked.get(cache, kAlice, "a", 2, true));
    EXPECT_EQ(asked.times, 2);
}

TEST(DecisionCache, TellsIdentitiesApartWhoseTextsRunTogether) {
    DecisionCache cache;
    Asked asked;
    const Identity identities[] = {{"", "ab", "c"}, {"", "a", "bc"},           {"a", "b", "c"},
                                   {"", "abc", ""}, {"", "abc", std::nullopt}, {"abc", "", ""}};
    for (const Identity& who : identities) EXPECT_TRUE(asked.get(cache, who, "t", 0, true));
    EXPECT_EQ(asked.times, 6);
    EXPECT_TRUE(asked.get(cache, {"", "abct", ""}, "", 0, true));
    EXPECT_EQ(asked.times, 7);
}

TEST(DecisionCache, RemembersKeysUpToItsLimit) {
    DecisionCache cache;
    Asked asked;
    const std::string longest(DecisionCache::kMaxKeySize - 2, 't');
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(asked.get(cache, {"m", "c", {}}, longest, 0, true));
    EXPECT_EQ(asked.times, 1);
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(asked.get(cache, {"m", "cc", {}}, longest, 0, true));
    EXPECT_EQ(asked.times, 3);
    const std::string huge(70'000, 'c');
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(asked.get(cache, {"m", huge, "u"}, "t", 0, true));
    EXPECT_EQ(asked.times, 5);
}

TEST(DecisionCache, GrowsToWhatIsInUse) {
    DecisionCache cache;
    Asked asked;
    constexpr int kTopics = 5 * static_cast<int>(DecisionCache::kFirstSets * DecisionCache::kWays);
    for (int round = 0; round < 12; ++round) {
        asked.times = 0;
        for (int i = 0; i < kTopics; ++i) {
            ASSERT_EQ(asked.get(cache, kAlice, std::to_string(i), 0, i % 3 == 0), i % 3 == 0);
        }
    }
    EXPECT_LT(asked.times, kTopics / 10);
}

TEST(DecisionCache, AnswersRightAlsoWhenItOverflows) {
    DecisionCache cache;
    Asked asked;
    constexpr int kTopics = 3 * static_cast<int>(DecisionCache::kMaxSets * DecisionCache::kWays);
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < kTopics; ++i) {
            ASSERT_EQ(asked.get(cache, kAlice, std::to_string(i), 0, i % 3 == 0), i % 3 == 0);
        }
    }
    EXPECT_GT(asked.times, kTopics);
}

TEST(DecisionCache, KeepsMostOfWhatItKnowsInAFloodOfNewTopics) {
    DecisionCache cache;
    Asked asked;
    const auto ask_known = [&] {
        for (int i = 0; i < 1000; ++i) {
            EXPECT_TRUE(asked.get(cache, kAlice, "known/" + std::to_string(i), 0, true));
        }
    };
    ask_known();
    constexpr int kFlood = static_cast<int>(DecisionCache::kMaxSets * DecisionCache::kWays);
    for (int i = 0; i < kFlood; ++i) {
        EXPECT_TRUE(asked.get(cache, {"", "mallory", {}}, std::to_string(i), 0, true));
    }
    asked.times = 0;
    ask_known();
    EXPECT_LT(asked.times, 300);
    asked.times = 0;
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(asked.get(cache, kAlice, "new", 0, true));
    EXPECT_LT(asked.times, 20);  // what is asked again and again gets in
}

}  // namespace
}  // namespace vmq::plugins::acl
