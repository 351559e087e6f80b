// A line of the log as people and programs read it: VerneMQ's two text forms, JSON, syslog.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "logging/record.h"

namespace vmq::logging {

enum class Format : std::uint8_t { Text, Json };
enum class Template : std::uint8_t { Simple, Extended };

/// Local time with its distance from UTC, `2026-11-21T00:54:31.461154+00:00`. Remembers the second
/// it was asked for last; used by one thread.
class TimeText final {
public:
    void append(std::string& out, std::int64_t time_us);
    /// As RFC 3164 has it: `Nov  1 00:54:31`.
    void append_short(std::string& out, std::int64_t time_us);

private:
    void look_up(std::int64_t second);

    std::int64_t second_ = -1;
    std::string text_, offset_, short_;
};

/// `TIME [warning] <thread> broker/connection:506: TEXT` or `TIME warning: TEXT`, and a line end.
void append_text(std::string& out, TimeText& times, const Record& record, Template form);
/// `{"time":...,"level":...,...}` and a line end.
void append_json(std::string& out, const Record& record);

/// Valid UTF-8 without control characters, whatever `text` holds: nobody can forge a line or drive
/// a terminal. What is not fit becomes a question mark.
void append_clean(std::string& out, std::string_view text);
/// In quotes. Control characters are escaped, invalid bytes become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace vmq::logging
