#include "config/reference.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "config/config.h"
#include "config/listener_options.h"
#include "config/setting_table.h"
#include "config/value.h"

namespace vmq::config {
namespace {

struct Heading {
    std::string_view title;
    std::string_view doc;
    std::string_view prefixes;  // of keys, separated by |; empty: all the rest
};

// The first that fits counts.
constexpr std::array<Heading, 11> kHeadings{{
    {"Node", "", "nodename|distributed_cookie|shards|platform_data_dir|setup."},
    {"Storage", "Where messages, sessions and retained messages are kept.",
     "durability|vmq_generic_msg_store.|leveldb."},
    {"Cluster", "",
     "allow_register_during|allow_publish_during|allow_subscribe_during|allow_unsubscribe_during|"
     "coordinate_registrations|outgoing_|incoming_|remote_enqueue_|cluster_ready_|"
     "shared_subscription_policy|shared_subscription_timeout_action|metadata_plugin|vmq_swc."},
    {"Plugins", "Who may connect, and who may publish and subscribe to what.",
     "plugins.|vmq_passwd.|vmq_acl.|acl_revocation|max_failed_logins|failed_login_|hook_timeout"},
    {"Plugins that are settings of their own", "",
     "vmq_webhooks.|vmq_diversity.|vmq_bridge.|vmq_bcrypt.|vmq_http_pub."},
    {"HTTP and API keys", "",
     "http_module|min_apikey|max_apikey|max_ws_frame_size|crl_refresh_interval|tcp_listen_options"},
    {"Metrics", "", "systree_|prometheus_|graphite_"},
    {"Web interface", "", "vmq_web_ui."},
    {"Logging", "", "log.|logging."},
    {"Erlang VM", "Accepted so that files made for VerneMQ can be used.", "erlang.|vm."},
    {"Sessions, queues and messages", "", ""},
}};

// As in VerneMQ's own file, as far as they have a meaning here.
constexpr std::array<std::string_view, 28> kSet{
    "nodename",
    "distributed_cookie",
    "allow_anonymous",
    "allow_register_during_netsplit",
    "allow_publish_during_netsplit",
    "allow_subscribe_during_netsplit",
    "allow_unsubscribe_during_netsplit",
    "coordinate_registrations",
    "max_inflight_messages",
    "max_online_messages",
    "max_offline_messages",
    "override_max_online_messages",
    "max_message_size",
    "max_ws_frame_size",
    "upgrade_outgoing_qos",
    "topic_max_depth",
    "shared_subscription_policy",
    "plugins.vmq_passwd",
    "plugins.vmq_acl",
    "systree_enabled",
    "systree_interval",
    "prometheus_namespace",
    "graphite_enabled",
    "graphite_host",
    "graphite_port",
    "graphite_interval",
    "log.console",
    "log.console.level",
};

constexpr std::array<Change, 6> kChanges{{
    {"platform_data_dir", "/var/lib/vernemq", "where packages keep it"},
    {"setup.log_dir", "/var/log/vernemq", "where packages keep it"},
    {"vmq_passwd.password_file", "/etc/vernemq/vmq.passwd", "where packages keep it"},
    {"vmq_acl.acl_file", "/etc/vernemq/vmq.acl", "where packages keep it"},
    {"listener.tcp.default", "127.0.0.1:1883",
     "programs on this machine can connect with a password; nobody else can"},
    {"listener.http.default", "127.0.0.1:8888", "as in VerneMQ's file"},
}};

constexpr std::size_t kWidth = 98;  // of a comment, without its mark

bool belongs(const Heading& heading, std::string_view key) {
    const auto prefixes = split(heading.prefixes, '|');
    return heading.prefixes.empty() ||
           std::any_of(prefixes.begin(), prefixes.end(),
                       [key](std::string_view prefix) { return key.starts_with(prefix); });
}

const Change* change_of(std::string_view key) {
    const auto* found = std::find_if(kChanges.begin(), kChanges.end(),
                                     [key](const Change& each) { return each.key == key; });
    return found == kChanges.end() ? nullptr : found;
}

/// `text` in lines that begin with `## `.
std::string commented(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        std::size_t end = std::min(text.size(), kWidth - 3);
        if (end < text.size()) {
            if (const auto blank = text.rfind(' ', end); blank != std::string_view::npos)
                end = blank;
        }
        result += "## " + std::string(text.substr(0, end)) + "\n";
        text.remove_prefix(end < text.size() && text[end] == ' ' ? end + 1 : end);
    }
    return result;
}

std::string entry(const Setting& setting, const std::string& key, bool set,
                  std::string_view value) {
    const std::string more = facts(setting);
    std::string result = commented(std::string(setting.doc) + (more.empty() ? "" : " " + more));
    // One mark and a blank less than prose, so that taking it away makes a setting of the line.
    result += set ? "" : "# ";
    result += key + " = " + (value.empty() ? "''" : quoted(value)) + "\n\n";
    return result;
}

std::string entry(const Setting& setting) {
    std::string key(setting.key);
    for (const auto& [pattern, example] :
         {std::pair<std::string_view, std::string_view>{"$N", "NAME"},
          {"$M", "vmq_metrics_http"}}) {
        if (const auto at = key.find(pattern); at != std::string::npos) {
            key.replace(at, pattern.size(), example);
        }
    }
    if (is_family(setting)) key.back() = 'X';
    if (const Change* change = change_of(setting.key)) {
        return entry(setting, key, true, change->value);
    }
    const bool set = setting.status == Status::Built && setting.fallback &&
                     std::find(kSet.begin(), kSet.end(), setting.key) != kSet.end();
    if (setting.fallback) return entry(setting, key, set, *setting.fallback);
    return entry(setting, key, false,
                 setting.words.empty() ? "VALUE" : split(setting.words, '|')[0]);
}

std::string heading(std::string_view title, std::string_view doc) {
    std::string result = "\n## " + std::string(title) + "\n##\n";
    if (!doc.empty()) result += commented(doc);
    return result + "\n";
}

std::string kinds_of(const ListenerOption& option) {
    std::string kinds;
    for (const ListenerKind kind : kListenerKinds) {
        if (option.has(kind)) kinds += (kinds.empty() ? "" : ", ") + std::string(word_of(kind));
    }
    return kinds;
}

std::string listeners_section() {
    std::string result = heading(
        "Listeners",
        "listener.PROTOCOL.NAME = ADDRESS:PORT makes a listener. An option may stand for all "
        "listeners (listener.OPTION), for those of a protocol (listener.PROTOCOL.OPTION) or for "
        "one "
        "of them (listener.PROTOCOL.NAME.OPTION); the nearest counts. Other machines can connect "
        "to 0.0.0.0 and [::].");
    result +=
        "listener.tcp.default = 127.0.0.1:1883\n"
        "listener.http.default = 127.0.0.1:8888\n"
        "# listener.tcp.local = local:/run/vernemq/mqtt.sock:0\n"
        "# listener.ssl.default = 0.0.0.0:8883\n"
        "# listener.ws.default = 127.0.0.1:8080\n"
        "# listener.wss.default = 0.0.0.0:8443\n";
    const auto& table = SettingTable::instance();
    for (const auto& [key, address] :
         {std::pair<std::string_view, std::string_view>{"listener.https.default", "127.0.0.1:8889"},
          {"listener.vmq.clustering", "0.0.0.0:44053"},
          {"listener.vmqs.clustering", "0.0.0.0:44054"}}) {
        const Setting* setting = table.find(key);
        const bool works = setting != nullptr && setting->status == Status::Built;
        result += "# " + std::string(key) + " = " + std::string(address) +
                  (works ? "\n" : "  # not built yet\n");
    }
    result += "\n";
    for (const ListenerOption& option : listener_options()) {
        if (option.setting.status == Status::NoMeaning) continue;
        Setting shown = option.setting;
        if (option.built == 0)
            shown.status = Status::NotBuiltYet;
        else
            shown.status = Status::Built;
        std::string key = "listener." + std::string(shown.key);
        if (const auto at = key.find("$M"); at != std::string::npos) {
            key.replace(at, 2, "vmq_metrics_http");
        }
        result += commented("For " + kinds_of(option) + ".");
        result += entry(shown, key, false,
                        shown.fallback        ? *shown.fallback
                        : shown.count         ? "0,0,0"
                        : shown.words.empty() ? "VALUE"
                                              : split(shown.words, '|')[0]);
    }
    return result;
}

}  // namespace

