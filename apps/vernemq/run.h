// Sub-commands that start the broker. They return the exit status.
#pragma once

#include "vernemq/command_line.h"

namespace vmq::launcher {

/// Runs until told to stop.
[[nodiscard]] int console(const CommandLine& line);
/// Leaves a process in the background; returns when clients can connect.
[[nodiscard]] int start(const CommandLine& line);
/// stop and start. With an error in the configuration the running broker goes on.
[[nodiscard]] int restart(const CommandLine& line);

}  // namespace vmq::launcher
