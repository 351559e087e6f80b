#include "routing/filter_node.h"

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

#include "base/assert.h"

namespace vmq::routing {

FilterNode::FilterNode(std::uint64_t node_id, FilterNode* node_parent,
                       std::string_view word) noexcept
    : id_and_size_(node_id << kSizeBits | word.size()), parent(node_parent) {
    std::copy(word.begin(), word.end(), reinterpret_cast<char*>(this) + kWordAt);
}

FilterNode* FilterNode::make(std::pmr::memory_resource& memory, std::uint64_t id,
                             FilterNode* parent, std::string_view word) {
    VMQ_ASSERT(word.size() <= kLongestWord);
    return new (memory.allocate(bytes_for(word.size()), kAlignment)) FilterNode(id, parent, word);
}

void FilterNode::destroy(std::pmr::memory_resource& memory, FilterNode* node) noexcept {
    const std::size_t bytes = node->bytes();
    node->~FilterNode();
    memory.deallocate(node, bytes, kAlignment);
}

void ChildTable::insert(FilterNode* node) {
    if (std::uint64_t{size_} * 4 >= std::uint64_t{capacity_} * 3) grow();
    ++size_;
    place(node);
}

void ChildTable::place(FilterNode* node) noexcept {
    const auto address = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(node));
    VMQ_ASSERT(address >> kAddressBits == 0 && address % FilterNode::kAlignment == 0);
    const std::uint64_t hash = hash_of(node);
    std::uint32_t at = home(hash);
    while (slot_at(at) != 0) at = after(at);
    set_slot(at, address >> kZeroBits | tag(hash));
}

void ChildTable::grow() {
    // By half instead of twofold: the slack is memory that every subscription pays for.
    const std::uint32_t old_capacity = capacity_;
    VMQ_ASSERT(old_capacity < std::numeric_limits<std::uint32_t>::max() / 2);
    capacity_ = old_capacity + old_capacity / 2 + 8;
    const auto old = std::exchange(
        slots_, std::make_unique<char[]>(std::size_t{capacity_} * kSlotSize + kBehindTheLast));
    for (std::uint32_t at = 0; at < old_capacity; ++at) {
        const std::uint64_t slot = slot_in(old.get(), at);
        if (slot != 0) place(node_in(slot));
    }
}

void ChildTable::erase(const FilterNode* node) noexcept {
    std::uint32_t hole = home(hash_of(node));
    while (node_in(slot_at(hole)) != node) hole = after(hole);
    // What follows moves up if its home is not between the hole and its place: no search may meet
    // an empty slot before what it looks for.
    for (std::uint32_t at = after(hole); slot_at(at) != 0; at = after(at)) {
        const std::uint32_t wanted = home(hash_of(node_in(slot_at(at))));
        const bool between =
            hole < at ? hole < wanted && wanted <= at : hole < wanted || wanted <= at;
        if (between) continue;
        set_slot(hole, slot_at(at));
        hole = at;
    }
    set_slot(hole, 0);
    if (--size_ > 0) return;
    slots_.reset();
    capacity_ = 0;
}

}  // namespace vmq::routing
