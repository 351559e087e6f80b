// From the configuration to what the HTTP server serves.
#pragma once

#include <string>
#include <vector>

#include "admin/http_server.h"
#include "config/config.h"

namespace vmq::admin {

struct ConfiguredHttp {
    HttpOptions options;
    /// What is configured and not served, one sentence each.
    std::vector<std::string> warnings;
};

/// A module for which an API key is demanded is not served: there are no keys yet, and serving it
/// to everybody is not what the operator asked for.
[[nodiscard]] ConfiguredHttp http_from_config(const config::Config& config);

}  // namespace vmq::admin
