#include "broker/options_from_config.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "config/typed_settings.h"
#include "transport/peer_address.h"
#include "transport/tls_options.h"

namespace vmq::broker {
namespace {

template <typename To, typename From>
To clamped(From value) {
    return static_cast<To>(std::min<std::uint64_t>(value, std::numeric_limits<To>::max()));
}

/// 0 leaves it to the system.
std::optional<int> socket_buffer(std::uint32_t bytes) {
    if (bytes == 0) return std::nullopt;
    return clamped<int>(bytes);
}

/// Longer than any connection lives.
constexpr Millis kForever = std::chrono::hours(24 * 365 * 100);

std::optional<ListenerKind> mqtt_kind(config::ListenerKind kind) {
    switch (kind) {
        case config::ListenerKind::Tcp:
            return ListenerKind::Mqtt;
        case config::ListenerKind::Ssl:
            return ListenerKind::Mqtts;
        case config::ListenerKind::Ws:
            return ListenerKind::MqttWs;
        case config::ListenerKind::Wss:
            return ListenerKind::MqttWss;
        default:
            return std::nullopt;
    }
}

/// proxy_xff_trusted_intermediate, in the form in which addresses are compared.
std::vector<std::string> trusted_proxies(const std::string& text, const std::string& key,
                                         std::vector<std::string>& warnings) {
    std::vector<std::string> proxies;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find(';', begin), text.size());
        std::string word = text.substr(begin, end - begin);
        std::erase(word, ' ');
        begin = end + 1;
        if (word.empty()) continue;
        if (auto address = transport::canonical_host(word)) {
            proxies.push_back(std::move(*address));
        } else {
            warnings.push_back(key + ".proxy_xff_trusted_intermediate: " + word +
                               " is no IP address and trusts nobody");
        }
    }
    return proxies;
}

transport::WebSocketOptions websocket_options(const config::MqttSettings& mqtt,
                                              const config::ListenerSettings& configured,
                                              std::vector<std::string>& warnings) {
    transport::WebSocketOptions options;
    options.max_frame_size = mqtt.max_ws_frame_size.value_or(transport::WebSocketCodec::kNoLimit);
    options.upgrade.allowed_origins = configured.allowed_origins;
    options.upgrade.max_request_line = configured.max_request_line_length;
    options.upgrade.max_header_value = configured.max_header_value_length;
    const config::ProxySettings& proxy = configured.proxy;
    if (!proxy.xff_support) return options;
    const std::string key = config::listener_key(configured.kind, configured.name);
    options.trusted_proxies = trusted_proxies(proxy.xff_trusted_intermediate, key, warnings);
    if (options.trusted_proxies.empty()) {
        warnings.push_back(key +
                           ": proxy_xff_support has no effect without "
                           "proxy_xff_trusted_intermediate, which names the proxies");
        return options;
    }
    options.common_name_as_username = proxy.xff_use_cn_as_username;
    if (options.common_name_as_username) options.upgrade.common_name_header = proxy.xff_cn_header;
    return options;
}

void set_socket(const config::ListenerSettings& configured, transport::ListenOptions& socket,
                std::vector<std::string>& warnings) {
    socket.address = configured.address;
    socket.port = configured.port;
    socket.unix_path = configured.unix_path;
    socket.unix_owner = configured.unix_socket_owner;
    socket.unix_group = configured.unix_socket_group;
    socket.backlog = clamped<int>(configured.backlog);
    const std::string& mode = configured.unix_socket_mode;
    unsigned value = 0;
    const auto parsed = std::from_chars(mode.data(), mode.data() + mode.size(), value, 8);
    if (parsed.ptr == mode.data() + mode.size() && !mode.empty() && value <= 0777) {
        socket.unix_mode = value;
    } else {
        warnings.push_back(config::listener_key(configured.kind, configured.name) +
                           ".unix_socket_mode: " + mode +
                           " is no mode like 0660; the socket is the owner's alone");
        socket.unix_mode = 0600;
    }
    if (configured.buffer_sizes) {
        socket.send_buffer = socket_buffer(configured.buffer_sizes->send);
        socket.receive_buffer = socket_buffer(configured.buffer_sizes->receive);
    }
}

