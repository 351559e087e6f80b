#include "logging/syslog_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace vmq::logging {
namespace {

constexpr std::pair<std::string_view, std::uint8_t> kFacilities[] = {
    {"kern", 0},      {"kernel", 0},    {"user", 1},    {"mail", 2},    {"daemon", 3},
    {"auth", 4},      {"syslog", 5},    {"lpr", 6},     {"news", 7},    {"uucp", 8},
    {"cron", 9},      {"authpriv", 10}, {"ftp", 11},    {"ntp", 12},    {"logaudit", 13},
    {"logalert", 14}, {"clock", 15},    {"local0", 16}, {"local1", 17}, {"local2", 18},
    {"local3", 19},   {"local4", 20},   {"local5", 21}, {"local6", 22}, {"local7", 23}};

/// RFC 5424 6.2.1: 7 is debug, 0 an emergency.
unsigned severity(log::Level level) noexcept {
    const auto number = static_cast<unsigned>(std::min(level, log::Level::Emergency));
    return 7 - number;
}

/// A word of the header: printable ASCII without blanks, not empty.
void append_word(std::string& out, std::string_view text, std::size_t longest) {
    if (text.empty()) text = "-";
    for (const char byte : text.substr(0, longest)) {
        out += byte > ' ' && byte < 0x7F ? byte : '_';
    }
}

}  // namespace

std::optional<std::uint8_t> syslog_facility(std::string_view name) noexcept {
    for (const auto& [word, number] : kFacilities) {
        if (word == name) return number;
    }
    return std::nullopt;
}

void append_syslog(std::string& out, TimeText& times, const Record& record,
                   const SyslogIdentity& identity) {
    const unsigned priority = identity.facility * 8U + severity(record.level);
    const bool modern = identity.format == SyslogFormat::Rfc5424;
    fmt::format_to(std::back_inserter(out), "<{}>{}", priority, modern ? "1 " : "");
    if (modern) {
        times.append(out, record.time_us);
    } else {
        times.append_short(out, record.time_us);
    }
    out += ' ';
    if (modern || !identity.local) {
        append_word(out, identity.host, 255);
        out += ' ';
    }
    append_word(out, identity.app_name, modern ? 48 : 32);
    if (modern) {
        fmt::format_to(std::back_inserter(out), " {} {} - ", identity.process,
                       name_of(record.place.module));
    } else {
        fmt::format_to(std::back_inserter(out), "[{}]: ", identity.process);
    }
    append_clean(out, record.text);
}

}  // namespace vmq::logging
