#include "store/salvage.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <rocksdb/file_system.h>

#include <cstdarg>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "store/inventory.h"
#include "store/session_scan.h"

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
        Status status = open_strictly();
        if (status.ok()) return std::move(database_);
        if (!is_damage(status)) return open_error(status, options_.directory);
        say(fmt::format("the store in {} is damaged: {}", options_.directory, status.ToString()));
        if (status = keep_copies(); !status.ok()) return open_error(status, options_.directory);
        if (!tables_are_damaged_) {
            status = replay_what_can_be();
            if (!status.ok() && !is_damage(status)) return open_error(status, options_.directory);
        }
        if (!status.ok() || tables_are_damaged_) {
            if (status = repair(); !status.ok()) return give_up(status);
        }
        if (status = open_strictly(); !status.ok()) return give_up(status);
        if (auto made = make_consistent(); !made) return made.error();
        return std::move(database_);
    }

private:
    void say(std::string text) { notices_.push_back(std::move(text)); }

    Error give_up(const Status& status) const {
        Error error = open_error(status, options_.directory);
        error.detail +=
            fmt::format("; it cannot be repaired, copies of its files are in {}", kept_);
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

    /// Without tolerance, and with a look at everything if damage was met before.
    Status open_strictly() {
        database_.reset();
        const bool look_closely = env_->FileExists(Database::damage_note(options_.directory)).ok();
        if (Status status = look_for_files(); !status.ok()) return status;
        Status status = Database::open(options_, DatabaseLayout(options_), database_);
        if (!status.ok()) return status;
        SessionCounts counts;
        status = count_sessions(*database_, counts);
        if (status.ok() && look_closely) status = database_->db().VerifyChecksum();
        if (status.ok()) {
            if (look_closely) {
                (void)env_->DeleteFile(Database::damage_note(options_.directory));
            }
            return status;
        }
        if (status.IsCorruption()) tables_are_damaged_ = true;
        database_.reset();
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
        tables_are_damaged_ = true;
        return Status::Corruption("the file CURRENT is missing");
    }

    Status keep_copies() {
        rocksdb::FileLock* lock = nullptr;
        Status status = env_->LockFile(options_.directory + "/LOCK", &lock);
        if (!status.ok()) return status;
        kept_ = fmt::format("{}/damaged-{:%Y%m%dT%H%M%SZ}", options_.directory,
                            fmt::gmtime(std::time(nullptr)));
        status = env_->CreateDirIfMissing(kept_);
        std::vector<std::string> names;
        if (status.ok()) status = env_->GetChildren(options_.directory, &names);
        const auto& files = env_->GetFileSystem();
        for (const std::string& name : names) {
            if (!status.ok() || !is_small_file(name)) continue;
            status = copy(files, options_.directory + "/" + name, kept_ + "/" + name);
        }
        (void)env_->UnlockFile(lock);
        if (status.ok()) say(fmt::format("copies of its files are in {}", kept_));
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
        const Status status = rocksdb::RepairDB(options_.directory, layout.options, layout.families,
                                                layout.families.front().options);
        if (!status.ok()) return status;
        for (const std::string& drop : listener->drops()) say(drop);
        move_lost_files();
        return status;
    }

    /// RepairDB puts into lost/ what it could not use, and what it no longer needs.
    void move_lost_files() {
        const std::string lost = options_.directory + "/lost";
        std::vector<std::string> names;
        if (!env_->GetChildren(lost, &names).ok()) return;
        for (const std::string& name : names) {
            const std::string from = fmt::format("{}/{}", lost, name);
            const std::string to = fmt::format("{}/{}", kept_, name);
            if (is_small_file(name) && env_->FileExists(to).ok()) {
                (void)env_->DeleteFile(from);
                continue;
            }
            if (!env_->RenameFile(from, to).ok()) continue;
            if (is_table(name)) {
                say(
                    fmt::format("the table file {} is damaged and was taken out; what only it held "
                                "is lost",
                                name));
            }
        }
        (void)env_->DeleteDir(lost);
    }

    Result<void> make_consistent() {
        auto restored = restore_consistency(*database_);
        if (!restored) return restored.error();
        const Restored& found = restored.value();
        say(fmt::format(
            "the store was repaired: {} records could not be read, {} messages lost "
            "their content, {} counts were corrected, {} queues had lost their session",
            found.unreadable, found.messages_lost, found.recounted, found.queues_orphaned));
        return database_->flush();
    }

    const DatabaseOptions& options_;
    rocksdb::Env* const env_;
    std::vector<std::string>& notices_;
    std::unique_ptr<Database> database_;
    std::string kept_;
    bool tables_are_damaged_ = false;
};

}  // namespace

Result<std::unique_ptr<Database>> open_or_salvage(const DatabaseOptions& options,
                                                  std::vector<std::string>& notices) {
    return Opening(options, notices).run();
}

}  // namespace vmq::store
