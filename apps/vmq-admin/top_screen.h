// What `vmq-admin top` shows, as lines of text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace vmq::admin_tool {

enum class TopSort : std::uint8_t { Messages, In, Out, Bytes };

/// "messages", "in", "out", "bytes", as --sort takes them.
[[nodiscard]] std::string_view name_of(TopSort sort) noexcept;
[[nodiscard]] std::optional<TopSort> top_sort_of(std::string_view name) noexcept;
/// The one after it.
[[nodiscard]] TopSort next(TopSort sort) noexcept;

/// Lines of at most `width` columns; none: as many as they need. Of clients and topics as many as
/// there is room for.
struct TopSize {
    std::size_t width = 80;
    std::optional<std::size_t> height = {};
};

/// `picture` is an object as the broker sends it (docs/operating/top.md). Whatever clients call
/// themselves cannot steer a terminal. An error: it is no such object.
[[nodiscard]] Result<std::vector<std::string>> top_screen(std::string_view picture, TopSize size,
                                                          TopSort sort);

}  // namespace vmq::admin_tool
