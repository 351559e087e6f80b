#include "transport/tls_files.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/descriptor.h"

namespace vmq::transport {
namespace {

// More than any bundle of certificates: whoever names a device or a log file by mistake is told.
constexpr std::int64_t kMaxFileBytes = 64LL << 20;

FileStamp stamp_of(const struct ::stat& status) noexcept {
    return {
        static_cast<std::uint64_t>(status.st_dev), static_cast<std::uint64_t>(status.st_ino),
        static_cast<std::int64_t>(status.st_size),
        static_cast<std::int64_t>(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec};
}

std::string_view advice(int error) {
    if (error == ENOENT || error == ENOTDIR) return "; correct the path or create the file";
    if (error == EACCES || error == EPERM)
        return "; let the user that runs the broker read the file and enter its folders";
    return "";
}

Error file_error(const std::string& option, const std::string& path, int error) {
    return {error == ENOENT ? ErrorCode::NotFound : ErrorCode::SystemError,
            fmt::format("{} {}: {}{}", option, path, std::generic_category().message(error),
                        advice(error))};
}

// The number of the error, or 0.
int read_all(int fd, std::string& bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t count = ::read(fd, bytes.data() + done, bytes.size() - done);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return errno;
        if (count == 0) break;
        done += static_cast<std::size_t>(count);
    }
    bytes.resize(done);
    return 0;
}

}  // namespace

FileText::~FileText() {
    if (!bytes_.empty()) OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

Result<FileText> read_file(const std::string& option, const std::string& path,
                           TlsLoadNotes& notes) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.get() < 0) return file_error(option, path, errno);
    struct ::stat status{};
    if (::fstat(file.get(), &status) != 0) return file_error(option, path, errno);
    if (!S_ISREG(status.st_mode))
        return Error{ErrorCode::InvalidValue,
                     fmt::format("{} {}: is not a regular file", option, path)};
    if (status.st_size > kMaxFileBytes)
        return Error{ErrorCode::InvalidValue,
                     fmt::format("{} {}: has {} bytes, at most {} are read; is it the right file?",
                                 option, path, status.st_size, kMaxFileBytes)};
    // The stamp is older than what is read, so a change in between is seen as one.
    notes.files.push_back({path, stamp_of(status)});
    std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
    if (const int error = read_all(file.get(), bytes); error != 0)
        return file_error(option, path, error);
    return FileText(std::move(bytes), status.st_mode);
}

std::optional<std::int64_t> modified_ns(const std::string& path) noexcept {
    struct ::stat status{};
    if (::stat(path.c_str(), &status) != 0) return std::nullopt;
    return stamp_of(status).modified_ns;
}

bool any_changed(const std::vector<WatchedFile>& files) noexcept {
    return std::any_of(files.begin(), files.end(), [](const WatchedFile& file) {
        struct ::stat status{};
        return ::stat(file.path.c_str(), &status) != 0 || stamp_of(status) != file.stamp;
    });
}

}  // namespace vmq::transport
