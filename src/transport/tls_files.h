// The files behind a TLS listener: read whole, with an error an operator can act on, and remembered
// so that a change can be noticed cheaply.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace vmq::transport {

/// What changes when somebody writes or replaces a file.
struct FileStamp {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t modified_ns = 0;

    friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

struct WatchedFile {
    std::string path;
    FileStamp stamp;
};

/// What loading leaves besides its result: the files it read and what the operator should know
/// although it worked. Lives for one load, on one thread.
struct TlsLoadNotes {
    std::vector<WatchedFile> files;
    std::vector<std::string> notices;
};

/// The content of a file that may be secret: wiped from memory when it goes.
class FileText final {
public:
    FileText(std::string bytes, mode_t mode) : bytes_(std::move(bytes)), mode_(mode) {}
    ~FileText();
    FileText(FileText&&) = default;
    FileText& operator=(FileText&&) = delete;
    FileText(const FileText&) = delete;
    FileText& operator=(const FileText&) = delete;

    [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }
    [[nodiscard]] bool others_may_read() const noexcept { return (mode_ & 0004U) != 0; }

private:
    std::string bytes_;
    mode_t mode_;
};

/// Reads `path` whole and notes it as watched. `option` is the setting that names the file and
/// begins every error. Blocks: only for start and reload.
[[nodiscard]] Result<FileText> read_file(const std::string& option, const std::string& path,
                                         TlsLoadNotes& notes);

/// When the file was last written, in nanoseconds since 1970; nothing if it cannot be said.
[[nodiscard]] std::optional<std::int64_t> modified_ns(const std::string& path) noexcept;

/// Whether any of `files` is not what it was, or gone. One stat per file.
[[nodiscard]] bool any_changed(const std::vector<WatchedFile>& files) noexcept;

}  // namespace vmq::transport
