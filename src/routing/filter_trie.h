// The trie under the subscription index: its nodes, their one hash table, the walk along a topic.
#pragma once

#include <array>
#include <atomic>
#include <boost/container/small_vector.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "mqtt/topic.h"

namespace vmq::routing {

class SharedGroup;

/// One level of a filter, reached from its parent by `word`; the root of a mountpoint has no parent
/// and the mountpoint as its word. The bytes of the word stand behind the object.
///
/// Owned by a FilterTrie. Everything but the two masks changes only while no shard reads; `shards`
/// becomes empty only then too, so a node with a bit set cannot vanish under the shard that set it.
class FilterNode final {
public:
    FilterNode(const FilterNode&) = delete;
    FilterNode& operator=(const FilterNode&) = delete;

    [[nodiscard]] std::string_view word() const noexcept {
        return {reinterpret_cast<const char*>(this) + sizeof(FilterNode), word_size};
    }
    [[nodiscard]] bool has_words() const noexcept {
        return children > std::uint32_t{has_plus} + std::uint32_t{has_hash};
    }

    const std::uint64_t id;
    FilterNode* const parent;
    std::atomic<ShardSet> shards{0};
    std::atomic<ShardSet> persistent{0};
    std::unique_ptr<std::vector<SharedGroup*>> groups;  // null unless there are some
    std::uint32_t children = 0;
    const std::uint16_t word_size;
    bool has_plus = false;  // among the children
    bool has_hash = false;

private:
    friend class FilterTrie;
    FilterNode(std::uint64_t node_id, FilterNode* node_parent, std::string_view word) noexcept;
    ~FilterNode() = default;
};

/// All filters of all mountpoints. The children of all nodes are in one hash set keyed by parent
/// and word, so that a node costs little more than its word. The set is cut into partitions that
/// grow on their own: growing one of many is a short pause, growing all at once would be a long
/// one.
///
/// Does no locking: the owner excludes readers from add() and prune().
class FilterTrie final {
public:
    explicit FilterTrie(std::uint64_t seed);
    ~FilterTrie();
    FilterTrie(const FilterTrie&) = delete;
    FilterTrie& operator=(const FilterTrie&) = delete;

    /// The node of `filter`, which may be there only for the sake of longer filters; null if none.
    [[nodiscard]] FilterNode* find(std::string_view mountpoint, std::string_view filter) const;
    /// Finds or creates. A created node that is left without shards and groups must be pruned.
    [[nodiscard]] FilterNode* add(std::string_view mountpoint, std::string_view filter);
    /// Removes `node` and then its ancestors as long as nothing needs them.
    void prune(FilterNode* node);

    [[nodiscard]] std::uint64_t next_id() noexcept { return ++last_id_; }

    /// Calls visit(const FilterNode&) once for every node whose filter matches the name `topic`,
    /// including those that nobody has subscribed to.
    template <typename Visit>
    void for_each_match(std::string_view mountpoint, std::string_view topic, Visit&& visit) const;

    [[nodiscard]] static std::string text(const FilterNode& node);

private:
    struct ChildName {
        const FilterNode* parent;
        std::string_view word;
        std::uint64_t hash;
    };
    struct Hash {
        using is_transparent = void;
        using is_avalanching = void;
        std::uint64_t seed;
        std::size_t operator()(const ChildName& name) const noexcept { return name.hash; }
        std::size_t operator()(const FilterNode* node) const noexcept;
    };
    struct Equal {
        using is_transparent = void;
        bool operator()(const FilterNode* a, const FilterNode* b) const noexcept { return a == b; }
        bool operator()(const ChildName& name, const FilterNode* node) const noexcept {
            return node->parent == name.parent && node->word() == name.word;
        }
        bool operator()(const FilterNode* node, const ChildName& name) const noexcept {
            return (*this)(name, node);
        }
    };
    using Partition = boost::unordered_flat_set<FilterNode*, Hash, Equal>;
    static constexpr std::size_t kPartitions = 64;

    [[nodiscard]] static std::uint64_t child_hash(const FilterNode* parent,
                                                  std::uint64_t word_hash) noexcept {
        constexpr std::uint64_t kMultiplier = 0xa0761d6478bd642fULL;
        __extension__ using Wide = unsigned __int128;
        const Wide product =
            static_cast<Wide>(word_hash ^ reinterpret_cast<std::uintptr_t>(parent)) * kMultiplier;
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
    }
    [[nodiscard]] static std::size_t partition_of(std::uint64_t hash) noexcept {
        return (hash >> 24U) % kPartitions;  // the set itself uses the top and the lowest bits
    }
    [[nodiscard]] std::uint64_t word_hash(std::string_view word) const noexcept;
    [[nodiscard]] FilterNode* child(const FilterNode* parent, std::string_view word,
                                    std::uint64_t hash) const noexcept {
        const ChildName name{parent, word, child_hash(parent, hash)};
        const Partition& partition = partitions_[partition_of(name.hash)];
        const auto at = partition.find(name);
        return at == partition.end() ? nullptr : *at;
    }
    [[nodiscard]] FilterNode* add_child(FilterNode* parent, std::string_view word);
    static void destroy(FilterNode* node) noexcept;

    const std::uint64_t seed_;
    const std::uint64_t plus_hash_;
    const std::uint64_t hash_hash_;
    std::uint64_t last_id_ = 0;
    std::vector<Partition> partitions_;
};

// A template because the visitor is called per match of every publish.
template <typename Visit>
void FilterTrie::for_each_match(std::string_view mountpoint, std::string_view topic,
                                Visit&& visit) const {
    using Frontier = boost::container::small_vector<const FilterNode*, 32>;
    const FilterNode* root = child(nullptr, mountpoint, word_hash(mountpoint));
    if (root == nullptr) return;
    Frontier first;
    Frontier second;
    Frontier* frontier = &first;
    Frontier* next = &second;
    frontier->push_back(root);

    // [v5 MQTT-4.7.2-1]: no wildcard at the first level for names that begin with '$'.
    bool wildcards = !topic.starts_with('$');
    mqtt::LevelCursor levels(topic);
    while (!levels.done() && !frontier->empty()) {
        const std::string_view word = levels.next();
        const std::uint64_t hash = word_hash(word);
        next->clear();
        for (const FilterNode* node : *frontier) {
            if (node->has_words()) {
                const FilterNode* found = child(node, word, hash);
                if (found != nullptr) next->push_back(found);
            }
            if (!wildcards) continue;
            if (node->has_plus) next->push_back(child(node, "+", plus_hash_));
            if (node->has_hash) visit(*child(node, "#", hash_hash_));
        }
        std::swap(frontier, next);
        wildcards = true;
    }
    for (const FilterNode* node : *frontier) {
        visit(*node);
        // "sport/#" also matches "sport" [v5 4.7.1.2].
        if (node->has_hash) visit(*child(node, "#", hash_hash_));
    }
}

}  // namespace vmq::routing
