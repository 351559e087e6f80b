#include "routing/filter_node.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "base/random.h"

namespace vmq::routing {
namespace {

constexpr std::uint64_t kSeed = 11;

FilterNode* find(const ChildTable& table, const FilterNode* parent, std::string_view text) {
    const FilterWord word(text, kSeed);
    return table.find(parent, word, ChildTable::hash(parent, word.hash));
}

TEST(FilterWord, WordsAreEqualOnlyIfEveryByteIs) {
    for (std::size_t size = 0; size < 40; ++size) {
        const std::string text(size, 'a');
        const FilterWord word(text, kSeed);
        EXPECT_TRUE(word == std::string_view(text));
        EXPECT_FALSE(word == std::string_view(text + "a"));
        EXPECT_NE(word.hash, FilterWord(text + "a", kSeed).hash);
        for (std::size_t at = 0; at < size; ++at) {
            std::string other = text;
            other[at] = 'b';
            EXPECT_FALSE(word == std::string_view(other)) << size << ' ' << at;
            EXPECT_NE(word.hash, FilterWord(other, kSeed).hash);
        }
    }
}

TEST(ChildTable, TheSameWordUnderTwoParentsIsTwoNodes) {
    ChildTable table(kSeed);
    FilterNode* a = FilterNode::make(1, nullptr, "a");
    FilterNode* below_a = FilterNode::make(2, a, "a");
    table.insert(a);
    EXPECT_EQ(find(table, a, "a"), nullptr);
    table.insert(below_a);
    EXPECT_EQ(find(table, nullptr, "a"), a);
    EXPECT_EQ(find(table, a, "a"), below_a);
    EXPECT_EQ(find(table, below_a, "a"), nullptr);
    table.for_each(FilterNode::destroy);
}

TEST(ChildTable, AgreesWithANaiveModelUnderRandomInsertionsAndRemovals) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    ChildTable table(kSeed);
    std::vector<FilterNode*> model(600, nullptr);
    for (int i = 0; i < 60'000; ++i) {
        const bool grows = (i / 10'000) % 2 == 0;
        const std::uint32_t chosen = random.below(600);
        FilterNode*& node = model[chosen];
        if (node == nullptr && random.below(4) < (grows ? 3U : 1U)) {
            node = FilterNode::make(1, nullptr, std::to_string(chosen));
            table.insert(node);
        } else if (node != nullptr && random.below(4) < (grows ? 1U : 3U)) {
            table.erase(node);
            FilterNode::destroy(node);
            node = nullptr;
        }
        const std::uint32_t other = random.below(600);
        ASSERT_EQ(find(table, nullptr, std::to_string(other)), model[other]);
        ASSERT_EQ(find(table, nullptr, std::to_string(chosen)), node);
    }
    for (FilterNode* node : model) {
        if (node == nullptr) continue;
        table.erase(node);
        FilterNode::destroy(node);
    }
    table.for_each([](FilterNode*) { ADD_FAILURE(); });
}

}  // namespace
}  // namespace vmq::routing
