// Where configuration text comes from: the disk, or memory in tests and fuzzers.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace vmq::config {

/// Files and environment as the loader sees them. Used by one thread, only while loading.
class FileSource {
public:
    FileSource() = default;
    FileSource(const FileSource&) = delete;
    FileSource& operator=(const FileSource&) = delete;
    virtual ~FileSource() = default;

    [[nodiscard]] virtual Result<std::string> read(const std::string& path) = 0;
    /// Names (without the folder) of the files in `directory`, in any order; none if there is no
    /// such folder.
    [[nodiscard]] virtual std::vector<std::string> list(const std::string& directory) = 0;
    [[nodiscard]] virtual std::optional<std::string> environment(const std::string& name) = 0;
};

class DiskFiles final : public FileSource {
public:
    [[nodiscard]] Result<std::string> read(const std::string& path) override;
    [[nodiscard]] std::vector<std::string> list(const std::string& directory) override;
    [[nodiscard]] std::optional<std::string> environment(const std::string& name) override;
};

class MemoryFiles final : public FileSource {
public:
    std::map<std::string, std::string> files;  // by path
    std::map<std::string, std::string> variables;

    [[nodiscard]] Result<std::string> read(const std::string& path) override;
    [[nodiscard]] std::vector<std::string> list(const std::string& directory) override;
    [[nodiscard]] std::optional<std::string> environment(const std::string& name) override;
};

/// The folder of `path`, `.` if it names none.
[[nodiscard]] std::string directory_of(std::string_view path);

/// `path` seen from `directory`: absolute paths stay what they are.
[[nodiscard]] std::string path_from(std::string_view directory, std::string_view path);

}  // namespace vmq::config
