// Sub-commands that speak to the running broker. They return the exit status.
#pragma once

#include "vernemq/command_line.h"

namespace vmq::launcher {

[[nodiscard]] int ping(const CommandLine& line);
[[nodiscard]] int getpid(const CommandLine& line);
/// Returns when the broker has ended.
[[nodiscard]] int stop(const CommandLine& line);

}  // namespace vmq::launcher
