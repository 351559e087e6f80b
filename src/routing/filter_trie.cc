#include "routing/filter_trie.h"

#if defined(__SANITIZE_ADDRESS__)
#define VMQ_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VMQ_ADDRESS_SANITIZER 1
#endif
#endif

namespace vmq::routing {
namespace {

/// Nodes of the same size beside each other, without anything between them.
std::unique_ptr<std::pmr::memory_resource> pools() {
#if defined(VMQ_ADDRESS_SANITIZER)
    return nullptr;  // it sees the use of a deleted one only in memory of its own
#else
    return std::make_unique<std::pmr::unsynchronized_pool_resource>();
#endif
}

}  // namespace

FilterTrie::FilterTrie(std::uint64_t seed)
    : seed_(seed),
      plus_("+", seed),
      hash_("#", seed),
      pools_(pools()),
      memory_(pools_ ? *pools_ : *std::pmr::new_delete_resource()) {
    tables_.reserve(kTables);
    for (std::size_t i = 0; i < kTables; ++i) tables_.emplace_back(seed);
}

FilterTrie::~FilterTrie() {
    for (const ChildTable& each : tables_) {
        each.for_each([&](FilterNode* node) { FilterNode::destroy(memory_, node); });
    }
}

FilterNode* FilterTrie::find(std::string_view mountpoint, std::string_view filter) const {
    FilterNode* node = child(nullptr, word(mountpoint));
    for (mqtt::LevelCursor levels(filter); node != nullptr && !levels.done();) {
        node = child(node, word(levels.next()));
    }
    return node;
}

FilterNode* FilterTrie::add(std::string_view mountpoint, std::string_view filter) {
    FilterNode* node = child(nullptr, word(mountpoint));
    if (node == nullptr) node = add_child(nullptr, word(mountpoint));
    for (mqtt::LevelCursor levels(filter); !levels.done();) {
        const FilterWord level = word(levels.next());
        FilterNode* found = child(node, level);
        node = found != nullptr ? found : add_child(node, level);
    }
    return node;
}

FilterNode* FilterTrie::add_child(FilterNode* parent, const FilterWord& word) {
    FilterNode* node = FilterNode::make(memory_, next_id(), parent, word.text);
    ChildTable& children = table(ChildTable::hash(parent, word.hash));
    const std::size_t before = children.bytes();
    children.insert(node);
    bytes_ += node->bytes() + children.bytes() - before;
    if (parent != nullptr) {
        ++parent->children;
        parent->has_plus = parent->has_plus || word.text == "+";
        parent->has_hash = parent->has_hash || word.text == "#";
    }
    return node;
}

void FilterTrie::prune(FilterNode* node) {
    while (node != nullptr && node->children == 0 && !node->has_groups &&
           node->shards.load() == 0) {
        FilterNode* parent = node->parent;
        ChildTable& siblings = table(ChildTable::hash(parent, word(node->word()).hash));
        const std::size_t before = siblings.bytes();
        siblings.erase(node);
        if (parent != nullptr) {
            --parent->children;
            if (node->word() == "+") parent->has_plus = false;
            if (node->word() == "#") parent->has_hash = false;
        }
        bytes_ -= node->bytes() + before - siblings.bytes();
        FilterNode::destroy(memory_, node);
        node = parent;
    }
}

std::string FilterTrie::mountpoint(const FilterNode& node) {
    const FilterNode* at = &node;
    while (at->parent != nullptr) at = at->parent;
    return std::string(at->word());
}

std::string FilterTrie::text(const FilterNode& node) {
    std::vector<std::string_view> words;
    for (const FilterNode* at = &node; at->parent != nullptr; at = at->parent) {
        words.push_back(at->word());
    }
    std::string result;
    for (auto level = words.rbegin(); level != words.rend(); ++level) {
        if (level != words.rbegin()) result += '/';
        result += *level;
    }
    return result;
}

}  // namespace vmq::routing
