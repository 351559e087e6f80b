#include "config/typed_settings.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <tuple>

#include "config/conf_file.h"
#include "config/setting_table.h"

namespace vmq::config {
namespace {

const Assignment& at(const Assignments& assignments, std::string_view key) {
    const auto found = assignments.find(key);
    VMQ_ASSERT(found != assignments.end());
    return found->second;
}

/// nullopt for infinity, never, client.
template <typename T>
std::optional<T> limit(const Assignment& assignment) {
    if (std::holds_alternative<Unlimited>(assignment.value)) return std::nullopt;
    return number<T>(assignment);
}

/// The options of one listener; a field whose option is unset keeps its initial value.
class OptionReader final {
public:
    OptionReader(const Assignments& assignments, const ListenerSettings& listener)
        : assignments_(assignments), listener_(listener) {}

    void read(std::string_view name, bool& field) const {
        if (const auto* found = find(name)) field = get<bool>(*found);
    }
    void read(std::string_view name, std::uint32_t& field) const {
        if (const auto* found = find(name)) field = number<std::uint32_t>(*found);
    }
    void read(std::string_view name, std::optional<std::uint32_t>& field) const {
        if (const auto* found = find(name)) field = limit<std::uint32_t>(*found);
    }
    void read(std::string_view name, std::string& field) const {
        if (const auto* found = find(name)) field = get<std::string>(*found);
    }
    void read(std::string_view name, std::vector<std::string>& field) const {
        if (const auto* found = find(name)) field = get<std::vector<std::string>>(*found);
    }
    void read(std::string_view name, std::optional<std::vector<std::string>>& field) const {
        if (const auto* found = find(name)) field = get<std::vector<std::string>>(*found);
    }
    [[nodiscard]] const std::vector<std::int64_t>* integers(std::string_view name) const {
        const auto* found = find(name);
        return found == nullptr ? nullptr : &get<std::vector<std::int64_t>>(*found);
    }

private:
    [[nodiscard]] const Assignment* find(std::string_view name) const {
        const ListenerOption* option = find_listener_option(name);
        VMQ_ASSERT(option != nullptr);
        if (!option->has(listener_.kind)) return nullptr;
        return resolve_option(assignments_, listener_.kind, listener_.name, *option);
    }

