// The words of a query: SELECT ... FROM ... WHERE ... ORDER BY ... LIMIT ... ROWTIMEOUT ...
#pragma once

#include <string_view>

#include "admin/query/query.h"
#include "base/result.h"

namespace vmq::admin::query {

/// The language of VerneMQ's vmq_ql:
///
///     query      = SELECT (field {"," field} | "*") FROM table [WHERE condition]
///                  [ORDER BY field] [LIMIT integer] [ROWTIMEOUT milliseconds]
///     condition  = term {(AND | OR) term}              left to right, without precedence
///     term       = field operator literal | "(" condition ")"
///     operator   = "=" | "!=" | "<" | "=<" | ">" | ">=" | MATCH
///     literal    = "text" | true | false | integer | decimal
///
/// Keywords are upper-case, names are [a-z0-9_]+. In a text `\"` is a quotation mark and every
/// other backslash is itself, so that regular expressions are written once. An error names the
/// place by its byte, counted from 1.
[[nodiscard]] Result<Query> parse(std::string_view text);

}  // namespace vmq::admin::query
