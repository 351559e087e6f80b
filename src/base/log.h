// The logging front: VerneMQ's levels, formatted with fmt, written by whatever sink the process set
// up.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <string_view>

namespace vmq::log {

enum class Level : std::uint8_t { Debug, Info, Notice, Warning, Error, Critical, Off };

/// Where lines go. Thread-safe; the default writes to standard error.
void write(Level level, std::string_view line);

/// Lines below `level` are not even formatted.
void set_level(Level level) noexcept;
[[nodiscard]] bool enabled(Level level) noexcept;

template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(Level::Debug))
        write(Level::Debug, fmt::format(format, static_cast<Args&&>(args)...));
}
template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(Level::Info)) write(Level::Info, fmt::format(format, static_cast<Args&&>(args)...));
}
template <typename... Args>
void notice(fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(Level::Notice))
        write(Level::Notice, fmt::format(format, static_cast<Args&&>(args)...));
}
template <typename... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(Level::Warning))
        write(Level::Warning, fmt::format(format, static_cast<Args&&>(args)...));
}
template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(Level::Error))
        write(Level::Error, fmt::format(format, static_cast<Args&&>(args)...));
}

}  // namespace vmq::log
