#include "logging/log_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "base/log.h"

namespace vmq::logging {
namespace {

constexpr mode_t kLogFileMode = 0640;
constexpr mode_t kFolderMode = 0750;
// Between attempts that fail.
constexpr Millis kReopenInterval{1'000};
constexpr Millis kRotationInterval{10'000};

std::string reason() { return std::generic_category().message(errno); }

std::string older(const std::string& path, std::uint32_t number) {
    return fmt::format("{}.{}", path, number);
}

bool remove_older(const std::string& path, std::uint32_t number) {
    const std::string name = older(path, number);
    const bool plain = ::unlink(name.c_str()) == 0;
    const bool packed = ::unlink((name + ".gz").c_str()) == 0;
    return plain || packed;
}

/// Removes what is more than `keep`, also what an earlier, larger one has left.
void remove_surplus(const std::string& path, std::uint32_t keep) {
    for (std::uint32_t number = keep; remove_older(path, number);) ++number;
}

/// Renames that are taken back at the end, unless they are kept. Nothing is deleted by them as long
/// as the new names are free.
class Renames final {
public:
    Renames() = default;
    ~Renames() {
        for (auto each = done_.rbegin(); each != done_.rend(); ++each) {
            (void)::rename(each->second.c_str(), each->first.c_str());
        }
    }
    Renames(const Renames&) = delete;
    Renames& operator=(const Renames&) = delete;

    /// False with errno.
    bool rename(std::string from, std::string to) {
        done_.emplace_back(std::move(from), std::move(to));
        if (::rename(done_.back().first.c_str(), done_.back().second.c_str()) == 0) return true;
        const int why = errno;
        done_.pop_back();
        errno = why;
        return false;
    }
    bool rename_if_there(std::string from, std::string to) {
        return rename(std::move(from), std::move(to)) || errno == ENOENT;
    }
    void keep() noexcept { done_.clear(); }

private:
    std::vector<std::pair<std::string, std::string>> done_;  // from, to
};

/// Makes the name path.0 free; the oldest becomes one more than `keep`. False with errno.
bool make_room(Renames& renames, const std::string& path, std::uint32_t keep) {
    for (std::uint32_t number = keep; number > 0; --number) {
        const std::string from = older(path, number - 1);
        const std::string to = older(path, number);
        if (!renames.rename_if_there(from, to)) return false;
        if (!renames.rename_if_there(from + ".gz", to + ".gz")) return false;
    }
    return true;
}

/// As far as it can; opening the file tells what is missing.
void make_folder(const std::filesystem::path& folder) {
    std::error_code error;
    if (folder.empty() || std::filesystem::exists(folder, error)) return;
    make_folder(folder.parent_path());
    (void)::mkdir(folder.c_str(), kFolderMode);
}

}  // namespace

Result<std::unique_ptr<LogFile>> LogFile::open(LogFileOptions options) {
    std::unique_ptr<LogFile> file(new LogFile(std::move(options)));
    const auto opened = file->open_file();
    if (!opened) return opened.error();
    return file;
}

LogFile::~LogFile() {
    if (fd_ >= 0) ::close(fd_);
}

Result<void> LogFile::open_file() {
    make_folder(std::filesystem::path(options_.path).parent_path());
    const int fd =
        ::open(options_.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, kLogFileMode);
    if (fd < 0) {
        return Error{ErrorCode::SystemError,
                     fmt::format("cannot open the log file {}: {}", options_.path, reason())};
    }
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
    struct stat status{};
    size_ = ::fstat(fd_, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
    return {};
}

bool LogFile::moved() const noexcept {
    struct stat named{};
    struct stat open{};
    if (::stat(options_.path.c_str(), &named) != 0) return errno == ENOENT;
    if (::fstat(fd_, &open) != 0) return true;
    return named.st_dev != open.st_dev || named.st_ino != open.st_ino;
}

void LogFile::reopen() {
    reopening_failed_ = false;
    try_to_reopen();
}

void LogFile::try_to_reopen() {
    const auto opened = open_file();
    if (opened) {
        if (std::exchange(reopening_failed_, false)) {
            log::warning("the log file {} could be opened again", options_.path);
        }
        return;
    }
    reopen_at_ = steady_now() + kReopenInterval;
    if (std::exchange(reopening_failed_, true)) return;
    log::error("{}; the lines go where they went before, until it can be opened",
               opened.error().detail);
}

std::size_t LogFile::write(std::string_view lines, std::size_t count) {
    if (moved() && steady_now() >= reopen_at_) try_to_reopen();
    struct stat status{};  // others may have cut the file
    if (::fstat(fd_, &status) == 0) size_ = static_cast<std::uint64_t>(status.st_size);
    while (!lines.empty()) {
        if (options_.rotate_at && size_ >= *options_.rotate_at && may_rotate()) rotate();
        const std::size_t size = fitting(lines);
        const std::size_t written = append(lines.substr(0, size));
        lines.remove_prefix(written);
        if (written == size) continue;
        const auto lost = static_cast<std::size_t>(std::count(lines.begin(), lines.end(), '\n'));
        failed(lost);
        return std::min(lost, count);
    }
    works();
    return 0;
}

std::size_t LogFile::fitting(std::string_view lines) const noexcept {
    if (!options_.rotate_at || size_ >= *options_.rotate_at) return lines.size();
    const std::uint64_t room = *options_.rotate_at - size_;
    if (lines.size() <= room) return lines.size();
    // Up to the end of the line that fills it.
    const auto end = lines.find('\n', static_cast<std::size_t>(room) - 1);
    return end == std::string_view::npos ? lines.size() : end + 1;
}

std::size_t LogFile::append(std::string_view lines) noexcept {
    std::size_t done = 0;
    while (done < lines.size()) {
        const ssize_t written = ::write(fd_, lines.data() + done, lines.size() - done);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) break;
        done += static_cast<std::size_t>(written);
    }
    if (done < lines.size() && done > 0) {
        const int why = errno;
        // No half lines.
        const auto end = lines.rfind('\n', done - 1);
        const std::size_t whole = end == std::string_view::npos ? 0 : end + 1;
        if (::ftruncate(fd_, static_cast<off_t>(size_ + whole)) == 0) done = whole;
        errno = why;
    }
    size_ += done;
    return done;
}

void LogFile::failed(std::size_t lost) {
    lost_ += lost;
    if (std::exchange(failing_, true)) return;
    log::error("cannot write the log file {}: {}; lines are lost until it can be written again",
               options_.path, reason());
}

void LogFile::works() {
    if (!std::exchange(failing_, false)) return;
    log::warning("the log file {} can be written again; lines lost: {}", options_.path,
                 std::exchange(lost_, 0));
}

bool LogFile::may_rotate() noexcept {
    // The file grows on while the one before is still being compressed.
    if (compression_ && !compression_->done()) return false;
    if (steady_now() < rotate_at_) return false;
    compression_.reset();
    return true;
}

void LogFile::rotate() {
    if (options_.keep == 0) {
        if (::ftruncate(fd_, 0) == 0) size_ = 0;
        return;
    }
    const auto begun = begin_anew();
    if (!begun) {
        rotate_at_ = steady_now() + kRotationInterval;
        if (!std::exchange(rotation_failed_, true)) {
            log::error("{}; it grows on, until that works", begun.error().detail);
        }
        return;
    }
    rotation_failed_ = false;
    if (options_.compress) compress(older(options_.path, 0));
}

Result<void> LogFile::begin_anew() {
    const auto failure = [this](std::string_view what) {
        return Error{ErrorCode::SystemError,
                     fmt::format("cannot {} the log file {}: {}", what, options_.path, reason())};
    };
    // First what may fail most likely; a leftover of this name holds nothing.
    const std::string fresh = options_.path + ".new";
    ::unlink(fresh.c_str());
    const int fd =
        ::open(fresh.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, kLogFileMode);
    if (fd < 0) return failure("begin anew");
    Renames renames;
    if (!make_room(renames, options_.path, options_.keep) ||
        !renames.rename(options_.path, older(options_.path, 0)) ||
        !renames.rename(fresh, options_.path)) {
        Error error = failure("rename");
        ::close(fd);
        ::unlink(fresh.c_str());
        return error;
    }
    renames.keep();
    remove_surplus(options_.path, options_.keep);
    ::close(fd_);
    fd_ = fd;
    size_ = 0;
    return {};
}

void LogFile::compress(const std::string& path) {
    try {
        compression_.emplace(path);
    } catch (const std::system_error& error) {
        log::warning("cannot compress {}: no thread for it: {}; it stays as it is", path,
                     error.code().message());
    }
}

void rotate_if_large(const std::string& path, std::uint64_t limit, std::uint32_t keep) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) return;
    if (static_cast<std::uint64_t>(status.st_size) < limit) return;
    if (keep == 0) {
        (void)::truncate(path.c_str(), 0);
        return;
    }
    Renames renames;
    if (!make_room(renames, path, keep) || !renames.rename(path, older(path, 0))) return;
    renames.keep();
    remove_surplus(path, keep);
}

}  // namespace vmq::logging
