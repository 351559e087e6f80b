#include "broker/top_counts.h"

#include <algorithm>
#include <utility>

namespace vmq::broker {

TopCounts::Added TopCounts::add(std::string_view key, std::uint64_t count) {
    if (const auto known = places_.find(key); known != places_.end()) {
        entries_[known->second].count += count;
        return {known->second, false};
    }
    if (entries_.size() < capacity_) {
        places_.emplace(std::string(key), entries_.size());
        entries_.push_back({std::string(key), count, 0});
        return {entries_.size() - 1, true};
    }
    const std::size_t place = least();
    Entry& entry = entries_[place];
    places_.erase(places_.find(std::string_view(entry.key)));
    places_.emplace(std::string(key), place);
    entry.excess = entry.count;
    entry.count += count;
    entry.key = key;
    return {place, true};
}

void TopCounts::clear() noexcept {
    entries_.clear();
    places_.clear();
    smallest_ = 0;
    search_ = 0;
}

// Counts only grow: those that equal the smallest become fewer until the next search for it.
std::size_t TopCounts::least() {
    for (; search_ < entries_.size(); ++search_) {
        if (entries_[search_].count == smallest_) return search_++;
    }
    const auto found = std::ranges::min_element(entries_, {}, &Entry::count);
    smallest_ = found->count;
    search_ = static_cast<std::size_t>(found - entries_.begin());
    return search_++;
}

}  // namespace vmq::broker
