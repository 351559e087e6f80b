// ReferenceLedger: which shared messages a write takes hold of and lets go of. Internal to this
// folder.
#pragma once

#include <rocksdb/write_batch.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "mqtt/message.h"
#include "store/database.h"
#include "store/record_codec.h"

namespace vmq::store {

/// Ids seen lately, forgotten in halves so that it stays bounded. One owner, one thread.
class RecentIds final {
public:
    explicit RecentIds(std::size_t half = std::size_t{1} << 16U) : half_(half) {}

    void insert(std::uint64_t id);
    void erase(std::uint64_t id);
    [[nodiscard]] bool contains(std::uint64_t id) const {
        return young_.contains(id) || old_.contains(id);
    }

private:
    const std::size_t half_;
    std::unordered_set<std::uint64_t> young_;
    std::unordered_set<std::uint64_t> old_;
};

/// Sums up the references of one write, and remembers over many writes whose body need not be
/// written again. Owned by one Engine, used on its writing thread.
///
/// A body may be left out only while its count cannot have been 0 since it was written, because at
/// 0 it may be dropped: so an id is forgotten as soon as one of its references is released.
class ReferenceLedger final {
public:
    /// `message` has to live until written() or dropped().
    void hold(const mqtt::Message& message);
    void release(std::uint64_t store_id);
    /// Adds one merge for each message whose count changes.
    void append_to(rocksdb::WriteBatch& batch, rocksdb::ColumnFamilyHandle* messages,
                   const ClockAnchors& clocks);
    /// The write with what append_to() added succeeded.
    void written();
    /// It failed, or there was none.
    void dropped() { changes_.clear(); }

    /// References released since the number was asked for last.
    [[nodiscard]] std::uint64_t take_released() noexcept { return std::exchange(released_, 0); }

private:
    struct Change {
        std::int64_t held = 0;
        std::int64_t released = 0;
        const mqtt::Message* message = nullptr;
        bool with_body = false;
    };

    std::unordered_map<std::uint64_t, Change> changes_;
    RecentIds recent_;
    std::uint64_t released_ = 0;
    std::string scratch_;
};

}  // namespace vmq::store
