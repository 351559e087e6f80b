// One node of the trie under the subscription index, and the hash table of all of them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "routing/filter_word.h"

namespace vmq::routing {

class SharedGroup;

/// One level of a filter, reached from its parent by `word`; the root of a mountpoint has no parent
/// and the mountpoint as its word. The bytes of the word stand behind the object.
///
/// Owned by a FilterTrie. Everything but the two masks changes only while no shard reads; `shards`
/// becomes empty only then too, so a node with a bit set cannot vanish under the shard that set it.
class FilterNode final {
public:
    [[nodiscard]] static FilterNode* make(std::uint64_t id, FilterNode* parent,
                                          std::string_view word);
    static void destroy(FilterNode* node) noexcept;
    FilterNode(const FilterNode&) = delete;
    FilterNode& operator=(const FilterNode&) = delete;

    [[nodiscard]] std::string_view word() const noexcept {
        return {reinterpret_cast<const char*>(this) + sizeof(FilterNode), word_size};
    }
    /// What the object and its word take.
    [[nodiscard]] std::size_t bytes() const noexcept { return sizeof(FilterNode) + word_size; }
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
    FilterNode(std::uint64_t node_id, FilterNode* node_parent, std::string_view word) noexcept;
    ~FilterNode() = default;
};

/// Finds nodes by parent and word. Open addressing; a slot is one word of memory, the node's
/// address with 16 bits of its hash above it, so that a look-up touches one cache line here and one
/// of the node. Owned by a FilterTrie, whose rules for readers and writers hold. Does not own the
/// nodes.
class ChildTable final {
public:
    /// `seed` is that of the FilterWords.
    explicit ChildTable(std::uint64_t seed) noexcept : seed_(seed) {}

    [[nodiscard]] static std::uint64_t hash(const FilterNode* parent,
                                            std::uint64_t word_hash) noexcept {
        return FilterWord::fold(word_hash ^ reinterpret_cast<std::uintptr_t>(parent),
                                FilterWord::kMultiplier);
    }
    void prefetch(std::uint64_t hash) const noexcept {
        if (capacity_ > 0) __builtin_prefetch(&slots_[home(hash)]);
    }
    /// `hash` is hash(parent, word.hash). Null if there is none.
    [[nodiscard]] FilterNode* find(const FilterNode* parent, const FilterWord& word,
                                   std::uint64_t hash) const noexcept {
        if (capacity_ == 0) return nullptr;
        const std::uint64_t wanted = tag(hash);
        for (std::uint32_t at = home(hash);; at = after(at)) {
            const std::uint64_t slot = slots_[at];
            if (slot == 0) return nullptr;
            if ((slot & kTagMask) != wanted) continue;
            FilterNode* node = node_in(slot);
            if (node->parent == parent && word == node->word()) return node;
        }
    }
    [[nodiscard]] std::size_t bytes() const noexcept { return capacity_ * sizeof(std::uint64_t); }
    /// The node must not be there yet.
    void insert(FilterNode* node);
    /// The node must be there.
    void erase(const FilterNode* node) noexcept;

    template <typename Visit>
    void for_each(Visit&& visit) const {
        for (std::uint32_t at = 0; at < capacity_; ++at) {
            if (slots_[at] != 0) visit(node_in(slots_[at]));
        }
    }

private:
    static constexpr unsigned kTagShift = 48;
    static constexpr std::uint64_t kTagMask = ~((1ULL << kTagShift) - 1);

    [[nodiscard]] static std::uint64_t tag(std::uint64_t hash) noexcept {
        return hash << kTagShift;
    }
    [[nodiscard]] static FilterNode* node_in(std::uint64_t slot) noexcept {
        // NOLINTNEXTLINE(performance-no-int-to-ptr): the address shares its word with the tag
        return reinterpret_cast<FilterNode*>(static_cast<std::uintptr_t>(slot & ~kTagMask));
    }
    [[nodiscard]] std::uint64_t hash_of(const FilterNode* node) const noexcept {
        return hash(node->parent, FilterWord(node->word(), seed_).hash);
    }
    [[nodiscard]] std::uint32_t home(std::uint64_t hash) const noexcept {
        return static_cast<std::uint32_t>(((hash >> 32U) * capacity_) >> 32U);
    }
    [[nodiscard]] std::uint32_t after(std::uint32_t at) const noexcept {
        return at + 1 == capacity_ ? 0 : at + 1;
    }
    void place(FilterNode* node) noexcept;
    void grow();

    std::unique_ptr<std::uint64_t[]> slots_;
    std::uint32_t capacity_ = 0;
    std::uint32_t size_ = 0;
    const std::uint64_t seed_;
};

}  // namespace vmq::routing
