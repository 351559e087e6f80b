// The configuration as the broker reads it: one plain struct per subject, every field typed and in
// range.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/log_level.h"

namespace vmq::config {

enum class QueueType : std::uint8_t { Fifo, Lifo };
enum class QueueDeliverMode : std::uint8_t { Fanout, Balance };
enum class SharedSubscriptionPolicy : std::uint8_t {
    PreferLocal,
    Random,
    LocalOnly,
    PreferOnlineBeforeLocal
};
enum class SharedSubscriptionTimeoutAction : std::uint8_t { Ignore, Requeue };
enum class SubscriberRetainMode : std::uint8_t { Immediate, Syncwait };

/// Registration, sessions, queues. The initial values are the table's defaults, so tests may use
/// MqttSettings{}.
struct MqttSettings {
    bool allow_anonymous = false;
    bool allow_multiple_sessions = false;
    bool allow_register_during_netsplit = false;
    bool allow_publish_during_netsplit = false;
    bool allow_subscribe_during_netsplit = false;
    bool allow_unsubscribe_during_netsplit = false;
    bool suppress_lwt_on_session_takeover = false;
    bool disconnect_on_unauthorized_publish_v3 = false;
    bool override_max_online_messages = false;
    bool upgrade_outgoing_qos = false;
    std::uint32_t mqtt_connect_timeout_ms = 5000;
    std::uint32_t max_client_id_size = 100;                       // bytes
    std::uint32_t max_subscriptions_per_client = 0;               // 0: no limit
    std::optional<std::uint64_t> persistent_client_expiration_s;  // none: never
    std::optional<std::uint64_t> max_last_will_delay_s;           // none: as the client asks
    std::uint32_t max_session_expiry_interval_s = 0;              // 0: as the client asks
    std::uint16_t server_keep_alive_max_s = 0;                    // 0: as the client asks
    std::uint32_t retry_interval_s = 20;                          // 0: off
    std::uint32_t max_inflight_messages = 20;                     // 0: no limit
    std::uint16_t receive_max_client = 65535;
    std::uint16_t receive_max_broker = 65535;
    std::uint16_t topic_alias_max_client = 0;
    std::uint16_t topic_alias_max_broker = 0;
    std::uint32_t topic_max_depth = 10;
    std::uint32_t max_message_size = 0;  // remaining length in bytes; 0: what MQTT allows
    std::uint32_t max_message_rate = 0;  // messages per second; 0: no limit
    std::optional<std::uint64_t> max_ws_frame_size = 268'435'456;  // bytes; none: no limit
    std::uint32_t crl_refresh_interval_ms = 60'000;                // 0: as often as other files
    std::int32_t max_online_messages = 1000;                       // -1: no limit
    std::int32_t max_offline_messages = 1000;
    std::uint32_t max_retained_messages = 0;  // 0: no limit
    std::uint32_t expire_retain_cache_s = 0;  // 0: off
    QueueType queue_type = QueueType::Fifo;
    QueueDeliverMode queue_deliver_mode = QueueDeliverMode::Fanout;
    SharedSubscriptionPolicy shared_subscription_policy = SharedSubscriptionPolicy::PreferLocal;
    SharedSubscriptionTimeoutAction shared_subscription_timeout_action =
        SharedSubscriptionTimeoutAction::Ignore;
    SubscriberRetainMode subscriber_retain_mode = SubscriberRetainMode::Immediate;

    friend bool operator==(const MqttSettings&, const MqttSettings&) = default;
};

enum class Durability : std::uint8_t { Memory, Os, Fsync };
enum class NetsplitPolicy : std::uint8_t { All, Quorum, None };

struct NodeSettings {
    std::string nodename = "VerneMQ@127.0.0.1";
    std::string distributed_cookie = "vmq";
    std::uint16_t shards = 0;  // 0: one per core
    Durability durability = Durability::Os;
    std::string store_dir = "data/msgstore";
    std::uint64_t store_memory_bytes = 0;    // 0: see the next one
    std::uint32_t store_memory_percent = 0;  // of the machine's, 0: a default
    bool sync_on_write = false;              // durability is fsync
    std::uint64_t outgoing_clustering_buffer_size = 67'108'864;
    std::uint64_t outgoing_clustering_spool_size = 1'073'741'824;
    std::uint32_t incoming_clustering_buffer_size = 67'108'864;
    std::uint32_t cluster_heartbeat_interval_ms = 500;
    std::uint32_t cluster_heartbeat_timeout_ms = 3000;
    std::uint32_t cluster_subscribe_timeout_ms = 1000;
    std::optional<std::uint64_t> cluster_wills_after_ms = 30'000;  // nothing: never by itself
    NetsplitPolicy netsplit_policy = NetsplitPolicy::All;

