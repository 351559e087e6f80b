// Value: one cell of a table that operators see.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace vmq::admin::query {

/// What a field holds whenever it holds something.
enum class Type : std::uint8_t { Text, Integer, Boolean };

/// std::monostate: unset, which is `null` in JSON. Text is bytes as a client sent them: a payload
/// need not be UTF-8.
using Value = std::variant<std::monostate, bool, std::int64_t, std::string>;

[[nodiscard]] inline Value text_value(std::string_view text) { return std::string(text); }
[[nodiscard]] inline Value number_value(std::uint64_t number) {
    return static_cast<std::int64_t>(number);
}

[[nodiscard]] std::string_view name_of(Type type) noexcept;

/// In plain words: "true", "-5", the text itself, and `unset` for what holds nothing.
[[nodiscard]] std::string in_words(const Value& value, std::string_view unset = "undefined");

/// Unset before everything else, then by type, then by value; text by its bytes.
[[nodiscard]] bool comes_before(const Value& a, const Value& b) noexcept;

/// Bytes of memory it takes, about.
[[nodiscard]] std::size_t footprint(const Value& value) noexcept;

}  // namespace vmq::admin::query
