#include "vernemq/command_line.h"

#include <array>
#include <cstddef>
#include <utility>

namespace vmq::launcher {
namespace {

constexpr std::array<std::pair<std::string_view, Command>, 17> kCommands{{
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
        } else if (word == "--format=json" && line.command == Command::Store) {
            line.json = true;
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
