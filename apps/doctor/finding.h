// What the doctor found, and how it is written down.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vmq::doctor {

enum class Severity : std::uint8_t {
    Ok,
    Note,     // worth knowing, or could not be checked
    Warning,  // works, but is risky or will not last
    Problem,  // does not work, or is open to everybody
};

/// Texts are sentences for an operator, without secrets. `why` and `fix` are empty for what is ok.
struct Finding {
    Severity severity = Severity::Ok;
    std::string check;  // the word scripts may rely on: files, certificates, ...
    std::string what;
    std::string why;
    std::string fix;  // an exact command or setting
};

using Findings = std::vector<Finding>;

[[nodiscard]] std::string_view word_of(Severity severity) noexcept;

/// For people: the worst first, aligned, with a summary; colours for terminals.
[[nodiscard]] std::string human(const Findings& findings, bool colours);

/// {"result":"problem","findings":[{"severity":...,"check":...,"what":...,"why":...,"fix":...}]}
/// and a newline; `result` is the worst of them.
[[nodiscard]] std::string json(const Findings& findings);

/// 1 if there are problems, `strict`: or warnings.
[[nodiscard]] int exit_status(const Findings& findings, bool strict) noexcept;

}  // namespace vmq::doctor
