#include "store/database.h"

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>
#include <rocksdb/wal_filter.h>
#include <rocksdb/write_buffer_manager.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/entropy.h"
#include "base/log.h"
#include "store/counted_body.h"
#include "store/keys.h"
#include "store/record_codec.h"
#include "store/table_mender.h"

namespace vmq::store {
namespace {

using rocksdb::Status;

constexpr std::array<const char*, kFamilies> kFamilyNames{
    "default", "sessions", "queues", "messages", "retained", "meta", "facts"};
constexpr std::string_view kFormatName = "format";
constexpr std::size_t kProbeBytes = std::size_t{256} << 10U;

/// RocksDB looks every few seconds by itself whether it can go on, and is busy for so long.
class NoRecoveryByItself final : public rocksdb::EventListener {
public:
    void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason /*reason*/, Status /*error*/,
                              bool* auto_recovery) override {
        *auto_recovery = false;
    }
};

/// Keeps one write out of what is recovered from the log files. The number of a write stands in its
/// log data.
class WithoutOneWrite final : public rocksdb::WalFilter {
public:
    explicit WithoutOneWrite(std::uint64_t number) : number_(number) {}

    WalProcessingOption LogRecordFound(unsigned long long /*log*/, const std::string& /*name*/,
                                       const rocksdb::WriteBatch& batch,
                                       rocksdb::WriteBatch* /*changed*/, bool* /*is*/) override {
        Numbered numbered;
        (void)batch.Iterate(&numbered);
        return numbered.number == number_ ? WalProcessingOption::kIgnoreCurrentRecord
                                          : WalProcessingOption::kContinueProcessing;
    }
    [[nodiscard]] const char* Name() const override { return "vmq.without_one_write"; }

private:
    struct Numbered final : rocksdb::WriteBatch::Handler {
        std::uint64_t number = 0;

        Status PutCF(std::uint32_t, const rocksdb::Slice&, const rocksdb::Slice&) override {
            return Status::OK();
        }
        Status DeleteCF(std::uint32_t, const rocksdb::Slice&) override { return Status::OK(); }
        Status SingleDeleteCF(std::uint32_t, const rocksdb::Slice&) override {
            return Status::OK();
        }
        Status MergeCF(std::uint32_t, const rocksdb::Slice&, const rocksdb::Slice&) override {
            return Status::OK();
        }
        void LogData(const rocksdb::Slice& blob) override {
            (void)decode_number(to_view(blob), number);
        }
    };

    const std::uint64_t number_;
};

rocksdb::BlockBasedTableOptions table_options(Family family,
                                              const std::shared_ptr<rocksdb::Cache>& cache) {
    rocksdb::BlockBasedTableOptions table;
    table.block_cache = cache;
    table.format_version = 5;
    table.cache_index_and_filter_blocks = true;
    table.pin_l0_filter_and_index_blocks_in_cache = true;
    // Queues are read in long runs, everything else record by record.
    table.block_size = family == Family::Queues ? 16U << 10U : 8U << 10U;
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    return table;
}

rocksdb::ColumnFamilyOptions family_options(Family family, std::size_t memory_bytes,
                                            const std::shared_ptr<rocksdb::Cache>& cache) {
    rocksdb::ColumnFamilyOptions options;
    const bool large = family == Family::Queues || family == Family::Messages;
    options.write_buffer_size =
        std::max<std::size_t>(memory_bytes / (large ? 4 : 16), std::size_t{256} << 10U);
    options.max_write_buffer_number = 4;
    options.target_file_size_base = 32ULL << 20U;
    options.level_compaction_dynamic_level_bytes = true;
    // What is young is mostly gone before it reaches a second level.
    options.compression_per_level.assign(7, rocksdb::kLZ4Compression);
    options.compression_per_level.front() = rocksdb::kNoCompression;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options(family, cache)));
    if (family == Family::Queues) {
        options.memtable_insert_with_hint_prefix_extractor.reset(
            rocksdb::NewFixedPrefixTransform(8));
        options.table_properties_collector_factories.push_back(
            rocksdb::NewCompactOnDeletionCollectorFactory(4096, 2048, 0.5));
    }
    if (family == Family::Messages) {
        options.merge_operator = make_counting_merge_operator();
        options.compaction_filter = dead_body_filter();
        // A body that a merge found dead is dropped by the compaction after that.
        options.periodic_compaction_seconds = 24ULL * 3600;
    }
    return options;
}

