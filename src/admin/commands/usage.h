// Help of every level, made of the declarations.
#pragma once

#include <string>
#include <string_view>

#include "admin/commands/command.h"

namespace vmq::admin::commands {

/// For the words of a group or of a command, or for "": everything there is.
[[nodiscard]] std::string usage(const CommandTable& table, std::string_view words);

}  // namespace vmq::admin::commands
