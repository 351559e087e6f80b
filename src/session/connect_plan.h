// ConnectPlan: what a client asked for in CONNECT and was granted, in memory of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "mqtt/types.h"
#include "session/settings.h"

namespace vmq::session {

/// A will as it is kept until it is published or dropped [v5 3.1.2.5]. It may outlive the
/// connection, so it says whose it is.
struct StoredWill {
    std::string mountpoint;
    std::string topic;
    std::string payload;
    std::string properties;  // encoded, those forwarded unaltered
    std::optional<std::uint32_t> message_expiry_s;
    std::uint32_t delay_s = 0;
    mqtt::QoS qos = mqtt::QoS::AtMostOnce;
    bool retain = false;
    bool v5 = false;
    std::optional<std::string> username;
    // Of wills of this process: the plugin that has allowed it, and what the broker counted of
    // changes of rules then.
    std::uint8_t allowed_by = 0xFF;
    std::uint64_t rules = 0;
    bool restored = false;  // of an earlier process
    /// Its end tells the other nodes, who know of the will, that it is none any more; null: they
    /// do not.
    std::shared_ptr<const void> told = nullptr;
};

/// What a client may use. Less than everything only in MQTT 5, and if a hook says so: CONNACK tells
/// the client, and the session holds it to that.
struct Capabilities {
    mqtt::QoS maximum_qos = mqtt::QoS::ExactlyOnce;
    bool retain = true;
    bool wildcard_subscriptions = true;
    bool subscription_identifiers = true;
    bool shared_subscriptions = true;
};

/// Properties that CONNACK carries beyond those that follow from the plan.
struct ConnackExtras {
    std::string authentication_method;
    std::string authentication_data;
    std::string reason_string;
    std::string response_information;
};

/// Nobody had to know the client.
inline constexpr std::uint8_t kNotAuthenticated = 0xFF;

/// Made by the Handshake on the accepting shard, used by the Session on the home shard.
struct ConnectPlan {
    mqtt::ProtocolVersion version = mqtt::ProtocolVersion::V311;
    bool bridge = false;
    bool clean_start = true;
    bool assigned_client_id = false;
    bool anonymous_allowed = false;
    std::uint8_t authenticated_by = kNotAuthenticated;  // the host's number of the plugin
    std::uint64_t accepted_at = 0;                      // the host's count of revocations then
    bool request_problem_information = true;
    bool request_response_information = false;
    bool session_expiry_overridden = false;  // tell the client in CONNACK
    bool keep_alive_overridden = false;
    std::uint16_t keep_alive_s = 0;          // in force, 0: off
    std::uint16_t receive_maximum = 65'535;  // how much may be in flight towards the client
    std::uint16_t topic_alias_maximum = 0;   // aliases we may use towards the client
    std::uint32_t session_expiry_s = 0;      // v5; 0xFFFFFFFF: never
    std::uint32_t maximum_packet_size = 0;   // that the client accepts, 0: no limit
    Capabilities capabilities;
    std::string mountpoint;
    std::string client_id;
    std::optional<std::string> username;
    std::unique_ptr<StoredWill> will;       // null: none
    std::unique_ptr<ConnackExtras> extras;  // null: nothing beyond the plan
    std::shared_ptr<const Settings> settings;
};

inline constexpr std::uint32_t kSessionNeverExpires = 0xFFFFFFFFU;

}  // namespace vmq::session
