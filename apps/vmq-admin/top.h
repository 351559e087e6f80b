// `vmq-admin top`: asks the broker for pictures and shows them.
#pragma once

#include <string>
#include <vector>

#include "admin/commands/command.h"
#include "admin/commands/writers.h"

namespace vmq::admin_tool {

/// Asks on `socket`, which is connected. Live on a terminal; otherwise, and with --once, one
/// picture; with --format=json lines of JSON as they come. The exit status, or -1: the broker has
/// gone.
[[nodiscard]] int run_top(int socket, const std::vector<std::string>& words,
                          const admin::commands::Invocation& invocation,
                          admin::commands::Format format);

}  // namespace vmq::admin_tool