rocksdb::DBOptions database_options(const DatabaseOptions& from,
                                    const std::shared_ptr<rocksdb::Cache>& cache) {
    rocksdb::DBOptions options;
    if (from.env != nullptr) options.env = from.env;
    options.create_if_missing = true;
    options.create_missing_column_families = true;
    options.paranoid_checks = true;
    // A torn end is normal after a loss of power; damage further up has to be told.
    options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
    options.atomic_flush = true;  // column families agree even without a log
    options.write_buffer_manager =
        std::make_shared<rocksdb::WriteBufferManager>(from.memory_bytes / 2, cache);
    options.max_total_wal_size = from.memory_bytes * 2;
    options.max_background_jobs = 2;
    options.max_open_files = 512;
    options.bytes_per_sync = 1U << 20U;
    options.wal_bytes_per_sync = 1U << 20U;
    options.max_manifest_file_size = 16U << 20U;
    options.manifest_preallocation_size = 64U << 10U;
    options.stats_dump_period_sec = 0;
    options.stats_persist_period_sec = 0;
    options.allow_concurrent_memtable_write = false;  // one thread writes
    options.enable_write_thread_adaptive_yield = false;
    options.max_bgerror_resume_count = 0;  // see give_up()
    options.listeners.push_back(std::make_shared<NoRecoveryByItself>());
    options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
    options.max_log_file_size = 1U << 20U;
    options.keep_log_file_num = 4;
    return options;
}

bool is_full(const Status& status) {
    return status.IsNoSpace() ||
           (status.IsIOError() &&
            status.ToString().find("No space left on device") != std::string::npos);
}

struct CompactionJob {
    Database* database;
    Family family;
    void (*run)(Database&, Family);
    std::shared_ptr<std::atomic<bool>> running;
};

void run_compaction(void* argument) {
    const std::unique_ptr<CompactionJob> job(static_cast<CompactionJob*>(argument));
    job->run(*job->database, job->family);
    job->running->store(false);
}

}  // namespace

Error storage_error(const Status& status, std::string_view doing, std::string_view directory) {
    if (is_full(status)) {
        return {ErrorCode::StorageFull,
                fmt::format("{} in {}: the disk is full; make room there", doing, directory)};
    }
    return {ErrorCode::StorageFailed,
            fmt::format("{} in {}: {}", doing, directory, status.ToString())};
}

DatabaseLayout::DatabaseLayout(const DatabaseOptions& from)
    : cache(rocksdb::NewLRUCache(from.memory_bytes)) {
    options = database_options(from, cache);
    for (std::size_t i = 0; i < kFamilies; ++i) {
        families.emplace_back(kFamilyNames[i],
                              family_options(static_cast<Family>(i), from.memory_bytes, cache));
    }
}

Database::Database(const DatabaseOptions& options, std::shared_ptr<rocksdb::Cache> cache)
    : directory_(options.directory),
      env_(options.env != nullptr ? options.env : rocksdb::Env::Default()),
      cache_(std::move(cache)),
      last_write_(entropy()),
      mender_(std::make_unique<TableMender>(*this)) {}

Status Database::open(const DatabaseOptions& options, const DatabaseLayout& layout,
                      std::unique_ptr<Database>& result) {
    std::vector<std::string> existing;
    const Status listed =
        rocksdb::DB::ListColumnFamilies(layout.options, options.directory, &existing);
    if (listed.ok()) {
        for (const std::string& name : existing) {
            if (std::find(kFamilyNames.begin(), kFamilyNames.end(), name) == kFamilyNames.end()) {
                return Status::NotSupported("it has an unknown part named " + name);
            }
        }
    }
    std::unique_ptr<Database> database(new Database(options, layout.cache));
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* db = nullptr;
    rocksdb::DBOptions how = layout.options;
    if (options.leave_out != 0) {
        database->recovery_filter_ = std::make_unique<WithoutOneWrite>(options.leave_out);
        how.wal_filter = database->recovery_filter_.get();
    }
    Status status = rocksdb::DB::Open(how, options.directory, layout.families, &handles, &db);
    if (!status.ok()) return status;
    database->db_.reset(db);
    VMQ_ASSERT(handles.size() == kFamilies);
    std::copy(handles.begin(), handles.end(), database->handles_.begin());
    status = database->prepare();
    if (status.ok()) result = std::move(database);
    return status;
}

