#include "routing/filter_node.h"

#include <gtest/gtest.h>

#include <memory_resource>
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

FilterNode* make(std::uint64_t id, FilterNode* parent, std::string_view word) {
    return FilterNode::make(*std::pmr::new_delete_resource(), id, parent, word);
}

void destroy(FilterNode* node) { FilterNode::destroy(*std::pmr::new_delete_resource(), node); }

TEST(FilterNode, HasItsWordBehindItAndItsNumberWhole) {
    constexpr std::uint64_t kLastId = (1ULL << 48U) - 1;
    for (const std::size_t size : {0U, 1U, 3U, 11U, 12U, 65'535U}) {
        const std::string word(size, 'w');
        FilterNode* node = make(kLastId, nullptr, word);
        node->shards = ~ShardSet{0};
        node->persistent = ~ShardSet{0};
        node->children = ~std::uint32_t{0};
        node->has_plus = node->has_hash = node->has_groups = true;
        EXPECT_EQ(node->id(), kLastId);
        EXPECT_EQ(node->word(), word);
        EXPECT_EQ(node->bytes(), size <= 11 ? 48U : (37 + size + 15) / 16 * 16);
        destroy(node);
    }
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
    FilterNode* a = make(1, nullptr, "a");
    FilterNode* below_a = make(2, a, "a");
    table.insert(a);
    EXPECT_EQ(find(table, a, "a"), nullptr);
    table.insert(below_a);
    EXPECT_EQ(find(table, nullptr, "a"), a);
    EXPECT_EQ(find(table, a, "a"), below_a);
    EXPECT_EQ(find(table, below_a, "a"), nullptr);
    table.for_each(destroy);
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
            node = make(1, nullptr, std::to_string(chosen));
            table.insert(node);
        } else if (node != nullptr && random.below(4) < (grows ? 1U : 3U)) {
            table.erase(node);
            destroy(node);
            node = nullptr;
        }
        const std::uint32_t other = random.below(600);
        ASSERT_EQ(find(table, nullptr, std::to_string(other)), model[other]);
        ASSERT_EQ(find(table, nullptr, std::to_string(chosen)), node);
    }
    for (FilterNode* node : model) {
        if (node == nullptr) continue;
        table.erase(node);
        destroy(node);
    }
    table.for_each([](FilterNode*) { ADD_FAILURE(); });
}

}  // namespace
}  // namespace vmq::routing
