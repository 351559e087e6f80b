// The lines of a password file, before anybody looks at the hashes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace vmq::plugins::passwd {

inline constexpr std::size_t kMaxUserBytes = 65'535;  // the longest user name MQTT can carry

/// One line. The views are into the text that is read.
struct PasswordLine {
    enum class Kind : std::uint8_t { Blank, Comment, Entry, Faulty };

    std::size_t number = 0;  // from 1
    Kind kind = Kind::Blank;
    std::string_view raw;    // all of it, with its line end and the first line's byte order mark
    std::string_view user;   // of an Entry
    std::string_view rest;   // of an Entry: what follows the colon, without the line end
    std::string_view fault;  // of a Faulty line: a static text that holds nothing of the line
};

/// Cuts a text into lines, for the broker and for vmq-passwd. On one thread; the text outlives it.
///
///     file  = [ BOM ] { line ( LF | CRLF ) }
///     line  = blank | { blank } "#" text | user ":" rest
///
/// Comments are our addition: in VerneMQ they break the plugin. A user name that begins with `#` is
/// therefore not possible here.
class PasswordLines final {
public:
    explicit PasswordLines(std::string_view text) noexcept : rest_(text) {}

    /// The next line, or nothing at the end. An end of line at the very end begins no line.
    [[nodiscard]] std::optional<PasswordLine> next();

private:
    std::string_view rest_;
    std::size_t number_ = 0;
};

/// Whether a line can begin with this user name and be read back: InvalidValue says why not.
[[nodiscard]] Result<void> check_user_name(std::string_view user);

}  // namespace vmq::plugins::passwd
