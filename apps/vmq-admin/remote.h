// Has the broker run a command, and prints what it says as it arrives.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "vmq-admin/interruption.h"

namespace vmq::admin_tool {

/// Asks on `socket`, which is connected, and waits for the whole answer. The exit status, or -1:
/// the answer broke off. `interruption`: ends an answer that goes on, with `last` on `out` and 0;
/// null: nothing does.
[[nodiscard]] int run_remotely(int socket, const std::vector<std::string>& words, bool terminal,
                               std::FILE* out, std::FILE* err, Interruption* interruption = nullptr,
                               std::string_view last = "Done.\n");

}  // namespace vmq::admin_tool
