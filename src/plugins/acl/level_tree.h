// Rules of access as a tree of topic levels: what AclRules searches.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vmq::plugins::acl {

/// Several trees in one: nodes without a parent are roots. Built by one thread, constant from then
/// on and readable by any. A step down costs one probe of a hash table however many children a
/// node has. Holds at most 2^32 - 1 nodes and 4 GiB of names; adding more is a bug of ours.
class LevelTree final {
public:
    using NodeId = std::uint32_t;
    static constexpr NodeId kNone = 0;

    /// Levels that are not compared by name.
    enum class Special : std::uint8_t { Any, Username, ClientId, Mountpoint, Count };

    /// Numbers of lines, 0: none. By Access: of a rule that ends here, and of one that goes on with
    /// '#', which covers this level's end as well.
    struct Node {
        std::array<NodeId, static_cast<std::size_t>(Special::Count)> special{};
        std::array<std::uint32_t, 2> ends{};
        std::array<std::uint32_t, 2> goes_on{};
    };

    LevelTree();

    [[nodiscard]] NodeId add_root();
    /// The child of that name; made if missing.
    [[nodiscard]] NodeId add(NodeId parent, std::string_view name);
    [[nodiscard]] NodeId add(NodeId parent, Special level);
    /// Valid until the next add.
    [[nodiscard]] Node& at(NodeId node) noexcept { return nodes_[node]; }

    [[nodiscard]] const Node& at(NodeId node) const noexcept { return nodes_[node]; }
    /// kNone: there is none.
    [[nodiscard]] NodeId child(NodeId parent, std::string_view name) const noexcept;
    [[nodiscard]] NodeId child(NodeId parent, Special level) const noexcept {
        return nodes_[parent].special[static_cast<std::size_t>(level)];
    }

private:
    struct Edge {
        NodeId parent = kNone;
        NodeId child = kNone;  // kNone: a free place
        std::uint32_t name_begin = 0;
        std::uint32_t name_size = 0;
    };

    [[nodiscard]] std::string_view name_of(const Edge& edge) const noexcept {
        return std::string_view(names_).substr(edge.name_begin, edge.name_size);
    }
    /// The place of that edge, or the free one where it belongs.
    [[nodiscard]] std::size_t place(NodeId parent, std::string_view name) const noexcept;
    [[nodiscard]] NodeId add_node();
    void grow();

    std::vector<Node> nodes_;  // the first one stands for kNone
    std::vector<Edge>
        edges_;  // open addressing, a power of two of places, at most half of them full
    std::size_t edge_count_ = 0;
    std::string names_;
};

}  // namespace vmq::plugins::acl
