#include "plugins/acl/decision_cache.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"

namespace vmq::plugins::acl {
namespace {

constexpr std::uint64_t kNoUsername = 0xFFFF;

}  // namespace

bool DecisionCache::pack(const Identity& who, std::string_view topic, Key& key) noexcept {
    const std::array<std::string_view, 4> parts{who.mountpoint, who.client_id,
                                                who.username.value_or(""), topic};
    key.size = 0;
    key.sizes = 0;
    for (const std::string_view part : parts) {
        if (part.size() > kMaxKeySize - key.size) return false;
        std::copy(part.begin(), part.end(), key.bytes.begin() + key.size);
        key.size += part.size();
        key.sizes = key.sizes << 16U | part.size();
    }
    if (!who.username) key.sizes |= kNoUsername << 16U;
    key.hash = hash_bytes({key.bytes.data(), key.size}, key.sizes) | 1U;
    return true;
}

std::optional<bool> DecisionCache::find(const Key& key) const noexcept {
    if (!sets_) return std::nullopt;
    const std::size_t set = set_of(key.hash);
    for (std::size_t way = 0; way < kWays; ++way) {
        if (sets_[set].hashes[way] != key.hash) continue;
        const Entry& entry = entries_[set * kWays + way];
        if (entry.sizes == key.sizes &&
            std::memcmp(entry.bytes.data(), key.bytes.data(), key.size) == 0) {
            return entry.allowed;
        }
    }
    return std::nullopt;
}

void DecisionCache::store(const Key& key, bool allowed) {
    if (!sets_ || (found_no_room_ >= set_count_ * kWays && set_count_ < kMaxSets)) grow();
    const std::size_t set = set_of(key.hash);
    auto& hashes = sets_[set].hashes;
    auto way =
        static_cast<std::size_t>(std::find(hashes.begin(), hashes.end(), 0U) - hashes.begin());
    if (way == kWays) {
        ++found_no_room_;
        if (++turn_ % kPatience != 0) return;
        way = turn_ / kPatience % kWays;
    }
    hashes[way] = key.hash;
    Entry& entry = entries_[set * kWays + way];
    entry.sizes = key.sizes;
    entry.allowed = allowed;
    std::memcpy(entry.bytes.data(), key.bytes.data(), key.size);
}

void DecisionCache::forget(std::uint64_t generation) {
    if (sets_) std::fill_n(sets_.get(), set_count_, Set());
    generation_ = generation;
    found_no_room_ = 0;
}

void DecisionCache::grow() {
    const auto old_sets = std::move(sets_);
    const auto old_entries = std::move(entries_);
    const std::size_t old_count = set_count_;
    set_count_ = old_count == 0 ? kFirstSets : old_count * 2;
    sets_ = std::make_unique<Set[]>(set_count_);
    // Pages that are never written cost nothing.
    entries_ = std::make_unique_for_overwrite<Entry[]>(set_count_ * kWays);
    found_no_room_ = 0;
    for (std::size_t set = 0; set < old_count; ++set) {
        for (std::size_t way = 0; way < kWays; ++way) {
            const std::uint64_t hash = old_sets[set].hashes[way];
            if (hash == 0) continue;
            // The new set has only entries of this one.
            auto& hashes = sets_[set_of(hash)].hashes;
            const auto free = std::find(hashes.begin(), hashes.end(), 0U) - hashes.begin();
            hashes[static_cast<std::size_t>(free)] = hash;
            entries_[set_of(hash) * kWays + static_cast<std::size_t>(free)] =
                old_entries[set * kWays + way];
        }
    }
}

}  // namespace vmq::plugins::acl
