// Database: RocksDB with the column families, options and error handling of the store. Internal to
// this folder.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/iterator.h>
#include <rocksdb/options.h>
#include <rocksdb/status.h>
#include <rocksdb/write_batch.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/engine.h"

namespace vmq::store {

/// The column families, in the order of their making. Default holds a copy of Meta.
enum class Family : std::uint8_t { Default, Sessions, Queues, Messages, Retained, Meta, Facts };
inline constexpr std::size_t kFamilies = 7;

class TableMender;

struct DatabaseOptions {
    std::string directory;
    std::size_t memory_bytes = 64 << 20;
    rocksdb::Env* env = nullptr;  // null: the machine's
    /// failed_write() of the Database that was open before: not recovered, it is made again.
    std::uint64_t leave_out = 0;
};

inline constexpr std::uint64_t kFormatVersion = 1;

[[nodiscard]] inline std::string_view to_view(const rocksdb::Slice& slice) noexcept {
    return {slice.data(), slice.size()};
}
[[nodiscard]] inline rocksdb::Slice to_slice(std::string_view bytes) noexcept {
    return {bytes.data(), bytes.size()};
}

/// A failure of the disk as a sentence for the operator; `doing`: "cannot write to the store".
[[nodiscard]] Error storage_error(const rocksdb::Status& status, std::string_view doing,
                                  std::string_view directory);

/// What RocksDB needs to know of the store, also to repair it. The caches are made with it.
struct DatabaseLayout {
    explicit DatabaseLayout(const DatabaseOptions& options);

    rocksdb::DBOptions options;
    std::vector<rocksdb::ColumnFamilyDescriptor> families;  // indexed by Family
    std::shared_ptr<rocksdb::Cache> cache;                  // blocks and write buffers
};

/// Owned by one Engine. Writing, flushing and starting compactions belong to one thread; reading
/// may happen on others at the same time. Closing waits for compactions.
class Database final {
public:
    /// Opens or makes the database of this format. NotSupported: a newer format. Corruption: what
    /// is there is damaged. Other failures as the disk reports them.
    [[nodiscard]] static rocksdb::Status open(const DatabaseOptions& options,
                                              const DatabaseLayout& layout,
                                              std::unique_ptr<Database>& result);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    [[nodiscard]] rocksdb::DB& db() const noexcept { return *db_; }
    [[nodiscard]] rocksdb::Env& env() const noexcept { return *env_; }
    [[nodiscard]] const std::string& directory() const noexcept { return directory_; }
    [[nodiscard]] rocksdb::ColumnFamilyHandle* family(Family family) const noexcept {
        return handles_[static_cast<std::size_t>(family)];
    }
    /// Nothing: there is none of that name.
    [[nodiscard]] static std::optional<Family> family_named(std::string_view name) noexcept;
    [[nodiscard]] std::size_t memory_used() const noexcept;
    [[nodiscard]] std::uint64_t bytes_on_disk() const;
    [[nodiscard]] std::uint64_t estimated_keys(Family family) const;
    /// By reading all of them.
    [[nodiscard]] std::uint64_t count_keys(Family family) const;

    /// All or nothing. After a failure it is stuck().
    [[nodiscard]] Result<void> write(rocksdb::WriteBatch& batch, Durability durability);
    /// Nothing is written any more, only read: a newly opened Database goes on.
    [[nodiscard]] bool stuck() const noexcept { return stuck_.has_value(); }
    /// The write that failed and may nevertheless stand in the log file. 0: none.
    [[nodiscard]] std::uint64_t failed_write() const noexcept { return failed_write_; }
    /// Whether the disk takes writes again, and has room for what opening has to write.
    [[nodiscard]] Result<void> can_be_opened_anew() const;
    /// Everything written is in table files.
    [[nodiscard]] Result<void> flush();

    /// Every column family, now: where files came back without their order, what is newer counts.
    [[nodiscard]] rocksdb::Status compact_everything();
    /// Compacts a column family from end to end on a thread of RocksDB. False: one is under way.
    bool compact_in_background(Family family);
    [[nodiscard]] bool compacting() const noexcept;
    void wait_for_compaction() const;

    /// Numbers of the column family Meta, which stand twice. Tells how many of the two are there
    /// and readable; 0: `number` is as it was.
    [[nodiscard]] int read_number(std::string_view name, std::uint64_t& number) const;
    [[nodiscard]] Result<void> write_number(std::string_view name, std::uint64_t number);

    /// Damage was met while running: the next start looks at everything and repairs. Any thread.
    void note_damage(const rocksdb::Status& status) const;
    [[nodiscard]] static std::string damage_note(std::string_view directory);

    /// `status` was met while reading and is Corruption. True: the damaged blocks were taken out,
    /// which was told; a new iterator, or the same Get, finds everything else. False: only opening
    /// the store anew helps. Any thread; may take as long as reading one table file.
    [[nodiscard]] bool mend(Family family, const rocksdb::Status& status) const;
    /// Records of queues that mend() found lost.
    [[nodiscard]] std::uint64_t messages_lost() const;
    /// Damage was met that mend() cannot take out, or that RocksDB met by itself.
    [[nodiscard]] bool needs_reopening() const noexcept { return needs_reopening_.load(); }

private:
    Database(const DatabaseOptions& options, std::shared_ptr<rocksdb::Cache> cache);

    [[nodiscard]] rocksdb::Status prepare();
    [[nodiscard]] Error give_up(const rocksdb::Status& status, std::string_view doing);
    [[nodiscard]] rocksdb::Status flush_all();
    void compact(Family family);

    const std::string directory_;
    rocksdb::Env* const env_;
    std::shared_ptr<rocksdb::Cache> cache_;
    std::unique_ptr<rocksdb::WalFilter> recovery_filter_;
    std::unique_ptr<rocksdb::DB> db_;
    std::array<rocksdb::ColumnFamilyHandle*, kFamilies> handles_{};
    std::optional<Error> stuck_;
    bool unlogged_ = false;     // there are writes that stand in no log file
    std::uint64_t last_write_;  // number of the last write, from a random start
    std::uint64_t failed_write_ = 0;
    std::atomic<bool> stop_compaction_{false};
    std::shared_ptr<std::atomic<bool>> compacting_ = std::make_shared<std::atomic<bool>>(false);
    mutable std::atomic<bool> damage_noted_{false};
    mutable std::atomic<bool> needs_reopening_{false};
    const std::unique_ptr<TableMender> mender_;
};

}  // namespace vmq::store
