// Asks for a password without showing it.
#pragma once

#include "base/result.h"
#include "plugins/passwd/secret.h"

namespace vmq::passwd_tool {

/// Prompts twice on standard output and reads a line of standard input each time, without echo if
/// that is a terminal; a signal that ends the program leaves the terminal as it was. InvalidValue:
/// the two differ, the password is empty, or it is longer than MQTT can carry.
[[nodiscard]] Result<plugins::passwd::Secret> ask_for_password();

}  // namespace vmq::passwd_tool
