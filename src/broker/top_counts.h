// TopCounts: who occurs most often, in bounded memory.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"

namespace vmq::broker {

/// Counts the keys that occur most often among any number of them (the space-saving algorithm): a
/// key that has no place takes that of the smallest count and goes on from there. A count is never
/// too small, too large by at most `excess`, and whoever has occurred more often than the sum
/// divided by the capacity is there.
///
/// Owned by one thread. Reads no clock.
class TopCounts final {
public:
    /// `capacity`: keys that are counted, at least 1.
    explicit TopCounts(std::size_t capacity) : capacity_(capacity) {}

    struct Entry {
        std::string key;
        std::uint64_t count = 0;
        std::uint64_t excess = 0;  // at most so much of it belongs to others
    };
    struct Added {
        std::size_t place;  // in entries()
        bool anew;          // it had none before
    };

    /// Constant time for a key that has a place. For one that has none linear in the capacity, but
    /// on average much less: the search for the smallest count goes on where the last one ended.
    Added add(std::string_view key, std::uint64_t count);
    void clear() noexcept;

    /// In no order. Valid until the next add().
    [[nodiscard]] const std::vector<Entry>& entries() const noexcept { return entries_; }

private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view key) const noexcept { return hash_bytes(key, 0); }
    };
    struct Equal {
        using is_transparent = void;
        bool operator()(std::string_view a, std::string_view b) const noexcept { return a == b; }
    };
    [[nodiscard]] std::size_t least();

    const std::size_t capacity_;
    std::vector<Entry> entries_;
    boost::unordered_flat_map<std::string, std::size_t, Hash, Equal> places_;
    std::uint64_t smallest_ = 0;  // no count is smaller
    std::size_t search_ = 0;      // behind the last place that had it
};

}  // namespace vmq::broker
