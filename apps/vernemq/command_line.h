// What the operator typed: a sub-command, the options all of them know, and the rest.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace vmq::launcher {

enum class Command : std::uint8_t {
    None,     // nothing typed
    Unknown,  // a word that is no sub-command
    Console,
    Start,
    Stop,
    Restart,
    Ping,
    Chkconfig,
    Config,
    Version,
    Getpid,
    Store,
    Backup,
    Restore,
    Doctor,
    Help,
    OfErlangOnly,  // attach, attach-direct, ertspath, escript
};

struct CommandLine {
    Command command = Command::None;
    std::string word;  // as typed
    std::optional<std::string> config_file;
    std::vector<std::string> arguments;  // what follows the sub-command and is no option
    bool help = false;                   // -h or --help
    bool json = false;                   // --format=json
    bool strict = false;                 // --strict, of doctor
    std::optional<int> days;             // --days=N, of doctor
};

/// `arguments` without the program's name. Options may stand anywhere. An unknown option, or one
/// without its value, is an error; a word too many is for the sub-command to judge.
[[nodiscard]] Result<CommandLine> parse_command_line(std::span<const char* const> arguments);

}  // namespace vmq::launcher