ListenerOptions listener_options(const config::MqttSettings& mqtt,
                                 const config::ListenerSettings& configured, ListenerKind kind,
                                 std::vector<std::string>& warnings) {
    ListenerOptions listener;
    listener.name = configured.name;
    listener.kind = kind;
    set_socket(configured, listener.socket, warnings);
    if (kind == ListenerKind::MqttWs || kind == ListenerKind::MqttWss) {
        listener.layers.websocket = websocket_options(mqtt, configured, warnings);
    }
    if (kind == ListenerKind::Mqtts || kind == ListenerKind::MqttWss) {
        listener.tls = transport::tls_options_from(configured, warnings);
    }
    const auto& timeout = configured.tls.tls_handshake_timeout_ms;
    listener.tls_handshake_timeout = timeout ? Millis(*timeout) : kForever;
    listener.max_handshakes = configured.max_tls_handshakes;
    listener.max_authentications = configured.max_authentications;
    listener.layers.proxy_header = configured.proxy.proxy_protocol;
    listener.layers.proxy_common_name_as_username =
        configured.proxy.proxy_protocol_use_cn_as_username;
    listener.proxy_header_timeout = Millis(configured.proxy.proxy_protocol_timeout_ms);
    listener.auth_plugins = configured.auth_plugins;
    listener.authz_plugins = configured.authz_plugins;
    listener.forward_connection_opts = configured.forward_connection_opts;
    listener.max_connections = configured.max_connections.value_or(0);
    listener.policy.mountpoint = configured.mountpoint;
    listener.policy.allowed_protocol_versions = configured.allowed_protocol_versions;
    listener.settings = session_settings(mqtt, configured);
    return listener;
}

StoreOptions store_options(const config::NodeSettings& node) {
    StoreOptions store;
    store.directory = node.store_dir;
    switch (node.durability) {
        case config::Durability::Memory:
            store.durability = store::Durability::Memory;
            break;
        case config::Durability::Os:
            store.durability = store::Durability::Os;
            break;
        case config::Durability::Fsync:
            store.durability = store::Durability::Fsync;
            break;
    }
    if (node.sync_on_write) store.durability = store::Durability::Fsync;
    store.memory_bytes = node.store_memory_bytes;
    if (store.memory_bytes == 0 && node.store_memory_percent != 0) {
        const auto pages = static_cast<std::uint64_t>(std::max(::sysconf(_SC_PHYS_PAGES), 0L));
        const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
        store.memory_bytes = pages * page / 100 * node.store_memory_percent;
    }
    return store;
}

}  // namespace

std::optional<ListenerOptions> listener_from_config(const config::MqttSettings& mqtt,
                                                    const config::ListenerSettings& configured,
                                                    std::vector<std::string>& warnings) {
    const auto kind = mqtt_kind(configured.kind);
    if (!kind) return std::nullopt;
    return listener_options(mqtt, configured, *kind, warnings);
}

session::Settings session_settings(const config::MqttSettings& mqtt,
                                   const config::ListenerSettings& listener) {
    session::Settings settings;
    settings.allow_anonymous = mqtt.allow_anonymous || listener.allow_anonymous_override;
    settings.max_client_id_size = mqtt.max_client_id_size;
    settings.max_subscriptions_per_client = mqtt.max_subscriptions_per_client;
    settings.max_message_size = mqtt.max_message_size;
    settings.max_message_rate = mqtt.max_message_rate;
    settings.retry_interval_ms =
        clamped<std::uint32_t>(std::uint64_t{mqtt.retry_interval_s} * 1000);
    settings.topic_max_depth = mqtt.topic_max_depth;
    settings.max_connection_lifetime_s = listener.max_connection_lifetime_s;
    settings.session_expiry_cap_s = mqtt.max_session_expiry_interval_s;
    settings.keep_alive_cap_s = mqtt.server_keep_alive_max_s;
    settings.mqtt_connect_timeout = Millis(mqtt.mqtt_connect_timeout_ms);
    settings.receive_max_broker = mqtt.receive_max_broker;
    settings.receive_max_client = mqtt.receive_max_client;
    settings.topic_alias_max_client = mqtt.topic_alias_max_client;
    settings.topic_alias_max_broker = mqtt.topic_alias_max_broker;
    settings.max_inflight_messages = clamped<std::uint16_t>(mqtt.max_inflight_messages);
    settings.upgrade_outgoing_qos = mqtt.upgrade_outgoing_qos;
    settings.disconnect_on_unauthorized_publish_v3 = mqtt.disconnect_on_unauthorized_publish_v3;
    settings.suppress_lwt_on_session_takeover = mqtt.suppress_lwt_on_session_takeover;
    settings.allow_multiple_sessions = mqtt.allow_multiple_sessions;
    settings.balance_sessions = mqtt.queue_deliver_mode == config::QueueDeliverMode::Balance;
    settings.queue_lifo = mqtt.queue_type == config::QueueType::Lifo;
    settings.override_max_online_messages = mqtt.override_max_online_messages;
    settings.max_online_messages = mqtt.max_online_messages;
    settings.max_offline_messages = mqtt.max_offline_messages;
    settings.persistent_client_expiration_s = mqtt.persistent_client_expiration_s;
    settings.max_last_will_delay_s = mqtt.max_last_will_delay_s;
    return settings;
}

