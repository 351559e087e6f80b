#include "plugins/acl/level_tree.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vmq::plugins::acl {
namespace {

using NodeId = LevelTree::NodeId;
using Special = LevelTree::Special;

TEST(LevelTree, FindsWhatWasAddedBelowTheSameParentOnly) {
    LevelTree tree;
    const NodeId one = tree.add_root();
    const NodeId two = tree.add_root();
    EXPECT_NE(one, two);
    EXPECT_EQ(tree.child(one, "a"), LevelTree::kNone);
    const NodeId a = tree.add(one, "a");
    EXPECT_EQ(tree.add(one, "a"), a);
    EXPECT_EQ(tree.child(one, "a"), a);
    EXPECT_EQ(tree.child(two, "a"), LevelTree::kNone);
    EXPECT_EQ(tree.child(a, "a"), LevelTree::kNone);
    const NodeId empty = tree.add(one, "");
    EXPECT_EQ(tree.child(one, ""), empty);
}

TEST(LevelTree, KeepsSpecialLevelsApartFromNames) {
    LevelTree tree;
    const NodeId root = tree.add_root();
    const NodeId any = tree.add(root, Special::Any);
    EXPECT_EQ(tree.add(root, Special::Any), any);
    EXPECT_EQ(tree.child(root, Special::Any), any);
    EXPECT_EQ(tree.child(root, Special::ClientId), LevelTree::kNone);
    EXPECT_EQ(tree.child(root, "+"), LevelTree::kNone);
}

TEST(LevelTree, FindsAllOfManyChildren) {
    LevelTree tree;
    const NodeId root = tree.add_root();
    std::vector<NodeId> nodes;
    nodes.reserve(10'000);
    for (int i = 0; i < 10'000; ++i) nodes.push_back(tree.add(root, std::to_string(i)));
    for (int i = 0; i < 10'000; ++i) {
        ASSERT_EQ(tree.child(root, std::to_string(i)), nodes[static_cast<std::size_t>(i)]);
    }
    EXPECT_EQ(tree.child(root, "10000"), LevelTree::kNone);
}

}  // namespace
}  // namespace vmq::plugins::acl
