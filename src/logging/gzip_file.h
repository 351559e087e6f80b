// A file that is packed and then deleted, while somebody else goes on.
#pragma once

#include <atomic>
#include <string>

#include "base/result.h"
#include "runtime/work_queue.h"

namespace vmq::logging {

/// Makes `path`.gz, mode 0640, and deletes `path`. On an error, or when `stop` became true, only
/// `path` is left.
[[nodiscard]] Result<void> gzip_file(const std::string& path, const std::atomic<bool>& stop);

/// Does that on a thread of its own; throws std::system_error if there can be none. When destroyed
/// it stops, or has finished; logs what failed.
class Compression final {
public:
    explicit Compression(std::string path);
    ~Compression() { stop_.store(true); }
    Compression(const Compression&) = delete;
    Compression& operator=(const Compression&) = delete;

    [[nodiscard]] bool done() const noexcept { return done_.load(); }

private:
    const std::string path_;
    std::atomic<bool> stop_{false};
    std::atomic<bool> done_{false};
    runtime::WorkThread thread_;  // last: it uses the others
};

}  // namespace vmq::logging
