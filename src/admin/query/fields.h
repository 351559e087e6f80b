// The fields of a table, and which one is meant by a name.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "admin/query/value.h"
#include "base/result.h"

namespace vmq::admin::query {

struct Field {
    std::string_view name;
    Type type = Type::Text;
    std::string_view help;
    bool shown_by_default = false;
    /// Part of `*`. Fields that make several rows of one are not.
    bool shown_by_star = true;
    /// Holds topic names: equal to a filter with wildcards is what the filter matches.
    bool is_topic_name = false;
};

/// A table has at most so many fields, because FieldSet has a bit for each.
inline constexpr std::size_t kMaxFields = 64;

/// The place of `name` in `fields`. An unknown one is an error that names the nearest.
[[nodiscard]] Result<std::size_t> find_field(std::span<const Field> fields, std::string_view name);

}  // namespace vmq::admin::query
