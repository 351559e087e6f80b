// What a session is allowed: the configuration as it applies to one client, after hooks changed it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "mqtt/types.h"

namespace vmq::session {

/// Value type; one copy per configuration is shared by all its sessions, and a session whose hooks
/// changed something has a copy of its own.
struct Settings {
    std::uint32_t max_client_id_size = 100;          // bytes
    std::uint32_t max_subscriptions_per_client = 0;  // 0: unlimited
    std::uint32_t max_message_size = 0;              // remaining length in bytes, 0: the protocol's
    std::uint32_t max_message_rate = 0;              // messages per second, 0: unlimited
    std::uint32_t retry_interval_ms = 20'000;        // MQTT 3, 0: never on a live connection
    std::uint32_t topic_max_depth = 10;              // levels
    std::uint32_t max_connection_lifetime_s = 0;     // 0: unlimited
    std::uint32_t session_expiry_cap_s = 0;          // v5, 0: no cap
    std::uint32_t keep_alive_cap_s = 0;              // v5 Server Keep Alive, 0: never overridden
    Millis mqtt_connect_timeout{5000};
    std::uint16_t receive_max_broker = 65'535;
    std::uint16_t receive_max_client = 65'535;
    std::uint16_t topic_alias_max_client = 0;  // aliases a client may use
    std::uint16_t topic_alias_max_broker = 0;  // aliases the broker uses
    std::uint16_t max_inflight_messages = 20;  // MQTT 3; 0: unlimited
    bool allow_anonymous = false;              // no plugin has to know the client
    bool upgrade_outgoing_qos = false;
    bool disconnect_on_unauthorized_publish_v3 = false;
    bool suppress_lwt_on_session_takeover = false;
    bool allow_multiple_sessions = false;
    bool balance_sessions = false;  // queue_deliver_mode = balance
    bool queue_lifo = false;
    bool override_max_online_messages = false;
    std::int64_t max_online_messages = 1000;                      // -1: unlimited
    std::int64_t max_offline_messages = 1000;                     // -1: unlimited
    std::optional<std::uint64_t> persistent_client_expiration_s;  // MQTT 3; nothing: never
    std::optional<std::uint64_t> max_last_will_delay_s;           // nothing: what the client says
};

/// Largest remaining length that the protocol can express [v5 1.5.5].
inline constexpr std::uint32_t kMaxRemainingLength = 268'435'455;

[[nodiscard]] inline std::uint32_t max_remaining_length(const Settings& settings) noexcept {
    return settings.max_message_size == 0 || settings.max_message_size > kMaxRemainingLength
               ? kMaxRemainingLength
               : settings.max_message_size;
}

}  // namespace vmq::session
