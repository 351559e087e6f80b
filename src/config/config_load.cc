// Loading: the phases from a file's text to a Config. No phase hides what a later one has to say.
#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "config/conf_file.h"
#include "config/config.h"
#include "config/setting_table.h"
#include "config/substitution.h"
#include "config/typed_settings.h"

namespace vmq::config {
namespace {

constexpr std::size_t kShownMax = 80;
constexpr std::size_t kSuggestions = 3;
constexpr std::size_t kKeysWithSuggestionsMax = 10;  // a file with more is not one of ours

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) {
        if (!text.empty()) text += ", ";
        text += word;
    }
    return text;
}

/// A bad value within a message: on one line and not too long.
std::string shown(const Setting& setting, std::string_view key, std::string_view value) {
    if (is_secret(setting, key)) return "the value";
    std::string text = "\"";
    for (const char c : value.substr(0, kShownMax)) {
        if (c == '\n') {
            text += "\\n";
        } else {
            text += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
        }
    }
    return text + (value.size() > kShownMax ? "...\"" : "\"");
}

class Loader final {
public:
    Loader(FileSource& files, std::string path)
        : files_(files),
          path_(std::move(path)),
          substitution_(files, directory_of(path_),
                        [this](const std::string& key) { return written(key); }) {}

    LoadResult load() {
        ConfFile file = parse_conf(files_, path_);
        errors_ = std::move(file.errors);
        warnings_ = std::move(file.warnings);
        for (std::size_t i = 0; i < file.entries.size(); ++i) {
            Entry& entry = file.entries[i];
            std::string key = entry.key;
            entries_.insert_or_assign(std::move(key), Line{std::move(entry), i});
        }
        for (const auto& [key, line] : entries_) assign(key, line);
        assign_defaults();
        check_nodename();
        check_syslog();
        std::vector<ListenerSettings> listeners;
        if (errors_.empty()) listeners = make_listeners(assignments_, warnings_);
        warn_of_listeners_without_address();
        warn_of_settings_without_effect();
        warn_of_read_buffers();
        warn_of_advanced_config();
        sort_by_place(errors_);
        sort_by_place(warnings_);
        std::shared_ptr<const Config> config;
        if (errors_.empty()) {
            config = std::make_shared<const Config>(std::move(assignments_), std::move(listeners));
        }
        return {std::move(config), std::move(errors_), std::move(warnings_)};
    }

private:
    struct Line {
        Entry entry;
        std::size_t order = 0;
    };

    std::optional<std::string> written(const std::string& key) const {
        if (const auto found = entries_.find(key); found != entries_.end()) {
            return found->second.entry.value;
        }
        const Setting* setting = SettingTable::instance().find(key);
        if (setting == nullptr || !setting->fallback) return std::nullopt;
        return std::string(*setting->fallback);
    }

    void assign(const std::string& key, const Line& line) {
        const Setting* setting = SettingTable::instance().find(key);
        if (setting == nullptr && is_of_a_foreign_plugin(key)) setting = &foreign_plugin_setting();
        if (setting == nullptr) {
            const bool suggest = unknown_keys_++ < kKeysWithSuggestionsMax;
            errors_.push_back({line.entry.at, key,
                               suggest ? unknown_key(key) : "there is no setting of this name"});
            return;
        }
        warn_of_misspelled_module(line.entry);
        const bool ignored =
            setting->status == Status::NoMeaning || setting->status == Status::Obsolete;
        if (ignored) {  // not even checked: what is wrong with it cannot matter
            assignments_.emplace(key, Assignment{setting, line.entry.value, line.entry.value,
                                                 Origin::File, line.entry.at, line.order});
            return;
        }
        Result<Expanded> expanded = substitution_.expand(key, line.entry.value);
        if (!expanded) {
            errors_.push_back({line.entry.value_at(), key, expanded.error().detail});
            return;
        }
        Expanded& text = expanded.value();
        std::optional<Value> value = typed(*setting, line.entry, text.text);
        if (!value) return;
        const Origin origin = text.from_environment ? Origin::Environment : Origin::File;
        assignments_.emplace(key, Assignment{setting, std::move(text.text), std::move(*value),
                                             origin, line.entry.at, line.order});
    }

    /// `NAME.KEY` where plugins.NAME.path says that NAME is not part of the broker: only the plugin
    /// knows what it means.
    [[nodiscard]] bool is_of_a_foreign_plugin(const std::string& key) const {
        const auto words = raw_words(key);
        return words.size() > 1 &&
               entries_.contains("plugins." + std::string(words.front()) + ".path");
    }