/// Checks the format, or writes it, and the keys that every column family holds.
Status Database::prepare() {
    std::uint64_t format = 0;
    std::string value;
    Status found = db_->Get({}, family(Family::Meta), to_slice(kFormatName), &value);
    if (!found.ok() && !found.IsNotFound()) return found;
    if (read_number(kFormatName, format) != 0 && format > kFormatVersion) {
        return Status::NotSupported(fmt::format(
            "it has format {}, this program knows formats up to {}", format, kFormatVersion));
    }
    if (format != kFormatVersion) {
        if (const auto written = write_number(kFormatName, kFormatVersion); !written) {
            return Status::IOError(written.error().detail);
        }
    }
    rocksdb::WriteBatch anchors;
    for (rocksdb::ColumnFamilyHandle* handle : handles_) {
        const Status status = db_->Get({}, handle, to_slice(kAnchorKey), &value);
        if (status.IsNotFound()) {
            std::string mark;
            encode_mark(mark);
            (void)anchors.Put(handle, to_slice(kAnchorKey), mark);
        } else if (!status.ok()) {
            return status;
        }
    }
    if (anchors.Count() == 0) return Status::OK();
    rocksdb::WriteOptions options;
    options.sync = true;
    const Status status = db_->Write(options, &anchors);
    return status.ok() ? flush_all() : status;
}

Database::~Database() {
    stop_compaction_.store(true);
    wait_for_compaction();
    if (!db_) return;
    for (rocksdb::ColumnFamilyHandle* handle : handles_) {
        if (handle != nullptr) (void)db_->DestroyColumnFamilyHandle(handle);
    }
    if (const Status status = db_->Close(); !status.ok() && !stuck_) {
        log::warning("the store in {} was not closed well: {}", directory_, status.ToString());
    }
}

std::optional<Family> Database::family_named(std::string_view name) noexcept {
    const auto found = std::find(kFamilyNames.begin(), kFamilyNames.end(), name);
    if (found == kFamilyNames.end()) return std::nullopt;
    return static_cast<Family>(found - kFamilyNames.begin());
}

bool Database::mend(Family family, const Status& status) const {
    note_damage(status);
    if (mender_->mend(family, status)) return true;
    needs_reopening_.store(true);
    return false;
}

std::uint64_t Database::messages_lost() const { return mender_->messages_lost(); }

std::size_t Database::memory_used() const noexcept { return cache_->GetUsage(); }

std::uint64_t Database::bytes_on_disk() const {
    std::vector<rocksdb::Env::FileAttributes> files;
    if (!env_->GetChildrenFileAttributes(directory_, &files).ok()) return 0;
    std::uint64_t bytes = 0;
    for (const auto& file : files) bytes += file.size_bytes;
    return bytes;
}

std::uint64_t Database::estimated_keys(Family of) const {
    std::uint64_t count = 0;
    (void)db_->GetIntProperty(family(of), rocksdb::DB::Properties::kEstimateNumKeys, &count);
    return count > 0 ? count - 1 : 0;  // without the anchor
}

std::uint64_t Database::count_keys(Family of) const {
    rocksdb::ReadOptions options;
    options.fill_cache = false;
    const std::unique_ptr<rocksdb::Iterator> keys(db_->NewIterator(options, family(of)));
    std::uint64_t count = 0;
    for (keys->SeekToFirst(); keys->Valid(); keys->Next()) ++count;
    return count > 0 ? count - 1 : 0;  // without the anchor
}

Result<void> Database::write(rocksdb::WriteBatch& batch, Durability durability) {
    if (stuck_) return *stuck_;
    const bool logged = durability != Durability::Memory;
    // A log that begins in the middle is of no use.
    if (logged && unlogged_) {
        if (auto flushed = flush(); !flushed) return flushed;
    }
    unlogged_ = !logged;
    ++last_write_;
    std::string number;
    encode_number(last_write_, number);
    (void)batch.PutLogData(number);
    rocksdb::WriteOptions options;
    options.disableWAL = !logged;
    options.sync = durability == Durability::Fsync;
    const Status status = db_->Write(options, &batch);
    if (status.ok()) return {};
    failed_write_ = last_write_;
    return give_up(status, "cannot write to the store");
}

/// RocksDB 7.8 can be told to resume after an error, but then it may wait for ever for a flush of
/// its own or find that it cannot be resumed, depending on the moment at which the disk was full.
/// And the failed write may stand in its log file. So it is closed and opened anew instead.
Error Database::give_up(const Status& status, std::string_view doing) {
    note_damage(status);
    // A compaction has met damage, and RocksDB takes no more writes.
    if (status.IsCorruption()) needs_reopening_.store(true);
    stuck_ = storage_error(status, doing, directory_);
    return *stuck_;
}

