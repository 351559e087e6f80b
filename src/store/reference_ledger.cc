#include "store/reference_ledger.h"

#include "store/counted_body.h"
#include "store/keys.h"

namespace vmq::store {

void RecentIds::insert(std::uint64_t id) {
    if (young_.size() >= half_) {
        old_ = std::move(young_);
        young_.clear();
    }
    young_.insert(id);
}

void RecentIds::erase(std::uint64_t id) {
    young_.erase(id);
    old_.erase(id);
}

void ReferenceLedger::hold(const mqtt::Message& message) {
    Change& change = changes_[message.store_id()];
    ++change.held;
    change.message = &message;
}

void ReferenceLedger::release(std::uint64_t store_id) { ++changes_[store_id].released; }

void ReferenceLedger::append_to(rocksdb::WriteBatch& batch, rocksdb::ColumnFamilyHandle* messages,
                                const ClockAnchors& clocks) {
    for (auto& [id, change] : changes_) {
        const std::int64_t sum = change.held - change.released;
        if (sum == 0) continue;  // what is there, body or not, stays right
        change.with_body = sum > 0 && !recent_.contains(id);
        scratch_.clear();
        encode_counted_body_head(sum, scratch_);
        if (change.with_body) encode_message(*change.message, clocks, scratch_);
        const auto key = message_key(id);
        (void)batch.Merge(messages, to_slice(key.view()), scratch_);
    }
}

void ReferenceLedger::written() {
    for (const auto& [id, change] : changes_) {
        if (change.released != 0) {
            recent_.erase(id);
            released_ += static_cast<std::uint64_t>(change.released);
        } else if (change.with_body) {
            recent_.insert(id);
        }
    }
    changes_.clear();
}

}  // namespace vmq::store
