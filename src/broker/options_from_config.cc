#include "broker/options_from_config.h"

#include <unistd.h>

#include <algorithm>
#include <limits>
#include <optional>

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

ListenerOptions listener_options(const config::MqttSettings& mqtt,
                                 const config::ListenerSettings& configured) {
    ListenerOptions listener;
    listener.name = configured.name;
    listener.tcp.address = configured.address;
    listener.tcp.port = configured.port;
    listener.tcp.backlog = clamped<int>(configured.backlog);
    if (configured.buffer_sizes) {
        listener.tcp.send_buffer = socket_buffer(configured.buffer_sizes->send);
        listener.tcp.receive_buffer = socket_buffer(configured.buffer_sizes->receive);
    }
    listener.max_connections = configured.max_connections.value_or(0);
    listener.policy.mountpoint = configured.mountpoint;
    listener.policy.allowed_protocol_versions = configured.allowed_protocol_versions;
    listener.policy.allow_anonymous = mqtt.allow_anonymous || configured.allow_anonymous_override;
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

session::Settings session_settings(const config::MqttSettings& mqtt,
                                   const config::ListenerSettings& listener) {
    session::Settings settings;
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

ConfiguredBroker options_from_config(const config::Config& config) {
    ConfiguredBroker result;
    BrokerOptions& options = result.options;
    options.shards = config.node().shards;
    options.max_retained_messages = config.mqtt().max_retained_messages;
    options.expire_retain_cache = Seconds(config.mqtt().expire_retain_cache_s);
    options.store = store_options(config.node());
    for (const config::ListenerSettings& listener : config.listeners()) {
        if (listener.kind != config::ListenerKind::Tcp) continue;
        if (!listener.unix_path.empty()) {
            result.warnings.push_back("listener.tcp." + listener.name +
                                      ": unix sockets are not built yet, it is not opened");
            continue;
        }
        options.listeners.push_back(listener_options(config.mqtt(), listener));
    }
    if (options.listeners.empty()) {
        result.warnings.emplace_back(
            "no MQTT listener can be opened, nobody can connect; for example: "
            "listener.tcp.default = 127.0.0.1:1883");
    }
    return result;
}

}  // namespace vmq::broker
