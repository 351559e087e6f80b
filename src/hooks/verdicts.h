// What an authorisation hook answers: a decision, and on Ok the changes it wants (modifiers).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mqtt/packets.h"
#include "mqtt/properties.h"
#include "mqtt/types.h"

namespace vmq::hooks {

enum class Decision : std::uint8_t {
    Next,  // no opinion: ask the next plugin
    Ok,
    Error,
};

/// Refusals: `reason` for v5; the MQTT 3 answer is derived from it. Without one a CONNECT is
/// answered with Bad user name or password (MQTT 3: 5), anything else with Not authorized. Wrong
/// credentials are BadUserNameOrPassword (MQTT 3: 4).
struct Refusal {
    std::optional<mqtt::ReasonCode> reason;
    std::string reason_string;     // v5, empty: none
    std::string server_reference;  // v5 CONNACK, empty: none
};

/// Changes to a session. What is not set stays as configured. VerneMQ's shared_subscription_policy,
/// allow_register, allow_publish, allow_subscribe, allow_unsubscribe, max_drain_time and
/// max_msgs_per_drain_step are missing: they tell what to do about other nodes, which there are
/// not. So are tcp_opts and reg_view, which are of Erlang.
struct RegisterModifiers {
    std::optional<std::string> client_id;
    std::optional<std::string> mountpoint;
    std::optional<std::string> username;
    std::optional<bool> clean_start;
    std::optional<std::uint32_t> session_expiry_interval_s;
    std::optional<std::uint32_t> max_message_size;
    std::optional<std::uint32_t> max_message_rate;
    std::optional<std::uint16_t> max_inflight_messages;
    std::optional<std::uint32_t> retry_interval_ms;
    std::optional<bool> upgrade_qos;
    std::optional<bool> allow_multiple_sessions;
    std::optional<std::int64_t> max_online_messages;
    std::optional<std::int64_t> max_offline_messages;
    std::optional<bool> queue_lifo;
    std::optional<std::uint32_t> max_connection_lifetime_s;
    // Of MQTT 5 only.
    std::optional<std::string> response_information;     // for clients that ask for it
    std::optional<bool> request_problem_info;            // instead of what the client asks
    std::optional<std::uint16_t> topic_alias_max;        // aliases the client may define
    std::optional<std::uint16_t> fc_receive_max_client;  // 1 and more; may only lower
    std::optional<std::uint16_t> fc_receive_max_broker;  // 1 and more
    std::optional<std::uint32_t> max_packet_size;  // largest the client is sent; may only lower
    // What the client is told that it may not use, and is held to.
    std::optional<mqtt::QoS> max_qos;
    std::optional<bool> retain_available;
    std::optional<bool> wildcard_subs_available;
    std::optional<bool> sub_ids_available;
    std::optional<bool> shared_subs_available;
};

/// No plugin has decided.
inline constexpr std::uint8_t kNobody = 0xFF;

struct RegisterVerdict {
    Decision decision = Decision::Next;
    RegisterModifiers modifiers;
    Refusal refusal;
    std::uint8_t decided_by = kNobody;  // place in the chain; the chain says so
};

struct AuthVerdict {
    Decision decision = Decision::Next;
    bool continues = false;  // Ok: answer AUTH 0x18 and wait for the client's next AUTH
    std::string data;        // authentication data to send, empty: none
    std::string reason_string;
    Refusal refusal;
};

/// Changes to a message.
struct PublishModifiers {
    std::optional<std::string> topic;
    std::optional<std::string> payload;
    std::optional<mqtt::QoS> qos;
    std::optional<bool> retain;
    std::optional<std::string> mountpoint;
    std::optional<std::string> properties;  // encoded, replaces the forwarded ones
    std::optional<std::uint32_t> message_expiry_interval;
    std::uint32_t throttle_ms = 0;
};

struct PublishVerdict {
    Decision decision = Decision::Next;
    PublishModifiers modifiers;
    Refusal refusal;
    std::uint8_t decided_by = kNobody;  // place in the chain; the chain says so
};

struct SubscribeVerdict {
    struct Topic {
        std::string filter;
        mqtt::SubscriptionOptions options;
        mqtt::ReasonCode reason = mqtt::ReasonCode::Success;  // an error refuses this one
        bool left_to_next = false;  // no opinion about this one: the next plugin is asked about it
    };
    Decision decision = Decision::Next;
    /// Ok: the new list, replacing the client's; nothing: the client's own.
    std::optional<std::vector<Topic>> topics;
    Refusal refusal;
    mqtt::AckDetails details;  // v5, Ok: for the SUBACK
    std::size_t next = 0;      // place in the route behind who has decided; the chain says so
};

struct UnsubscribeVerdict {
    Decision decision = Decision::Next;
    std::optional<std::vector<std::string>> filters;
    mqtt::AckDetails details;  // v5, Ok: for the UNSUBACK
};

}  // namespace vmq::hooks
