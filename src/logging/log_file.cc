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

#include "base/log.h"

namespace vmq::logging {
namespace {

constexpr mode_t kFileMode = 0640;

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

/// Makes the name path.0 free; requires keep > 0.
void make_room(const std::string& path, std::uint32_t keep) {
    // Also what an earlier, larger `keep` has left.
    for (std::uint32_t number = keep - 1; remove_older(path, number);) ++number;
    for (std::uint32_t number = keep - 1; number > 0; --number) {
        const std::string from = older(path, number - 1);
        const std::string to = older(path, number);
        (void)::rename(from.c_str(), to.c_str());
        (void)::rename((from + ".gz").c_str(), (to + ".gz").c_str());
    }
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
    std::error_code error;
    const auto folder = std::filesystem::path(options_.path).parent_path();
    if (!folder.empty()) std::filesystem::create_directories(folder, error);
    const int fd =
        ::open(options_.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, kFileMode);
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
    const auto opened = open_file();
    if (!opened) log::error("{}; the lines go where they went before", opened.error().detail);
}

std::size_t LogFile::write(std::string_view lines, std::size_t count) {
    if (moved()) reopen();
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
    compression_.reset();
    return true;
}

void LogFile::rotate() {
    const std::string newest = older(options_.path, 0);
    if (options_.keep == 0) {
        if (::ftruncate(fd_, 0) == 0) size_ = 0;
        return;
    }
    make_room(options_.path, options_.keep);
    const bool renamed = ::rename(options_.path.c_str(), newest.c_str()) == 0;
    auto opened =
        renamed ? open_file()
                : Error{ErrorCode::SystemError,
                        fmt::format("cannot rename the log file {}: {}", options_.path, reason())};
    if (!opened) {
        // It goes on in the file that is open.
        if (renamed) (void)::rename(newest.c_str(), options_.path.c_str());
        if (!std::exchange(rotation_failed_, true)) log::error("{}", opened.error().detail);
        return;
    }
    rotation_failed_ = false;
    if (options_.compress) compression_.emplace(newest);
}

void rotate_if_large(const std::string& path, std::uint64_t limit, std::uint32_t keep) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) return;
    if (static_cast<std::uint64_t>(status.st_size) < limit) return;
    if (keep == 0) {
        (void)::truncate(path.c_str(), 0);
        return;
    }
    make_room(path, keep);
    (void)::rename(path.c_str(), older(path, 0).c_str());
}

}  // namespace vmq::logging
