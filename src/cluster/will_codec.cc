#include "cluster/will_codec.h"

#include <string_view>

#include "cluster/message_encoding.h"
#include "mqtt/properties.h"
#include "mqtt/topic.h"

namespace vmq::cluster {

namespace {

/// A will's payload is binary data of MQTT, with a length of two bytes; hooks may have changed it.
constexpr std::size_t kLongestPayload = 268'435'455;

// Of the flags, see message_encoding.h.
constexpr std::uint8_t kWillHasProperties = 0x08;
constexpr std::uint8_t kWillHasExpiry = 0x10;
constexpr std::uint8_t kKept = 0x20;

}  // namespace

void append(const LastWill& will, ByteWriter& body) {
    unsigned flags = static_cast<unsigned>(will.qos);
    if (will.retain) flags |= kRetain;
    if (!will.properties.empty()) flags |= kWillHasProperties;
    if (will.message_expiry_s) flags |= kWillHasExpiry;
    if (will.kept) flags |= kKept;
    body.u8(static_cast<std::uint8_t>(flags));
    body.string(will.key.mountpoint);
    body.string(will.key.client_id);
    body.string(will.mountpoint);
    body.string(will.topic);
    if (!will.properties.empty()) body.string(will.properties);
    if (will.message_expiry_s) body.varint(*will.message_expiry_s);
    body.varint(will.delay_s);
    body.string(will.payload);
}

bool read(ByteReader& reader, LastWill& will) {
    std::uint8_t flags = 0;
    std::string_view mountpoint;
    std::string_view client_id;
    std::string_view where;
    std::string_view topic;
    std::string_view properties;
    std::string_view payload;
    if (!reader.u8(flags) || (flags & kQoSBits) > 2 || flags > 0x3F ||
        !reader.string(mountpoint, kLongestText) || !reader.string(client_id, kLongestText) ||
        !reader.string(where, kLongestText) || !reader.string(topic, kLongestText) ||
        !mqtt::is_valid_topic_name(topic)) {
        return false;
    }
    if ((flags & kWillHasProperties) != 0 && (!reader.string(properties, kLongestPayload) ||
                                              !mqtt::are_valid_forwarded_properties(properties))) {
        return false;
    }
    will.message_expiry_s.reset();
    if ((flags & kWillHasExpiry) != 0 && !reader.varint(will.message_expiry_s.emplace())) {
        return false;
    }
    if (!reader.varint(will.delay_s) || !reader.string(payload, kLongestPayload)) return false;
    will.key = {std::string(mountpoint), std::string(client_id)};
    will.mountpoint = where;
    will.topic = topic;
    will.properties = properties;
    will.payload = payload;
    will.qos = static_cast<mqtt::QoS>(flags & kQoSBits);
    will.retain = (flags & kRetain) != 0;
    will.kept = (flags & kKept) != 0;
    return true;
}

}  // namespace vmq::cluster
