// The description of the HTTP API for programs, generated from the command table.
#pragma once

#include <string>

#include "admin/commands/command.h"

namespace vmq::admin {

inline constexpr const char* kOpenApiPath = "/api/v1/openapi.json";

/// OpenAPI 3.0.3 as JSON. The same for every node of a version: it tells nothing of this one.
[[nodiscard]] std::string openapi_json(const commands::CommandTable& table);

}  // namespace vmq::admin