    friend bool operator==(const NodeSettings&, const NodeSettings&) = default;
};

enum class AclRevocation : std::uint8_t { Immediate, NewOnly };

/// A plugin that is enabled.
struct EnabledPlugin {
    std::string name;
    std::string path;  // empty: it is part of the broker
    std::optional<std::int64_t> priority;
    std::map<std::string, std::string, std::less<>> settings;  // NAME.KEY by KEY, with a path only

    friend bool operator==(const EnabledPlugin&, const EnabledPlugin&) = default;
};

struct PluginSettings {
    std::vector<EnabledPlugin> enabled;  // in the order in which they are asked
    std::uint32_t hook_timeout_ms = 15'000;
    std::string password_file = "etc/vmq.passwd";
    std::int32_t password_reload_interval_s = 10;  // 0: never; below 0 counts as above
    std::string acl_file = "etc/vmq.acl";
    bool acl_file_is_set = false;  // in the configuration
    std::int32_t acl_reload_interval_s = 10;
    bool wildcards_grant_sys = true;
    AclRevocation acl_revocation = AclRevocation::Immediate;
    std::uint32_t max_failed_logins_per_address = 0;  // 0: no limit
    std::uint32_t max_failed_logins_per_user = 0;
    std::uint32_t failed_login_window_s = 60;

    friend bool operator==(const PluginSettings&, const PluginSettings&) = default;
};

enum class LogDestination : std::uint8_t { Off, File, Console, Both };
enum class LogFloor : std::uint8_t { All, Debug, Info, Warning, Error };
enum class LogFormat : std::uint8_t { Text, Json };
enum class LogTemplate : std::uint8_t { Simple, Extended };
enum class SyslogProtocol : std::uint8_t { Udp, Tcp, Tls };
enum class SyslogForm : std::uint8_t { Rfc3164, Rfc5424 };

struct LogSettings {
    LogDestination console = LogDestination::File;
    log::Level console_level = log::Level::Info;  // of file and standard output
    LogFormat console_console_format = LogFormat::Text;
    std::string console_file = "log/console.log";
    LogFormat console_file_format = LogFormat::Text;
    std::optional<std::uint64_t> console_rotation_size = 100 * 1024 * 1024;  // none: never
    std::uint32_t console_rotation_keep = 5;
    bool console_rotation_compress = false;

    bool error = true;
    bool error_is_set = false;  // in the configuration
    std::string error_file = "log/error.log";
    LogFormat error_file_format = LogFormat::Text;
    std::optional<std::uint64_t> error_rotation_size = 10 * 1024 * 1024;
    std::uint32_t error_rotation_keep = 5;
    bool error_rotation_compress = false;

    bool crash = true;
    std::string crash_file = "log/crash.log";
    std::optional<std::uint64_t> crash_rotation_size = 10 * 1024 * 1024;
    std::uint32_t crash_rotation_keep = 5;

    bool syslog = false;
    LogFloor syslog_level = LogFloor::All;
    SyslogForm syslog_format = SyslogForm::Rfc3164;
    std::string syslog_facility = "daemon";
    std::string syslog_app_name;     // empty: the node name up to the @
    std::string syslog_remote_host;  // empty: this machine
    std::uint16_t syslog_remote_port = 514;
    SyslogProtocol syslog_remote_protocol = SyslogProtocol::Udp;
    std::string syslog_remote_cafile;

    LogFloor log_level = LogFloor::All;
    LogTemplate log_template = LogTemplate::Extended;
    bool connections = true;
    bool keepalive_as_warning = true;

    friend bool operator==(const LogSettings&, const LogSettings&) = default;
};

/// Metrics below $SYS.
struct SystreeSettings {
    bool systree_enabled = true;
    std::uint32_t systree_interval_ms = 20'000;  // 0: never
    std::string systree_mountpoint;
    std::uint8_t systree_qos = 0;
    bool systree_retain = false;

