// What a hook is told. Views are valid for the duration of the call; a plugin that answers later
// copies what it needs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mqtt/packets.h"
#include "mqtt/properties.h"
#include "mqtt/types.h"

namespace vmq::hooks {

/// The remote end, after PROXY protocol or X-Forwarded-For.
struct Peer {
    std::string_view address;
    std::uint16_t port = 0;
};

struct SubscriberId {
    std::string_view mountpoint;
    std::string_view client_id;
};

/// Passed on only by listeners with forward_connection_opts.
struct ConnectionMetadata {
    std::string_view listener_address;
    std::uint16_t listener_port = 0;
    std::string_view listener_type;       // "mqtt", "mqtts", "mqttws", "mqttwss"
    std::string_view client_certificate;  // DER, empty without one
};

/// auth_on_register, auth_on_register_m5.
struct RegisterContext {
    Peer peer;
    SubscriberId subscriber;
    std::optional<std::string_view> username;
    std::optional<std::string_view> password;  // never logged
    bool clean_start = true;
    bool v5 = false;
    const mqtt::Properties* properties = nullptr;  // v5
    const ConnectionMetadata* metadata = nullptr;  // null unless forwarded
};

/// on_auth_m5: a CONNECT with an authentication method, and every AUTH packet.
struct AuthContext {
    SubscriberId subscriber;
    std::optional<std::string_view> username;
    std::string_view method;
    std::string_view data;
    const mqtt::Properties* properties = nullptr;  // of the CONNECT while connecting, then the AUTH
};

/// auth_on_publish(_m5), on_publish(_m5), on_deliver(_m5).
struct PublishContext {
    SubscriberId subscriber;
    std::optional<std::string_view> username;
    mqtt::QoS qos = mqtt::QoS::AtMostOnce;
    std::string_view topic;
    std::string_view payload;
    bool retain = false;
    bool v5 = false;
    std::string_view properties;  // encoded, see mqtt::decode_forwarded_properties()
    std::optional<std::uint32_t> message_expiry_interval;
};

/// auth_on_subscribe(_m5), on_subscribe(_m5): once per packet.
struct SubscribeContext {
    SubscriberId subscriber;
    std::optional<std::string_view> username;
    const std::vector<mqtt::SubscribeEntry>* entries = nullptr;
    bool v5 = false;
    const mqtt::Properties* properties = nullptr;
};

/// on_unsubscribe(_m5), on_topic_unsubscribed. When a session ends, all its filters go: then there
/// need not be a connection, and so no user name and no version.
struct UnsubscribeContext {
    SubscriberId subscriber;
    std::optional<std::string_view> username;
    const std::vector<std::string_view>* filters = nullptr;  // null: all of them
    bool v5 = false;
    const mqtt::Properties* properties = nullptr;  // v5, of the UNSUBSCRIBE if there was one
};

/// on_register, on_client_wakeup, on_client_offline, on_client_gone, on_session_expired.
struct ClientContext {
    Peer peer;
    SubscriberId subscriber;
    std::optional<std::string_view> username;
    bool v5 = false;
    const mqtt::Properties* properties = nullptr;  // v5, on_register: what the CONNACK tells
};

enum class DropReason : std::uint8_t { QueueFull, Expired, MaxPacketSizeExceeded };

/// on_message_drop, on_offline_message.
struct MessageContext {
    SubscriberId subscriber;
    mqtt::QoS qos = mqtt::QoS::AtMostOnce;
    std::string_view topic;
    std::string_view payload;
    bool retain = false;
    DropReason reason = DropReason::QueueFull;  // on_message_drop
    std::string_view properties;                // encoded, see mqtt::decode_forwarded_properties()
    std::optional<std::uint32_t> message_expiry_interval;  // seconds that are left
};

/// change_config. Settings as in vernemq.conf; secrets of the broker are ******.
struct ConfigContext {
    struct Entry {
        std::string key;
        std::string value;  // empty: no longer set
    };
    bool at_start = false;  // then these are all settings in force
    const std::vector<Entry>* entries = nullptr;
};

}  // namespace vmq::hooks
