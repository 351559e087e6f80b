#include "vernemq/command_line.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <utility>

namespace vmq::launcher {
namespace {

constexpr std::array<std::pair<std::string_view, Command>, 18> kCommands{{
    {"console", Command::Console},
    {"start", Command::Start},
    {"stop", Command::Stop},
    {"restart", Command::Restart},
    {"ping", Command::Ping},
    {"chkconfig", Command::Chkconfig},
    {"config", Command::Config},
    {"version", Command::Version},
    {"getpid", Command::Getpid},
    {"store", Command::Store},
    {"backup", Command::Backup},
    {"restore", Command::Restore},
    {"doctor", Command::Doctor},
    {"help", Command::Help},
    {"attach", Command::OfErlangOnly},
    {"attach-direct", Command::OfErlangOnly},
    {"ertspath", Command::OfErlangOnly},
    {"escript", Command::OfErlangOnly},
}};

/// Options for the Erlang VM that VerneMQ's container passes to `console`.
constexpr std::array<std::string_view, 2> kIgnored{"-noshell", "-noinput"};

Command command_of(std::string_view word) {
    for (const auto& [name, command] : kCommands) {
        if (name == word) return command;
    }
    return Command::Unknown;
}

bool is_ignored(std::string_view word) {
    for (const std::string_view option : kIgnored) {
        if (option == word) return true;
    }
    return false;
}

constexpr std::string_view kDays = "--days=";

bool has_format(Command command) { return command == Command::Store || command == Command::Doctor; }

std::optional<int> days_in(std::string_view text) {
    constexpr int kMost = 36'500;
    int days = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), days);
    const bool good = problem == std::errc() && end == text.data() + text.size();
    return good && days >= 0 && days <= kMost ? std::optional(days) : std::nullopt;
}

}  // namespace

Result<CommandLine> parse_command_line(std::span<const char* const> arguments) {
    constexpr std::string_view kLongWithValue = "--config=";
    CommandLine line;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string_view word = arguments[i];
        if (word == "-c" || word == "--config") {
            ++i;
            if (i == arguments.size() || *arguments[i] == '\0') {
                return Error{ErrorCode::InvalidValue, std::string(word) + " needs a file"};
            }
            line.config_file = arguments[i];
        } else if (word.starts_with(kLongWithValue)) {
            line.config_file = word.substr(kLongWithValue.size());
            if (line.config_file->empty()) {
                return Error{ErrorCode::InvalidValue, "--config needs a file"};
            }
        } else if (has_format(line.command) && word == "--format=json") {
            line.json = true;
        } else if (has_format(line.command) && word == "--format=human") {
            line.json = false;
        } else if (line.command == Command::Doctor && word == "--strict") {
            line.strict = true;
        } else if (line.command == Command::Doctor && word.starts_with(kDays)) {
            line.days = days_in(word.substr(kDays.size()));
            if (!line.days) return Error{ErrorCode::InvalidValue, "--days needs a number of days"};
        } else if (word == "-h" || word == "--help") {
            line.help = true;
        } else if (word == "--version" && line.command == Command::None) {
            line.command = Command::Version;
            line.word = word;
        } else if (is_ignored(word)) {
            continue;
        } else if (word.starts_with('-') && line.command != Command::OfErlangOnly) {
            return Error{ErrorCode::InvalidValue, "unknown option " + std::string(word)};
        } else if (line.command == Command::None) {
            line.command = command_of(word);
            line.word = word;
        } else {
            line.arguments.emplace_back(word);
        }
    }
    return line;
}

}  // namespace vmq::launcher
