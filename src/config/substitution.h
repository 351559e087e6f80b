// Fills in $(key), $(ENVIRONMENT_VARIABLE) and $(<file) in the values of a configuration.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/file_source.h"

namespace vmq::config {

struct Expanded {
    std::string text;
    bool from_environment = false;  // whether any part came from an environment variable
};

/// Replaces references in values. Text from files and the environment is taken as it is; values of
/// other keys are expanded in turn. Expansion is bounded in depth, in steps and in size.
class Substitution final {
public:
    /// Answers the value of a key as written, or its default, or nothing.
    using Lookup = std::function<std::optional<std::string>(const std::string& key)>;

    /// `directory` is where the main file is: `$(<file)` is seen from there.
    Substitution(FileSource& files, std::string directory, Lookup lookup);

    /// `key` is the one whose value is `value`: a reference back to it is an error.
    [[nodiscard]] Result<Expanded> expand(const std::string& key, std::string_view value);

private:
    [[nodiscard]] Result<void> append(std::string_view value, Expanded& out);
    [[nodiscard]] Result<void> append_reference(const std::string& name, Expanded& out);
    [[nodiscard]] Result<void> append_file(std::string_view path, Expanded& out);

    FileSource& files_;
    const std::string directory_;
    const Lookup lookup_;
    std::vector<std::string> chain_;  // keys being expanded, outermost first
    std::size_t steps_ = 0;
};

}  // namespace vmq::config
