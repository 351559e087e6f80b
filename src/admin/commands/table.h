// The one table of commands, and how one of them is run.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "admin/commands/command.h"
#include "admin/commands/node.h"
#include "admin/commands/writers.h"

namespace vmq::admin::commands {

/// Made at first use, never changed.
[[nodiscard]] const CommandTable& command_table();

/// Runs the command that `line` is, or says why it is none. Waits for it.
[[nodiscard]] Printed execute(std::span<const std::string> line, bool terminal, Node& node);

/// The command that `line` is, if it is one, and the format it wants its answer in.
struct Asked {
    Invocation invocation;
    Format format;
};
[[nodiscard]] std::optional<Asked> asked_by(std::span<const std::string> line);

/// What needs no running node: help, refusals, completion scripts. Nothing: all else.
[[nodiscard]] std::optional<Printed> execute_without_node(std::span<const std::string> line,
                                                          bool terminal);

}  // namespace vmq::admin::commands
