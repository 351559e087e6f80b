// Queries from the flags of `session show` and `retain show`.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "admin/query/fields.h"
#include "admin/query/query.h"
#include "base/result.h"

namespace vmq::admin::query {

/// `--name` or `--name=value`.
struct Flag {
    std::string name;
    std::optional<std::string> value;
};

/// Rows of such a command unless `--limit` says otherwise.
inline constexpr std::uint64_t kDefaultLimit = 100;

/// A bare field is shown, `--field=value` and `--field=~expression` select rows, all of them
/// together; a field with a value is shown only if it is there bare, too. `--limit=N` and
/// `--rowtimeout=MS` as in the language, and `--order_by=FIELD`. Values are taken as they are:
/// there is no character that has to be quoted.
[[nodiscard]] Result<Query> query_from_flags(std::string_view table, std::span<const Field> fields,
                                             std::span<const Flag> flags);

}  // namespace vmq::admin::query
