#include "broker/top_counts.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

#include "base/random.h"

namespace vmq::broker {
namespace {

TEST(TopCounts, CountsExactlyWhatFits) {
    TopCounts top(2);
    top.add("a", 1);
    top.add("b", 2);
    top.add("a", 4);
    ASSERT_EQ(top.entries().size(), 2U);
    EXPECT_EQ(top.entries()[0].key, "a");
    EXPECT_EQ(top.entries()[0].count, 5U);
    EXPECT_EQ(top.entries()[0].excess, 0U);
    EXPECT_EQ(top.entries()[1].count, 2U);
}

TEST(TopCounts, OneKeyMoreTakesThePlaceOfTheRarest) {
    TopCounts top(2);
    top.add("a", 5);
    top.add("b", 2);
    top.add("c", 1);
    ASSERT_EQ(top.entries().size(), 2U);
    EXPECT_EQ(top.entries()[1].key, "c");
    EXPECT_EQ(top.entries()[1].count, 3U);
    EXPECT_EQ(top.entries()[1].excess, 2U);
}

TEST(TopCounts, KeepsItsPromisesWhateverComes) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    for (int round = 0; round < 50; ++round) {
        const std::size_t capacity = random.below(20) + 1;
        TopCounts top(capacity);
        std::map<std::string, std::uint64_t> model;
        std::uint64_t sum = 0;
        for (int i = 0; i < 2000; ++i) {
            // A few keys are frequent, many are rare.
            const std::uint32_t bound = random.below(100) + 1;
            const std::string key = std::to_string(random.below(bound));
            const std::uint64_t count = random.below(5) + 1;
            top.add(key, count);
            model[key] += count;
            sum += count;
        }
        ASSERT_LE(top.entries().size(), capacity);
        std::map<std::string, std::uint64_t> kept;
        std::uint64_t kept_sum = 0;
        for (const TopCounts::Entry& entry : top.entries()) {
            ASSERT_GE(entry.count, model[entry.key]);
            ASSERT_LE(entry.count - entry.excess, model[entry.key]);
            ASSERT_TRUE(kept.emplace(entry.key, entry.count).second);
            kept_sum += entry.count;
        }
        ASSERT_EQ(kept_sum, sum);
        for (const auto& [key, count] : model) {
            if (count <= sum / capacity) continue;
            ASSERT_TRUE(kept.contains(key)) << key;
        }
    }
}

}  // namespace
}  // namespace vmq::broker
