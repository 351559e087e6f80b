// Query: what is asked of a table, as it was written and before it is known which table has it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"

namespace vmq::admin::query {

enum class Operator : std::uint8_t {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Match,  // a regular expression found anywhere in the text
};

/// As written; which of them fit is decided by the field.
using Literal = std::variant<bool, std::int64_t, double, std::string>;

struct Comparison {
    std::string field;
    Operator op = Operator::Equal;
    Literal literal;
};

enum class Joiner : std::uint8_t { And, Or };

struct Condition;

/// One operand of a Condition and how it is joined to what stands before it; the first one's
/// joiner has no meaning.
struct Term {
    Joiner joiner = Joiner::And;
    std::variant<Comparison, std::unique_ptr<Condition>> operand;
};

/// Evaluated left to right: AND and OR bind alike, parentheses make a Condition of its own.
struct Condition {
    std::vector<Term> terms;  // never empty in a parsed query
};

struct Query {
    std::vector<std::string> fields;  // empty: those that are shown by default
    bool all_fields = false;          // SELECT *
    std::string table;
    std::optional<Condition> where;
    std::string order_by;                // empty: no order
    std::optional<std::uint64_t> limit;  // of rows
    std::optional<Millis> row_timeout;
};

/// Bounds of what is parsed: a query comes from whoever may ask.
inline constexpr std::size_t kMaxQueryBytes = std::size_t{64} * 1024;
inline constexpr std::size_t kMaxComparisons = 256;
inline constexpr std::size_t kMaxNesting = 32;
inline constexpr std::size_t kMaxPatternBytes = 1024;

}  // namespace vmq::admin::query
