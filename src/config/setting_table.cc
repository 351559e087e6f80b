#include "config/setting_table.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>
#include <utility>

#include "config/listener_options.h"
#include "config/setting_rows.h"

namespace vmq::config {
namespace {

constexpr std::size_t kSuggestionKeyMax = 128;  // longer keys resemble none

bool matches(const std::vector<std::string_view>& pattern,
             const std::vector<std::string_view>& words) {
    return std::equal(pattern.begin(), pattern.end(), words.begin(), words.end(),
                      [](auto expected, auto word) {
                          return expected.starts_with('$') ? !word.empty() : expected == word;
                      });
}

/// `pattern` with each free word replaced by the word `words` has at that place, if it has one.
std::string filled_in(std::string_view pattern, const std::vector<std::string_view>& words) {
    std::string key;
    std::size_t place = 0;
    for (const auto word : raw_words(pattern)) {
        if (place > 0) key += '.';
        key += word.starts_with('$') && place < words.size() ? words[place] : word;
        ++place;
    }
    return key;
}

std::string listener_prefix(ListenerKind kind) {
    return "listener." + std::string(word_of(kind)) + ".";
}

Status status_of(const ListenerOption& option, bool built) {
    if (option.setting.status == Status::NoMeaning) return Status::NoMeaning;
    return built ? Status::Built : Status::NotBuiltYet;
}

}  // namespace

const SettingTable& SettingTable::instance() {
    static const SettingTable table;
    return table;
}

SettingTable::SettingTable() {
    rows::add_mqtt_settings(rows_);
    rows::add_node_settings(rows_);
    rows::add_service_settings(rows_);
    rows::add_log_settings(rows_);
    rows::add_ignored_settings(rows_);
    add_listener_settings();
    for (const Setting& setting : rows_) {
        if (is_family(setting)) {
            families_.push_back(&setting);
        } else if (is_pattern(setting)) {
            patterns_.push_back({&setting, raw_words(setting.key)});
        } else {
            exact_.emplace(setting.key, &setting);
        }
    }
}

void SettingTable::add_listener_settings() {
    const auto add = [&](Setting setting, std::string key, Status status, bool keep_default) {
        setting.key = generated_keys_.emplace_back(std::move(key));
        setting.status = status;
        if (!keep_default) setting.fallback = std::nullopt;
        rows_.push_back(setting);
    };
    for (const ListenerOption& option : listener_options()) {
        const std::string name(option.setting.key);
        add(option.setting, "listener." + name, status_of(option, option.built != 0), true);
        for (const ListenerKind kind : kListenerKinds) {
            if (!option.has(kind)) continue;
            const std::string name_for_all = listener_prefix(kind) + name;
            const std::string name_for_one = listener_prefix(kind) + "$N." + name;
            const Status status = status_of(option, option.is_built(kind));
            add(option.setting, name_for_all, status, false);
            add(option.setting, name_for_one, status, false);
        }
    }
    for (const ListenerKind kind : kListenerKinds) {
        Setting address;
        const bool mqtt = kind == ListenerKind::Tcp || kind == ListenerKind::Ssl ||
                          kind == ListenerKind::Ws || kind == ListenerKind::Wss;
        address.type = mqtt ? ValueType::AddressOrSocket : ValueType::Address;
        address.doc = "Where a listener listens; without it there is no listener.";
        add(address, listener_prefix(kind) + "$N", Status::Built, false);
    }
}

const Setting* SettingTable::find(std::string_view key) const {
    if (const auto found = exact_.find(key); found != exact_.end()) return found->second;
    const auto words = raw_words(key);
    for (const Pattern& pattern : patterns_) {
        if (matches(pattern.words, words)) return pattern.setting;
    }
    for (const Setting* setting : families_) {
        const auto prefix = setting->key.substr(0, setting->key.size() - 1);
        if (key.starts_with(prefix) && key.size() > prefix.size()) return setting;
    }
    return nullptr;
}

std::vector<std::string> SettingTable::nearest(std::string_view key, std::size_t count) const {
    constexpr auto kNoLimit = static_cast<std::size_t>(-1);
    if (count == 0 || key.size() > kSuggestionKeyMax) return {};
    const auto words = raw_words(key);
    std::vector<std::pair<std::size_t, std::string>> best;  // at most `count`, nearest first
    for (const Setting& setting : rows_) {
        if (is_family(setting) || setting.status == Status::Obsolete) continue;
        std::string candidate = filled_in(setting.key, words);
        if (candidate == key) candidate = setting.key;
        const std::size_t limit = best.size() < count ? kNoLimit : best.back().first;
        const std::size_t apart = candidate.size() > key.size() ? candidate.size() - key.size()
                                                                : key.size() - candidate.size();
        if (apart > limit) continue;  // the distance is no less than the difference in length
        const std::size_t distance = edit_distance(key, candidate, limit);
        if (distance > limit) continue;
        const std::pair entry{distance, std::move(candidate)};
        const auto place = std::lower_bound(best.begin(), best.end(), entry);
        if (place != best.end() && *place == entry) continue;
        best.insert(place, entry);
        if (best.size() > count) best.pop_back();
    }
    std::vector<std::string> names;
    names.reserve(best.size());
    for (auto& [distance, name] : best) names.push_back(std::move(name));
    return names;
}

bool is_pattern(const Setting& setting) noexcept {
    return setting.key.find('$') != std::string_view::npos || is_family(setting);
}

const Setting& foreign_plugin_setting() noexcept {
    static constexpr Setting kSetting = [] {
        Setting setting{};
        setting.key = "$NAME.*";
        setting.doc = "Setting of a plugin that is not part of the broker.";
        setting.status = Status::Built;
        setting.hidden = true;
        return setting;
    }();
    return kSetting;
}

bool is_family(const Setting& setting) noexcept { return setting.key.ends_with(".*"); }

bool is_listener_address(const Setting& setting) noexcept {
    return setting.type == ValueType::Address || setting.type == ValueType::AddressOrSocket;
}

bool is_secret(const Setting& setting, std::string_view key) {
    if (setting.secret) return true;
    if (!is_family(setting)) return false;
    // Plugin keys have no rows of their own yet: their names must do.
    constexpr std::array<std::string_view, 6> kHints{"pass",   "pwd",   "secret",
                                                     "cookie", "token", "psk"};
    const std::string_view word = raw_words(key).back();
    return word.ends_with("key") ||
           std::any_of(kHints.begin(), kHints.end(), [&](std::string_view hint) {
               return word.find(hint) != std::string_view::npos;
           });
}

std::vector<std::string_view> raw_words(std::string_view key) {
    std::vector<std::string_view> words;
    std::size_t start = 0;
    for (std::size_t i = 0; i <= key.size(); ++i) {
        if (key.substr(i).starts_with("\\.")) {
            ++i;
        } else if (i == key.size() || key[i] == '.') {
            words.push_back(key.substr(start, i - start));
            start = i + 1;
        }
    }
    return words;
}

std::string meant_by(std::string_view key) {
    if (key == "mqtt.connect.timeout") return "mqtt_connect_timeout";
    if (key == "vmq_reg_view") return "default_reg_view";
    constexpr std::string_view kListeners = "listeners.";
    if (key.starts_with(kListeners)) {
        return "listener." + std::string(key.substr(kListeners.size()));
    }
    constexpr std::string_view kModule = "vmq_mgmt_http";
    if (const auto at = key.find(kModule); at != std::string_view::npos) {
        return std::string(key).replace(at, kModule.size(), "vmq_http_mgmt_api");
    }
    return {};
}

std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t k = 0; k < b.size(); ++k) {
            const std::size_t replaced = diagonal + (a[i] == b[k] ? 0 : 1);
            diagonal = row[k + 1];
            row[k + 1] = std::min({replaced, row[k] + 1, row[k + 1] + 1});
        }
        // Later rows never hold less than the least of this one.
        const std::size_t least = *std::min_element(row.begin(), row.end());
        if (least > limit) return least;
    }
    return row[b.size()];
}

}  // namespace vmq::config
