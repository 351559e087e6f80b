#include "admin/http_config.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "config/listener_options.h"
#include "transport/peer_address.h"
#include "transport/tls_options.h"

namespace vmq::admin {
namespace {

/// Longer than any connection lives.
constexpr Millis kForever = std::chrono::hours(24 * 365 * 100);

/// The words of a list as it stands in the file: `[a,b]`, `a, b`.
std::vector<std::string> words_in_list(std::string_view list) {
    std::vector<std::string> words(1);
    for (const char c : list) {
        if (c == ',') {
            words.emplace_back();
        } else if (std::string_view(" []'\"").find(c) == std::string_view::npos) {
            words.back() += c;
        }
    }
    return words;
}

std::string text_or(const config::Config& config, const std::string& key, std::string fallback) {
    const auto text = config.text(key);
    return text ? text.value() : std::move(fallback);
}

/// The setting for all listeners.
std::string auth_mode_key(HttpModule module) {
    if (module == HttpModule::Api) return "http_module.vmq_http_mgmt_api.auth.mode";
    if (module == HttpModule::ApiV2) return "http_module.vmq_http_v2_api.auth.mode";
    return "http_module." + std::string(name_of(module)) + ".auth.mode";
}

std::string key_of(const config::ListenerSettings& listener) {
    return "listener." + std::string(config::word_of(listener.kind)) + "." + listener.name;
}

HttpModules modules_of(const config::Config& config, const config::ListenerSettings& listener) {
    const auto wanted = listener.http_modules.empty()
                            ? words_in_list(text_or(config, "http_modules", ""))
                            : listener.http_modules;
    HttpModuleFlags served;
    HttpModules modules;
    for (const HttpModule module : kHttpModules) {
        served.of(module) = std::ranges::find(wanted, name_of(module)) != wanted.end();
        const std::string key = auth_mode_key(module);
        const std::string general = text_or(config, key, "");
        const std::string mode = text_or(config, key_of(listener) + "." + key, general);
        if (mode == "apikey" || mode == "noauth") modules.keys.of(module) = mode == "apikey";
    }
    modules.status = served.status;
    modules.health = served.health;
    modules.metrics = served.metrics;
    modules.api = served.api;
    modules.api_v2 = served.api_v2;
    return modules;
}

/// Whoever reaches it can do everything.
bool is_open_to_all(const HttpListenerOptions& listener) {
    return !transport::is_loopback(listener.socket.address) && listener.modules.api &&
           !listener.modules.keys.api;
}

}  // namespace

HttpListenerOptions http_listener_from_config(const config::Config& config,
                                              const config::ListenerSettings& configured,
                                              std::vector<std::string>& warnings) {
    HttpListenerOptions listener;
    listener.name = configured.name;
    listener.socket.address = configured.address;
    listener.socket.port = configured.port;
    listener.socket.unix_path = configured.unix_path;
    listener.socket.backlog = static_cast<int>(configured.backlog);
    listener.max_connections =
        std::min(configured.max_connections.value_or(kMaxHttpConnections), kMaxHttpConnections);
    listener.max_request_line_length = configured.max_request_line_length;
    listener.max_header_value_length = configured.max_header_value_length;
    listener.modules = modules_of(config, configured);
    if (configured.kind == config::ListenerKind::Https) {
        listener.tls = transport::tls_options_from(configured, warnings);
        const auto& timeout = configured.tls.tls_handshake_timeout_ms;
        listener.tls_handshake_timeout = timeout ? Millis(*timeout) : kForever;
    }
    if (is_open_to_all(listener)) {
        warnings.push_back(key_of(configured) +
                           ": vmq_http_mgmt_api asks for no API key, so whoever reaches this "
                           "address can do everything");
    }
    return listener;
}

ApiKeyRules key_rules_from_config(const config::Config& config) {
    ApiKeyRules rules;
    rules.min_length = static_cast<std::size_t>(config.integer("min_apikey_length"));
    if (config.text("max_apikey_expiry_days")) {
        rules.max_days = config.integer("max_apikey_expiry_days");
    }
    return rules;
}

ConfiguredHttp http_from_config(const config::Config& config) {
    ConfiguredHttp result;
    result.options.metrics_prefix = text_or(config, "prometheus_namespace", "vernemq_");
    result.key_file = text_or(config, "setup.data_dir", "data") + "/api_keys.json";
    result.key_rules = key_rules_from_config(config);
    const Millis crl_interval(config.mqtt().crl_refresh_interval_ms);
    if (crl_interval > Millis(0)) {
        result.options.tls_watch_interval =
            std::min(result.options.tls_watch_interval, crl_interval);
    }
    for (const config::ListenerSettings& configured : config.listeners()) {
        if (configured.kind != config::ListenerKind::Http &&
            configured.kind != config::ListenerKind::Https) {
            continue;
        }
        result.options.listeners.push_back(
            http_listener_from_config(config, configured, result.warnings));
    }
    return result;
}

bool concerns_http_listeners(std::string_view key) noexcept {
    return key.starts_with("listener.http.") || key.starts_with("listener.https.") ||
           key.starts_with("http_module.") || key == "http_modules";
}

}  // namespace vmq::admin
