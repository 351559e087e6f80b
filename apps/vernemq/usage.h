// The texts of `vernemq help` and of its shorter form.
#pragma once

#include <string>
#include <string_view>

namespace vmq::launcher {

[[nodiscard]] std::string_view version();
[[nodiscard]] std::string_view short_usage();
[[nodiscard]] std::string_view help();
[[nodiscard]] std::string_view config_usage();
/// Why a sub-command of the Erlang VM is not here, and what to use instead.
[[nodiscard]] std::string why_not(std::string_view command);

}  // namespace vmq::launcher
