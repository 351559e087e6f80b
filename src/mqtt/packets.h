// Control packets as plain values. Strings are views: into the receive buffer after decoding, into
// the sender's memory before encoding. Nothing here outlives the call it is passed to.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "mqtt/properties.h"
#include "mqtt/types.h"

namespace vmq::mqtt {

struct Will {
    std::string_view topic;
    std::string_view payload;
    QoS qos = QoS::AtMostOnce;
    bool retain = false;
    Properties properties;                 // v5 only
    std::string_view raw_properties = {};  // encoded, without their length
};

struct Connect {
    ProtocolVersion version = ProtocolVersion::V311;
    bool bridge = false;  // levels 131 and 132: the bridge bit of MQTT 3 bridges
    bool clean_start = true;
    std::uint16_t keep_alive = 0;  // seconds
    std::string_view client_id;
    std::optional<std::string_view> username;
    std::optional<std::string_view> password;
    std::optional<Will> will;
    Properties properties;
};

struct Connack {
    bool session_present = false;
    ReasonCode reason = ReasonCode::Success;
    Properties properties;
};

struct Publish {
    std::string_view topic;
    std::string_view payload;
    std::string_view raw_properties;  // encoded, without their length; empty for v3
    PacketId id{};                    // 0 for QoS 0
    QoS qos = QoS::AtMostOnce;
    bool dup = false;
    bool retain = false;
    // The properties that the server itself acts on:
    std::uint16_t topic_alias = 0;                         // 0: none (the decoder refuses a real 0)
    std::optional<std::uint32_t> message_expiry_interval;  // seconds
    bool has_forwarded_properties = false;  // append_forwarded_properties() would write something
};

/// PUBACK, PUBREC, PUBREL and PUBCOMP.
struct Ack {
    PacketId id{};
    ReasonCode reason = ReasonCode::Success;
    Properties properties;
};

enum class RetainHandling : std::uint8_t { Send = 0, SendIfNew = 1, DoNotSend = 2 };

struct SubscriptionOptions {
    QoS qos = QoS::AtMostOnce;
    bool no_local = false;
    bool retain_as_published = false;
    RetainHandling retain_handling = RetainHandling::Send;

    bool operator==(const SubscriptionOptions&) const = default;
};

struct SubscribeEntry {
    std::string_view filter;
    SubscriptionOptions options;
};

struct Subscribe {
    PacketId id{};
    std::vector<SubscribeEntry> entries;  // in packet order, at least one
    Properties properties;                // at most one subscription identifier
};

struct Suback {
    PacketId id{};
    std::vector<ReasonCode> reasons;  // in the order of the SUBSCRIBE
    Properties properties;
};

struct Unsubscribe {
    PacketId id{};
    std::vector<std::string_view> filters;
    Properties properties;
};

struct Unsuback {
    PacketId id{};
    std::vector<ReasonCode> reasons;  // v5 only
    Properties properties;
};

struct Disconnect {
    ReasonCode reason = ReasonCode::Success;
    Properties properties;
};

struct Auth {
    ReasonCode reason = ReasonCode::Success;
    Properties properties;
};

}  // namespace vmq::mqtt
