#include "base/small_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "base/descriptor.h"

namespace vmq {
namespace {

Error failure(std::string_view what, const std::string& path) {
    return {ErrorCode::StorageFailed,
            fmt::format("cannot {} {}: {}", what, path, std::generic_category().message(errno))};
}

bool write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::write(fd, bytes.data(), bytes.size());
        if (count < 0 && errno != EINTR) return false;
        if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return ::fsync(fd) == 0;
}

}  // namespace

Result<std::optional<std::string>> read_small_file(const std::string& path, std::size_t longest) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.get() < 0 && errno == ENOENT) return std::optional<std::string>();
    struct ::stat status{};
    if (file.get() < 0 || ::fstat(file.get(), &status) != 0) return failure("read", path);
    if (!S_ISREG(status.st_mode) || static_cast<std::size_t>(status.st_size) > longest) {
        return Error{ErrorCode::StorageFailed,
                     fmt::format("{} is no regular file of at most {} bytes", path, longest)};
    }
    std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
    std::size_t read = 0;
    while (read < bytes.size()) {
        const ssize_t count = ::read(file.get(), bytes.data() + read, bytes.size() - read);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return failure("read", path);
        if (count == 0) break;
        read += static_cast<std::size_t>(count);
    }
    bytes.resize(read);
    return std::optional(std::move(bytes));
}

Result<void> replace_small_file(const std::string& path, std::string_view bytes) {
    const auto folder = std::filesystem::path(path).parent_path();
    std::error_code ignored;  // opening says it better
    if (!folder.empty()) std::filesystem::create_directories(folder, ignored);
    const std::string temporary = path + ".tmp";
    ::unlink(temporary.c_str());
    {
        const Descriptor file(
            ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (file.get() < 0 || !write_all(file.get(), bytes)) {
            const Error error = failure("write", temporary);
            ::unlink(temporary.c_str());
            return error;
        }
    }
    if (std::rename(temporary.c_str(), path.c_str()) != 0) return failure("replace", path);
    const Descriptor opened(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_CLOEXEC));
    if (opened.get() >= 0) ::fsync(opened.get());
    return {};
}

}  // namespace vmq
