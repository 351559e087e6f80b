// From the configuration to what the HTTP server serves.
#pragma once

#include <string>
#include <vector>

#include "admin/api_key_store.h"
#include "admin/http_options.h"
#include "config/config.h"

namespace vmq::admin {

struct ConfiguredHttp {
    HttpOptions options;
    ApiKeyRules key_rules;
    std::string key_file;
    /// What is configured and not served as one might think, one sentence each.
    std::vector<std::string> warnings;
};

[[nodiscard]] ConfiguredHttp http_from_config(const config::Config& config);

/// Part of the former.
[[nodiscard]] ApiKeyRules key_rules_from_config(const config::Config& config);

/// What a listener of HTTP or HTTPS is opened with. It may also be one that is not in `config`.
[[nodiscard]] HttpListenerOptions http_listener_from_config(
    const config::Config& config, const config::ListenerSettings& configured,
    std::vector<std::string>& warnings);

/// Whether a change of this setting is one of the HTTP listeners, which take it over at run time.
[[nodiscard]] bool concerns_http_listeners(std::string_view key) noexcept;

}  // namespace vmq::admin
