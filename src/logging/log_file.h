// A log file: begun anew when it is large, opened again when somebody has moved or removed it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "logging/gzip_file.h"

namespace vmq::logging {

struct LogFileOptions {
    std::string path;
    std::optional<std::uint64_t> rotate_at{};  // bytes; none: never
    std::uint32_t keep = 5;                    // older files: path.0 is the newest of them
    bool compress = false;                     // older files to path.0.gz and so on
};

/// Used by one thread; the file and its folders are made, mode 0640. A disk that takes nothing
/// costs the lines that come meanwhile, nothing else: it is tried again with the next ones.
class LogFile final {
public:
    [[nodiscard]] static Result<std::unique_ptr<LogFile>> open(LogFileOptions options);
    ~LogFile();
    LogFile(const LogFile&) = delete;
    LogFile& operator=(const LogFile&) = delete;

    /// Whole lines, `count` of them. Returns how many are lost. A failure is logged when it begins
    /// and when it is over: never per call, because what is logged is written here next.
    std::size_t write(std::string_view lines, std::size_t count);
    /// Opens the file under its name, whatever is open now. If that fails the lines go on to the
    /// file that is open, and write() tries again every second.
    void reopen();

    [[nodiscard]] const std::string& path() const noexcept { return options_.path; }

private:
    explicit LogFile(LogFileOptions options) : options_(std::move(options)) {}

    [[nodiscard]] Result<void> open_file();
    /// The name leads to another file, or to none.
    [[nodiscard]] bool moved() const noexcept;
    void try_to_reopen();
    /// What may be written now of `lines` before the file is full; at least one line.
    [[nodiscard]] std::size_t fitting(std::string_view lines) const noexcept;
    [[nodiscard]] bool may_rotate() noexcept;
    void rotate();
    /// Puts an empty file in the place of this one, which becomes path.0. On an error all files are
    /// as before.
    [[nodiscard]] Result<void> begin_anew();
    void compress(const std::string& path);
    /// How many bytes of whole lines were written; errno says why not all.
    std::size_t append(std::string_view lines) noexcept;
    void failed(std::size_t lost);
    void works();

    const LogFileOptions options_;
    int fd_ = -1;
    std::uint64_t size_ = 0;
    std::uint64_t lost_ = 0;  // lines, since it fails
    bool failing_ = false;
    bool reopening_failed_ = false;
    TimePoint reopen_at_{};  // not before
    bool rotation_failed_ = false;
    TimePoint rotate_at_{};  // not before
    std::optional<Compression> compression_;
};

/// Moves `path` to path.0 and older ones on, if it is not below `limit` bytes. For files that are
/// written by others; failures are of no consequence.
void rotate_if_large(const std::string& path, std::uint64_t limit, std::uint32_t keep);

}  // namespace vmq::logging
