#include "routing/filter_node.h"

#include <limits>
#include <new>
#include <utility>

#include "base/assert.h"

namespace vmq::routing {

FilterNode::FilterNode(std::uint64_t node_id, FilterNode* node_parent,
                       std::string_view word) noexcept
    : id(node_id), parent(node_parent), word_size(static_cast<std::uint16_t>(word.size())) {
    if (!word.empty()) {
        std::memcpy(reinterpret_cast<char*>(this) + sizeof(FilterNode), word.data(), word.size());
    }
}

FilterNode* FilterNode::make(std::uint64_t id, FilterNode* parent, std::string_view word) {
    VMQ_ASSERT(word.size() <= std::numeric_limits<std::uint16_t>::max());
    return new (::operator new(sizeof(FilterNode) + word.size())) FilterNode(id, parent, word);
}

void FilterNode::destroy(FilterNode* node) noexcept {
    node->~FilterNode();
    ::operator delete(node);
}

void ChildTable::insert(FilterNode* node) {
    if (std::uint64_t{size_} * 4 >= std::uint64_t{capacity_} * 3) grow();
    ++size_;
    place(node);
}

void ChildTable::place(FilterNode* node) noexcept {
    const auto address = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(node));
    VMQ_ASSERT((address & kTagMask) == 0);
    const std::uint64_t hash = hash_of(node);
    std::uint32_t at = home(hash);
    while (slots_[at] != 0) at = after(at);
    slots_[at] = address | tag(hash);
}

void ChildTable::grow() {
    // By half instead of twofold: the slack is memory that every subscription pays for.
    const std::uint32_t old_capacity = capacity_;
    VMQ_ASSERT(old_capacity < std::numeric_limits<std::uint32_t>::max() / 2);
    capacity_ = old_capacity + old_capacity / 2 + 8;
    const auto old = std::exchange(slots_, std::make_unique<std::uint64_t[]>(capacity_));
    for (std::uint32_t at = 0; at < old_capacity; ++at) {
        if (old[at] != 0) place(node_in(old[at]));
    }
}

void ChildTable::erase(const FilterNode* node) noexcept {
    std::uint32_t hole = home(hash_of(node));
    while (node_in(slots_[hole]) != node) hole = after(hole);
    // What follows moves up if its home is not between the hole and its place: no search may meet
    // an empty slot before what it looks for.
    for (std::uint32_t at = after(hole); slots_[at] != 0; at = after(at)) {
        const std::uint32_t wanted = home(hash_of(node_in(slots_[at])));
        const bool between =
            hole < at ? hole < wanted && wanted <= at : hole < wanted || wanted <= at;
        if (between) continue;
        slots_[hole] = slots_[at];
        hole = at;
    }
    slots_[hole] = 0;
    if (--size_ > 0) return;
    slots_.reset();
    capacity_ = 0;
}

}  // namespace vmq::routing