    std::optional<Value> typed(const Setting& setting, const Entry& entry,
                               const std::string& text) {
        // An option of a listener may be empty: it is then that of the next wider level.
        const auto words = raw_words(entry.key);
        if (text.empty() && words[0] == "listener" && !is_listener_address(setting)) {
            return Value(std::string());
        }
        Result<Value> value = parse_value(setting, text);
        if (value) return std::move(value).value();
        std::string message =
            shown(setting, entry.key, text) + " is not valid: expected " + value.error().detail;
        if (is_listener_address(setting)) message += other_reading(words[1], words[2]);
        errors_.push_back({entry.value_at(), entry.key, std::move(message)});
        return std::nullopt;
    }

    /// For `listener.tcp.foo = x`: foo may be meant as an option.
    static std::string other_reading(std::string_view kind, std::string_view name) {
        std::vector<std::pair<std::size_t, std::string>> ranked;
        for (const ListenerOption& option : listener_options()) {
            const auto known = listener_kind(kind);
            if (known && option.has(*known) && option.setting.key.find('$') == std::string::npos) {
                ranked.emplace_back(edit_distance(name, option.setting.key), option.setting.key);
            }
        }
        std::sort(ranked.begin(), ranked.end());
        std::vector<std::string> names;
        for (const auto& [distance, option] : ranked) {
            if (names.size() < kSuggestions) names.push_back(option);
        }
        return " (read as the address of a " + std::string(kind) + " listener named " +
               std::string(name) + "; if an option of all " + std::string(kind) +
               " listeners is meant, there is none of this name, the nearest are " + joined(names) +
               ")";
    }

    static std::string unknown_key(const std::string& key) {
        const SettingTable& table = SettingTable::instance();
        if (const std::string meant = meant_by(key); !meant.empty()) {
            return "there is no setting of this name; it is called " + meant;
        }
        std::string message = "there is no setting of this name";
        const auto nearest = table.nearest(key, kSuggestions);
        if (!nearest.empty()) message += "; the nearest are " + joined(nearest);
        const auto words = raw_words(key);
        const auto* option = words[0] == "listener" ? find_listener_option(words.back()) : nullptr;
        if (option == nullptr) return message;
        std::vector<std::string> kinds;
        for (const ListenerKind kind : kListenerKinds) {
            if (option->has(kind)) kinds.emplace_back(word_of(kind));
        }
        return message + "; " + std::string(words.back()) + " is an option of " + joined(kinds) +
               " listeners";
    }

    void assign_defaults() {
        for (const Setting& setting : SettingTable::instance().rows()) {
            if (!setting.fallback || is_pattern(setting)) continue;
            const std::string key(setting.key);
            if (assignments_.contains(key)) continue;
            Result<Expanded> expanded = substitution_.expand(key, *setting.fallback);
            if (!expanded) {
                // Most often the line it refers to was reported already.
                if (errors_.empty()) {
                    errors_.push_back({Location{path_}, key, expanded.error().detail});
                }
                continue;
            }
            Result<Value> value = parse_value(setting, expanded.value().text);
            VMQ_ASSERT(value);
            assignments_.emplace(
                key, Assignment{&setting, std::move(expanded.value().text),
                                std::move(value).value(), Origin::Default, Location{path_}, 0});
        }
    }

    void check_nodename() {
        const auto found = entries_.find("nodename");
        const auto assigned = assignments_.find("nodename");
        if (found == entries_.end() || assigned == assignments_.end()) return;
        const std::string& name = assigned->second.text;
        const auto sign = name.find('@');
        const bool valid = sign != std::string::npos && sign > 0 && sign + 1 < name.size() &&
                           name.find('@', sign + 1) == std::string::npos;
        if (valid) return;
        errors_.push_back({found->second.entry.value_at(), "nodename",
                           shown(*assigned->second.setting, "nodename", name) +
                               " is not valid: expected name@host, such as VerneMQ@127.0.0.1"});
    }

    /// Syslog over TLS needs a certificate to trust and the newer form of messages.
    void check_syslog() {
        const auto text_of = [&](std::string_view key) {
            const auto found = assignments_.find(key);
            return found == assignments_.end() ? std::string() : found->second.text;
        };
        const std::string protocol = "log.syslog.remote.protocol";
        const auto found = entries_.find(protocol);
        if (found == entries_.end() || text_of(protocol) != "tls") return;
        const auto demand = [&](const std::string& what) {
            errors_.push_back({found->second.entry.value_at(), protocol, "tls needs " + what});
        };
        if (text_of("log.syslog.remote.tls.cafile").empty()) {
            demand("log.syslog.remote.tls.cafile");
        }
        if (text_of("log.syslog.format") != "rfc5424") demand("log.syslog.format = rfc5424");
    }

