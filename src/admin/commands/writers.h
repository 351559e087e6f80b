// An answer in the formats of VerneMQ's command line: human, JSON, CSV.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "admin/commands/answer.h"

namespace vmq::admin::commands {

enum class Format : std::uint8_t { Human, Json, Csv };

[[nodiscard]] std::optional<Format> format_of(std::string_view word) noexcept;

/// What vmq-admin prints and returns.
struct Printed {
    std::string out;  // standard output
    std::string err;  // standard error
    int status = 0;
    std::shared_ptr<Stream> stream = nullptr;  // goes on behind it; its status counts then
};

/// `terminal`: standard output is one, so the head of a table may be bold.
[[nodiscard]] Printed print(const Answer& answer, Format format, bool terminal);

/// `text` with U+FFFD in the place of what is not UTF-8.
[[nodiscard]] std::string valid_utf8(std::string_view text);

}  // namespace vmq::admin::commands
