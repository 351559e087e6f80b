// A line of the log as a message of the syslog protocol.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "logging/line_text.h"

namespace vmq::logging {

enum class SyslogFormat : std::uint8_t { Rfc3164, Rfc5424 };

/// What is the same in all messages.
struct SyslogIdentity {
    SyslogFormat format = SyslogFormat::Rfc3164;
    std::uint8_t facility = 3;  // daemon
    std::string host = "localhost";
    bool local = false;  // for this machine's own daemon, which wants no host with RFC 3164
    std::string app_name = "vernemq";
    std::int64_t process = 0;
};

/// The number of a facility by its name, as VerneMQ's configuration has it.
[[nodiscard]] std::optional<std::uint8_t> syslog_facility(std::string_view name) noexcept;

/// Without framing and line end.
void append_syslog(std::string& out, TimeText& times, const Record& record,
                   const SyslogIdentity& identity);

}  // namespace vmq::logging
