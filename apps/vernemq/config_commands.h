// Sub-commands that read the configuration and start nothing. They return the exit status.
#pragma once

#include "vernemq/command_line.h"

namespace vmq::launcher {

[[nodiscard]] int chkconfig(const CommandLine& line);
[[nodiscard]] int config_command(const CommandLine& line);

}  // namespace vmq::launcher