    /// The address key of the listener that `key` is an option of; empty if it is none.
    static std::string listener_of(std::string_view key) {
        const auto words = raw_words(key);
        if (words.size() < 4 || words[0] != "listener") return {};
        return "listener." + std::string(words[1]) + "." + std::string(words[2]);
    }

    void warn_of_misspelled_module(const Entry& entry) {
        const bool in_list = entry.key.ends_with("http_modules") &&
                             entry.value.find("vmq_mgmt_http") != std::string::npos;
        if (!in_list && (!entry.key.starts_with("http_module.") || meant_by(entry.key).empty())) {
            return;
        }
        warnings_.push_back({entry.at, entry.key,
                             "there is no module vmq_mgmt_http; it is called vmq_http_mgmt_api"});
    }

    void warn_of_listeners_without_address() {
        std::map<std::string, const Entry*> first;
        for (const auto& [key, line] : entries_) {
            const std::string listener = listener_of(key);
            const bool has_default =
                listener.starts_with("listener.http") || listener.starts_with("listener.vmq");
            if (has_default && !entries_.contains(listener)) first.emplace(listener, &line.entry);
        }
        for (const auto& [listener, entry] : first) {
            warnings_.push_back({entry->at, listener,
                                 "has options but no address and is not started (VerneMQ would "
                                 "start it at a default address)"});
        }
    }

    void warn_of_settings_without_effect() {
        std::vector<std::pair<std::size_t, std::string>> ignored;
        std::vector<std::pair<std::size_t, std::string>> missing;
        for (const auto& [key, line] : entries_) {
            const Setting* setting = SettingTable::instance().find(key);
            if (setting == nullptr || setting->status == Status::Built) continue;
            if (asks_for_what_is_done(*setting, line.entry.value)) continue;
            const std::string listener = listener_of(key);
            if (!listener.empty() && !entries_.contains(listener)) continue;
            auto& group = setting->status == Status::NotBuiltYet ? missing : ignored;
            group.emplace_back(line.order, key);
        }
        warn_of_group(ignored, "these settings mean nothing to this broker and are ignored: ");
        warn_of_group(missing, "these settings have no effect yet: ");
    }

    static bool asks_for_what_is_done(const Setting& setting, const std::string& text) {
        if (setting.done_anyway.empty()) return false;
        Setting members;
        members.type = ValueType::WordList;
        members.words = setting.done_anyway;
        return static_cast<bool>(parse_value(members, text));
    }

    void warn_of_read_buffers() {
        for (const auto& [key, line] : entries_) {
            const auto assigned = assignments_.find(key);
            if (assigned == assignments_.end() || raw_words(key).back() != "buffer_sizes") continue;
            const auto* sizes = std::get_if<std::vector<std::int64_t>>(&assigned->second.value);
            if (sizes == nullptr || sizes->size() < 3 || (*sizes)[2] == 0) continue;
            warnings_.push_back(
                {line.entry.value_at(), key, "the third number, the read buffer, has no effect"});
        }
    }

    void warn_of_group(std::vector<std::pair<std::size_t, std::string>>& group,
                       std::string_view message) {
        if (group.empty()) return;
        std::sort(group.begin(), group.end());
        std::vector<std::string> keys;
        keys.reserve(group.size());
        for (auto& [order, key] : group) keys.push_back(std::move(key));
        warnings_.push_back({Location{path_}, {}, std::string(message) + joined(keys)});
    }

    void warn_of_advanced_config() {
        const auto names = files_.list(directory_of(path_));
        if (std::find(names.begin(), names.end(), "advanced.config") == names.end()) return;
        warnings_.push_back({Location{path_from(directory_of(path_), "advanced.config")},
                             {},
                             "is not read: it holds Erlang terms"});
    }

    static void sort_by_place(std::vector<Diagnostic>& diagnostics) {
        std::sort(diagnostics.begin(), diagnostics.end(), [](const auto& a, const auto& b) {
            return std::tie(a.at.file, a.at.line, a.at.column, a.key, a.message) <
                   std::tie(b.at.file, b.at.line, b.at.column, b.key, b.message);
        });
    }

    FileSource& files_;
    const std::string path_;
    std::map<std::string, Line, std::less<>> entries_;  // the last line of each key
    Substitution substitution_;
    Assignments assignments_;
    std::size_t unknown_keys_ = 0;
    std::vector<Diagnostic> errors_;
    std::vector<Diagnostic> warnings_;
};

}  // namespace

LoadResult Config::load(FileSource& files, const std::string& path) {
    return Loader(files, path).load();
}

}  // namespace vmq::config
