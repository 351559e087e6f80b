#include "routing/filter_trie.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace vmq::routing {
namespace {

std::vector<std::string> matches(const FilterTrie& trie, std::string_view topic) {
    std::vector<std::string> result;
    trie.for_each_match("", topic, [&](const FilterNode& node) {
        if (node.shards.load() != 0) result.push_back(FilterTrie::text(node));
    });
    std::sort(result.begin(), result.end());
    return result;
}

FilterNode* add(FilterTrie& trie, std::string_view filter) {
    FilterNode* node = trie.add("", filter);
    node->shards = 1;
    return node;
}

using Texts = std::vector<std::string>;

TEST(FilterTrie, AddFindsWhatIsThereAndTextGivesItBack) {
    FilterTrie trie(1);
    for (const std::string_view filter : {"a", "/", "a/b//+", "#", "//#", "$SYS/+/x"}) {
        FilterNode* node = add(trie, filter);
        EXPECT_EQ(trie.add("", filter), node);
        EXPECT_EQ(trie.find("", filter), node);
        EXPECT_EQ(trie.find("other mountpoint", filter), nullptr);
        EXPECT_EQ(FilterTrie::text(*node), filter);
    }
}

// [v5 4.7.1.2]: "sport/tennis/player1/#" also matches "sport/tennis/player1".
TEST(FilterTrie, HashMatchesItsParentAndEverythingBelow) {
    FilterTrie trie(1);
    add(trie, "a/#");
    EXPECT_EQ(matches(trie, "a"), Texts{"a/#"});
    EXPECT_EQ(matches(trie, "a/"), Texts{"a/#"});
    EXPECT_EQ(matches(trie, "a/b/c"), Texts{"a/#"});
    EXPECT_EQ(matches(trie, "ab"), Texts{});
}

// [v5 4.7.1.3]: "+" is one level, which may be empty.
TEST(FilterTrie, PlusMatchesOneLevelEvenAnEmptyOne) {
    FilterTrie trie(1);
    add(trie, "+/+");
    add(trie, "/+");
    add(trie, "+");
    EXPECT_EQ(matches(trie, "/finance"), (Texts{"+/+", "/+"}));
    EXPECT_EQ(matches(trie, "finance"), Texts{"+"});
    EXPECT_EQ(matches(trie, "a/b/c"), Texts{});
}

TEST(FilterTrie, NoWildcardAtTheFirstLevelMatchesADollarName) {  // [v5 MQTT-4.7.2-1]
    FilterTrie trie(1);
    for (const std::string_view filter : {"#", "+/monitor", "$SYS/#", "$SYS/+"}) add(trie, filter);
    EXPECT_EQ(matches(trie, "$SYS/monitor"), (Texts{"$SYS/#", "$SYS/+"}));
    EXPECT_EQ(matches(trie, "SYS/monitor"), (Texts{"#", "+/monitor"}));
}

TEST(FilterTrie, PruningTakesTheBranchUpToWhatIsStillNeeded) {
    FilterTrie trie(1);
    FilterNode* parent = add(trie, "a/+");
    FilterNode* leaf = add(trie, "a/+/c/d");
    leaf->shards = 0;
    trie.prune(leaf);
    EXPECT_EQ(trie.find("", "a/+/c"), nullptr);
    EXPECT_EQ(trie.find("", "a/+"), parent);
    EXPECT_EQ(parent->children, 0U);
    trie.prune(parent);  // still in use: stays
    EXPECT_EQ(matches(trie, "a/x"), Texts{"a/+"});
    parent->shards = 0;
    trie.prune(parent);
    EXPECT_EQ(trie.find("", "a"), nullptr);
    EXPECT_EQ(matches(trie, "a/x"), Texts{});
}

TEST(FilterTrie, IdsAreNeverUsedAgain) {
    FilterTrie trie(1);
    std::uint64_t last = 0;
    for (int i = 0; i < 5; ++i) {
        FilterNode* node = add(trie, "a/b");
        EXPECT_GT(node->id(), last);
        last = node->id();
        node->shards = 0;
        trie.prune(node);
    }
}

TEST(FilterTrie, KnowsWhatItsNodesTake) {
    FilterTrie trie(7);
    const std::size_t empty = trie.bytes();
    FilterNode* node = trie.add("", "a/b");
    const std::size_t one = trie.bytes();
    EXPECT_GE(one - empty, 3 * sizeof(FilterNode) + 2);
    (void)trie.add("", "a/b");
    EXPECT_EQ(trie.bytes(), one);
    FilterNode* other = trie.add("", "a/ccc");
    EXPECT_GE(trie.bytes() - one, sizeof(FilterNode) + 3);
    trie.prune(other);
    trie.prune(node);
    EXPECT_LT(trie.bytes(), one);
}

}  // namespace
}  // namespace vmq::routing
