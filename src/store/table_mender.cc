#include "store/table_mender.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <rocksdb/metadata.h>
#include <rocksdb/utilities/debug.h>

#include <ctime>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "base/log.h"
#include "store/coding.h"
#include "store/keys.h"
#include "store/session_scan.h"

namespace vmq::store {
namespace {

using rocksdb::Status;

constexpr std::size_t kVersionsAtMost = 1'000'000;
constexpr int kFoundWholeAtMost = 100;
constexpr std::string_view kTableEnd = ".sst";

std::string path_of(const Database& database, const std::string& name) {
    return database.directory() + "/" + name;
}

/// RocksDB names the file it could not read.
std::optional<std::string> file_named_in(const std::string& text) {
    const auto end = text.find(kTableEnd);
    if (end == std::string::npos || end == 0) return std::nullopt;
    const auto before = text.find_last_not_of("0123456789", end - 1);
    const std::size_t begin = before == std::string::npos ? 0 : before + 1;
    if (begin == end) return std::nullopt;
    return text.substr(begin, end + kTableEnd.size() - begin);
}

std::vector<rocksdb::LiveFileMetaData> live_files(const Database& database) {
    std::vector<rocksdb::LiveFileMetaData> files;
    database.db().GetLiveFilesMetaData(&files);
    return files;
}

std::vector<std::string> files_of(const Database& database, Family family) {
    std::vector<std::string> names;
    for (const auto& file : live_files(database)) {
        if (file.column_family_name == database.family(family)->GetName()) {
            names.push_back(file.relative_filename);
        }
    }
    return names;
}

std::string smallest_key(const Database& database, const std::string& name) {
    for (const auto& file : live_files(database)) {
        if (file.relative_filename == name) return file.smallestkey;
    }
    return {};
}

std::uint64_t leading_number(const std::string& key) {
    std::string bytes = key.substr(0, 8);
    bytes.resize(8);
    return detail::load_u64_be(bytes.data());
}

std::string topic_in(const std::string& key) {
    detail::ByteReader reader(key);
    std::string_view mountpoint;
    return reader.read_string(mountpoint) ? std::string(reader.rest()) : key;
}

std::string whose(const Database& database, std::optional<Family> family, const KeyRange& gap) {
    if (family == Family::Sessions || family == Family::Queues) {
        const SessionId first{leading_number(gap.after)};
        const SessionId last{leading_number(gap.through)};
        return fmt::format("; they may be of: {}", session_names(database, first, last));
    }
    if (family == Family::Retained) {
        return fmt::format("; their topics are between '{}' and '{}'", topic_in(gap.after),
                           topic_in(gap.through));
    }
    return {};
}

bool is_value(const rocksdb::KeyVersion& version) {
    constexpr int kValue = 1;
    return version.type == kValue;
}

/// Keys in the gap whose newest version is a value older than the damaged file's newest record.
Status find_doubtful(Database& database, Family family, const KeyRange& gap,
                     rocksdb::SequenceNumber before, std::vector<std::string>& keys) {
    std::vector<rocksdb::KeyVersion> versions;
    Status status =
        rocksdb::GetAllKeyVersions(&database.db(), database.family(family), gap.after + '\0',
                                   gap.through, kVersionsAtMost, &versions);
    const std::string* last = nullptr;
    for (const rocksdb::KeyVersion& version : versions) {
        const bool newest = last == nullptr || *last != version.user_key;
        last = &version.user_key;
        if (newest && is_value(version) && version.sequence < before &&
            version.user_key != kAnchorKey) {
            keys.push_back(version.user_key);
        }
    }
    return status;
}

}  // namespace

bool TableMender::mend(Family family, const Status& met) {
    const ShardedMutex::Exclusive lock(one_at_a_time_);
    if (const auto name = file_named_in(met.ToString())) return mend_file(*name);
    bool mended = false;
    for (const std::string& name : files_of(database_, family)) {
        mended = mend_file(name) || mended;
    }
    return mended;
}

bool TableMender::mend_file(const std::string& name) {
    const std::string path = path_of(database_, name);
    TableExamination found;
    Status status = examine_table(database_.env(), path, smallest_key(database_, name), found);
    if (!status.ok() || !found.beyond_help.empty()) return false;
    // Another thread has just mended it, or it is not what it seems.
    if (found.patches.empty()) return ++found_whole_[name] <= kFoundWholeAtMost;
    std::error_code unknown;
    if (std::filesystem::hard_link_count(path, unknown) > 1) return false;
    status = keep_copy(name);
    if (status.ok()) status = patch_in_place(database_.env(), path, found.patches);
    if (!status.ok()) {
        log::error("the damaged table file {} cannot be mended: {}", path, status.ToString());
        return false;
    }
    tell(name, found);
    return true;
}

Status TableMender::keep_copy(const std::string& name) {
    if (kept_.empty()) kept_ = folder_for_damaged(database_.directory());
    Status status = database_.env().CreateDirIfMissing(kept_);
    if (!status.ok()) return status;
    return copy_table(database_.env(), path_of(database_, name), kept_ + "/" + name);
}

void TableMender::tell(const std::string& name, const TableExamination& found) {
    log::error("{}; a copy of the damaged file is in {}", describe_loss(database_, name, found),
               kept_);
    if (Database::family_named(found.family) != Family::Queues) return;
    std::uint64_t& told = told_[name];
    messages_lost_.fetch_add(found.lost_records - told, std::memory_order_relaxed);
    told = found.lost_records;
}

std::string folder_for_damaged(std::string_view directory) {
    return fmt::format("{}/damaged-{:%Y%m%dT%H%M%SZ}", directory, fmt::gmtime(std::time(nullptr)));
}

std::string describe_loss(const Database& database, const std::string& name,
                          const TableExamination& found) {
    std::string text = fmt::format("the table file {} of {} was damaged: ", name, found.family);
    for (const std::string& part : found.remade)
        text += fmt::format("its {} was made anew, ", part);
    if (found.gaps.empty()) return text + "nothing is lost";
    text += fmt::format("{} records are lost", found.lost_records);
    if (found.lost_deletions != 0) {
        text += fmt::format(" and {} deletions, so that what they deleted may be back",
                            found.lost_deletions);
    }
    const auto family = Database::family_named(found.family);
    std::string last;
    for (const KeyRange& gap : found.gaps) {
        std::string next = whose(database, family, gap);
        if (next != last) text += next;
        last = std::move(next);
    }
    return text;
}

Result<Redone> redo_lost_deletions(Database& database, const std::string& name,
                                   const TableExamination& found) {
    Redone redone;
    const auto family = Database::family_named(found.family);
    // Shared messages are counted anew, and go if nobody holds them.
    if (found.lost_deletions == 0 || !family || family == Family::Messages) return redone;
    std::vector<std::string> keys;
    for (const auto& file : live_files(database)) {
        if (file.relative_filename != name) continue;
        for (const KeyRange& gap : found.gaps) {
            const Status status = find_doubtful(database, *family, gap, file.largest_seqno, keys);
            if (!status.ok()) {
                return storage_error(status, "cannot read the store", database.directory());
            }
        }
    }
    if (keys.size() > found.lost_deletions) {
        redone.doubtful = keys.size();
        return redone;
    }
    rocksdb::WriteBatch batch;
    for (const std::string& key : keys) (void)batch.Delete(database.family(*family), key);
    redone.deleted = keys.size();
    if (keys.empty()) return redone;
    if (auto written = database.write(batch, Durability::Os); !written) return written.error();
    return redone;
}

}  // namespace vmq::store
