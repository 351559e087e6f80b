// The logging front: VerneMQ's levels, formatted with fmt, written where the process wants them.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vmq::log {

enum class Level : std::uint8_t { Debug, Info, Notice, Warning, Error, Critical, Off };

/// Where lines go.
struct Destination {
    Level level = Level::Info;  // lines below it are not even formatted
    bool console = false;       // standard output
    std::string file;           // empty: none; made if missing, with its folders, mode 0640
};

/// Until then lines go to standard error. Afterwards a thread of its own writes them, so that
/// logging never waits for a disk; if 8,192 lines wait, the oldest are given up. Called before
/// there are threads that log. On an error nothing has changed.
[[nodiscard]] Result<void> configure(const Destination& destination);

/// Begins the file anew under the configured name, after a rotation has moved it away; a failure is
/// logged to the old one. Lines under way go to one file or the other.
void reopen();

/// Waits until what was logged is written. Only while no other thread logs: at the end, in tests.
void flush();

/// One line `2026-01-02T03:04:05.678+00:00 [info] TEXT`. Thread-safe. Control characters, which
/// clients may have chosen, are replaced, so that nobody can forge a line.
void write(Level level, std::string_view line);

void set_level(Level level) noexcept;
[[nodiscard]] Level level() noexcept;
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