Result<void> Database::can_be_opened_anew() const {
    std::uint64_t free = 0;
    std::uint64_t needed = kProbeBytes;
    std::vector<rocksdb::Env::FileAttributes> files;
    Status status = env_->GetChildrenFileAttributes(directory_, &files);
    for (const auto& file : files) {
        if (file.name.ends_with(".log")) needed += file.size_bytes;  // becomes tables
    }
    if (status.ok() && env_->GetFreeSpace(directory_, &free).ok() && free < needed) {
        return Error{ErrorCode::StorageFull,
                     fmt::format("the store in {} needs {} kB of room, the disk has {} kB",
                                 directory_, needed / 1024, free / 1024)};
    }
    const std::string path = directory_ + "/probe";
    if (status.ok()) {
        status = rocksdb::WriteStringToFile(env_, std::string(kProbeBytes, '\0'), path, true);
        (void)env_->DeleteFile(path);
    }
    if (status.ok()) return {};
    return storage_error(status, "cannot write to the store", directory_);
}

Status Database::flush_all() {
    rocksdb::FlushOptions options;
    options.allow_write_stall = true;
    return db_->Flush(options, {handles_.begin(), handles_.end()});
}

Result<void> Database::flush() {
    if (stuck_) return *stuck_;
    if (auto ready = can_be_opened_anew(); !ready) return ready;  // not worth to be stuck for
    const Status status = flush_all();
    if (!status.ok()) return give_up(status, "cannot flush the store");
    unlogged_ = false;
    return {};
}

Status Database::compact_everything() {
    rocksdb::CompactRangeOptions options;
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
    for (rocksdb::ColumnFamilyHandle* handle : handles_) {
        if (Status status = db_->CompactRange(options, handle, nullptr, nullptr); !status.ok()) {
            return status;
        }
    }
    return Status::OK();
}

bool Database::compact_in_background(Family family) {
    if (compacting_->exchange(true)) return false;
    env_->WaitForJoin();  // the thread of the last one
    const auto run = [](Database& database, Family which) { database.compact(which); };
    auto job = std::make_unique<CompactionJob>(CompactionJob{this, family, run, compacting_});
    env_->StartThread(run_compaction, job.release());
    return true;
}

void Database::compact(Family which) {
    if (stop_compaction_.load()) return;
    rocksdb::CompactRangeOptions options;
    options.exclusive_manual_compaction = false;
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
    options.canceled = &stop_compaction_;
    const Status status = db_->CompactRange(options, family(which), nullptr, nullptr);
    if (status.ok() || status.IsIncomplete() || status.IsManualCompactionPaused()) return;
    note_damage(status);
    log::warning("cannot compact the store in {}: {}", directory_, status.ToString());
}

bool Database::compacting() const noexcept { return compacting_->load(); }

void Database::wait_for_compaction() const {
    if (compacting_->load()) env_->WaitForJoin();
}

int Database::read_number(std::string_view name, std::uint64_t& number) const {
    int copies = 0;
    for (const Family from : {Family::Default, Family::Meta}) {
        std::string value;
        std::uint64_t found = 0;
        if (!db_->Get({}, family(from), to_slice(name), &value).ok() ||
            !decode_number(value, found)) {
            continue;
        }
        number = found;
        ++copies;
    }
    return copies;
}

Result<void> Database::write_number(std::string_view name, std::uint64_t number) {
    std::string value;
    encode_number(number, value);
    rocksdb::WriteBatch batch;
    for (const Family to : {Family::Meta, Family::Default}) {
        (void)batch.Put(family(to), to_slice(name), value);
    }
    return write(batch, Durability::Fsync);
}

std::string Database::damage_note(std::string_view directory) {
    return fmt::format("{}/DAMAGED", directory);
}

void Database::note_damage(const Status& status) const {
    if (!status.IsCorruption() || damage_noted_.exchange(true)) return;
    log::error(
        "the store in {} is damaged: {}; what is whole is still served, and the next start looks "
        "at all of it",
        directory_, status.ToString());
    (void)rocksdb::WriteStringToFile(env_, status.ToString() + "\n", damage_note(directory_), true);
}

}  // namespace vmq::store
