// What an HTTP listener serves, and who may have it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "admin/commands/api_keys.h"

namespace vmq::admin {

enum class HttpModule : std::uint8_t { Status, Health, Metrics, Api, ApiV2 };

/// One thing or another for each module.
struct HttpModuleFlags {
    bool status = false;   // vmq_status_http
    bool health = false;   // vmq_health_http
    bool metrics = false;  // vmq_metrics_http
    bool api = false;      // vmq_http_mgmt_api
    bool api_v2 = false;   // vmq_http_v2_api

    [[nodiscard]] bool has(HttpModule module) const noexcept;
    [[nodiscard]] bool& of(HttpModule module) noexcept;

    friend bool operator==(const HttpModuleFlags&, const HttpModuleFlags&) = default;
};

/// What one listener serves: VerneMQ's http_modules as far as they exist here.
struct HttpModules {
    bool status = true;
    bool health = true;
    bool metrics = true;
    bool api = true;
    bool api_v2 = true;
    /// Those that ask for an API key.
    HttpModuleFlags keys{
        .status = false, .health = false, .metrics = false, .api = true, .api_v2 = true};

    [[nodiscard]] HttpModuleFlags served() const noexcept;

    friend bool operator==(const HttpModules&, const HttpModules&) = default;
};

/// The name in http_modules.
[[nodiscard]] std::string_view name_of(HttpModule module) noexcept;
/// What a key has to be for.
[[nodiscard]] commands::ApiScope scope_of(HttpModule module) noexcept;

inline constexpr HttpModule kHttpModules[] = {HttpModule::Status, HttpModule::Health,
                                              HttpModule::Metrics, HttpModule::Api,
                                              HttpModule::ApiV2};

/// The module that may ask for a key before it answers `path`; nothing for the status page, whose
/// files hold nothing of the node, for the description of the API, and for what nobody serves.
[[nodiscard]] std::optional<HttpModule> guarded_module(std::string_view path) noexcept;

}  // namespace vmq::admin
