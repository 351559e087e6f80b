// Which file configures this broker, and reading it for a sub-command.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "config/config.h"

namespace vmq::launcher {

/// The file named on the command line, else the first default that exists; nothing: no file.
[[nodiscard]] std::optional<std::string> choose_config_file(
    const std::optional<std::string>& named);

/// The name of the node that `file` configures, for messages: what is wrong with it does not
/// matter.
[[nodiscard]] std::string node_name(const std::optional<std::string>& file);

/// Reads `file`, or takes what holds without one. Warnings and errors go to standard error, one per
/// line; null if there were errors.
[[nodiscard]] std::shared_ptr<const config::Config> load_config(
    const std::optional<std::string>& file);

}  // namespace vmq::launcher
