// From the words of a command line to a command that can be run, or to what is wrong with them.
#pragma once

#include <span>
#include <string>
#include <variant>

#include "admin/commands/answer.h"
#include "admin/commands/command.h"
#include "admin/commands/writers.h"

namespace vmq::admin::commands {

struct Parsed {
    /// What is to be run, or the answer already: help, or why not.
    std::variant<Invocation, Answer> what;
    Format format = Format::Human;
    std::string notice;  // for standard error, besides the answer
};

/// `line` without the program's name. Arguments and flags may stand anywhere, also between the
/// words. The texts and exit statuses are VerneMQ's where it has them.
[[nodiscard]] Parsed parse(const CommandTable& table, std::span<const std::string> line);

}  // namespace vmq::admin::commands
