// TableMender: takes damaged blocks out of table files while the database is open. Internal to this
// folder.
#pragma once

#include <rocksdb/status.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/sharded_mutex.h"
#include "store/database.h"
#include "store/table_file.h"

namespace vmq::store {

/// Owned by one Database, used by all its threads.
class TableMender final {
public:
    explicit TableMender(const Database& database) : database_(database) {}

    /// See Database::mend(). A damaged file is copied aside first. A file that a backup has a link
    /// to stays as it is.
    [[nodiscard]] bool mend(Family family, const rocksdb::Status& met);

    [[nodiscard]] std::uint64_t messages_lost() const noexcept {
        return messages_lost_.load(std::memory_order_relaxed);
    }

private:
    [[nodiscard]] bool mend_file(const std::string& name);
    [[nodiscard]] rocksdb::Status keep_copy(const std::string& name);
    void tell(const std::string& name, const TableExamination& found);

    const Database& database_;
    const ShardedMutex one_at_a_time_{1};
    std::string kept_;                           // folder of copies, once there are any
    std::map<std::string, std::uint64_t> told_;  // records that a file lost
    std::map<std::string, int> found_whole_;     // how often, though it could not be read
    std::atomic<std::uint64_t> messages_lost_{0};
};

/// Folder for what a repair that begins now takes out.
[[nodiscard]] std::string folder_for_damaged(std::string_view directory);

/// What damage took out of a table file, for the operator.
[[nodiscard]] std::string describe_loss(const Database& database, const std::string& name,
                                        const TableExamination& found);

/// What lost deletions had deleted is back, if it stands in older files. Deletes it again where
/// there is no doubt that it was deleted. Needs the file still in its place.
struct Redone {
    std::uint64_t deleted = 0;
    std::uint64_t doubtful = 0;  // left: more than was deleted
};
[[nodiscard]] Result<Redone> redo_lost_deletions(Database& database, const std::string& name,
                                                 const TableExamination& found);

}  // namespace vmq::store
