// What the operator typed behind vmq-passwd.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "plugins/passwd/password_hash.h"

namespace vmq::passwd_tool {

enum class Action : std::uint8_t {
    Set,        // add a user or give him another password
    Create,     // -c: the same in a new file
    Overwrite,  // -cf: the same in a new file, whatever is there
    Delete,     // -D
    HashAll,    // -U
    Help,
    Version,
};

/// New hashes have this scheme unless -H names another.
inline constexpr auto kDefaultScheme = plugins::passwd::Scheme::Yescrypt;

struct CommandLine {
    Action action = Action::Set;
    plugins::passwd::Scheme scheme = kDefaultScheme;
    std::string file;
    std::string user;                     // not of HashAll
    std::optional<std::string> password;  // -b
};

/// `arguments` without the program's name. Options stand in front of the file, `--` ends them. The
/// error says what is wrong with the words and holds none that could be a password.
[[nodiscard]] Result<CommandLine> parse_command_line(std::span<const char* const> arguments);

[[nodiscard]] std::string_view usage();

}  // namespace vmq::passwd_tool
