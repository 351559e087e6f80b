#include "config/file_source.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace vmq::config {

Result<std::string> DiskFiles::read(const std::string& path) {
    std::error_code failure;
    if (std::filesystem::is_directory(path, failure)) {
        return Error{ErrorCode::SystemError, path + " is a folder, not a file"};
    }
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        if (std::filesystem::exists(path, failure)) {
            return Error{ErrorCode::SystemError, path + " cannot be read"};
        }
        return Error{ErrorCode::NotFound, path + " does not exist"};
    }
    std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (file.bad()) return Error{ErrorCode::SystemError, path + " cannot be read"};
    return text;
}

std::vector<std::string> DiskFiles::list(const std::string& directory) {
    std::vector<std::string> names;
    std::error_code failure;
    std::filesystem::directory_iterator entry(directory, failure);
    for (const std::filesystem::directory_iterator end; !failure && entry != end;
         entry.increment(failure)) {
        std::error_code unreadable;
        if (!entry->is_directory(unreadable)) names.push_back(entry->path().filename().string());
    }
    return names;
}

std::optional<std::string> DiskFiles::environment(const std::string& name) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in this process changes the environment
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
}

Result<std::string> MemoryFiles::read(const std::string& path) {
    const auto found = files.find(path);
    if (found == files.end()) return Error{ErrorCode::NotFound, path + " does not exist"};
    return found->second;
}

std::vector<std::string> MemoryFiles::list(const std::string& directory) {
    std::vector<std::string> names;
    for (const auto& [path, text] : files) {
        if (directory_of(path) == directory) names.push_back(path.substr(path.rfind('/') + 1));
    }
    return names;
}

std::optional<std::string> MemoryFiles::environment(const std::string& name) {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
}

std::string directory_of(std::string_view path) {
    const auto slash = path.rfind('/');
    if (slash == std::string_view::npos) return ".";
    return std::string(path.substr(0, slash == 0 ? 1 : slash));
}

std::string path_from(std::string_view directory, std::string_view path) {
    if (path.starts_with('/') || directory == ".") return std::string(path);
    std::string joined(directory);
    if (!joined.ends_with('/')) joined += '/';
    return joined.append(path);
}

}  // namespace vmq::config
