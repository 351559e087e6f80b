// The path and the query of an HTTP request, taken apart.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vmq::admin {

struct QueryPart {
    std::string name;
    std::optional<std::string> value;  // none: there is no '='
};

/// `target` as it was sent: the part before the first '?'.
[[nodiscard]] std::string_view path_of(std::string_view target) noexcept;

/// What stands between the slashes of `path`, decoded; nothing if a segment is empty, is "." or
/// "..", or holds a slash, a control character or a bad escape.
[[nodiscard]] std::optional<std::vector<std::string>> path_segments(std::string_view path);

/// The query of `target`, decoded, '+' as a blank; nothing if an escape is bad or a name is empty.
/// No query is an empty one.
[[nodiscard]] std::optional<std::vector<QueryPart>> query_of(std::string_view target);

}  // namespace vmq::admin
