// Sub-commands for the message store: look at it, copy it, put a copy in its place.
#pragma once

#include "vernemq/command_line.h"

namespace vmq::launcher {

/// They return the exit status.
[[nodiscard]] int store_command(const CommandLine& line);
[[nodiscard]] int backup(const CommandLine& line);
[[nodiscard]] int restore(const CommandLine& line);

}  // namespace vmq::launcher
