// What vmq-passwd does.
#pragma once

#include "vmq-passwd/command_line.h"

namespace vmq::passwd_tool {

/// The exit status. Errors go to standard error and name no password and no hash.
[[nodiscard]] int run_command(const CommandLine& line);

}  // namespace vmq::passwd_tool
