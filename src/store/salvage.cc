#include "store/salvage.h"

#include <fmt/format.h>
#include <rocksdb/file_system.h>

#include <algorithm>
#include <charconv>
#include <cstdarg>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "store/inventory.h"
#include "store/session_scan.h"
#include "store/table_file.h"
#include "store/table_mender.h"

namespace vmq::store {
namespace {

using rocksdb::Status;

constexpr std::size_t kMaxDropsTold = 10;

bool ends_with(const std::string& name, std::string_view end) {
    return name.size() > end.size() && std::string_view(name).ends_with(end);
}
bool is_table(const std::string& name) { return ends_with(name, ".sst"); }
bool is_write_ahead_log(const std::string& name) {
    return ends_with(name, ".log") && name.find_first_not_of("0123456789") == name.size() - 4;
}
bool is_small_file(const std::string& name) {
    return name == "CURRENT" || name == "IDENTITY" || name.starts_with("MANIFEST-") ||
           name.starts_with("OPTIONS-") || is_write_ahead_log(name);
}

/// Catches what RocksDB says it has to leave out while it replays log files.
class DropListener final : public rocksdb::Logger {
public:
    DropListener() : Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {}

    using Logger::Logv;
    void Logv(const char* format, va_list arguments) override {
        char line[512];
        (void)std::vsnprintf(line, sizeof line, format, arguments);
        const std::string_view text(line);
        const auto at = text.find("dropping ");
        if (at != std::string_view::npos && drops_.size() < kMaxDropsTold) {
            drops_.emplace_back(text);
        }
    }
    [[nodiscard]] const std::vector<std::string>& drops() const noexcept { return drops_; }

private:
    std::vector<std::string> drops_;
};

/// Damaged, as opposed to in use, full, forbidden or newer.
bool is_damage(const Status& status) {
    if (status.IsCorruption() || status.IsPathNotFound() || status.IsNotFound()) return true;
    return status.IsIOError() &&
           status.ToString().find("No such file or directory") != std::string::npos;
}

/// Two files whose records have the same sequence numbers, older first, if that is what RocksDB
/// complains about. Nothing but the text names them.
std::optional<std::pair<std::string, std::string>> tables_with_the_same_records(
    const Status& status) {
    if (!status.IsCorruption()) return std::nullopt;
    const std::string text = status.ToString();
    const auto number_behind = [&text](std::string_view words) {
        std::uint64_t number = 0;
        if (const auto at = text.find(words); at != std::string::npos) {
            const char* digits = text.data() + at + words.size();
            (void)std::from_chars(digits, text.data() + text.size(), number);
        }
        return number;
    };
    const std::uint64_t one = number_behind("VersionBuilder: L0 file #");
    const std::uint64_t other = number_behind(" vs. file #");
    if (one == 0 || other == 0 || one == other) return std::nullopt;
    const auto name = [](std::uint64_t number) { return fmt::format("{:06}.sst", number); };
    return std::pair(name(std::min(one, other)), name(std::max(one, other)));
}

Error open_error(const Status& status, const std::string& directory) {
    const std::string text = status.ToString();
    if (status.IsIOError() && text.find("LOCK") != std::string::npos &&
        text.find("Permission denied") == std::string::npos) {
        return {
            ErrorCode::Unavailable,
            fmt::format("the store in {} is in use: another broker uses it; stop that one first",
                        directory)};
    }
    if (status.IsNotSupported()) {
        const char* why = status.getState();
        return {ErrorCode::InvalidValue,
                fmt::format("the store in {} was made by a newer version: {}; install that version "
                            "or use another directory",
                            directory, why == nullptr ? "" : why)};
    }
    return storage_error(status, "cannot open the store", directory);
}

class Opening final {
public:
    Opening(const DatabaseOptions& options, std::vector<std::string>& notices)
        : options_(options),
          env_(options.env != nullptr ? options.env : rocksdb::Env::Default()),
          notices_(notices) {}

    Result<std::unique_ptr<Database>> run() {
        if (auto made = make_directory(); !made) return made.error();
        noted_ = env_->FileExists(Database::damage_note(options_.directory)).ok();
        Status status = open_strictly();
        const bool damaged = !status.ok();
        if (!damaged && !noted_) return std::move(database_);
        if (damaged && !is_damage(status)) return open_error(status, options_.directory);
        if (damaged) {
            say(fmt::format("the store in {} is damaged: {}", options_.directory,
                            status.ToString()));
            if (status = keep_copies(); !status.ok()) {
                return open_error(status, options_.directory);
            }
            // A start that does not come to its end leaves it to the next one.
            (void)rocksdb::WriteStringToFile(env_, "a repair has begun\n",
                                             Database::damage_note(options_.directory), true);
            if (status = put_together(); !status.ok()) return give_up(status);
        }
        if (auto done = make_consistent(damaged); !done) return done.error();
        (void)env_->DeleteFile(Database::damage_note(options_.directory));
        return std::move(database_);
    }

private:
    void say(std::string text) { notices_.push_back(std::move(text)); }

