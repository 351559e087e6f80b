// The little of UTF-8 a configuration file needs: is it, and how many characters are there.
#pragma once

#include <cstdint>
#include <string_view>

namespace vmq::config {

[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

/// Characters in `text`; of bytes that are not UTF-8 each one counts that does not continue
/// another.
[[nodiscard]] std::uint32_t count_characters(std::string_view text) noexcept;

}  // namespace vmq::config
