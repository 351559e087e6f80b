// Completion of command lines in bash and zsh, generated from the table.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "admin/commands/command.h"

namespace vmq::admin::commands {

/// For the commands `completion bash` and `completion zsh`; nothing for others.
[[nodiscard]] std::optional<std::string> completion_script(const CommandTable& table,
                                                           std::string_view words);

}  // namespace vmq::admin::commands
