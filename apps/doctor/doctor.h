// vernemq doctor: looks at configuration and machine and says what to do. Returns the exit status.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace vmq::doctor {

struct Options {
    std::optional<std::string> config_file;
    bool json = false;
    bool strict = false;  // warnings count as problems
    int days = 30;        // that a certificate has to be valid
};

[[nodiscard]] int run(const Options& options);

}  // namespace vmq::doctor
