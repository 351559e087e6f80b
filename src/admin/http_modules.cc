#include "admin/http_modules.h"

#include "admin/http_api.h"
#include "admin/http_api_v2.h"
#include "admin/openapi.h"

namespace vmq::admin {

bool& HttpModuleFlags::of(HttpModule module) noexcept {
    switch (module) {
        case HttpModule::Status:
            return status;
        case HttpModule::Health:
            return health;
        case HttpModule::Metrics:
            return metrics;
        case HttpModule::Api:
            return api;
        case HttpModule::ApiV2:
            return api_v2;
    }
    return status;
}

bool HttpModuleFlags::has(HttpModule module) const noexcept {
    HttpModuleFlags copy = *this;
    return copy.of(module);
}

HttpModuleFlags HttpModules::served() const noexcept {
    return {.status = status, .health = health, .metrics = metrics, .api = api, .api_v2 = api_v2};
}

std::string_view name_of(HttpModule module) noexcept {
    switch (module) {
        case HttpModule::Status:
            return "vmq_status_http";
        case HttpModule::Health:
            return "vmq_health_http";
        case HttpModule::Metrics:
            return "vmq_metrics_http";
        case HttpModule::Api:
            return "vmq_http_mgmt_api";
        case HttpModule::ApiV2:
            return "vmq_http_v2_api";
    }
    return {};
}

commands::ApiScope scope_of(HttpModule module) noexcept {
    switch (module) {
        case HttpModule::Status:
            return commands::ApiScope::Status;
        case HttpModule::Health:
            return commands::ApiScope::Health;
        case HttpModule::Metrics:
            return commands::ApiScope::Metrics;
        case HttpModule::Api:
            return commands::ApiScope::Mgmt;
        case HttpModule::ApiV2:
            return commands::ApiScope::Api2;
    }
    return commands::ApiScope::Mgmt;
}

std::optional<HttpModule> guarded_module(std::string_view path) noexcept {
    if (path == "/status.json") return HttpModule::Status;
    if (path == "/metrics") return HttpModule::Metrics;
    if (path == "/health" || path.starts_with("/health/")) return HttpModule::Health;
    if (path == kOpenApiPath) return std::nullopt;
    if (path.starts_with(kApiPrefix)) return HttpModule::Api;
    if (path.starts_with(kApiV2Prefix)) return HttpModule::ApiV2;
    return std::nullopt;
}

}  // namespace vmq::admin
