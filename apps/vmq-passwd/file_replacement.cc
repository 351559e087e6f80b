#include "vmq-passwd/file_replacement.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "base/descriptor.h"

namespace vmq::passwd_tool {
namespace {

constexpr mode_t kNewMode = 0600;
constexpr mode_t kPermissions = 07777;
constexpr std::int64_t kMaxFileBytes = 64LL << 20;  // as the broker reads it

/// Gone at the end unless it has been renamed.
class TemporaryFile final {
public:
    explicit TemporaryFile(std::string path) : path_(std::move(path)) {}
    ~TemporaryFile() {
        if (!path_.empty()) ::unlink(path_.c_str());
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    void keep() noexcept { path_.clear(); }

private:
    std::string path_;
};

struct Original {
    std::string text;
    struct ::stat status{};
};

Error system_error(int number) {
    return {number == ENOENT ? ErrorCode::NotFound : ErrorCode::SystemError,
            std::generic_category().message(number)};
}

Error system_error(const std::string& what, int number) {
    return {ErrorCode::SystemError,
            fmt::format("{}: {}", what, std::generic_category().message(number))};
}

/// What a path stands for, links followed; itself if there is nothing.
std::string target_of(const std::string& path) {
    std::error_code error;
    const auto target = std::filesystem::canonical(path, error);
    return error ? path : target.string();
}

std::string folder_of(const std::string& path) {
    const auto folder = std::filesystem::path(path).parent_path();
    return folder.empty() ? "." : folder.string();
}

Result<Original> read_original(const std::string& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.get() < 0) return system_error(errno);
    Original original;
    if (::fstat(file.get(), &original.status) != 0) return system_error(errno);
    if (!S_ISREG(original.status.st_mode)) return Error{ErrorCode::InvalidValue, "Not a file"};
    if (original.status.st_size > kMaxFileBytes)
        return Error{ErrorCode::LimitReached, "The file is too large"};
    original.text.resize(static_cast<std::size_t>(original.status.st_size));
    std::size_t done = 0;
    while (done < original.text.size()) {
        const ssize_t count =
            ::read(file.get(), original.text.data() + done, original.text.size() - done);
        if (count < 0 && errno != EINTR) return system_error(errno);
        if (count == 0) break;
        if (count > 0) done += static_cast<std::size_t>(count);
    }
    original.text.resize(done);
    return original;
}

/// The number of the error, or 0.
int write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t count = ::write(fd, text.data(), text.size());
        if (count < 0 && errno != EINTR) return errno;
        if (count > 0) text.remove_prefix(static_cast<std::size_t>(count));
    }
    return ::fsync(fd) == 0 ? 0 : errno;
}

Result<void> keep_mode_and_owner(int fd, const struct ::stat& status, const std::string& path) {
    struct ::stat fresh{};
    if (::fstat(fd, &fresh) != 0) return system_error(path, errno);
    const bool same_owner = fresh.st_uid == status.st_uid && fresh.st_gid == status.st_gid;
    if (!same_owner && ::fchown(fd, status.st_uid, status.st_gid) != 0)
        return system_error("the owner of " + path + " cannot be kept", errno);
    if (::fchmod(fd, status.st_mode & kPermissions) != 0)
        return system_error("the mode of " + path + " cannot be kept", errno);
    return {};
}

/// Without `like` the file is a new one.
Result<void> replace(const std::string& path, std::string_view text, const struct ::stat* like,
                     int folder) {
    TemporaryFile temporary(path + ".tmp");
    const std::string& name = temporary.path();
    ::unlink(name.c_str());  // of somebody who was killed: the lock is ours
    const Descriptor file(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kNewMode));
    if (file.get() < 0) return system_error(name, errno);
    if (const int error = write_all(file.get(), text); error != 0) return system_error(name, error);
    if (like != nullptr) {
        if (auto kept = keep_mode_and_owner(file.get(), *like, path); !kept) return kept;
    }
    if (std::rename(name.c_str(), path.c_str()) != 0) return system_error(path, errno);
    temporary.keep();
    ::fsync(folder);
    return {};
}

}  // namespace

Result<void> check_existing(const std::string& path, Existing existing) {
    if (existing == Existing::Ignored) return {};
    if (existing == Existing::Forbidden) {
        if (::access(path.c_str(), F_OK) == 0)
            return Error{ErrorCode::Unavailable, "the file exists"};
        return {};
    }
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.get() < 0) return system_error(errno);
    return {};
}

Result<void> rewrite_file(const std::string& path, Existing existing, const Edit& edit) {
    const std::string target = target_of(path);
    const Descriptor folder(::open(folder_of(target).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() < 0) return system_error(errno);
    ::flock(folder.get(), LOCK_EX);  // where there are no locks, nobody else should be at work
    if (auto checked = check_existing(target, existing); !checked) return checked;

    std::optional<Original> original;
    if (Result<Original> read = read_original(target); read) {
        original = std::move(read).value();
    } else if (existing == Existing::Required || read.error().code != ErrorCode::NotFound) {
        return read.error();
    }
    const bool kept = original && existing == Existing::Required;
    const Result<std::string> text = edit(kept ? std::string_view(original->text) : "");
    if (!text) return text.error();
    if (original && text.value() == original->text) return {};
    return replace(target, text.value(), original ? &original->status : nullptr, folder.get());
}

}  // namespace vmq::passwd_tool
