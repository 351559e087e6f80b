#include "vernemq/live_config.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "admin/http_config.h"
#include "base/log.h"
#include "broker/options_from_config.h"
#include "config/listener_options.h"

namespace vmq::launcher {
namespace {

/// As commands and metrics call it: "mqtt" of listener.tcp.*.
std::string_view type_of(config::ListenerKind kind) {
    switch (kind) {
        case config::ListenerKind::Tcp:
            return broker::type_of(broker::ListenerKind::Mqtt);
        case config::ListenerKind::Ssl:
            return broker::type_of(broker::ListenerKind::Mqtts);
        case config::ListenerKind::Ws:
            return broker::type_of(broker::ListenerKind::MqttWs);
        case config::ListenerKind::Wss:
            return broker::type_of(broker::ListenerKind::MqttWss);
        default:
            return config::word_of(kind);
    }
}

bool is_http(config::ListenerKind kind) {
    return kind == config::ListenerKind::Http || kind == config::ListenerKind::Https;
}

std::map<std::string, std::string> values_of(const config::Config& config) {
    std::map<std::string, std::string> values;
    for (const auto& setting : config.effective()) values[setting.key] = setting.value;
    return values;
}

/// Keys whose values are not the same in both.
std::vector<std::string> differences(const config::Config& a, const config::Config& b) {
    const auto before = values_of(a);
    const auto after = values_of(b);
    std::vector<std::string> keys;
    for (const auto& [key, value] : after) {
        const auto found = before.find(key);
        if (found == before.end() || found->second != value) keys.push_back(key);
    }
    for (const auto& [key, value] : before) {
        if (!after.contains(key)) keys.push_back(key);
    }
    return keys;
}

std::int64_t wall_millis() {
    return std::chrono::duration_cast<Millis>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

using Entries = std::vector<hooks::ConfigContext::Entry>;

/// What the configuration says of plugins in shared objects, by its whole key; secrets as they are,
/// because they are the plugins' own.
std::map<std::string, std::string> own_settings(const config::Config& config) {
    std::map<std::string, std::string> all;
    for (const config::EnabledPlugin& plugin : config.plugins().enabled) {
        for (const auto& [key, value] : plugin.settings) all[plugin.name + "." + key] = value;
    }
    return all;
}

/// Settings of `now` that are not the same in `before`, for plugins.
Entries changed_entries(std::map<std::string, std::string> before,
                        const std::map<std::string, std::string>& now) {
    Entries entries;
    for (const auto& [key, value] : now) {
        const auto found = before.find(key);
        if (found == before.end() || found->second != value) entries.push_back({key, value});
        if (found != before.end()) before.erase(found);
    }
    for (const auto& [key, value] : before) entries.push_back({key, ""});
    return entries;
}

}  // namespace

LiveConfig::LiveConfig(std::shared_ptr<const config::Config> loaded, broker::Broker& broker,
                       TellPlugins plugins, TellLog log)
    : broker_(broker),
      plugins_(std::move(plugins)),
      log_changed_(std::move(log)),
      loaded_(std::move(loaded)),
      layers_(loaded_),
      current_(loaded_) {
    listeners_.assign(loaded_->listeners().begin(), loaded_->listeners().end());
}

void LiveConfig::on_change(Tell others) {
    const auto held = calls_.enter();
    others_ = std::move(others);
    others_(*current_.get());
}

Result<void> LiveConfig::change(const std::vector<admin::commands::SettingChange>& changes) {
    const auto held = calls_.enter();
    for (const auto& [key, value] : changes) {
        if (const auto fits = layers_.file()->with(key, value); !fits) return fits.error();
    }
    for (const auto& [key, value] : changes) layers_.set_own(key, value, wall_millis());
    put_in_force();
    for (const auto& [key, value] : changes) log::notice("{} set by an operator", key);
    return {};
}

std::vector<std::string> LiveConfig::unset(const std::vector<std::string>& keys) {
    const auto held = calls_.enter();
    std::vector<std::string> gone;
    for (const std::string& key : keys) {
        if (layers_.unset_own(key)) gone.push_back(key);
    }
    if (!gone.empty()) put_in_force();
    for (const std::string& key : gone) log::notice("{} unset by an operator", key);
    return gone;
}

void LiveConfig::follow_cluster(const std::vector<broker::SharedFact>& changes) {
    const auto held = calls_.enter();
    bool any = false;
    for (const broker::SharedFact& each : changes) {
        if (each.kind != cluster::FactKind::Setting) continue;
        any = true;
        if (const auto set = layers_.set_cluster(each.key, each.value, each.at); !set) {
            // A newer version may have more settings than this one. Values may be secrets.
            log::warning(
                "{} is set for the cluster to what has no effect on this node: {}; update this "
                "node, or correct the value with `vmq-admin set --all`",
                each.key, set.error().detail);
        } else {
            log::notice("{} is {} for the cluster", each.key, each.value ? "set" : "no longer set");
        }
    }
    if (any) put_in_force();
}

/// Makes what the layers say so. Requires calls_.
void LiveConfig::put_in_force() {
    std::shared_ptr<const config::Config> changed = layers_.compose();
    const bool plugins_changed = changed->plugins() != current_.get()->plugins();
    Entries entries = changed_entries(values_of(*current_.get()), values_of(*changed));
    apply(std::move(changed));
    if (!entries.empty()) broker_.change_config(std::move(entries), false);
    if (plugins_changed) plugins_(current_.get()->plugins());
}

void LiveConfig::reload(std::shared_ptr<const config::Config> fresh) {
    const auto held = calls_.enter();
    if (fresh) take_over(std::move(fresh));
    plugins_(current_.get()->plugins());
}

void LiveConfig::tell_all_settings(std::optional<hooks::PluginPlace> only) const {
    const auto held = calls_.enter();
    auto values = values_of(*current_.get());
    // Their own are as the file says now.
    for (auto& [key, value] : own_settings(*loaded_)) values[key] = value;
    broker_.change_config(changed_entries({}, values), true, only);
}

void LiveConfig::take_over(std::shared_ptr<const config::Config> fresh) {
    std::string for_restart;
    bool http_changed = false;
    const Entries own = changed_entries(own_settings(*loaded_), own_settings(*fresh));
    for (const std::string& key : differences(*loaded_, *fresh)) {
        if (http_ && admin::concerns_http_listeners(key)) {
            http_changed = true;
            continue;
        }
        const auto next = layers_.file()->with(key, *fresh);
        if (next) {
            layers_.set_file(next.value());
            (void)layers_.unset_own(key);
            log::notice("{} is now {}, as the configuration file says", key,
                        fresh->text(key).value());
            if (!layers_.has_cluster(key)) continue;
            log::warning(
                "{} is set for the cluster, so the configuration file does not count: `vmq-admin "
                "unset {} --all` takes that back",
                key, key);
        } else if (std::ranges::find(own, key, &hooks::ConfigContext::Entry::key) != own.end()) {
            log::notice("{} has changed in the configuration file; its plugin is told", key);
        } else {
            for_restart += (for_restart.empty() ? "" : ", ") + key;
        }
    }
    std::shared_ptr<const config::Config> changed = layers_.compose();
    Entries entries = changed_entries(values_of(*current_.get()), values_of(*changed));
    entries.insert(entries.end(), own.begin(), own.end());
    apply(std::move(changed));
    if (!entries.empty()) broker_.change_config(std::move(entries), false);
    loaded_ = std::move(fresh);
    if (http_changed) {
        follow_http_listeners(*loaded_);
        http_(*loaded_);
    }
    if (for_restart.empty()) return;
    log::warning("changed in the configuration file, takes effect after a restart: {}",
                 for_restart);
}

/// Of HTTP listeners what is told about them is what the file says now; those that operators have
/// started stay.
void LiveConfig::follow_http_listeners(const config::Config& fresh) {
    for (const config::ListenerSettings& each : fresh.listeners()) {
        if (!is_http(each.kind)) continue;
        std::erase_if(listeners_, [&](const config::ListenerSettings& known) {
            return known.kind == each.kind && known.name == each.name;
        });
        listeners_.push_back(each);
    }
}

void LiveConfig::apply(std::shared_ptr<const config::Config> changed) {
    const auto store = broker::options_from_config(*changed).options.store;
    broker_.set_shared_policy(broker::shared_policy(*changed));
    (void)broker_.set_durability(store.durability);
    const config::LogSettings& log = changed->log();
    broker_.set_session_log(log.connections, log.keepalive_as_warning);
    broker_.allow_during_netsplit(broker::netsplit_permissions(changed->mqtt()));
    if (log != current_.get()->log()) log_changed_(log);
    const auto change = [&](broker::ListenerOptions& options) {
        const auto settings = find(broker::type_of(options.kind), options.name);
        if (settings) options.settings = broker::session_settings(changed->mqtt(), *settings);
    };
    if (!broker_.accepting()) broker_.change_listeners(change);
    broker_.listeners().reconfigure(change);
    current_.set(std::move(changed));
    if (others_) others_(*current_.get());
}

void LiveConfig::add_listener(config::ListenerSettings settings) {
    const auto held = calls_.enter();
    std::erase_if(listeners_, [&](const config::ListenerSettings& each) {
        return each.kind == settings.kind && each.name == settings.name;
    });
    listeners_.push_back(std::move(settings));
}

std::optional<config::ListenerSettings> LiveConfig::listener(std::string_view type,
                                                             std::string_view name) const {
    const auto held = calls_.enter();
    return find(type, name);
}

std::optional<config::ListenerSettings> LiveConfig::find(std::string_view type,
                                                         std::string_view name) const {
    for (const config::ListenerSettings& each : listeners_) {
        if (type_of(each.kind) == type && each.name == name) return each;
    }
    return std::nullopt;
}

}  // namespace vmq::launcher