    friend bool operator==(const SystreeSettings&, const SystreeSettings&) = default;
};

/// Metrics sent to a Graphite server.
struct GraphiteSettings {
    bool graphite_enabled = false;
    std::string graphite_host = "localhost";
    std::uint16_t graphite_port = 2003;
    std::uint32_t graphite_interval_ms = 20'000;
    std::uint32_t graphite_connect_timeout_ms = 5000;
    std::uint32_t graphite_reconnect_timeout_ms = 15'000;
    std::string graphite_prefix;   // empty: none
    std::string graphite_api_key;  // empty: none
    bool graphite_include_labels = false;

    friend bool operator==(const GraphiteSettings&, const GraphiteSettings&) = default;
};

enum class ListenerKind : std::uint8_t { Tcp, Ssl, Ws, Wss, Http, Https, Vmq, Vmqs };

/// SO_SNDBUF and SO_RCVBUF in bytes.
struct BufferSizes {
    std::uint32_t send = 0;
    std::uint32_t receive = 0;

    friend bool operator==(const BufferSizes&, const BufferSizes&) = default;
};

/// Only ssl, wss, https and vmqs listeners read it.
struct TlsSettings {
    std::string cafile, certfile, keyfile, keypasswd, crlfile;
    std::string ciphers;            // empty: the built-in list
    std::vector<std::string> eccs;  // empty: all curves
    std::vector<std::string> tls_versions = {"tlsv1.2", "tlsv1.3"};
    std::vector<std::string> more_certfiles, more_keyfiles;
    std::string dhfile;
    std::optional<std::uint32_t> tls_handshake_timeout_ms = 5000;  // none: no limit
    std::uint32_t depth = 1;
    bool require_certificate = false;
    bool use_identity_as_username = false;
    bool psk_support = false;
    std::string psk_identity_hint = "VMQ_PSK";
    std::string pskfile = "etc/vmq.psk";
    std::string pskfile_separator = ":";

    friend bool operator==(const TlsSettings&, const TlsSettings&) = default;
};

/// Only listeners behind a proxy read it.
struct ProxySettings {
    bool proxy_protocol = false;
    std::uint32_t proxy_protocol_timeout_ms = 10'000;
    bool proxy_protocol_use_cn_as_username = true;
    bool xff_support = false;
    std::string xff_trusted_intermediate;
    bool xff_use_cn_as_username = false;
    std::string xff_cn_header = "x-ssl-client-cn";

    friend bool operator==(const ProxySettings&, const ProxySettings&) = default;
};

/// One listener with every option resolved: its own value, else that of its protocol, else that of
/// all listeners, else the default. Options that a kind does not have keep their default.
struct ListenerSettings {
    ListenerKind kind = ListenerKind::Tcp;
    std::string name;
    std::string address;    // literal IP address; empty for a unix socket
    std::string unix_path;  // empty for TCP
    std::uint16_t port = 0;
    std::optional<std::uint32_t> max_connections = 10000;  // none: no limit
    std::uint32_t backlog = 1024;
    std::uint32_t max_connection_lifetime_s = 0;  // 0: no limit
    std::uint32_t max_authentications = 1000;
    std::uint32_t max_tls_handshakes = 1000;
    std::string mountpoint;
    std::vector<std::uint8_t> allowed_protocol_versions = {3, 4, 5, 131};
    bool allow_anonymous_override = false;
    bool forward_connection_opts = false;
    std::string unix_socket_mode = "0660";                  // octal
    std::string unix_socket_owner, unix_socket_group;       // empty: as the system does it
    std::optional<BufferSizes> buffer_sizes;                // none: what the system chooses
    std::optional<std::vector<std::string>> auth_plugins;   // none: all that are enabled
    std::optional<std::vector<std::string>> authz_plugins;  // none: all that are enabled
    std::vector<std::string> http_modules;                  // empty: the global list
    std::vector<std::string> allowed_origins;               // of pages; empty: all
    std::uint32_t max_request_line_length = 8000;
    std::uint32_t max_header_value_length = 4096;
    TlsSettings tls;
    ProxySettings proxy;

    friend bool operator==(const ListenerSettings&, const ListenerSettings&) = default;
};

}  // namespace vmq::config
