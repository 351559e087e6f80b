// How bad something is that is logged: VerneMQ's words, in the log and in its settings.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace vmq::log {

enum class Level : std::uint8_t {
    Debug,
    Info,
    Notice,
    Warning,
    Error,
    Critical,
    Alert,
    Emergency,
    Off  // of nothing that is logged, only of what is let through
};
[[nodiscard]] std::string_view name_of(Level level) noexcept;
/// Of something that is logged, so not "off"; nothing: there is no such word.
[[nodiscard]] std::optional<Level> level_named(std::string_view word) noexcept;

}  // namespace vmq::log
