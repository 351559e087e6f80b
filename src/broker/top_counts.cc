#include "broker/top_counts.h"

#include <algorithm>
#include <utility>

namespace vmq::broker {

void TopCounts::add(std::string_view key, std::uint64_t count) {
    if (const auto known = places_.find(key); known != places_.end()) {
        entries_[known->second].count += count;
        return;
    }
    if (entries_.size() < capacity_) {
        places_.emplace(std::string(key), entries_.size());
        entries_.push_back({std::string(key), count, 0});
        return;
    }
    const auto least = std::ranges::min_element(entries_, {}, &Entry::count);
    places_.erase(places_.find(std::string_view(least->key)));
    places_.emplace(std::string(key), static_cast<std::size_t>(least - entries_.begin()));
    *least = {std::string(key), least->count + count, least->count};
}

}  // namespace vmq::broker
