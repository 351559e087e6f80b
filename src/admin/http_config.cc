#include "admin/http_config.h"

#include <algorithm>
#include <string_view>

namespace vmq::admin {
namespace {

/// The words of a list as it stands in the file: `[a,b]`, `a, b`.
std::vector<std::string> words_of(std::string_view list) {
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

class ModuleChoice final {
public:
    ModuleChoice(const config::Config& config, const config::ListenerSettings& listener)
        : config_(config),
          prefix_("listener.http." + listener.name),
          wanted_(listener.http_modules) {
        if (wanted_.empty()) wanted_ = words_of(text_or(config, "http_modules", ""));
    }

    bool serves(const std::string& module, std::vector<std::string>& warnings) const {
        if (std::ranges::find(wanted_, module) == wanted_.end()) return false;
        const std::string key = "http_module." + module + ".auth.mode";
        const std::string mode = text_or(config_, prefix_ + '.' + key, text_or(config_, key, ""));
        if (mode != "apikey") return true;
        warnings.push_back(prefix_ + ": " + module +
                           " asks for an API key, which is not built yet, so it is not served");
        return false;
    }

private:
    const config::Config& config_;
    const std::string prefix_;
    std::vector<std::string> wanted_;
};

}  // namespace

ConfiguredHttp http_from_config(const config::Config& config) {
    ConfiguredHttp result;
    result.options.metrics_prefix = text_or(config, "prometheus_namespace", "vernemq_");
    for (const config::ListenerSettings& configured : config.listeners()) {
        if (configured.kind != config::ListenerKind::Http) continue;
        HttpListenerOptions listener;
        listener.name = configured.name;
        listener.socket.address = configured.address;
        listener.socket.port = configured.port;
        listener.socket.backlog = static_cast<int>(configured.backlog);
        listener.max_connections =
            std::min(configured.max_connections.value_or(kMaxHttpConnections), kMaxHttpConnections);
        listener.max_request_line_length = configured.max_request_line_length;
        listener.max_header_value_length = configured.max_header_value_length;
        const ModuleChoice modules(config, configured);
        listener.modules.status = modules.serves("vmq_status_http", result.warnings);
        listener.modules.health = modules.serves("vmq_health_http", result.warnings);
        listener.modules.metrics = modules.serves("vmq_metrics_http", result.warnings);
        result.options.listeners.push_back(std::move(listener));
    }
    return result;
}

}  // namespace vmq::admin
