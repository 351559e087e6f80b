// The trie under the subscription index: adding and pruning, the walk along a topic.
#pragma once

#include <atomic>
#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mqtt/topic.h"
#include "routing/filter_node.h"

namespace vmq::routing {

/// All filters of all mountpoints. The children of all nodes are in one hash set keyed by parent
/// and word, so that a node costs little more than its word. The set is cut into partitions that
/// grow on their own: growing one of many is a short pause, growing all at once would be a long
/// one.
///
/// Memory of pruned nodes is kept for new ones.
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

    /// Memory of all nodes and of the tables that find them. Any thread.
    [[nodiscard]] std::size_t bytes() const noexcept {
        return bytes_.load(std::memory_order_relaxed);
    }

    [[nodiscard]] std::uint64_t next_id() noexcept { return ++last_id_; }

    /// Calls visit(const FilterNode&) once for every node whose filter matches the name `topic`,
    /// including those that nobody has subscribed to.
    template <typename Visit>
    void for_each_match(std::string_view mountpoint, std::string_view topic, Visit&& visit) const;

    [[nodiscard]] static std::string text(const FilterNode& node);
    [[nodiscard]] static std::string mountpoint(const FilterNode& node);
    /// For walks over all nodes, one table after the other.
    [[nodiscard]] const std::vector<ChildTable>& tables() const noexcept { return tables_; }

private:
    static constexpr std::size_t kTables = 64;

    [[nodiscard]] const ChildTable& table(std::uint64_t hash) const noexcept {
        // Other bits than those that the table itself uses.
        return tables_[(hash >> 16U) % kTables];
    }
    [[nodiscard]] ChildTable& table(std::uint64_t hash) noexcept {
        return tables_[(hash >> 16U) % kTables];
    }
    [[nodiscard]] FilterWord word(std::string_view text) const noexcept { return {text, seed_}; }
    [[nodiscard]] FilterNode* child(const FilterNode* parent,
                                    const FilterWord& word) const noexcept {
        const std::uint64_t hash = ChildTable::hash(parent, word.hash);
        return table(hash).find(parent, word, hash);
    }
    void prefetch(const FilterNode* parent, const FilterWord& word) const noexcept {
        const std::uint64_t hash = ChildTable::hash(parent, word.hash);
        table(hash).prefetch(hash);
    }
    [[nodiscard]] FilterNode* add_child(FilterNode* parent, const FilterWord& word);

    const std::uint64_t seed_;
    const FilterWord plus_;
    const FilterWord hash_;
    const std::unique_ptr<std::pmr::memory_resource> pools_;  // null: none
    std::pmr::memory_resource& memory_;                       // of the nodes
    std::uint64_t last_id_ = 0;
    std::vector<ChildTable> tables_;
    std::atomic<std::size_t> bytes_{0};
};

// A template because the visitor is called per match of every publish.
template <typename Visit>
void FilterTrie::for_each_match(std::string_view mountpoint, std::string_view topic,
                                Visit&& visit) const {
    using Frontier = boost::container::small_vector<const FilterNode*, 32>;
    const FilterNode* root = child(nullptr, word(mountpoint));
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
        const FilterWord level = word(levels.next());
        next->clear();
        for (const FilterNode* node : *frontier) {
            const bool plus = wildcards && node->has_plus;
            const bool hash = wildcards && node->has_hash;
            // In a large trie every look-up misses the caches: let these misses overlap.
            if (plus) prefetch(node, plus_);
            if (hash) prefetch(node, hash_);
            if (node->has_words()) {
                const FilterNode* found = child(node, level);
                if (found != nullptr) next->push_back(found);
            }
            if (plus) next->push_back(child(node, plus_));
            if (hash) visit(*child(node, hash_));
        }
        std::swap(frontier, next);
        wildcards = true;
    }
    for (const FilterNode* node : *frontier) {
        visit(*node);
        // "sport/#" also matches "sport" [v5 4.7.1.2].
        if (node->has_hash) visit(*child(node, hash_));
    }
}

}  // namespace vmq::routing
