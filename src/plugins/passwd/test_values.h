// Lines of a password file that the tests of this folder begin with.
#pragma once

#include <string>

namespace vmq::plugins::passwd::test {

/// Hashes of VerneMQ's scheme that differ in one character.
[[nodiscard]] inline std::string hash(char which) {
    return "$6$AAAA$" + std::string(85, 'A') + which + "==";
}
[[nodiscard]] inline std::string line(const std::string& user, char which) {
    return user + ":" + hash(which) + "\n";
}

}  // namespace vmq::plugins::passwd::test
