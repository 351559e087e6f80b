#include "config/config.h"

#include <algorithm>
#include <map>
#include <utility>

#include "config/setting_table.h"
#include "config/typed_settings.h"

namespace vmq::config {
namespace {

constexpr std::string_view kHiddenValue = "******";

std::string shown(std::string_view key, const Assignment& assignment) {
    const bool secret = is_secret(*assignment.setting, key) && !assignment.text.empty();
    return secret ? std::string(kHiddenValue) : assignment.text;
}

std::string origin_text(const Assignment& assignment) {
    std::string line = assignment.at.file + ":" + std::to_string(assignment.at.line);
    switch (assignment.origin) {
        case Origin::Default:
            return "default";
        case Origin::File:
            return line;
        case Origin::Environment:
            return line + ", environment";
        case Origin::Runtime:
            return "set at run time";
        case Origin::Cluster:
            return "set for the cluster";
    }
    return {};
}

std::string_view status_text(Status status) {
    switch (status) {
        case Status::Built:
            return "in use";
        case Status::NotBuiltYet:
            return "not built yet: checked, but without effect";
        case Status::NoMeaning:
            return "accepted without effect: it tunes what this broker has not";
        case Status::Obsolete:
            return "obsolete: accepted without effect";
    }
    return {};
}

std::string_view settable_text(Settable settable) {
    switch (settable) {
        case Settable::No:
            return "no";
        case Settable::NewSessions:
            return "yes, for new sessions";
        case Settable::Immediately:
            return "yes, at once";
    }
    return {};
}

Error unknown(std::string_view key) {
    return {ErrorCode::UnknownKey, "Variable '" + std::string(key) + "' not found"};
}

}  // namespace

Config::Config(Assignments assignments, std::vector<ListenerSettings> listeners)
    : assignments_(std::move(assignments)),
      mqtt_(make_mqtt_settings(assignments_)),
      node_(make_node_settings(assignments_)),
      plugins_(make_plugin_settings(assignments_)),
      log_(make_log_settings(assignments_)),
      systree_(make_systree_settings(assignments_)),
      graphite_(make_graphite_settings(assignments_)),
      listeners_(std::move(listeners)) {}

std::shared_ptr<const Config> Config::without_file() {
    const std::string path = "built-in";
    MemoryFiles files;
    files.files[path] =
        "allow_anonymous = on\n"
        "plugins.vmq_acl = off\n"
        "plugins.vmq_passwd = off\n"
        "log.console = console\n"
        "log.error = off\n"
        "listener.tcp.default = 127.0.0.1:1883\n"
        "listener.tcp.default_v6 = [::1]:1883\n"
        "listener.ws.default = 127.0.0.1:8080\n"
        "listener.ws.default.allowed_origins = [localhost]\n"
        "listener.http.default = 127.0.0.1:8888\n";
    LoadResult loaded = load(files, path);
    VMQ_ASSERT(loaded.config != nullptr);
    return loaded.config;
}

Result<std::shared_ptr<const Config>> Config::with(std::string_view key, std::string_view text,
                                                   bool for_cluster) const {
    const Setting* setting = SettingTable::instance().find(key);
    if (setting == nullptr) return unknown(key);
    if (setting->settable == Settable::No) {
        return Error{ErrorCode::InvalidValue,
                     std::string(key) + " cannot be set while the broker runs"};
    }
    Result<Value> value = parse_value(*setting, text);
    if (!value) {
        return Error{ErrorCode::InvalidValue,
                     std::string(key) + ": expected " + value.error().detail};
    }
    Assignments changed = assignments_;
    changed.insert_or_assign(
        std::string(key),
        Assignment{setting, std::string(text), std::move(value).value(),
                   for_cluster ? Origin::Cluster : Origin::Runtime, Location{}, 0});
    return std::shared_ptr<const Config>(
        std::make_shared<const Config>(std::move(changed), listeners_));
}

Result<std::shared_ptr<const Config>> Config::with(std::string_view key,
                                                   const Config& other) const {
    const Setting* setting = SettingTable::instance().find(key);
    if (setting == nullptr) return unknown(key);
    const auto found = other.assignments_.find(key);
    if (setting->settable == Settable::No || found == other.assignments_.end()) {
        return Error{ErrorCode::InvalidValue,
                     std::string(key) + " cannot be set while the broker runs"};
    }
    Assignments changed = assignments_;
    changed.insert_or_assign(std::string(key), found->second);
    return std::shared_ptr<const Config>(
        std::make_shared<const Config>(std::move(changed), listeners_));
}

const Assignment& Config::at(std::string_view key) const {
    const auto found = assignments_.find(key);
    VMQ_ASSERT(found != assignments_.end());
    return found->second;
}

bool Config::flag(std::string_view key) const { return get<bool>(at(key)); }

std::int64_t Config::integer(std::string_view key) const { return get<std::int64_t>(at(key)); }

Result<std::string> Config::text(std::string_view key) const {
    if (const auto found = assignments_.find(key); found != assignments_.end()) {
        return shown(key, found->second);
    }
    if (SettingTable::instance().find(key) == nullptr) return unknown(key);
    return Error{ErrorCode::NotFound, std::string(key) + " is not set"};
}

Result<std::string> Config::origin(std::string_view key) const {
    if (const auto found = assignments_.find(key); found != assignments_.end()) {
        return origin_text(found->second);
    }
    if (SettingTable::instance().find(key) == nullptr) return unknown(key);
    return Error{ErrorCode::NotFound, std::string(key) + " is not set"};
}

std::vector<EffectiveSetting> Config::effective() const {
    std::map<std::string, EffectiveSetting> settings;
    for (const auto& [key, assignment] : assignments_) {
        settings[key] = {key, shown(key, assignment), origin_text(assignment)};
    }
    for (const ListenerSettings& listener : listeners_) {
        for (const ListenerOption& option : listener_options()) {
            if (!option.has(listener.kind)) continue;
            const Assignment* from =
                resolve_option(assignments_, listener.kind, listener.name, option);
            if (from == nullptr) continue;
            const std::string key =
                listener_key(listener.kind, listener.name) + "." + std::string(option.setting.key);
            settings[key] = {key, shown(key, *from), origin_text(*from)};
        }
    }
    std::vector<EffectiveSetting> sorted;
    sorted.reserve(settings.size());
    for (auto& [key, setting] : settings) sorted.push_back(std::move(setting));
    return sorted;
}

std::string Config::effective_text() const {
    std::string lines;
    for (const EffectiveSetting& setting : effective()) {
        lines += setting.key + " = " + quoted(setting.value) + "\n";
    }
    return lines;
}

Result<std::string> Config::describe(std::string_view key) const {
    const Setting* setting = SettingTable::instance().find(key);
    if (setting == nullptr) return unknown(key);
    std::string page = "Documentation for " + std::string(key) + "\n" + std::string(setting->doc) +
                       "\n\n   Valid Values:\n     - " + expectation(*setting);
    if (!setting->unit.empty()) page += " (" + std::string(setting->unit) + ")";
    page += "\n   ";
    if (!setting->fallback) {
        page += "No default set";
    } else if (setting->secret) {
        page += "Default Value : " + std::string(kHiddenValue);
    } else {
        page += "Default Value : " + std::string(*setting->fallback);
    }
    page += "\n   ";
    const auto found = assignments_.find(key);
    if (found != assignments_.end() && found->second.origin != Origin::Default) {
        page += "Set Value     : " + shown(key, found->second) + " (" + origin_text(found->second) +
                ")";
    } else {
        page += "Value not set in the configuration";
    }
    page += "\n   Settable      : " + std::string(settable_text(setting->settable));
    page += "\n   Status        : " + std::string(status_text(setting->status)) + "\n";
    return page;
}

std::string quoted(std::string_view value) {
    const bool lines = value.find('\n') != std::string_view::npos;
    const bool quote = value.find('\'') != std::string_view::npos;
    const bool hash = value.find('#') != std::string_view::npos;
    const bool blank_end =
        !value.empty() && (value.front() == ' ' || value.front() == '\t' || value.back() == ' ' ||
                           value.back() == '\t' || value.front() == '\'');
    if (!value.empty() && !lines && !hash && !blank_end) return std::string(value);
    // The newlines keep a quote at the end of the value apart from the mark; reading drops them.
    if (lines || quote) return "'''\n" + std::string(value) + "\n'''";
    return "'" + std::string(value) + "'";
}

}  // namespace vmq::config
