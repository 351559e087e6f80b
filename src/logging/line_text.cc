#include "logging/line_text.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <ctime>
#include <iterator>

namespace vmq::logging {
namespace {

constexpr std::int64_t kMicros = 1'000'000;

struct Character {
    std::size_t size = 1;
    std::uint32_t code = 0;
    bool valid = false;
};

/// The first one of `text`, which is not empty (RFC 3629).
Character first_of(std::string_view text) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const std::uint32_t first = byte(0);
    if (first < 0x80) return {1, first, true};
    const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.size() < size) return {};
    std::uint32_t code = first & (0xFFU >> (size + 1));
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte(i) & 0xC0U) != 0x80) return {};
        code = code << 6U | (byte(i) & 0x3FU);
    }
    const bool too_long = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    if (too_long || surrogate || code > 0x10FFFF) return {};
    return {size, code, true};
}

/// Of ASCII and of the C1 set, which terminals obey as well, and what ends lines elsewhere.
bool is_control(std::uint32_t code) noexcept {
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029;
}

/// Behind the last src/ or apps/.
std::string_view short_path(std::string_view path) noexcept {
    for (const std::string_view folder : {"src/", "apps/"}) {
        const auto at = path.rfind(folder);
        if (at != std::string_view::npos) return path.substr(at + folder.size());
    }
    return path;
}

}  // namespace

void TimeText::look_up(std::int64_t second) {
    if (second == second_) return;
    second_ = second;
    const auto time = static_cast<std::time_t>(second);
    std::tm parts{};
    ::localtime_r(&time, &parts);
    text_ = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", parts.tm_year + 1900,
                        parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
    const long minutes = std::labs(parts.tm_gmtoff) / 60;
    offset_ =
        fmt::format("{}{:02}:{:02}", parts.tm_gmtoff < 0 ? '-' : '+', minutes / 60, minutes % 60);
    static constexpr std::array<std::string_view, 12> kMonths{
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    short_ =
        fmt::format("{} {:2} {:02}:{:02}:{:02}", kMonths[static_cast<std::size_t>(parts.tm_mon)],
                    parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

void TimeText::append(std::string& out, std::int64_t time_us) {
    look_up(time_us / kMicros);
    fmt::format_to(std::back_inserter(out), "{}.{:06}{}", text_, time_us % kMicros, offset_);
}

void TimeText::append_short(std::string& out, std::int64_t time_us) {
    look_up(time_us / kMicros);
    out += short_;
}

void append_clean(std::string& out, std::string_view text) {
    while (!text.empty()) {
        const Character next = first_of(text);
        if (next.valid && !is_control(next.code)) {
            out += text.substr(0, next.size);
        } else {
            out += '?';
        }
        text.remove_prefix(next.size);
    }
}

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    while (!text.empty()) {
        const Character next = first_of(text);
        if (!next.valid) {
            out += "\\ufffd";
        } else if (next.code == '"' || next.code == '\\') {
            out += '\\';
            out += static_cast<char>(next.code);
        } else if (is_control(next.code)) {
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", next.code);
        } else {
            out += text.substr(0, next.size);
        }
        text.remove_prefix(next.size);
    }
    out += '"';
}

void append_text(std::string& out, TimeText& times, const Record& record, Template form) {
    times.append(out, record.time_us);
    const auto end = std::back_inserter(out);
    if (form == Template::Simple) {
        fmt::format_to(end, " {}: ", name_of(record.level));
    } else {
        std::string_view path = short_path(record.place.file);
        path = path.substr(0, path.rfind('.'));
        fmt::format_to(end, " [{}] <{}> {}:{}: ", name_of(record.level), record.thread, path,
                       record.place.line);
    }
    append_clean(out, record.text);
    out += '\n';
}

void append_json(std::string& out, const Record& record) {
    fmt::format_to(
        std::back_inserter(out),
        R"({{"time":{},"level":"{}","pid":"<{}>","module":"{}","file":"{}","line":{},"msg":)",
        record.time_us, name_of(record.level), record.thread, name_of(record.place.module),
        short_path(record.place.file), record.place.line);
    append_json_string(out, record.text);
    for (const log::Field& field : record.fields) {
        fmt::format_to(std::back_inserter(out), R"(,"{}":)", field.name);
        switch (field.kind) {
            case log::Field::Kind::Text:
                append_json_string(out, field.text);
                break;
            case log::Field::Kind::Number:
                fmt::format_to(std::back_inserter(out), "{}", field.number);
                break;
            case log::Field::Kind::Flag:
                out += field.number != 0 ? "true" : "false";
                break;
        }
    }
    out += "}\n";
}

}  // namespace vmq::logging
