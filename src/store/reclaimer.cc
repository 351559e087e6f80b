#include "store/reclaimer.h"

#include <utility>

#include "base/log.h"

namespace vmq::store {
namespace {

constexpr std::size_t kRecordsPerStep = 1000;
/// Less than that is not worth a compaction.
constexpr std::uint64_t kWorthwhile = 50'000;
constexpr std::uint64_t kWorthwhileBytes = std::uint64_t{1} << 20U;

std::uint64_t table_bytes(const Database& database, Family family) {
    std::uint64_t bytes = 0;
    (void)database.db().GetIntProperty(database.family(family),
                                       rocksdb::DB::Properties::kLiveSstFilesSize, &bytes);
    return bytes;
}

}  // namespace

bool Reclaimer::step() {
    if (doomed_.any()) return erase_some();
    give_back();
    return false;
}

bool Reclaimer::erase_some() {
    const auto more = writer_.erase_doomed_queue(doomed_.first(), kRecordsPerStep);
    if (!more) {
        if (!std::exchange(failed_, true)) {
            log::warning("the queue of a deleted session stays for now: {}", more.error().detail);
        }
        return false;
    }
    failed_ = false;
    return true;
}

/// Compacts what was mostly deleted, at most one column family at a time, and empties the log files
/// when nobody writes. A compaction is worth it as soon as it drops more than it has to copy.
void Reclaimer::give_back() {
    const BatchWriter::Activity activity = writer_.take_activity();
    unflushed_bytes_ += activity.bytes;
    records_deleted_ += activity.records_deleted;
    references_released_ += activity.references_released;
    if (activity.writes == 0 && unflushed_bytes_ > kWorthwhileBytes) {
        if (auto flushed = database_.flush(); !flushed) {
            if (!std::exchange(failed_, true)) log::warning("{}", flushed.error().detail);
            return;
        }
        failed_ = false;
        unflushed_bytes_ = 0;
    }
    if (database_.compacting()) return;
    const std::uint64_t alive = writer_.queued();
    if (records_deleted_ > kWorthwhile && records_deleted_ > 2 * alive) {
        if (table_bytes(database_, Family::Queues) > kWorthwhileBytes) {
            (void)database_.compact_in_background(Family::Queues);
        }
        records_deleted_ = 0;
    } else if (references_released_ > kWorthwhile &&
               (references_released_ > 2 * alive ||
                references_released_ > 2 * database_.estimated_keys(Family::Messages))) {
        if (table_bytes(database_, Family::Messages) > kWorthwhileBytes) {
            (void)database_.compact_in_background(Family::Messages);
        }
        references_released_ = 0;
    }
}

}  // namespace vmq::store
