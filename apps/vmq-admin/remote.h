// Has the broker run a command, and prints what it says as it arrives.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

namespace vmq::admin_tool {

/// Asks on `socket`, which is connected, and waits for the whole answer. The exit status, or -1:
/// the answer broke off.
[[nodiscard]] int run_remotely(int socket, const std::vector<std::string>& words, bool terminal,
                               std::FILE* out, std::FILE* err);

}  // namespace vmq::admin_tool
