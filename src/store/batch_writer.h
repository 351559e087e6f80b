// BatchWriter: what the shards want kept, as one write of the database. Internal to this folder.
#pragma once

#include <rocksdb/iterator.h>
#include <rocksdb/write_batch.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "store/database.h"
#include "store/doomed_sessions.h"
#include "store/message_store.h"
#include "store/record_codec.h"
#include "store/reference_ledger.h"

namespace vmq::store {

/// The highest stamps of the topics that changed lately, by a hash of their keys. Bounded: changes
/// out of order are milliseconds apart, so the last many topics are enough. One owner, one thread.
class RecentStamps final {
public:
    explicit RecentStamps(std::size_t half = std::size_t{1} << 16U) : half_(half) {}

    [[nodiscard]] std::uint64_t find(std::uint64_t topic_hash) const;  // 0: none
    void set(std::uint64_t topic_hash, std::uint64_t stamp);

private:
    const std::size_t half_;
    std::unordered_map<std::uint64_t, std::uint64_t> young_;
    std::unordered_map<std::uint64_t, std::uint64_t> old_;
};

/// Owned by one Engine, used on its writing thread; the counter may be read on any. Errors are
/// those of Database::write(); then nothing was written and nothing is remembered.
class BatchWriter final {
public:
    BatchWriter(Database& database, const ClockAnchors& clocks, DoomedSessions& doomed,
                std::uint64_t seed, std::uint64_t queued);

    [[nodiscard]] Result<void> write(std::span<const WriteBatch* const> batches,
                                     Durability durability);

    /// One step of deleting the queue of a deleted session: at most `limit` records. True: there is
    /// more of this queue.
    [[nodiscard]] Result<bool> erase_doomed_queue(SessionId session, std::size_t limit);

    /// Records in queues, about.
    [[nodiscard]] std::uint64_t queued() const noexcept;

    /// What happened since it was asked for last.
    struct Activity {
        std::uint64_t writes = 0;
        std::uint64_t bytes = 0;
        std::uint64_t records_deleted = 0;  // of queues
        std::uint64_t references_released = 0;
    };
    [[nodiscard]] Activity take_activity() noexcept;

private:
    using Name = std::pair<SessionId, std::uint64_t>;
    struct NameHash {
        std::size_t operator()(const Name& name) const noexcept {
            return static_cast<std::size_t>(name.first) * 0x9e3779b97f4a7c15ULL ^ name.second;
        }
    };

    void add(std::monostate) noexcept {}
    void add(const PutMessage& put);
    void add(const DeleteMessage& gone);
    void add(const PutSession& put);
    void add(const DeleteSession& gone);
    void add(const PutSubscription& put);
    void add(const DeleteSubscription& gone);
    void add(const PutReleased& put);
    void add(const DeleteReleased& gone);
    void add(const PutReceived& put);
    void add(const DeleteReceived& gone);
    void add(const PutRetained& put);
    void add(const DeleteRetained& gone);
    void add(const PutFact& put);
    void add(const DeleteFact& gone);
    void add(const DeleteFacts& gone);

    void look_ahead(std::span<const WriteBatch* const> batches);
    void put_session_record(SessionId session, std::string_view key);
    void delete_session_record(SessionId session, std::string_view key);
    void erase_session_records(SessionId session);
    [[nodiscard]] std::optional<std::uint64_t> find_store_id(SessionId session,
                                                             std::uint64_t sequence);
    [[nodiscard]] bool is_behind(std::string_view retained_key, std::uint64_t stamp);
    [[nodiscard]] Result<void> finish(Durability durability);
    void forget_this_write();

    Database& database_;
    const ClockAnchors clocks_;
    DoomedSessions& doomed_;
    const std::uint64_t seed_;
    ReferenceLedger ledger_;
    RecentStamps stamps_;
    std::atomic<std::int64_t> queued_;
    Activity activity_;
    std::string erased_through_;  // key up to which erase_doomed_queue() has deleted

    // Of one write:
    rocksdb::WriteBatch batch_;
    std::string value_;
    rocksdb::Status failure_;
    std::span<const WriteBatch* const> batches_;
    std::unordered_set<SessionId> will_be_deleted_;
    std::unordered_map<SessionId, std::vector<std::string>> new_keys_;  // of will_be_deleted_
    std::vector<SessionId> newly_doomed_;
    std::unordered_map<std::uint64_t, std::uint64_t> new_stamps_;
    std::unordered_map<Name, std::uint64_t, NameHash> new_store_ids_;
    bool new_store_ids_known_ = false;
    std::int64_t queued_change_ = 0;
    std::uint64_t records_deleted_ = 0;
};

}  // namespace vmq::store
