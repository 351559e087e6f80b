// Words of one script line: bare words, key=value pairs and quoted text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace vmq::conformance {

/// `topic=a/b`: key "topic", value "a/b". A bare word or quoted text has no key.
struct Word {
    std::string key;
    std::string value;
    bool quoted = false;

    [[nodiscard]] bool is(std::string_view text) const noexcept {
        return key.empty() && !quoted && value == text;
    }
};

/// Splits at blanks. In quotes: \\ \" \n and \xNN. An unquoted value `@70000` stands for so many
/// letters x. A word that is only `#` starts a comment.
[[nodiscard]] Result<std::vector<Word>> split_words(std::string_view line);

/// Decimal, or hexadecimal with 0x; nothing if it is no number.
[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view text);

/// `15s`, `500ms`, `3m` (minutes), `2h`, `1d` in milliseconds.
[[nodiscard]] std::optional<std::uint64_t> parse_duration_ms(std::string_view text);

/// The first word with this key, or null.
[[nodiscard]] const Word* find_word(const std::vector<Word>& words, std::string_view key);

[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);

/// For messages: printable, long texts cut.
[[nodiscard]] std::string shown(std::string_view bytes);
[[nodiscard]] std::string hex(std::string_view bytes);

}  // namespace vmq::conformance
