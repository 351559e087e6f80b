#include "plugins/acl/level_tree.h"

#include <limits>
#include <utility>

#include "base/assert.h"
#include "base/hash.h"

namespace vmq::plugins::acl {
namespace {

constexpr std::size_t kFirstPlaces = 16;
constexpr std::size_t kMost = std::numeric_limits<std::uint32_t>::max();

}  // namespace

LevelTree::LevelTree() : nodes_(1), edges_(kFirstPlaces) {}

LevelTree::NodeId LevelTree::add_root() { return add_node(); }

LevelTree::NodeId LevelTree::add(NodeId parent, std::string_view name) {
    if (2 * (edge_count_ + 1) > edges_.size()) grow();
    const std::size_t at = place(parent, name);
    if (edges_[at].child != kNone) return edges_[at].child;
    VMQ_ASSERT(name.size() <= kMost - names_.size());
    const NodeId node = add_node();
    edges_[at] = {parent, node, static_cast<std::uint32_t>(names_.size()),
                  static_cast<std::uint32_t>(name.size())};
    names_ += name;
    ++edge_count_;
    return node;
}

LevelTree::NodeId LevelTree::add(NodeId parent, Special level) {
    const auto index = static_cast<std::size_t>(level);
    if (nodes_[parent].special[index] == kNone) {
        const NodeId node = add_node();
        nodes_[parent].special[index] = node;
    }
    return nodes_[parent].special[index];
}

LevelTree::NodeId LevelTree::child(NodeId parent, std::string_view name) const noexcept {
    return edges_[place(parent, name)].child;
}

std::size_t LevelTree::place(NodeId parent, std::string_view name) const noexcept {
    const std::size_t mask = edges_.size() - 1;
    std::size_t at = hash_bytes(name, parent) & mask;
    while (edges_[at].child != kNone &&
           (edges_[at].parent != parent || name_of(edges_[at]) != name)) {
        at = (at + 1) & mask;
    }
    return at;
}

LevelTree::NodeId LevelTree::add_node() {
    VMQ_ASSERT(nodes_.size() < kMost);
    nodes_.emplace_back();
    return static_cast<NodeId>(nodes_.size() - 1);
}

void LevelTree::grow() {
    const std::vector<Edge> before = std::exchange(edges_, std::vector<Edge>(2 * edges_.size()));
    for (const Edge& edge : before) {
        if (edge.child != kNone) edges_[place(edge.parent, name_of(edge))] = edge;
    }
}

}  // namespace vmq::plugins::acl