    Error give_up(const Status& status) const {
        Error error = open_error(status, options_.directory);
        error.detail +=
            fmt::format("; it cannot be repaired, copies of its files are in {}", copied_to_);
        return error;
    }

    Result<void> make_directory() {
        std::error_code failure;
        const std::filesystem::path path(options_.directory);
        if (!std::filesystem::exists(path, failure)) {
            std::filesystem::create_directories(path, failure);
            if (!failure) {
                std::filesystem::permissions(path, std::filesystem::perms::owner_all, failure);
            }
        }
        if (!failure) return {};
        return Error{ErrorCode::StorageFailed,
                     fmt::format("cannot make the directory {} of the store: {}",
                                 options_.directory, failure.message())};
    }

    /// The mildest way that helps: damaged blocks are taken out of tables; damaged records are left
    /// out of log files; tables of which nothing can be used are taken out.
    Status put_together() {
        Status status = mend_tables();
        if (status.ok()) status = open_strictly();
        if (is_damage(status) && !has_lost_tables_) {
            status = replay_what_can_be();
            if (status.ok()) status = open_strictly();
        }
        if (!is_damage(status)) return status;
        status = repair();
        if (status.ok()) status = open_strictly();
        // Repair forgets which of the files are newer.
        return status.ok() ? database_->compact_everything() : status;
    }

    /// Without tolerance, and with a look at everything if damage was met before.
    Status open_strictly() {
        database_.reset();
        if (Status status = look_for_files(); !status.ok()) return status;
        Status status = Database::open(options_, DatabaseLayout(options_), database_);
        if (status.ok()) note_smallest_keys();
        SessionCounts counts;
        if (status.ok()) status = count_sessions(*database_, counts);
        if (status.ok() && (noted_ || !copied_to_.empty())) status = look_at_tables();
        if (!status.ok()) database_.reset();
        return status;
    }

    void note_smallest_keys() {
        std::vector<rocksdb::LiveFileMetaData> files;
        database_->db().GetLiveFilesMetaData(&files);
        for (const auto& file : files) smallest_keys_[file.relative_filename] = file.smallestkey;
    }

    /// Corruption: one of them is damaged.
    Status look_at_tables() {
        std::vector<rocksdb::LiveFileMetaData> files;
        database_->db().GetLiveFilesMetaData(&files);
        Status result;
        for (const auto& file : files) {
            TableExamination found;
            const Status status = examine_table(
                *env_, options_.directory + "/" + file.relative_filename, file.smallestkey, found);
            if (!status.ok()) return status;
            if (!found.beyond_help.empty() || !found.patches.empty()) {
                has_lost_tables_ = has_lost_tables_ || !found.beyond_help.empty();
                result =
                    Status::Corruption("the table file " + file.relative_filename + " is damaged");
            } else if (!found.gaps.empty()) {
                losses_.emplace(file.relative_filename, std::move(found));
            }
        }
        return result;
    }

    /// All there are, because a database that cannot be opened does not say which it needs.
    Status mend_tables() {
        std::vector<std::string> names;
        Status status = env_->GetChildren(options_.directory, &names);
        rocksdb::FileLock* lock = nullptr;
        if (status.ok()) status = env_->LockFile(options_.directory + "/LOCK", &lock);
        if (!status.ok()) return status;
        for (const std::string& name : names) {
            if (!is_table(name) || !status.ok()) continue;
            const std::string path = options_.directory + "/" + name;
            TableExamination found;
            status = examine_table(*env_, path, smallest_keys_[name], found);
            if (!found.beyond_help.empty()) hopeless_[name] = found.beyond_help;
            if (!status.ok() || !found.beyond_help.empty() || found.patches.empty()) continue;
            status = replace_patched(*env_, path, found.patches, copied_to_ + "/" + name);
            losses_[name] = std::move(found);
        }
        (void)env_->UnlockFile(lock);
        return status;
    }

    /// RocksDB would make a new database over one that has lost its CURRENT file.
    Status look_for_files() {
        std::vector<std::string> names;
        if (Status status = env_->GetChildren(options_.directory, &names); !status.ok()) {
            return status;
        }
        bool has_current = false;
        bool has_data = false;
        for (const std::string& name : names) {
            has_current = has_current || name == "CURRENT";
            has_data = has_data || is_table(name);
        }
        if (has_current || !has_data) return Status::OK();
        has_lost_tables_ = true;
        return Status::Corruption("the file CURRENT is missing");
    }

    Status keep_copies() {
        rocksdb::FileLock* lock = nullptr;
        Status status = env_->LockFile(options_.directory + "/LOCK", &lock);
        if (!status.ok()) return status;
        copied_to_ = folder_for_damaged(options_.directory);
        status = env_->CreateDirIfMissing(copied_to_);
        std::vector<std::string> names;
        if (status.ok()) status = env_->GetChildren(options_.directory, &names);
        const auto& files = env_->GetFileSystem();
        for (const std::string& name : names) {
            if (!status.ok() || !is_small_file(name)) continue;
            status = copy(files, options_.directory + "/" + name, copied_to_ + "/" + name);
        }
        (void)env_->UnlockFile(lock);
        if (status.ok()) say(fmt::format("copies of its files are in {}", copied_to_));
        return status;
    }

