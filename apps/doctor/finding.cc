#include "doctor/finding.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>

namespace vmq::doctor {
namespace {

constexpr std::size_t kWidth = 100;
constexpr std::size_t kIndent = 10;

constexpr std::array<std::string_view, 4> kColours{"\x1b[32m", "\x1b[36m", "\x1b[33m",
                                                   "\x1b[1;31m"};
constexpr std::string_view kPlain = "\x1b[0m";

Severity worst(const Findings& findings) noexcept {
    Severity result = Severity::Ok;
    for (const Finding& each : findings) result = std::max(result, each.severity);
    return result;
}

/// Words of `text` in lines of at most kWidth, those after the first indented.
std::string wrapped(std::string_view text, std::size_t column) {
    std::string result;
    bool first = true;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        const auto word = text.substr(0, end);
        if (!first && column + 1 + word.size() > kWidth) {
            result += "\n" + std::string(kIndent, ' ');
            column = kIndent;
        } else if (!first) {
            result += ' ';
            ++column;
        }
        result += word;
        column += word.size();
        first = false;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return result + "\n";
}

std::string counted(std::size_t count, std::string_view noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace

std::string_view word_of(Severity severity) noexcept {
    constexpr std::array<std::string_view, 4> kWords{"ok", "note", "warning", "problem"};
    return kWords[static_cast<std::size_t>(severity)];
}

std::string human(const Findings& findings, bool colours) {
    Findings sorted = findings;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const Finding& a, const Finding& b) { return a.severity > b.severity; });
    std::array<std::size_t, 4> counts{};
    std::string text;
    for (const Finding& each : sorted) {
        ++counts[static_cast<std::size_t>(each.severity)];
        const std::string word = fmt::format("{:<{}}", word_of(each.severity), kIndent);
        text += colours ? std::string(kColours[static_cast<std::size_t>(each.severity)]) + word +
                              std::string(kPlain)
                        : word;
        text += wrapped(each.check + ": " + each.what, kIndent);
        if (!each.why.empty()) text += std::string(kIndent, ' ') + wrapped(each.why, kIndent);
        if (!each.fix.empty()) {
            text += std::string(kIndent, ' ') + wrapped("-> " + each.fix, kIndent);
        }
    }
    return text + fmt::format("{}, {}, {}, {} ok\n", counted(counts[3], "problem"),
                              counted(counts[2], "warning"), counted(counts[1], "note"), counts[0]);
}

std::string json(const Findings& findings) {
    boost::json::array rows;
    for (const Finding& each : findings) {
        rows.push_back({{"severity", word_of(each.severity)},
                        {"check", each.check},
                        {"what", each.what},
                        {"why", each.why},
                        {"fix", each.fix}});
    }
    const boost::json::object report{{"result", word_of(worst(findings))},
                                     {"findings", std::move(rows)}};
    return boost::json::serialize(report) + "\n";
}

int exit_status(const Findings& findings, bool strict) noexcept {
    return worst(findings) >= (strict ? Severity::Warning : Severity::Problem) ? 1 : 0;
}

}  // namespace vmq::doctor
