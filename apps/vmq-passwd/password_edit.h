// Changes to the text of a password file; what they do not touch stays byte for byte.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vmq::passwd_tool {

/// `text` with one line for the user: in the place of the first one there was, else at the end.
/// Requires a name that check_user_name() accepts.
[[nodiscard]] std::string with_user(std::string_view text, std::string_view user,
                                    std::string_view hash);

/// `text` without the lines of the user; unchanged if there are none.
[[nodiscard]] std::string without_user(std::string_view text, std::string_view user);

using HashPassword = std::function<Result<std::string>(std::string_view password)>;

/// `text` with `hash` of the password in every line that has no hash yet. The error names the line
/// and nothing of it.
[[nodiscard]] Result<std::string> with_hashes(std::string_view text, const HashPassword& hash);

}  // namespace vmq::passwd_tool
