#include "routing/filter_trie.h"

#include <cstring>
#include <limits>
#include <new>

#include "base/assert.h"
#include "base/hash.h"

namespace vmq::routing {

FilterNode::FilterNode(std::uint64_t node_id, FilterNode* node_parent,
                       std::string_view word) noexcept
    : id(node_id), parent(node_parent), word_size(static_cast<std::uint16_t>(word.size())) {
    if (!word.empty()) {
        std::memcpy(reinterpret_cast<char*>(this) + sizeof(FilterNode), word.data(), word.size());
    }
}

std::size_t FilterTrie::Hash::operator()(const FilterNode* node) const noexcept {
    return child_hash(node->parent, hash_bytes(node->word(), seed));
}

FilterTrie::FilterTrie(std::uint64_t seed)
    : seed_(seed), plus_hash_(hash_bytes("+", seed)), hash_hash_(hash_bytes("#", seed)) {
    partitions_.reserve(kPartitions);
    for (std::size_t i = 0; i < kPartitions; ++i) partitions_.emplace_back(0, Hash{seed}, Equal{});
}

FilterTrie::~FilterTrie() {
    for (Partition& partition : partitions_) {
        for (FilterNode* node : partition) destroy(node);
    }
}

std::uint64_t FilterTrie::word_hash(std::string_view word) const noexcept {
    return hash_bytes(word, seed_);
}

FilterNode* FilterTrie::find(std::string_view mountpoint, std::string_view filter) const {
    FilterNode* node = child(nullptr, mountpoint, word_hash(mountpoint));
    for (mqtt::LevelCursor levels(filter); node != nullptr && !levels.done();) {
        const std::string_view word = levels.next();
        node = child(node, word, word_hash(word));
    }
    return node;
}

FilterNode* FilterTrie::add(std::string_view mountpoint, std::string_view filter) {
    FilterNode* node = child(nullptr, mountpoint, word_hash(mountpoint));
    if (node == nullptr) node = add_child(nullptr, mountpoint);
    for (mqtt::LevelCursor levels(filter); !levels.done();) {
        const std::string_view word = levels.next();
        FilterNode* found = child(node, word, word_hash(word));
        node = found != nullptr ? found : add_child(node, word);
    }
    return node;
}

FilterNode* FilterTrie::add_child(FilterNode* parent, std::string_view word) {
    VMQ_ASSERT(word.size() <= std::numeric_limits<std::uint16_t>::max());
    void* memory = ::operator new(sizeof(FilterNode) + word.size());
    auto* node = new (memory) FilterNode(next_id(), parent, word);
    partitions_[partition_of(child_hash(parent, word_hash(word)))].insert(node);
    if (parent != nullptr) {
        ++parent->children;
        parent->has_plus = parent->has_plus || word == "+";
        parent->has_hash = parent->has_hash || word == "#";
    }
    return node;
}

void FilterTrie::prune(FilterNode* node) {
    while (node != nullptr && node->children == 0 && node->groups == nullptr &&
           node->shards.load() == 0) {
        FilterNode* parent = node->parent;
        const std::string_view word = node->word();
        partitions_[partition_of(child_hash(parent, word_hash(word)))].erase(node);
        if (parent != nullptr) {
            --parent->children;
            if (word == "+") parent->has_plus = false;
            if (word == "#") parent->has_hash = false;
        }
        destroy(node);
        node = parent;
    }
}

void FilterTrie::destroy(FilterNode* node) noexcept {
    node->~FilterNode();
    ::operator delete(node);
}

std::string FilterTrie::text(const FilterNode& node) {
    std::vector<std::string_view> words;
    for (const FilterNode* at = &node; at->parent != nullptr; at = at->parent) {
        words.push_back(at->word());
    }
    std::string result;
    for (auto word = words.rbegin(); word != words.rend(); ++word) {
        if (word != words.rbegin()) result += '/';
        result += *word;
    }
    return result;
}

}  // namespace vmq::routing