    const Assignments& assignments_;
    const ListenerSettings& listener_;
};

void read_mqtt_options(const OptionReader& reader, ListenerSettings& listener) {
    reader.read("max_connections", listener.max_connections);
    reader.read("backlog", listener.backlog);
    reader.read("max_connection_lifetime", listener.max_connection_lifetime_s);
    reader.read("max_authentications", listener.max_authentications);
    reader.read("max_tls_handshakes", listener.max_tls_handshakes);
    reader.read("unix_socket_mode", listener.unix_socket_mode);
    reader.read("unix_socket_owner", listener.unix_socket_owner);
    reader.read("unix_socket_group", listener.unix_socket_group);
    reader.read("mountpoint", listener.mountpoint);
    if (listener.mountpoint == "off") listener.mountpoint.clear();
    while (listener.mountpoint.ends_with('/')) listener.mountpoint.pop_back();
    if (const auto* versions = reader.integers("allowed_protocol_versions")) {
        listener.allowed_protocol_versions.clear();
        for (const std::int64_t version : *versions) {
            listener.allowed_protocol_versions.push_back(static_cast<std::uint8_t>(version));
        }
    }
    reader.read("allow_anonymous_override", listener.allow_anonymous_override);
    reader.read("forward_connection_opts", listener.forward_connection_opts);
    if (const auto* sizes = reader.integers("buffer_sizes")) {
        listener.buffer_sizes = BufferSizes{static_cast<std::uint32_t>((*sizes)[0]),
                                            static_cast<std::uint32_t>((*sizes)[1])};
    }
    reader.read("auth_plugins", listener.auth_plugins);
    reader.read("authz_plugins", listener.authz_plugins);
}

void read_http_and_proxy_options(const OptionReader& reader, ListenerSettings& listener) {
    reader.read("http_modules", listener.http_modules);
    reader.read("allowed_origins", listener.allowed_origins);
    reader.read("max_request_line_length", listener.max_request_line_length);
    reader.read("max_header_value_length", listener.max_header_value_length);
    ProxySettings& proxy = listener.proxy;
    reader.read("proxy_protocol", proxy.proxy_protocol);
    reader.read("proxy_protocol_timeout", proxy.proxy_protocol_timeout_ms);
    reader.read("proxy_protocol_use_cn_as_username", proxy.proxy_protocol_use_cn_as_username);
    reader.read("proxy_xff_support", proxy.xff_support);
    reader.read("proxy_xff_trusted_intermediate", proxy.xff_trusted_intermediate);
    reader.read("proxy_xff_use_cn_as_username", proxy.xff_use_cn_as_username);
    reader.read("proxy_xff_cn_header", proxy.xff_cn_header);
}

void read_tls_options(const OptionReader& reader, TlsSettings& tls) {
    reader.read("cafile", tls.cafile);
    reader.read("certfile", tls.certfile);
    reader.read("keyfile", tls.keyfile);
    reader.read("keypasswd", tls.keypasswd);
    reader.read("crlfile", tls.crlfile);
    reader.read("ciphers", tls.ciphers);
    reader.read("eccs", tls.eccs);
    reader.read("tls_version", tls.tls_versions);
    reader.read("more_certfiles", tls.more_certfiles);
    reader.read("more_keyfiles", tls.more_keyfiles);
    reader.read("dhfile", tls.dhfile);
    reader.read("tls_handshake_timeout", tls.tls_handshake_timeout_ms);
    reader.read("depth", tls.depth);
    reader.read("require_certificate", tls.require_certificate);
    reader.read("use_identity_as_username", tls.use_identity_as_username);
    reader.read("psk_support", tls.psk_support);
    reader.read("psk_identity_hint", tls.psk_identity_hint);
    reader.read("pskfile", tls.pskfile);
    reader.read("pskfile_separator", tls.pskfile_separator);
}

using Addresses = std::vector<std::pair<const std::string*, const Assignment*>>;

Addresses addresses_in_file_order(const Assignments& assignments) {
    Addresses addresses;
    for (const auto& [key, assignment] : assignments) {
        if (is_listener_address(*assignment.setting)) addresses.emplace_back(&key, &assignment);
    }
    std::sort(addresses.begin(), addresses.end(),
              [](const auto& a, const auto& b) { return a.second->order < b.second->order; });
    return addresses;
}

bool listens_like(const ListenerSettings& listener, const Endpoint& endpoint) {
    if (endpoint.unix_path.empty() && endpoint.port == 0) return false;  // the system chooses
    return listener.address == endpoint.address && listener.port == endpoint.port &&
           listener.unix_path == endpoint.unix_path;
}

/// Those with a priority first, the lowest before all, then the others by name, as in VerneMQ.
std::vector<EnabledPlugin> enabled_plugins(const Assignments& assignments) {
    std::map<std::string, EnabledPlugin, std::less<>> on;
    for (const auto& [key, assignment] : assignments) {
        const auto words = words_of(key);
        if (words.size() != 2 || words[0] != "plugins") continue;
        if (get<bool>(assignment)) on[words[1]].name = words[1];
    }
    for (const auto& [key, assignment] : assignments) {
        const auto words = words_of(key);
        if (words.size() != 3 || words[0] != "plugins") continue;
        const auto found = on.find(words[1]);
        if (found == on.end()) continue;
        if (words[2] == "path") found->second.path = get<std::string>(assignment);
        if (words[2] == "priority") found->second.priority = number<std::int64_t>(assignment);
    }
    for (const auto& [key, assignment] : assignments) {
        if (assignment.setting != &foreign_plugin_setting()) continue;
        const auto found = on.find(words_of(key)[0]);
        if (found == on.end()) continue;
        found->second.settings.emplace(key.substr(key.find('.') + 1), assignment.text);
    }
    std::vector<EnabledPlugin> order;
    for (auto& [name, plugin] : on) order.push_back(std::move(plugin));
    std::sort(order.begin(), order.end(), [](const EnabledPlugin& a, const EnabledPlugin& b) {
        if (a.priority.has_value() != b.priority.has_value()) return a.priority.has_value();
        return std::tie(a.priority, a.name) < std::tie(b.priority, b.name);
    });
    return order;
}

}  // namespace

MqttSettings make_mqtt_settings(const Assignments& assignments) {
    const auto of = [&](std::string_view key) -> const Assignment& { return at(assignments, key); };
    using U32 = std::uint32_t;
    using U16 = std::uint16_t;
    MqttSettings mqtt;
    mqtt.allow_anonymous = get<bool>(of("allow_anonymous"));
    mqtt.allow_register_during_netsplit = get<bool>(of("allow_register_during_netsplit"));
    mqtt.allow_publish_during_netsplit = get<bool>(of("allow_publish_during_netsplit"));
    mqtt.allow_subscribe_during_netsplit = get<bool>(of("allow_subscribe_during_netsplit"));
    mqtt.allow_unsubscribe_during_netsplit = get<bool>(of("allow_unsubscribe_during_netsplit"));
    mqtt.allow_multiple_sessions = get<bool>(of("allow_multiple_sessions"));
    mqtt.suppress_lwt_on_session_takeover = get<bool>(of("suppress_lwt_on_session_takeover"));
    mqtt.disconnect_on_unauthorized_publish_v3 =
        get<bool>(of("disconnect_on_unauthorized_publish_v3"));
    mqtt.override_max_online_messages = get<bool>(of("override_max_online_messages"));
    mqtt.upgrade_outgoing_qos = get<bool>(of("upgrade_outgoing_qos"));
    mqtt.mqtt_connect_timeout_ms = number<U32>(of("mqtt_connect_timeout"));
    mqtt.max_client_id_size = number<U32>(of("max_client_id_size"));
    mqtt.max_subscriptions_per_client = number<U32>(of("max_subscriptions_per_client"));
    mqtt.persistent_client_expiration_s = limit<std::uint64_t>(of("persistent_client_expiration"));
    mqtt.max_last_will_delay_s = limit<std::uint64_t>(of("max_last_will_delay"));
    mqtt.max_session_expiry_interval_s = number<U32>(of("max_session_expiry_interval"));
    mqtt.server_keep_alive_max_s = number<U16>(of("server_keep_alive_max"));
    mqtt.retry_interval_s = number<U32>(of("retry_interval"));
    mqtt.max_inflight_messages = number<U32>(of("max_inflight_messages"));
    mqtt.receive_max_client = number<U16>(of("receive_max_client"));
    mqtt.receive_max_broker = number<U16>(of("receive_max_broker"));
    mqtt.topic_alias_max_client = number<U16>(of("topic_alias_max_client"));
    mqtt.topic_alias_max_broker = number<U16>(of("topic_alias_max_broker"));
    mqtt.topic_max_depth = number<U32>(of("topic_max_depth"));
    mqtt.max_message_size = number<U32>(of("max_message_size"));
    mqtt.max_message_rate = number<U32>(of("max_message_rate"));
    mqtt.crl_refresh_interval_ms = number<U32>(of("crl_refresh_interval"));
    mqtt.max_ws_frame_size = limit<std::uint64_t>(of("max_ws_frame_size"));
    mqtt.max_online_messages = number<std::int32_t>(of("max_online_messages"));
    mqtt.max_offline_messages = number<std::int32_t>(of("max_offline_messages"));
    mqtt.max_retained_messages = number<U32>(of("max_retained_messages"));
    mqtt.expire_retain_cache_s = number<U32>(of("expire_retain_cache"));
    mqtt.queue_type = choice<QueueType>(of("queue_type"));
    mqtt.queue_deliver_mode = choice<QueueDeliverMode>(of("queue_deliver_mode"));
    mqtt.shared_subscription_policy =
        choice<SharedSubscriptionPolicy>(of("shared_subscription_policy"));
    mqtt.shared_subscription_timeout_action =
        choice<SharedSubscriptionTimeoutAction>(of("shared_subscription_timeout_action"));
    mqtt.subscriber_retain_mode = choice<SubscriberRetainMode>(of("subscriber_retain_mode"));
    return mqtt;
}

NodeSettings make_node_settings(const Assignments& assignments) {
    NodeSettings node;
    node.nodename = get<std::string>(at(assignments, "nodename"));
    node.distributed_cookie = get<std::string>(at(assignments, "distributed_cookie"));
    node.shards = number<std::uint16_t>(at(assignments, "shards"));
    node.durability = choice<Durability>(at(assignments, "durability"));
    node.store_dir = get<std::string>(at(assignments, "vmq_generic_msg_store.store_dir"));
    node.store_memory_bytes = number<std::uint64_t>(at(assignments, "leveldb.maximum_memory"));
    node.store_memory_percent =
        number<std::uint32_t>(at(assignments, "leveldb.maximum_memory.percent"));
    node.sync_on_write = get<bool>(at(assignments, "leveldb.sync_on_write"));
    node.outgoing_clustering_buffer_size =
        number<std::uint64_t>(at(assignments, "outgoing_clustering_buffer_size"));
    node.outgoing_clustering_spool_size =
        number<std::uint64_t>(at(assignments, "outgoing_clustering_spool_size"));
    node.incoming_clustering_buffer_size =
        number<std::uint32_t>(at(assignments, "incoming_clustering_buffer_size"));
    node.cluster_heartbeat_interval_ms =
        number<std::uint32_t>(at(assignments, "cluster.heartbeat_interval"));
    node.cluster_heartbeat_timeout_ms =
        number<std::uint32_t>(at(assignments, "cluster.heartbeat_timeout"));
    node.cluster_subscribe_timeout_ms =
        number<std::uint32_t>(at(assignments, "cluster.subscribe_timeout"));
    node.cluster_wills_after_ms = limit<std::uint64_t>(at(assignments, "cluster.wills_after"));
    node.netsplit_policy = choice<NetsplitPolicy>(at(assignments, "netsplit_policy"));
    return node;
}

PluginSettings make_plugin_settings(const Assignments& assignments) {
    const auto of = [&](std::string_view key) -> const Assignment& { return at(assignments, key); };
    PluginSettings plugins;
    plugins.hook_timeout_ms = number<std::uint32_t>(of("hook_timeout"));
    plugins.password_file = get<std::string>(of("vmq_passwd.password_file"));
    plugins.password_reload_interval_s =
        number<std::int32_t>(of("vmq_passwd.password_reload_interval"));
    plugins.acl_file = get<std::string>(of("vmq_acl.acl_file"));
    plugins.acl_file_is_set = of("vmq_acl.acl_file").origin != Origin::Default;
    plugins.acl_reload_interval_s = number<std::int32_t>(of("vmq_acl.acl_reload_interval"));
    plugins.wildcards_grant_sys = get<bool>(of("vmq_acl.wildcards_grant_sys"));
    plugins.acl_revocation = choice<AclRevocation>(of("acl_revocation"));
    plugins.max_failed_logins_per_address =
        number<std::uint32_t>(of("max_failed_logins_per_address"));
    plugins.max_failed_logins_per_user = number<std::uint32_t>(of("max_failed_logins_per_user"));
    plugins.failed_login_window_s = number<std::uint32_t>(of("failed_login_window"));
    plugins.enabled = enabled_plugins(assignments);
    return plugins;
}

LogSettings make_log_settings(const Assignments& assignments) {
    const auto of = [&](std::string_view key) -> const Assignment& { return at(assignments, key); };
    const auto text_if_set = [&](std::string_view key) {
        const auto found = assignments.find(key);
        return found == assignments.end() ? std::string() : get<std::string>(found->second);
    };
    using U64 = std::uint64_t;
    using U32 = std::uint32_t;
    LogSettings log;
    log.console = choice<LogDestination>(of("log.console"));
    log.console_level = choice<log::Level>(of("log.console.level"));
    log.console_console_format = choice<LogFormat>(of("log.console.console.format"));
    log.console_file = get<std::string>(of("log.console.file"));
    log.console_file_format = choice<LogFormat>(of("log.console.file.format"));
    log.console_rotation_size = limit<U64>(of("log.console.rotation.size"));
    log.console_rotation_keep = number<U32>(of("log.console.rotation.keep"));
    log.console_rotation_compress = get<bool>(of("log.console.rotation.compress_on_rotate"));
    log.error = get<bool>(of("log.error"));
    log.error_is_set =
        of("log.error").origin != Origin::Default || of("log.error.file").origin != Origin::Default;
    log.error_file = get<std::string>(of("log.error.file"));
    log.error_file_format = choice<LogFormat>(of("log.error.file.format"));
    log.error_rotation_size = limit<U64>(of("log.error.rotation.size"));
    log.error_rotation_keep = number<U32>(of("log.error.rotation.keep"));
    log.error_rotation_compress = get<bool>(of("log.error.rotation.compress_on_rotate"));
    log.crash = get<bool>(of("log.crash"));
    log.crash_file = get<std::string>(of("log.crash.file"));
    log.crash_rotation_size = limit<U64>(of("log.crash.rotation.size"));
    log.crash_rotation_keep = number<U32>(of("log.crash.rotation.keep"));
    log.syslog = get<bool>(of("log.syslog"));
    log.syslog_level = choice<LogFloor>(of("log.syslog.level"));
    log.syslog_format = choice<SyslogForm>(of("log.syslog.format"));
    log.syslog_facility = get<std::string>(of("log.syslog.facility"));
    log.syslog_app_name = text_if_set("log.syslog.app_name");
    log.syslog_remote_host = text_if_set("log.syslog.remote.host");
    log.syslog_remote_port = number<std::uint16_t>(of("log.syslog.remote.port"));
    log.syslog_remote_protocol = choice<SyslogProtocol>(of("log.syslog.remote.protocol"));
    log.syslog_remote_cafile = text_if_set("log.syslog.remote.tls.cafile");
    log.log_level = choice<LogFloor>(of("log.level"));
    log.log_template = choice<LogTemplate>(of("log.template"));
    log.connections = get<bool>(of("log.connections"));
    log.keepalive_as_warning = get<bool>(of("logging.keepalive_as_warning"));
    return log;
}

SystreeSettings make_systree_settings(const Assignments& assignments) {
    const auto of = [&](std::string_view key) -> const Assignment& { return at(assignments, key); };
    SystreeSettings systree;
    systree.systree_enabled = get<bool>(of("systree_enabled"));
    systree.systree_interval_ms = number<std::uint32_t>(of("systree_interval"));
    systree.systree_mountpoint = get<std::string>(of("systree_mountpoint"));
    systree.systree_qos = number<std::uint8_t>(of("systree_qos"));
    systree.systree_retain = get<bool>(of("systree_retain"));
    return systree;
}

GraphiteSettings make_graphite_settings(const Assignments& assignments) {
    const auto of = [&](std::string_view key) -> const Assignment& { return at(assignments, key); };
    using U32 = std::uint32_t;
    GraphiteSettings graphite;
    graphite.graphite_enabled = get<bool>(of("graphite_enabled"));
    graphite.graphite_host = get<std::string>(of("graphite_host"));
    graphite.graphite_port = number<std::uint16_t>(of("graphite_port"));
    graphite.graphite_interval_ms = number<U32>(of("graphite_interval"));
    graphite.graphite_connect_timeout_ms = number<U32>(of("graphite_connect_timeout"));
    graphite.graphite_reconnect_timeout_ms = number<U32>(of("graphite_reconnect_timeout"));
    graphite.graphite_prefix = get<std::string>(of("graphite_prefix"));
    graphite.graphite_api_key = get<std::string>(of("graphite_api_key"));
    graphite.graphite_include_labels = get<bool>(of("graphite_include_labels"));
    return graphite;
}

std::vector<ListenerSettings> make_listeners(const Assignments& assignments,
                                             std::vector<Diagnostic>& warnings) {
    std::vector<ListenerSettings> listeners;
    for (const auto& [key, assignment] : addresses_in_file_order(assignments)) {
        const auto words = words_of(*key);
        const auto& endpoint = get<Endpoint>(*assignment);
        ListenerSettings listener;
        listener.kind = listener_kind(words[1]).value_or(ListenerKind::Tcp);
        listener.name = words[2];
        listener.address = endpoint.address;
        listener.unix_path = endpoint.unix_path;
        listener.port = endpoint.port;
        const OptionReader reader(assignments, listener);
        read_mqtt_options(reader, listener);
        read_http_and_proxy_options(reader, listener);
        read_tls_options(reader, listener.tls);
        std::erase_if(listeners, [&, place = assignment](const ListenerSettings& earlier) {
            if (!listens_like(earlier, endpoint)) return false;
            warnings.push_back({place->at, listener_key(listener.kind, listener.name),
                                "listens at " + place->text + " like " +
                                    listener_key(earlier.kind, earlier.name) +
                                    ", which is left out: the last one wins"});
            return true;
        });
        listeners.push_back(std::move(listener));
    }
    return listeners;
}

const Assignment* resolve_option(const Assignments& assignments, ListenerKind kind,
                                 std::string_view name, const ListenerOption& option) {
    const std::string bare(option.setting.key);
    const std::string levels[] = {listener_key(kind, name) + "." + bare,
                                  "listener." + std::string(word_of(kind)) + "." + bare,
                                  "listener." + bare};
    for (const std::string& key : levels) {
        const auto found = assignments.find(key);
        if (found != assignments.end() && !inherits(option, found->second.text)) {
            return &found->second;
        }
    }
    return nullptr;
}

std::string listener_key(ListenerKind kind, std::string_view name) {
    std::string key = "listener." + std::string(word_of(kind)) + ".";
    for (const char c : name) {
        if (c == '.') key += '\\';
        key += c;
    }
    return key;
}

}  // namespace vmq::config
