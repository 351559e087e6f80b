// What is wrong with a configuration, and where: the form in which every phase of loading reports.
#pragma once

#include <cstdint>
#include <string>

namespace vmq::config {

/// A place in a file; lines and columns count from 1, columns in characters. Line 0: the file as a
/// whole.
struct Location {
    std::string file;
    std::uint32_t line = 0;
    std::uint32_t column = 0;
};

/// `FILE:LINE:COLUMN`, or only `FILE`.
[[nodiscard]] std::string to_string(const Location& location);

struct Diagnostic {
    Location at;
    std::string key;      // empty when no single key is to blame
    std::string message;  // never holds the value of a secret
};

/// One line for the operator: `FILE:LINE:COLUMN: KEY: MESSAGE`.
[[nodiscard]] std::string to_string(const Diagnostic& diagnostic);

}  // namespace vmq::config
