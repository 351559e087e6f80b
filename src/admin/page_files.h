// The files of web/status, compiled in.
#pragma once

#include <span>
#include <string_view>

namespace vmq::admin {

struct PageFile {
    std::string_view name;  // without folder
    std::string_view content;
};

/// Written by cmake/embed_files.cmake.
[[nodiscard]] std::span<const PageFile> page_files() noexcept;

}  // namespace vmq::admin
