// One node of the trie under the subscription index, and the hash table of all of them.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <memory_resource>
#include <string_view>

#include "base/ids.h"
#include "routing/filter_word.h"

namespace vmq::routing {

/// One level of a filter, reached from its parent by `word`; the root of a mountpoint has no parent
/// and the mountpoint as its word.
///
/// There are more of them than of anything else in a broker, up to two for each subscription of
/// each node of a cluster: every byte counts. The word begins in what is left of the object's last
/// 8 bytes, and words of up to 11 bytes make 48 of all.
///
/// Owned by a FilterTrie. Everything but the two masks changes only while no shard reads; `shards`
/// becomes empty only then too, so a node with a bit set cannot vanish under the shard that set it.
class FilterNode final {
public:
    /// Memory of nodes is a multiple of it, and begins at one.
    static constexpr std::size_t kAlignment = 16;

    /// `id` has 48 bits: a new filter every microsecond for eight years.
    [[nodiscard]] static FilterNode* make(std::pmr::memory_resource& memory, std::uint64_t id,
                                          FilterNode* parent, std::string_view word);
    /// `memory`: what it was made with.
    static void destroy(std::pmr::memory_resource& memory, FilterNode* node) noexcept;
    FilterNode(const FilterNode&) = delete;
    FilterNode& operator=(const FilterNode&) = delete;

    [[nodiscard]] std::uint64_t id() const noexcept { return id_and_size_ >> kSizeBits; }
    [[nodiscard]] std::string_view word() const noexcept {
        return {reinterpret_cast<const char*>(this) + kWordAt, id_and_size_ & kLongestWord};
    }
    /// What the object and its word take.
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_for(word().size()); }
    [[nodiscard]] bool has_words() const noexcept {
        return children > std::uint32_t{has_plus} + std::uint32_t{has_hash};
    }

private:
    static constexpr unsigned kSizeBits = 16;
    static constexpr std::uint64_t kLongestWord = (1U << kSizeBits) - 1;

    FilterNode(std::uint64_t node_id, FilterNode* node_parent, std::string_view word) noexcept;
    ~FilterNode() = default;
    [[nodiscard]] static constexpr std::size_t bytes_for(std::size_t word_size) noexcept {
        return (kWordAt + word_size + kAlignment - 1) / kAlignment * kAlignment;
    }

    const std::uint64_t id_and_size_;

public:
    FilterNode* const parent;
    std::atomic<ShardSet> shards{0};
    std::atomic<ShardSet> persistent{0};
    std::uint32_t children = 0;
    bool has_plus : 1 = false;  // among the children
    bool has_hash : 1 = false;
    bool has_groups : 1 = false;  // shared ones: the index knows them

private:
    static constexpr std::size_t kWordAt = 37;  // behind the flags
};
static_assert(sizeof(FilterNode) == 40);

/// Finds nodes by parent and word. Open addressing; a slot is six bytes, the node's address and
/// five bits of its hash, so that a look-up mostly touches one cache line here and one of the node.
/// Owned by a FilterTrie, whose rules for readers and writers hold. Does not own the nodes.
class ChildTable final {
public:
    /// `seed` is that of the FilterWords.
    explicit ChildTable(std::uint64_t seed) noexcept : seed_(seed) {}

    /// Of the parent's number, not of its address: a walk meets the nodes in an order that is the
    /// same in every run with the same seed.
    [[nodiscard]] static std::uint64_t hash(const FilterNode* parent,
                                            std::uint64_t word_hash) noexcept {
        const std::uint64_t id = parent == nullptr ? 0 : parent->id();
        return FilterWord::fold(word_hash ^ id, FilterWord::kMultiplier);
    }
    void prefetch(std::uint64_t hash) const noexcept {
        if (capacity_ > 0) __builtin_prefetch(&slots_[std::size_t{home(hash)} * kSlotSize]);
    }
    /// `hash` is hash(parent, word.hash). Null if there is none.
    [[nodiscard]] FilterNode* find(const FilterNode* parent, const FilterWord& word,
                                   std::uint64_t hash) const noexcept {
        if (capacity_ == 0) return nullptr;
        const std::uint64_t wanted = tag(hash);
        for (std::uint32_t at = home(hash);; at = after(at)) {
            const std::uint64_t slot = slot_at(at);
            if (slot == 0) return nullptr;
            if ((slot & kTagMask) != wanted) continue;
            FilterNode* node = node_in(slot);
            if (node->parent == parent && word == node->word()) return node;
        }
    }
    [[nodiscard]] std::size_t bytes() const noexcept { return capacity_ * kSlotSize; }
    /// The node must not be there yet.
    void insert(FilterNode* node);
    /// The node must be there.
    void erase(const FilterNode* node) noexcept;

    template <typename Visit>
    void for_each(Visit&& visit) const {
        for (std::uint32_t at = 0; at < capacity_; ++at) {
            const std::uint64_t slot = slot_at(at);
            if (slot != 0) visit(node_in(slot));
        }
    }

private:
    // An address of a node has 48 bits, of which the last four are zero. A slot is that without its
    // last four bits, and the tag above it.
    static constexpr unsigned kAddressBits = 48;
    static constexpr unsigned kZeroBits = 4;
    static_assert(FilterNode::kAlignment == 1U << kZeroBits);
    static constexpr std::size_t kSlotSize = 6;
    static constexpr std::size_t kBehindTheLast = 2;
    static constexpr unsigned kTagShift = kAddressBits - kZeroBits;
    static constexpr std::uint64_t kSlotMask = (1ULL << (8 * kSlotSize)) - 1;
    static constexpr std::uint64_t kTagMask = kSlotMask & ~((1ULL << kTagShift) - 1);
    static_assert(std::endian::native == std::endian::little);

    [[nodiscard]] static std::uint64_t tag(std::uint64_t hash) noexcept {
        return (hash << kTagShift) & kTagMask;
    }
    [[nodiscard]] static FilterNode* node_in(std::uint64_t slot) noexcept {
        // NOLINTNEXTLINE(performance-no-int-to-ptr): the address shares its word with the tag
        return reinterpret_cast<FilterNode*>(
            static_cast<std::uintptr_t>((slot & ~kTagMask) << kZeroBits));
    }
    /// Reads what is behind the slot as well.
    [[nodiscard]] static std::uint64_t slot_in(const char* slots, std::uint32_t at) noexcept {
        std::uint64_t slot = 0;
        static_assert(sizeof(slot) == kSlotSize + kBehindTheLast);
        std::memcpy(&slot, slots + std::size_t{at} * kSlotSize, sizeof(slot));
        return slot & kSlotMask;
    }
    [[nodiscard]] std::uint64_t slot_at(std::uint32_t at) const noexcept {
        return slot_in(slots_.get(), at);
    }
    void set_slot(std::uint32_t at, std::uint64_t slot) noexcept {
        std::memcpy(&slots_[std::size_t{at} * kSlotSize], &slot, kSlotSize);
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

    std::unique_ptr<char[]> slots_;
    std::uint32_t capacity_ = 0;
    std::uint32_t size_ = 0;
    const std::uint64_t seed_;
};

}  // namespace vmq::routing
