// Takes the option that names the configuration file off a command line of vmq-admin.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace vmq::admin_tool {

struct CommandLine {
    std::optional<std::string> config_file;
    std::vector<std::string> words;  // for the broker
};

/// `arguments` without the program's name. Only `--config FILE` and `--config=FILE`: -c belongs to
/// commands (session disconnect -c).
[[nodiscard]] Result<CommandLine> parse_command_line(std::span<const char* const> arguments);

}  // namespace vmq::admin_tool
