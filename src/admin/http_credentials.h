// The API key that an HTTP request shows.
#pragma once

#include <string>
#include <string_view>

namespace vmq::admin {

/// The user name of HTTP Basic, whose password means nothing; without an `authorization` header the
/// `x-api-key` header. Empty: there is none, or nothing that could be one.
[[nodiscard]] std::string shown_key(std::string_view authorization, std::string_view x_api_key);

}  // namespace vmq::admin
