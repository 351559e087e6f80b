#include "routing/topic_order.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

#include "base/random.h"
#include "mqtt/topic.h"
#include "routing/random_topics.h"

namespace vmq::routing {
namespace {

using Verdict = FilterStep::Verdict;

TEST(TopicOrder, ATopicComesRightBeforeItsSubtree) {
    EXPECT_LT(compare_topics("a", "a/b"), 0);
    EXPECT_LT(compare_topics("a/b", "a!"), 0);
    EXPECT_LT(compare_topics("a/", "a/b"), 0);
    EXPECT_LT(compare_topics("", "/"), 0);
    EXPECT_LT(compare_topics("long/topic/name", "long/topic\x01"), 0);
    EXPECT_EQ(compare_topics("a/b", "a/b"), 0);
    EXPECT_GT(compare_topics("a\xC3\xA4", "az"), 0);
}

TEST(TopicOrder, APlaceBehindASubtreeIsBehindAllOfIt) {
    const TopicPlace behind{"a", true};
    EXPECT_TRUE(comes_before("a", behind));
    EXPECT_TRUE(comes_before("a/z/z", behind));
    EXPECT_FALSE(comes_before("a!", behind));
    EXPECT_FALSE(comes_before("b", behind));
}

TEST(TopicOrder, TheLiteralPrefixEndsBeforeTheFirstWildcard) {
    EXPECT_EQ(literal_prefix("a/b/+/c"), "a/b");
    EXPECT_EQ(literal_prefix("a/#"), "a");
    EXPECT_EQ(literal_prefix("#"), "");
    EXPECT_EQ(literal_prefix("/+"), "");
    EXPECT_EQ(literal_prefix("a/b"), "a/b");
}

// Every verdict must agree with filter_matches, and no seek may pass over a topic that matches.
TEST(TopicOrder, StepsAgreeWithTheNaiveMatchAndSkipNothingThatMatches) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const auto pick = [&](std::uint32_t bound) { return random.below(bound); };
    std::set<std::string> topics;
    for (int i = 0; i < 600; ++i) topics.insert(random_topic(pick));
    for (int i = 0; i < 300; ++i) {
        const std::string filter = random_filter(pick);
        for (const std::string& topic : topics) {
            const FilterStep next = step(filter, topic);
            ASSERT_EQ(next.verdict == Verdict::Matches, mqtt::filter_matches(filter, topic))
                << filter << " and " << topic;
            if (next.verdict == Verdict::Matches) continue;
            const std::string target =
                std::string(next.prefix) + (next.append ? "/" : "") + std::string(next.word);
            const TopicPlace place{target, next.behind_subtree};
            if (next.verdict == Verdict::Seek) {
                ASSERT_TRUE(comes_before(topic, place));
            }
            for (const std::string& other : topics) {
                if (compare_topics(other, topic) <= 0 || !mqtt::filter_matches(filter, other))
                    continue;
                ASSERT_EQ(next.verdict, Verdict::Seek) << filter << " at " << topic;
                ASSERT_FALSE(comes_before(other, place))
                    << filter << " at " << topic << " passes over " << other;
            }
        }
    }
}

}  // namespace
}  // namespace vmq::routing