    static Status copy(const std::shared_ptr<rocksdb::FileSystem>& files, const std::string& from,
                       const std::string& to) {
        std::string content;
        Status status = rocksdb::ReadFileToString(files.get(), from, &content);
        if (status.ok()) {
            status = rocksdb::WriteStringToFile(files.get(), content, to, true);
        }
        return status;
    }

    /// The log files but for their damaged records.
    Status replay_what_can_be() {
        DatabaseLayout layout(options_);
        const auto listener = std::make_shared<DropListener>();
        layout.options.wal_recovery_mode = rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
        layout.options.info_log = listener;
        Status status = Database::open(options_, layout, database_);
        if (status.ok()) {
            if (auto flushed = database_->flush(); !flushed) {
                status = Status::IOError(flushed.error().detail);
            }
        }
        database_.reset();
        if (status.ok()) {
            say("damaged records of its log were left out; what they held is lost");
            for (const std::string& drop : listener->drops()) say(drop);
        }
        return status;
    }

    /// A new list of the table files that are whole; log files become tables as far as possible.
    Status repair() {
        DatabaseLayout layout(options_);
        const auto listener = std::make_shared<DropListener>();
        layout.options.info_log = listener;
        Status status;
        do {
            status = rocksdb::RepairDB(options_.directory, layout.options, layout.families,
                                       layout.families.front().options);
        } while (take_second_copy_out(status));
        if (!status.ok()) return status;
        for (const std::string& drop : listener->drops()) say(drop);
        move_lost_files();
        return status;
    }

    /// A log file that was not deleted yet when its table was there has become another table with
    /// the same records, and RepairDB refuses to have both. False: that is not the matter.
    [[nodiscard]] bool take_second_copy_out(const Status& status) const {
        const auto pair = tables_with_the_same_records(status);
        if (!pair) return false;
        const auto [older, newer] = *pair;  // the newer one was made just now
        const std::string name = losses_.contains(older) ? older : newer;
        return env_->RenameFile(options_.directory + "/" + name, copied_to_ + "/" + name).ok();
    }

    /// RepairDB puts into lost/ what it could not use, and what it no longer needs.
    void move_lost_files() {
        const std::string lost = options_.directory + "/lost";
        std::vector<std::string> names;
        if (!env_->GetChildren(lost, &names).ok()) return;
        for (const std::string& name : names) {
            const std::string from = fmt::format("{}/{}", lost, name);
            const std::string to = fmt::format("{}/{}", copied_to_, name);
            if (is_small_file(name) && env_->FileExists(to).ok()) {
                (void)env_->DeleteFile(from);
                continue;
            }
            if (!env_->RenameFile(from, to).ok()) continue;
            if (is_table(name)) {
                const auto why = hopeless_.find(name);
                say(
                    fmt::format("the table file {} is damaged and was taken out; what only it held "
                                "is lost{}",
                                name, why == hopeless_.end() ? "" : ": " + why->second));
            }
        }
        (void)env_->DeleteDir(lost);
    }

    Result<void> make_consistent(bool damaged) {
        for (const auto& [name, loss] : losses_) {
            say(describe_loss(*database_, name, loss));
            auto redone = redo_lost_deletions(*database_, name, loss);
            if (!redone) return redone.error();
            tell_of_deletions(redone.value());
        }
        auto restored = restore_consistency(*database_);
        if (!restored) return restored.error();
        if (damaged || restored.value().anything()) tell(restored.value());
        return database_->flush();
    }

    void tell_of_deletions(const Redone& redone) {
        if (redone.deleted != 0) {
            say(fmt::format("{} records that had come back were deleted again", redone.deleted));
        }
        if (redone.doubtful != 0) {
            say(
                fmt::format("some of {} older records may have been deleted before; they are kept, "
                            "so that messages may come again",
                            redone.doubtful));
        }
    }

    void tell(const Restored& found) {
        say(fmt::format(
            "the store was repaired: {} records could not be read, {} messages lost "
            "their content, {} counts were corrected, {} queues had lost their session",
            found.unreadable, found.messages_lost, found.recounted, found.queues_orphaned));
        std::size_t told = 0;
        for (const auto& [session, count] : found.losers) {
            if (++told > kMaxDropsTold) {
                say(fmt::format("and {} more sessions lost messages",
                                found.losers.size() - kMaxDropsTold));
                break;
            }
            say(fmt::format("{} lost {} messages", session_name(*database_, session), count));
        }
    }

    const DatabaseOptions& options_;
    rocksdb::Env* const env_;
    std::vector<std::string>& notices_;
    std::unique_ptr<Database> database_;
    std::string copied_to_;
    std::map<std::string, TableExamination> losses_;  // by name of file
    std::map<std::string, std::string> smallest_keys_;
    std::map<std::string, std::string> hopeless_;  // why nothing of these can be used
    bool noted_ = false;
    bool has_lost_tables_ = false;
};

}  // namespace

Result<std::unique_ptr<Database>> open_or_salvage(const DatabaseOptions& options,
                                                  std::vector<std::string>& notices) {
    return Opening(options, notices).run();
}

}  // namespace vmq::store
