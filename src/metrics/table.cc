#include "metrics/table.h"

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace vmq::metrics {
namespace {

/// Of the Erlang VM, or of a part that is not here: shown because dashboards ask for it.
struct Zero {
    bool v3 = false;  // has a series with this mqtt_version; neither: one without
    bool v5 = false;
};
/// MQTT's packets: one series for MQTT 3, one per reason code for MQTT 5. No codes: one for each.
struct Packets {
    Direction direction;
    std::uint8_t type;
    std::span<const std::uint8_t> codes;
    bool v3 = true;
};
struct PublishesRefused {};  // by authorisation, of both versions

using Source = std::variant<Counter, VersionCounter, Packets, Reading, HistogramValue Numbers::*,
                            Zero, PublishesRefused>;

struct Row {
    std::string_view name;
    Type type;
    std::string_view description;
    Source source;
    std::string_view reason;  // the label reason; empty: none
};

struct CodeName {
    std::uint8_t code;
    std::string_view name;
};

constexpr CodeName kCodeNames[] = {
    {0x00, "success"},
    {0x04, "disconnect_with_will_msg"},
    {0x10, "no_matching_subscribers"},
    {0x18, "continue_authentication"},
    {0x19, "reauthenticate"},
    {0x80, "unspecified_error"},
    {0x81, "malformed_packet"},
    {0x82, "protocol_error"},
    {0x83, "impl_specific_error"},
    {0x84, "unsupported_protocol_version"},
    {0x85, "client_identifier_not_valid"},
    {0x86, "bad_username_or_password"},
    {0x87, "not_authorized"},
    {0x88, "server_unavailable"},
    {0x89, "server_busy"},
    {0x8A, "banned"},
    {0x8B, "server_shutting_down"},
    {0x8C, "bad_authentication_method"},
    {0x8D, "keep_alive_timeout"},
    {0x8E, "session_taken_over"},
    {0x8F, "topic_filter_invalid"},
    {0x90, "topic_name_invalid"},
    {0x91, "packet_id_in_use"},
    {0x92, "packet_id_not_found"},
    {0x93, "receive_max_exceeded"},
    {0x94, "topic_alias_invalid"},
    {0x95, "packet_too_large"},
    {0x96, "message_rate_too_high"},
    {0x97, "quota_exceeded"},
    {0x98, "administrative_action"},
    {0x99, "payload_format_invalid"},
    {0x9A, "retain_not_supported"},
    {0x9B, "qos_not_supported"},
    {0x9C, "use_another_server"},
    {0x9D, "server_moved"},
    {0x9E, "shared_subs_not_supported"},
    {0x9F, "connection_rate_exceeded"},
    {0xA0, "max_connect_time"},
    {0xA1, "subscription_ids_not_supported"},
    {0xA2, "wildcard_subs_not_supported"},
};

constexpr std::uint8_t kDisconnectType = 14;
constexpr std::uint8_t kConnackType = 2;

// The codes that each packet may carry [v5 2.4].
constexpr std::uint8_t kConnackCodes[] = {0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86,
                                          0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97,
                                          0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F};
constexpr std::uint8_t kAckCodes[] = {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99};
constexpr std::uint8_t kReleaseCodes[] = {0x00, 0x92};
constexpr std::uint8_t kAuthCodes[] = {0x00, 0x18, 0x19};
constexpr std::uint8_t kClientDisconnectCodes[] = {0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90,
                                                   0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99};
// VerneMQ has no series for 0x8C, which it does not send.
constexpr std::uint8_t kServerDisconnectCodes[] = {
    0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94,
    0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2};

/// By the return codes 0 to 5 of a CONNACK of MQTT 3 [v3.1.1 3.2.2.3].
constexpr std::string_view kReturnCodeNames[] = {
    "success",
    "unsupported_protocol_version",
    "client_identifier_not_valid",
    "server_unavailable",
    "bad_username_or_password",
    "not_authorized",
};

constexpr Row counter(std::string_view name, Source source, std::string_view description) {
    return {name, Type::Counter, description, source, {}};
}
constexpr Row gauge(std::string_view name, Source source, std::string_view description) {
    return {name, Type::Gauge, description, source, {}};
}
constexpr Row histogram(std::string_view name, HistogramValue Numbers::* source,
                        std::string_view description) {
    return {name, Type::Histogram, description, source, {}};
}
constexpr Row dropped(std::string_view reason, Source source) {
    return {"message_drop", Type::Counter, "The number of messages that were not delivered.",
            source, reason};
}
constexpr Packets received(std::uint8_t type, std::span<const std::uint8_t> codes = {}) {
    return {Direction::Received, type, codes};
}
constexpr Packets sent(std::uint8_t type, std::span<const std::uint8_t> codes = {}) {
    return {Direction::Sent, type, codes};
}
constexpr Packets v5_only(Packets packets) {
    packets.v3 = false;
    return packets;
}
constexpr Zero kZero{};
constexpr Zero kZeroOfMqtt3{.v3 = true};

// Names, labels and descriptions up to the line "ours" are VerneMQ's: dashboards and alerts know
// them.
constexpr Row kRows[] = {
    counter("socket_open", Counter::SocketOpen,
            "The number of times an MQTT socket has been opened."),
    counter("socket_close", Counter::SocketClose,
            "The number of times an MQTT socket has been closed."),
    counter("socket_close_timeout", Counter::SocketCloseTimeout,
            "The number of times VerneMQ closed an MQTT socket due to no CONNECT frame has been "
            "received on time."),
    counter("socket_error", Counter::SocketError,
            "The total number of socket errors that have occurred."),
    counter("bytes_received", Counter::BytesReceived, "The total number of bytes received."),
    counter("bytes_sent", Counter::BytesSent, "The total number of bytes sent."),

    counter("mqtt_connect_received", received(1), "The number of CONNECT packets received."),
    counter("mqtt_publish_received", received(3), "The number of PUBLISH packets received."),
    counter("mqtt_puback_received", received(4, kAckCodes),
            "The number of PUBACK packets received."),
    counter("mqtt_pubrec_received", received(5, kAckCodes),
            "The number of PUBREC packets received."),
    counter("mqtt_pubrel_received", received(6, kReleaseCodes),
            "The number of PUBREL packets received."),
    counter("mqtt_pubcomp_received", received(7, kReleaseCodes),
            "The number of PUBCOMP packets received."),
    counter("mqtt_subscribe_received", received(8), "The number of SUBSCRIBE packets received."),
    counter("mqtt_unsubscribe_received", received(10),
            "The number of UNSUBSCRIBE packets received."),
    counter("mqtt_pingreq_received", received(12), "The number of PINGREQ packets received."),
    counter("mqtt_disconnect_received", received(kDisconnectType, kClientDisconnectCodes),
            "The number of DISCONNECT packets received."),
    counter("mqtt_auth_received", v5_only(received(15, kAuthCodes)),
            "The number of AUTH packets received."),
    counter("mqtt_connack_sent", sent(kConnackType, kConnackCodes),
            "The number of CONNACK packets sent."),
    counter("mqtt_publish_sent", sent(3), "The number of PUBLISH packets sent."),
    counter("mqtt_puback_sent", sent(4, kAckCodes), "The number of PUBACK packets sent."),
    counter("mqtt_pubrec_sent", sent(5, kAckCodes), "The number of PUBREC packets sent."),
    counter("mqtt_pubrel_sent", sent(6, kReleaseCodes), "The number of PUBREL packets sent."),
    counter("mqtt_pubcomp_sent", sent(7, kReleaseCodes), "The number of PUBCOMP packets sent."),
    counter("mqtt_suback_sent", sent(9), "The number of SUBACK packets sent."),
    counter("mqtt_unsuback_sent", sent(11), "The number of UNSUBACK packets sent."),
    counter("mqtt_pingresp_sent", sent(13), "The number of PINGRESP packets sent."),
    counter("mqtt_disconnect_sent", v5_only(sent(kDisconnectType, kServerDisconnectCodes)),
            "The number of DISCONNECT packets sent."),
    counter("mqtt_auth_sent", v5_only(sent(15, kAuthCodes)), "The number of AUTH packets sent."),

    counter("mqtt_publish_auth_error", VersionCounter::MqttPublishAuthError,
            "The number of unauthorized publish attempts."),
    counter("mqtt_subscribe_auth_error", VersionCounter::MqttSubscribeAuthError,
            "The number of unauthorized subscription attempts."),
    counter("mqtt_invalid_msg_size_error", VersionCounter::MqttInvalidMsgSizeError,
            "The number of packages exceeding the maximum allowed size."),
    counter("mqtt_puback_invalid_error", VersionCounter::MqttPubackInvalidError,
            "The number of unexpected PUBACK messages received."),
    counter("mqtt_pubrec_invalid_error", VersionCounter::MqttPubrecInvalidError,
            "The number of unexpected PUBREC messages received."),
    counter("mqtt_pubcomp_invalid_error", VersionCounter::MqttPubcompInvalidError,
            "The number of unexpected PUBCOMP messages received."),
    counter("mqtt_publish_error", VersionCounter::MqttPublishError,
            "The number of times a PUBLISH operation failed due to a netsplit."),
    counter("mqtt_subscribe_error", VersionCounter::MqttSubscribeError,
            "The number of times a SUBSCRIBE operation failed due to a netsplit."),
    counter("mqtt_unsubscribe_error", VersionCounter::MqttUnsubscribeError,
            "The number of times an UNSUBSCRIBE operation failed due to a netsplit."),
    counter("client_keepalive_expired", VersionCounter::ClientKeepaliveExpired,
            "The number of clients which failed to communicate within the keepalive time period."),

    counter("queue_setup", Counter::QueueSetup,
            "The number of times a MQTT queue process has been started."),
    counter("queue_initialized_from_storage", Counter::QueueInitializedFromStorage,
            "The number of times a MQTT queue process has been initialized from offline storage."),
    counter("queue_teardown", Counter::QueueTeardown,
            "The number of times a MQTT queue process has been terminated."),
    counter("queue_message_drop", Counter::QueueMessageDrop,
            "The number of messages dropped due to full queues."),
    counter("queue_message_expired", Counter::QueueMessageExpired,
            "The number of messages which expired before delivery."),
    counter("queue_message_unhandled", Counter::QueueMessageUnhandled,
            "The number of unhandled messages when connecting with clean session=true."),
    counter("queue_message_in", Counter::QueueMessageIn,
            "The number of PUBLISH packets received by MQTT queue processes."),
    counter("queue_message_out", Counter::QueueMessageOut,
            "The number of PUBLISH packets sent from MQTT queue processes."),
    counter("client_expired", Counter::ClientExpired,
            "The number of sessions that reached their expiry interval."),
    counter("cluster_bytes_received", Counter::ClusterBytesReceived,
            "The number of bytes received from other cluster nodes."),
    counter("cluster_bytes_sent", Counter::ClusterBytesSent,
            "The number of bytes send to other cluster nodes."),
    counter("cluster_bytes_dropped", Counter::ClusterBytesDropped,
            "The number of bytes dropped while sending data to other cluster nodes."),
    counter("cluster_messages_spooled", Counter::ClusterMessagesSpooled,
            "The number of messages for other cluster nodes that went to disk."),
    counter("cluster_messages_late", Counter::ClusterMessagesLate,
            "The number of messages that came for sessions which had gone to another cluster node, "
            "and were sent after them."),
    counter("cluster_late_forgotten", Counter::ClusterLateForgotten,
            "The number of sessions that messages are not sent after any more because too many "
            "have gone to other cluster nodes during a netsplit."),
    counter("cluster_registrations", Counter::ClusterRegistrations,
            "The number of clients let in after other cluster nodes had let go of them."),
    counter("cluster_registrations_refused", Counter::ClusterRegistrationsRefused,
            "The number of clients refused because other cluster nodes did not let go of them."),
    counter("cluster_sessions_moved_in", Counter::ClusterSessionsMovedIn,
            "The number of sessions that have arrived from other cluster nodes."),
    counter("cluster_sessions_moved_out", Counter::ClusterSessionsMovedOut,
            "The number of sessions that have gone to other cluster nodes."),
    counter("cluster_messages_moved_in", Counter::ClusterMessagesMovedIn,
            "The number of messages that have arrived with sessions from other cluster nodes."),
    counter("cluster_messages_moved_out", Counter::ClusterMessagesMovedOut,
            "The number of messages that have gone with sessions to other cluster nodes."),
    counter("cluster_wills_published", Counter::ClusterWillsPublished,
            "The number of wills published for clients of cluster nodes that are gone."),
    counter("cluster_wills_refused", Counter::ClusterWillsRefused,
            "The number of wills of other cluster nodes' clients that there was no room for."),
    counter("router_matches_local", Counter::RouterMatchesLocal,
            "The number of matched local subscriptions."),
    counter("router_matches_remote", Counter::RouterMatchesRemote,
            "The number of matched remote subscriptions."),
    counter("netsplit_detected", Counter::NetsplitDetected, "The number of detected netsplits."),
    counter("netsplit_resolved", Counter::NetsplitResolved, "The number of resolved netsplits."),
    gauge("router_subscriptions", Reading::RouterSubscriptions,
          "The number of subscriptions in the routing table."),
    gauge("router_filters", Reading::RouterFilters,
          "Different topic filters that this node and the others have subscriptions on."),
    gauge("router_memory", Reading::RouterMemory, "The number of bytes used by the routing table."),
    gauge("retain_messages", Reading::RetainMessages,
          "The number of currently stored retained messages."),
    gauge("retain_memory", Reading::RetainMemory,
          "The number of bytes used for storing retained messages."),
    gauge("queue_processes", Reading::QueueProcesses, "The number of MQTT queue processes."),
    gauge("active_mqtt_connections", Reading::ActiveMqttConnections,
          "The number of active MQTT connections."),
    gauge("active_mqttws_connections", Reading::ActiveMqttwsConnections,
          "The number of active MQTT WS connections."),
    gauge("total_active_connections", Reading::TotalActiveConnections,
          "The total number of active MQTT and MQTT WS connections."),

    counter("system_context_switches", Reading::SystemContextSwitches,
            "The total number of context switches."),
    counter("system_exact_reductions", kZero, "The exact number of reductions performed."),
    counter("system_gc_count", kZero, "The number of garbage collections performed."),
    counter("system_words_reclaimed_by_gc", kZero,
            "The number of words reclaimed by the garbage collector."),
    counter("system_io_in", Counter::BytesReceived,
            "The total number of bytes received through ports."),
    counter("system_io_out", Counter::BytesSent, "The total number of bytes sent through ports."),
    counter("system_reductions", kZero,
            "The number of reductions performed in the VM since the node was started."),
    gauge("system_run_queue", kZero,
          "The total number of processes and ports ready to run on all run-queues."),
    counter("system_runtime", Reading::SystemRuntime,
            "The sum of the runtime for all threads in the Erlang runtime system."),
    counter("system_wallclock", Reading::SystemWallclock,
            "The number of milli-seconds passed since the node was started."),
    gauge("system_process_count", kZero, "The number of Erlang processes."),
    gauge("system_utilization", Reading::SystemUtilization,
          "The average system (scheduler) utilization (percentage)."),
    gauge("vm_memory_total", Reading::VmMemoryTotal, "The total amount of memory allocated."),
    gauge("vm_memory_processes", kZero, "The amount of memory allocated for processes."),
    gauge("vm_memory_processes_used", kZero, "The amount of memory used by processes."),
    gauge("vm_memory_system", kZero, "The amount of memory allocated for the emulator."),
    gauge("vm_memory_atom", kZero, "The amount of memory allocated for atoms."),
    gauge("vm_memory_atom_used", kZero, "The amount of memory used by atoms."),
    gauge("vm_memory_binary", kZero, "The amount of memory allocated for binaries."),
    gauge("vm_memory_code", kZero, "The amount of memory allocated for code."),
    gauge("vm_memory_ets", kZero, "The amount of memory allocated for ETS tables."),

    counter("mqtt_connack_accepted_sent", kZeroOfMqtt3,
            "The number of times a connection has been accepted."),
    counter("mqtt_connack_unacceptable_protocol_sent", kZeroOfMqtt3,
            "The number of times the broker is not able to support the requested protocol."),
    counter("mqtt_connack_identifier_rejected_sent", kZeroOfMqtt3,
            "The number of times a client was rejected due to a unacceptable identifier."),
    counter("mqtt_connack_server_unavailable_sent", kZeroOfMqtt3,
            "The number of times a client was rejected due the the broker being unavailable."),
    counter("mqtt_connack_bad_credentials_sent", kZeroOfMqtt3,
            "The number of times a client sent bad credentials."),
    counter("mqtt_connack_not_authorized_sent", kZeroOfMqtt3,
            "The number of times a client was rejected due to insufficient authorization."),
    histogram("storage_read_microseconds", &Numbers::storage_read,
              "The time it took to read messages of one queue from the message store."),
    histogram("storage_write_microseconds", &Numbers::storage_write,
              "The time it took to write what all shards had waiting to the message store."),

    // ours
    dropped("queue_full", Counter::QueueMessageDrop),
    dropped("expired", Counter::QueueMessageExpired),
    dropped("packet_too_large", Counter::QueueMessageDropMaxPacketSize),
    dropped("offline_qos0", Counter::DropOffline),
    dropped("session_ended", Counter::DropSessionEnded),
    dropped("no_subscriber", Counter::DropNoSubscriber),
    dropped("not_authorized", PublishesRefused{}),
    dropped("store_refused", Counter::DropStoreRefused),
    dropped("node_unreachable", Counter::DropNodeUnreachable),
    dropped("too_large_for_node", Counter::DropTooLargeForNode),
    dropped("netsplit", Counter::DropNetsplit),
    counter("queue_message_drop_max_packet_size", Counter::QueueMessageDropMaxPacketSize,
            "Messages dropped because they exceed the client's Maximum Packet Size."),
    counter("socket_refused_max_connections", Counter::SocketRefusedMaxConnections,
            "Connections refused because a listener was full."),
    counter("tls_accept_paused", Counter::TlsAcceptPaused,
            "Pauses of accepting because of max_tls_handshakes."),
    counter("connect_refused_busy", Counter::ConnectRefusedBusy,
            "CONNECTs refused because of max_authentications."),
    counter("session_taken_over", Counter::SessionTakenOver,
            "Sessions ended by a new connection with the same client id."),
    counter("session_protocol_error", Counter::SessionProtocolError,
            "Connections ended because the client broke the protocol."),
    counter("publish_throttled", Counter::PublishThrottled,
            "Times a client's reads were paused by max_message_rate."),
    counter("retain_limit_reached", Counter::RetainLimitReached,
            "Retained messages refused by max_retained_messages."),
    counter("shard_messages_sent", Counter::ShardMessagesSent,
            "Messages handed from one shard to another."),
    counter("shard_reads_paused", Counter::ShardReadsPaused,
            "Times a shard paused reading because another was behind."),
    counter("subscriptions_revoked", Counter::SubscriptionsRevoked,
            "Subscriptions ended because the rules no longer allow them."),
    counter("sessions_revoked", Counter::SessionsRevoked,
            "Sessions ended because their password has changed or is gone."),
    counter("wills_revoked", Counter::WillsRevoked,
            "Wills dropped because the rules no longer allow them."),
    counter("login_failed", Counter::LoginFailed,
            "CONNECTs refused by a plugin, or granted by none."),
    counter("login_blocked", Counter::LoginBlocked,
            "CONNECTs refused unheard after too many that failed."),
    counter("queue_nearly_full", Counter::QueueNearlyFull,
            "Times the queue of a client became nearly full."),
    counter("cluster_subscribe_timeout", Counter::ClusterSubscribeTimeout,
            "SUBACKs sent although not all nodes had confirmed the subscription in time."),
    gauge("cluster_ready", Reading::ClusterReady,
          "1 if as many nodes run as netsplit_policy wants, else 0."),
    gauge("cluster_nodes", Reading::ClusterNodes, "Members of the cluster, this node included."),
    gauge("cluster_nodes_running", Reading::ClusterNodesRunning,
          "Members of the cluster that run as this node sees it, itself included."),
    gauge("cluster_wills", Reading::ClusterWills,
          "Wills of other cluster nodes' clients that this node knows."),
    gauge("cluster_waiting_bytes", Reading::ClusterWaitingBytes,
          "Bytes of messages that other nodes have not acknowledged yet."),
    gauge("cluster_spooled_bytes", Reading::ClusterSpooledBytes,
          "Bytes of messages for other nodes that are on disk."),
    gauge("sessions_offline", Reading::SessionsOffline,
          "Sessions that wait for their client to come back."),
    gauge("store_bytes_on_disk", Reading::StoreBytesOnDisk, "Bytes of the message store's files."),
    gauge("store_memory", Reading::StoreMemory,
          "Bytes of the message store's cache and write buffers."),
    gauge("store_refusing", Reading::StoreRefusing,
          "1 while the message store cannot write, else 0."),
    histogram("shard_turn_microseconds", &Numbers::shard_turn,
              "The time a shard's event loop worked between two looks for something new."),
    histogram("store_commit_microseconds", &Numbers::store_commit,
              "The time from handing a shard's writes to the message store to its answer."),
};

std::string_view code_name(std::uint8_t type, std::uint8_t code) {
    if (type == kDisconnectType && code == 0) return "normal_disconnect";
    for (const CodeName& each : kCodeNames) {
        if (each.code == code) return each.name;
    }
    return "unknown";
}

/// Adds the series of one row.
class Writer final {
public:
    Writer(const Numbers& numbers, Snapshot& out) : numbers_(numbers), out_(out) {}

    void write(const Row& row) {
        row_ = &row;
        std::visit([this](const auto& source) { from(source); }, row.source);
    }

private:
    void from(Counter counter) { add({}, numbers_.totals.get(counter)); }
    void from(VersionCounter counter) {
        add({{"mqtt_version", "4"}}, numbers_.totals.get(counter, false));
        add({{"mqtt_version", "5"}}, numbers_.totals.get(counter, true));
    }
    void from(Reading reading) { add({}, numbers_[reading]); }
    void from(const Zero& zero) {
        if (!zero.v3 && !zero.v5) add({}, 0);
        if (zero.v3) add({{"mqtt_version", "4"}}, 0);
        if (zero.v5) add({{"mqtt_version", "5"}}, 0);
    }
    void from(const PublishesRefused&) {
        add({}, numbers_.totals.get(VersionCounter::MqttPublishAuthError, false) +
                    numbers_.totals.get(VersionCounter::MqttPublishAuthError, true));
    }
    void from(HistogramValue Numbers::* source) { add({}, 0).histogram = numbers_.*source; }
    void from(const Packets& packets) {
        if (packets.v3) write_v3(packets);
        if (packets.codes.empty()) {
            add({{"mqtt_version", "5"}},
                numbers_.totals.get(PacketKind{packets.direction, true, packets.type}));
        }
        for (const std::uint8_t code : packets.codes) {
            add({{"mqtt_version", "5"},
                 {"reason_code", std::string(code_name(packets.type, code))}},
                numbers_.totals.get(PacketKind{packets.direction, true, packets.type, code}));
        }
    }
    void write_v3(const Packets& packets) {
        if (packets.type != kConnackType) {
            add({{"mqtt_version", "4"}},
                numbers_.totals.get(PacketKind{packets.direction, false, packets.type}));
            return;
        }
        std::uint8_t code = 0;
        for (const std::string_view name : kReturnCodeNames) {
            add({{"mqtt_version", "4"}, {"return_code", std::string(name)}},
                numbers_.totals.get(PacketKind{packets.direction, false, packets.type, code++}));
        }
    }

    Sample& add(std::vector<Label> labels, std::uint64_t value) {
        Sample& sample = out_.emplace_back();
        sample.name = row_->name;
        sample.type = row_->type;
        sample.labels = std::move(labels);
        if (!row_->reason.empty()) sample.labels.push_back({"reason", std::string(row_->reason)});
        sample.description = row_->description;
        sample.value = value;
        return sample;
    }

    const Numbers& numbers_;
    Snapshot& out_;
    const Row* row_ = nullptr;
};

}  // namespace

Snapshot series_of(const Numbers& numbers) {
    Snapshot result;
    result.reserve(400);
    Writer writer(numbers, result);
    for (const Row& row : kRows) writer.write(row);
    return result;
}

}  // namespace vmq::metrics
