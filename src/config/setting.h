// One setting as the table describes it: name, type, limits, default and what became of it here.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

namespace vmq::config {

enum class ValueType : std::uint8_t {
    Flag,               // on, off
    Integer,            // decimal with optional sign
    IntegerOrInfinity,  // an integer or the word infinity
    Text,               // any text; also file and folder names
    Atom,               // any text; VerneMQ reads it as a name in its own code
    Word,               // one of `words`
    ByteSize,           // integer with optional KB, MB, GB
    ByteSizeOrInfinity,
    Duration,         // 1h30m, rounded up to `unit`
    LongDuration,     // one integer and one of s h d w m y, or a word of `words`; in seconds
    Address,          // ADDR:PORT
    AddressOrSocket,  // ADDR:PORT or local:PATH:0
    IntegerList,      // a,b,c or [a,b,c]
    WordList,         // the same with words
    ErlangTerm,       // kept as text
};

/// What a change at run time reaches.
enum class Settable : std::uint8_t { No, NewSessions, Immediately };

enum class Status : std::uint8_t {
    Built,
    NotBuiltYet,  // checked and kept, but nothing reads it yet
    NoMeaning,    // tunes the Erlang VM or something else this broker does not have
    Obsolete,     // of an older VerneMQ
};

constexpr std::int64_t kNoMinimum = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kNoMaximum = std::numeric_limits<std::int64_t>::max();

/// A row of the table. All text is static or owned by the table, which lives as long as the
/// process.
struct Setting {
    std::string_view
        key;  // a word that begins with $ stands for any one word; `NAME.*` is a family
    std::optional<std::string_view> fallback;  // the default, as it would stand in the file
    std::string_view doc;
    std::string_view words;  // allowed words or list members, separated by |; empty: any
    std::string_view
        done_anyway;  // without effect: words or lists of them that ask for nothing else
    std::int64_t minimum = kNoMinimum;
    std::int64_t maximum = kNoMaximum;
    std::string_view unit;  // of a number: ms, s, bytes, ...
    ValueType type = ValueType::Text;
    std::uint8_t count = 0;  // members a list must have; 0: any number
    Settable settable = Settable::No;
    Status status = Status::NotBuiltYet;
    bool not_zero = false;  // 0 is none of the numbers between minimum and maximum
    bool hidden = false;    // not in the stock file
    bool secret = false;    // never shown
};

}  // namespace vmq::config
