#include "logging/gzip_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <new>
#include <system_error>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "base/log.h"

namespace vmq::logging {
namespace {

constexpr mode_t kFileMode = 0640;
constexpr std::size_t kPieceToRead = 64 * 1024;

Error failure(const std::string& path) {
    return {ErrorCode::SystemError, fmt::format("cannot compress {}: {}; it stays as it is", path,
                                                std::generic_category().message(errno))};
}

/// False with errno: it has not been written.
bool copy(int from, gzFile to, const std::atomic<bool>& stop) {
    std::vector<char> piece(kPieceToRead);
    for (;;) {
        if (stop.load()) {
            errno = EINTR;
            return false;
        }
        const ssize_t got = ::read(from, piece.data(), piece.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return false;
        if (got == 0) return true;
        if (::gzwrite(to, piece.data(), static_cast<unsigned>(got)) != got) return false;
    }
}

}  // namespace

Result<void> gzip_file(const std::string& path, const std::atomic<bool>& stop) {
    const Descriptor from(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (from.get() < 0) return failure(path);
    const std::string packed = path + ".gz";
    const std::string growing = packed + ".part";
    const int to = ::open(growing.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kFileMode);
    if (to < 0) return failure(path);
    gzFile file = ::gzdopen(to, "wb");
    if (file == nullptr) {
        ::close(to);
        ::unlink(growing.c_str());
        errno = ENOMEM;
        return failure(path);
    }
    bool good = copy(from.get(), file, stop);
    const int why = errno;
    if (::gzclose(file) != Z_OK && good) {
        good = false;
    } else if (!good) {
        errno = why;
    }
    good = good && ::rename(growing.c_str(), packed.c_str()) == 0;
    if (!good) {
        Error error = failure(path);
        ::unlink(growing.c_str());
        return error;
    }
    ::unlink(path.c_str());
    return {};
}

Compression::Compression(std::string path)
    : path_(std::move(path)), thread_([this] {
          try {
              const auto packed = gzip_file(path_, stop_);
              if (!packed && !stop_.load()) log::warning("{}", packed.error().detail);
          } catch (const std::bad_alloc&) {
              // It stays as it is.
          }
          done_.store(true);
      }) {}

}  // namespace vmq::logging
