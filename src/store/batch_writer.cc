#include "store/batch_writer.h"

#include <utility>
#include <variant>

#include "base/hash.h"
#include "base/log.h"
#include "store/keys.h"

namespace vmq::store {
namespace {

constexpr std::size_t kRoomKept = std::size_t{1} << 20U;  // of the buffer, between writes

}  // namespace

std::uint64_t RecentStamps::find(std::uint64_t topic_hash) const {
    if (const auto found = young_.find(topic_hash); found != young_.end()) return found->second;
    if (const auto found = old_.find(topic_hash); found != old_.end()) return found->second;
    return 0;
}

void RecentStamps::set(std::uint64_t topic_hash, std::uint64_t stamp) {
    if (young_.size() >= half_) {
        old_ = std::move(young_);
        young_.clear();
    }
    young_[topic_hash] = stamp;
}

BatchWriter::BatchWriter(Database& database, const ClockAnchors& clocks, DoomedSessions& doomed,
                         std::uint64_t seed, std::uint64_t queued)
    : database_(database),
      clocks_(clocks),
      doomed_(doomed),
      seed_(seed),
      queued_(static_cast<std::int64_t>(queued)) {}

Result<void> BatchWriter::write(std::span<const WriteBatch* const> batches, Durability durability) {
    batches_ = batches;
    look_ahead(batches);
    for (const WriteBatch* batch : batches) {
        for (const Write& write : batch->writes()) {
            visit([this](const auto& kind) { add(kind); }, write);
        }
    }
    return finish(durability);
}

/// Sessions that are deleted in the middle of what is written: their new records go as well.
void BatchWriter::look_ahead(std::span<const WriteBatch* const> batches) {
    for (const WriteBatch* batch : batches) {
        for (const Write& write : batch->writes()) {
            if (const auto* gone = std::get_if<DeleteSession>(&write)) {
                will_be_deleted_.insert(gone->session);
            }
        }
    }
}

Result<void> BatchWriter::finish(Durability durability) {
    if (!failure_.ok()) {
        Error error =
            storage_error(failure_, "cannot read what is to be deleted", database_.directory());
        forget_this_write();
        return error;
    }
    ledger_.append_to(batch_, database_.family(Family::Messages), clocks_);
    if (batch_.Count() != 0) {
        if (auto written = database_.write(batch_, durability); !written) {
            forget_this_write();
            return written;
        }
        ++activity_.writes;
        activity_.bytes += batch_.GetDataSize();
    }
    ledger_.written();
    for (const auto& [topic, stamp] : new_stamps_) stamps_.set(topic, stamp);
    newly_doomed_.clear();
    activity_.records_deleted += records_deleted_;
    queued_.fetch_add(queued_change_, std::memory_order_relaxed);
    forget_this_write();
    return {};
}

void BatchWriter::forget_this_write() {
    for (const SessionId session : newly_doomed_) doomed_.erase(session);
    ledger_.dropped();
    if (batch_.GetDataSize() > kRoomKept) {
        batch_ = rocksdb::WriteBatch();
    } else {
        batch_.Clear();
    }
    failure_ = rocksdb::Status::OK();
    batches_ = {};
    will_be_deleted_.clear();
    new_keys_.clear();
    newly_doomed_.clear();
    new_stamps_.clear();
    new_store_ids_.clear();
    new_store_ids_known_ = false;
    queued_change_ = 0;
    records_deleted_ = 0;
}

void BatchWriter::add(const PutMessage& put) {
    if (doomed_.contains(put.session)) return;
    value_.clear();
    encode_queue_record(put, clocks_, value_);
    const auto key = queue_key(put.session, put.sequence);
    (void)batch_.Put(database_.family(Family::Queues), to_slice(key.view()), value_);
    if (put.message->store_id() != 0) ledger_.hold(*put.message);
    ++queued_change_;
}

void BatchWriter::add(const DeleteMessage& gone) {
    if (doomed_.contains(gone.session)) return;  // its references go with the queue
    std::optional<std::uint64_t> store_id = gone.store_id;
    if (gone.store_id == kUnknownStoreId) {
        store_id = find_store_id(gone.session, gone.sequence);
        if (!store_id) return;
    }
    const auto key = queue_key(gone.session, gone.sequence);
    (void)batch_.SingleDelete(database_.family(Family::Queues), to_slice(key.view()));
    if (*store_id != 0) ledger_.release(*store_id);
    --queued_change_;
    ++records_deleted_;
}

/// Nothing: there is no such record, or the disk failed.
std::optional<std::uint64_t> BatchWriter::find_store_id(SessionId session, std::uint64_t sequence) {
    const auto key = queue_key(session, sequence);
    rocksdb::PinnableSlice bytes;
    const auto get = [&] {
        return database_.db().Get({}, database_.family(Family::Queues), to_slice(key.view()),
                                  &bytes);
    };
    rocksdb::Status status = get();
    while (status.IsCorruption() && database_.mend(Family::Queues, status)) status = get();
    if (status.ok()) {
        QueueRecord record;
        if (decode_queue_record(to_view(bytes), record)) return record.store_id;
        log::warning("message {} of stored session {} cannot be read and is deleted", sequence,
                     static_cast<std::uint64_t>(session));
        return 0;
    }
    if (status.IsCorruption()) return 0;
    if (!status.IsNotFound()) {
        failure_ = status;
        return std::nullopt;
    }
    // It may be among the writes before this one.
    if (!new_store_ids_known_) {
        new_store_ids_known_ = true;
        for (const WriteBatch* batch : batches_) {
            for (const Write& write : batch->writes()) {
                if (const auto* put = std::get_if<PutMessage>(&write)) {
                    new_store_ids_[{put->session, put->sequence}] = put->message->store_id();
                }
            }
        }
    }
    const auto found = new_store_ids_.find({session, sequence});
    if (found == new_store_ids_.end()) return std::nullopt;
    return found->second;
}

void BatchWriter::put_session_record(SessionId session, std::string_view key) {
    if (doomed_.contains(session)) return;
    (void)batch_.Put(database_.family(Family::Sessions), to_slice(key), value_);
    if (will_be_deleted_.contains(session)) new_keys_[session].emplace_back(key);
}

void BatchWriter::delete_session_record(SessionId session, std::string_view key) {
    if (doomed_.contains(session)) return;
    (void)batch_.Delete(database_.family(Family::Sessions), to_slice(key));
}

void BatchWriter::add(const PutSession& put) {
    value_.clear();
    encode_session(put.record, value_);
    put_session_record(put.session, session_key(put.session, SessionKeyKind::Main).view());
}

void BatchWriter::add(const DeleteSession& gone) {
    if (!doomed_.insert(gone.session)) return;
    newly_doomed_.push_back(gone.session);
    erase_session_records(gone.session);
    value_.clear();
    encode_mark(value_);
    const auto key = session_key(gone.session, SessionKeyKind::Doomed);
    (void)batch_.Put(database_.family(Family::Sessions), to_slice(key.view()), value_);
}

void BatchWriter::erase_session_records(SessionId session) {
    rocksdb::ColumnFamilyHandle* sessions = database_.family(Family::Sessions);
    const auto begin = session_key(session, SessionKeyKind::Main);
    const auto end = session_key(session, SessionKeyKind::Doomed);
    const rocksdb::Slice bound = to_slice(end.view());
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = &bound;
    rocksdb::Status status;
    do {
        const std::unique_ptr<rocksdb::Iterator> stored(
            database_.db().NewIterator(options, sessions));
        for (stored->Seek(to_slice(begin.view())); stored->Valid(); stored->Next()) {
            (void)batch_.Delete(sessions, stored->key());
        }
        status = stored->status();
    } while (status.IsCorruption() && database_.mend(Family::Sessions, status));
    if (!status.ok() && !status.IsCorruption()) failure_ = status;
    if (const auto found = new_keys_.find(session); found != new_keys_.end()) {
        for (const std::string& key : found->second) (void)batch_.Delete(sessions, key);
    }
}

void BatchWriter::add(const PutSubscription& put) {
    value_.clear();
    encode_subscription(put.options, put.subscription_id, value_);
    put_session_record(put.session, subscription_key(put.session, put.filter));
}

void BatchWriter::add(const DeleteSubscription& gone) {
    delete_session_record(gone.session, subscription_key(gone.session, gone.filter));
}

void BatchWriter::add(const PutReleased& put) {
    value_.clear();
    encode_mark(value_);
    put_session_record(put.session, released_key(put.session, put.sequence).view());
}

void BatchWriter::add(const DeleteReleased& gone) {
    delete_session_record(gone.session, released_key(gone.session, gone.sequence).view());
}

void BatchWriter::add(const PutReceived& put) {
    value_.clear();
    encode_mark(value_);
    put_session_record(put.session, received_key(put.session, put.id).view());
}

void BatchWriter::add(const DeleteReceived& gone) {
    delete_session_record(gone.session, received_key(gone.session, gone.id).view());
}

/// Whether a later change of the topic was written before.
bool BatchWriter::is_behind(std::string_view retained_key, std::uint64_t stamp) {
    const std::uint64_t hash = hash_bytes(retained_key, seed_);
    const auto added = new_stamps_.find(hash);
    if (stamp < (added != new_stamps_.end() ? added->second : stamps_.find(hash))) return true;
    new_stamps_[hash] = stamp;
    return false;
}

void BatchWriter::add(const PutRetained& put) {
    const std::string key = retained_key(put.message->mountpoint(), put.message->topic());
    if (is_behind(key, put.stamp)) return;
    value_.clear();
    encode_message(*put.message, clocks_, value_);
    (void)batch_.Put(database_.family(Family::Retained), key, value_);
}

void BatchWriter::add(const DeleteRetained& gone) {
    const std::string key = retained_key(gone.mountpoint, gone.topic);
    if (is_behind(key, gone.stamp)) return;
    (void)batch_.Delete(database_.family(Family::Retained), key);
}

void BatchWriter::add(const PutFact& put) {
    value_.clear();
    encode_fact(put.value, value_);
    (void)batch_.Put(database_.family(Family::Facts), fact_key(put.key), value_);
}

void BatchWriter::add(const DeleteFact& gone) {
    (void)batch_.Delete(database_.family(Family::Facts), fact_key(gone.key));
}

void BatchWriter::add(const DeleteFacts& gone) {
    const std::string first = fact_key(gone.prefix);
    std::string end = first;
    while (static_cast<unsigned char>(end.back()) == 0xFF) end.pop_back();
    ++end.back();  // the first byte of all is 01
    (void)batch_.DeleteRange(database_.family(Family::Facts), first, end);
}

Result<bool> BatchWriter::erase_doomed_queue(SessionId session, std::size_t limit) {
    const auto first = queue_key(session, 0);
    const auto last = queue_key(session, ~0ULL);
    const std::string end = std::string(last.view()) + '\0';
    const rocksdb::Slice bound = to_slice(end);
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = &bound;
    options.fill_cache = false;
    // Not over the tombstones of the last step again.
    std::string_view from = first.view();
    if (erased_through_ > from && erased_through_ < end) from = erased_through_;
    const std::unique_ptr<rocksdb::Iterator> records(
        database_.db().NewIterator(options, database_.family(Family::Queues)));
    std::string erased;
    std::size_t count = 0;
    records->Seek(to_slice(from));
    for (; records->Valid() && count < limit; records->Next(), ++count) {
        QueueRecord record;
        if (decode_queue_record(to_view(records->value()), record) && record.store_id != 0) {
            ledger_.release(record.store_id);
        }
        (void)batch_.SingleDelete(database_.family(Family::Queues), records->key());
        erased.assign(to_view(records->key()));
    }
    bool more = records->Valid();
    if (records->status().IsCorruption()) {
        // If it cannot be mended, the rest goes when the damage is repaired.
        more = database_.mend(Family::Queues, records->status());
    } else if (!records->status().ok()) {
        failure_ = records->status();
    }
    if (!more) {
        const auto mark = session_key(session, SessionKeyKind::Doomed);
        (void)batch_.Delete(database_.family(Family::Sessions), to_slice(mark.view()));
    }
    queued_change_ = -static_cast<std::int64_t>(count);
    records_deleted_ = count;
    if (auto written = finish(Durability::Os); !written) return written.error();
    erased_through_ = std::move(erased);
    if (!more) doomed_.erase(session);
    return more;
}

std::uint64_t BatchWriter::queued() const noexcept {
    const std::int64_t count = queued_.load(std::memory_order_relaxed);
    return count > 0 ? static_cast<std::uint64_t>(count) : 0;
}

BatchWriter::Activity BatchWriter::take_activity() noexcept {
    Activity activity = std::exchange(activity_, {});
    activity.references_released = ledger_.take_released();
    return activity;
}

}  // namespace vmq::store
