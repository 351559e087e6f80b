#include "metrics/counters.h"

namespace vmq::metrics {
namespace {

struct Text {
    std::string_view name;
    std::string_view description;
};

constexpr std::array<Text, kCounters> kTexts{{
    {"socket_open", "Sockets opened by MQTT clients."},
    {"socket_close", "Client sockets closed."},
    {"socket_close_timeout", "Sockets closed because no CONNECT arrived in time."},
    {"socket_error", "Sockets that ended with an error."},
    {"bytes_received", "MQTT bytes received."},
    {"bytes_sent", "MQTT bytes sent."},
    {"queue_setup", "Session queues created."},
    {"queue_teardown", "Session queues ended."},
    {"queue_message_in", "Messages that entered a queue."},
    {"queue_message_out", "Messages that left a queue for a client."},
    {"queue_message_drop", "Messages dropped because a queue was full."},
    {"queue_message_expired", "Messages that expired before delivery."},
    {"queue_message_unhandled",
     "Messages discarded without delivery: clean start, QoS 0 to an offline client, clean-up."},
    {"router_matches_local", "Subscriptions matched by publishes."},
    {"client_keepalive_expired", "Clients closed because their keep-alive ran out."},
    {"client_expired", "Sessions that reached their expiry interval."},
    {"mqtt_publish_auth_error", "Publishes refused by authorisation."},
    {"mqtt_subscribe_auth_error", "Subscriptions refused by authorisation."},
    {"mqtt_invalid_msg_size_error", "Packets larger than max_message_size."},
    {"mqtt_puback_invalid_error", "PUBACKs for a packet id that was not in flight."},
    {"mqtt_pubrec_invalid_error", "PUBRECs for a packet id that was not in flight."},
    {"mqtt_pubcomp_invalid_error", "PUBCOMPs for a packet id that was not in flight."},
    {"queue_message_drop_max_packet_size",
     "Messages dropped because they exceed the client's Maximum Packet Size."},
    {"socket_refused_max_connections", "Connections refused because a listener was full."},
    {"tls_accept_paused", "Pauses of accepting because of max_tls_handshakes."},
    {"connect_refused_busy", "CONNECTs refused because of max_authentications."},
    {"session_taken_over", "Sessions ended by a new connection with the same client id."},
    {"session_protocol_error", "Connections ended because the client broke the protocol."},
    {"publish_throttled", "Times a client's reads were paused by max_message_rate."},
    {"retain_limit_reached", "Retained messages refused by max_retained_messages."},
    {"shard_messages_sent", "Messages handed from one shard to another."},
    {"shard_reads_paused", "Times a shard paused reading because another was behind."},
    {"subscriptions_revoked", "Subscriptions ended because the rules no longer allow them."},
    {"login_failed", "Logins refused because no plugin accepted them."},
    {"login_blocked", "Logins refused unheard because too many have failed before."},
    {"sessions_revoked", "Sessions ended because their password has changed or is gone."},
}};

}  // namespace

std::string_view counter_name(Counter counter) noexcept {
    return kTexts[static_cast<std::size_t>(counter)].name;
}

std::string_view counter_description(Counter counter) noexcept {
    return kTexts[static_cast<std::size_t>(counter)].description;
}

std::uint64_t total(std::span<const ShardMetrics* const> shards, Counter counter) noexcept {
    std::uint64_t sum = 0;
    for (const ShardMetrics* shard : shards) sum += shard->get(counter);
    return sum;
}

}  // namespace vmq::metrics