routing::SharedPolicy shared_policy(const config::Config& config) {
    switch (config.mqtt().shared_subscription_policy) {
        case config::SharedSubscriptionPolicy::Random:
            return routing::SharedPolicy::Random;
        case config::SharedSubscriptionPolicy::LocalOnly:
            return routing::SharedPolicy::LocalOnly;
        case config::SharedSubscriptionPolicy::PreferOnlineBeforeLocal:
            return routing::SharedPolicy::PreferOnlineBeforeLocal;
        case config::SharedSubscriptionPolicy::PreferLocal:
            break;
    }
    return routing::SharedPolicy::PreferLocal;
}

ConfiguredBroker options_from_config(const config::Config& config) {
    ConfiguredBroker result;
    BrokerOptions& options = result.options;
    options.shards = config.node().shards;
    options.max_retained_messages = config.mqtt().max_retained_messages;
    options.shared_policy = shared_policy(config);
    options.expire_retain_cache = Seconds(config.mqtt().expire_retain_cache_s);
    options.store = store_options(config.node());
    options.log_connections = config.log().connections;
    options.keepalive_as_warning = config.log().keepalive_as_warning;
    const config::PluginSettings& plugins = config.plugins();
    options.hook_timeout = Millis(plugins.hook_timeout_ms);
    options.login_limits = {plugins.max_failed_logins_per_address,
                            plugins.max_failed_logins_per_user,
                            Seconds(plugins.failed_login_window_s)};
    const Millis crl_interval(config.mqtt().crl_refresh_interval_ms);
    if (crl_interval > Millis(0)) {
        options.tls_watch_interval = std::min(options.tls_watch_interval, crl_interval);
    }
    for (const config::ListenerSettings& listener : config.listeners()) {
        auto opened = listener_from_config(config.mqtt(), listener, result.warnings);
        if (opened) options.listeners.push_back(std::move(*opened));
    }
    const bool nobody = std::none_of(
        options.listeners.begin(), options.listeners.end(),
        [](const ListenerOptions& listener) { return listener.settings.allow_anonymous; });
    // A plugin that decides about rights, or may: with one that cannot be had nothing is open.
    options.anonymous_unrestricted =
        std::all_of(plugins.enabled.begin(), plugins.enabled.end(),
                    [](const config::EnabledPlugin& each) { return each.name == "vmq_passwd"; });
    const bool nobody_asks =
        std::all_of(plugins.enabled.begin(), plugins.enabled.end(),
                    [](const config::EnabledPlugin& each) { return each.name == "vmq_acl"; });
    if (nobody && nobody_asks && !options.listeners.empty()) {
        result.warnings.emplace_back(
            "every client will be refused: no plugin is enabled that knows who may connect. "
            "plugins.vmq_passwd = on reads a file of passwords, allow_anonymous = on lets "
            "everybody in without one");
    }
    if (options.listeners.empty()) {
        result.warnings.emplace_back(
            "no MQTT listener can be opened, nobody can connect; for example: "
            "listener.tcp.default = 127.0.0.1:1883");
    }
    return result;
}

}  // namespace vmq::broker