bool is_listener_setting(const Setting& setting) noexcept {
    return setting.key.starts_with("listener.");
}

std::vector<Section> sections() {
    std::vector<Section> result;
    result.reserve(kHeadings.size());
    for (const Heading& each : kHeadings) result.push_back({each.title, each.doc, {}});
    for (const Setting& setting : SettingTable::instance().rows()) {
        if (is_listener_setting(setting) || setting.status == Status::Obsolete) continue;
        std::size_t place = 0;
        while (!belongs(kHeadings[place], setting.key)) ++place;
        result[place].settings.push_back(&setting);
    }
    std::erase_if(result, [](const Section& section) { return section.settings.empty(); });
    return result;
}

std::string facts(const Setting& setting) {
    std::string result;
    if (setting.type != ValueType::Text && setting.type != ValueType::Atom &&
        setting.type != ValueType::ErlangTerm) {
        result += "Takes " + expectation(setting);
        if (!setting.unit.empty()) result += " (" + std::string(setting.unit) + ")";
        result += ".";
    }
    const auto add = [&result](std::string_view sentence) {
        if (!result.empty()) result += ' ';
        result += sentence;
    };
    if (setting.settable == Settable::NewSessions) {
        add("Can be changed at run time, for new sessions.");
    } else if (setting.settable == Settable::Immediately) {
        add("Can be changed at run time.");
    }
    if (setting.status == Status::NotBuiltYet) add("Without effect in this version.");
    if (setting.status == Status::NoMeaning) add("Accepted without effect.");
    return result;
}

std::span<const Change> default_file_changes() noexcept { return kChanges; }

std::string default_file() {
    std::string result =
        "## Configuration of the broker; made by `vernemq config default`.\n"
        "##\n"
        "## A line that begins with # is a comment. Lines with ## explain; those with a single # "
        "are\n"
        "## settings at their default. `vernemq chkconfig` checks this file, `vernemq config "
        "describe\n"
        "## KEY` explains a setting, `vernemq doctor` looks for risks. vernemq.conf(5) has it "
        "all.\n"
        "## SIGHUP (systemctl reload vernemq) takes over what can be changed at run time.\n";
    for (const Section& section : sections()) {
        std::string entries;
        for (const Setting* setting : section.settings) {
            if (setting->status != Status::NoMeaning) entries += entry(*setting);
        }
        if (entries.empty()) continue;
        result += heading(section.title, section.doc) + entries;
        if (section.title == "Node") result += listeners_section();
    }
    return result +
           "\n## Further files, in the order of their names; the last of several values counts.\n"
           "include conf.d/*.conf\n";
}

}  // namespace vmq::config
