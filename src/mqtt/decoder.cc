#include "mqtt/decoder.h"

#include "mqtt/properties_codec.h"
#include "mqtt/reason_sets.h"
#include "mqtt/topic.h"
#include "mqtt/wire_format.h"
#include "mqtt/wire_reader.h"

namespace vmq::mqtt {

using detail::kDecoded;
using detail::malformed;
using detail::protocol_error;
using detail::WireReader;

// Packet := type:4 flags:4, remaining length:1..4, body. Length: seven bits a byte, lowest first.
Frame next_frame(std::string_view buffer, std::uint32_t max_remaining_length) noexcept {
    Frame frame;
    if (buffer.empty()) return frame;
    const auto first = static_cast<std::uint8_t>(buffer[0]);
    frame.type = static_cast<PacketType>(first >> 4U);
    frame.flags = first & 0x0FU;
    if (first >> 4U == 0) {
        frame.status = FrameStatus::Malformed;
        return frame;
    }
    std::size_t length = 0;
    std::size_t at = 1;
    for (unsigned shift = 0;; shift += 7) {
        if (shift == 28) {  // [v5 1.5.5] [v3.1.1 2.2.3]
            frame.status = FrameStatus::Malformed;
            return frame;
        }
        if (at == buffer.size()) return frame;
        const auto next = static_cast<std::uint8_t>(buffer[at++]);
        length |= static_cast<std::size_t>(next & 0x7FU) << shift;
        if (next < 0x80) break;
    }
    if (length > max_remaining_length) {
        frame.status = FrameStatus::TooLarge;
        frame.needed = at + length;
        frame.body = buffer.substr(at, length);
    } else if (buffer.size() - at < length) {
        frame.needed = at + length;
    } else {
        frame.status = FrameStatus::Complete;
        frame.body = buffer.substr(at, length);
        frame.size = at + length;
    }
    return frame;
}

namespace {

enum class Sender : std::uint8_t { Client, Server };

/// One pass over the properties of a PUBLISH, keeping only what the server acts on.
DecodeStatus scan_publish_properties(Sender sender, Publish& packet) noexcept {
    WireReader reader(packet.raw_properties);
    detail::PropertySet seen = 0;
    detail::PropertyValue value;
    while (!reader.done()) {
        const auto status = detail::read_property(reader, detail::kPublishRules, seen, value);
        if (!status.ok()) return status;
        if (value.property == Property::TopicAlias) {
            packet.topic_alias = static_cast<std::uint16_t>(value.number);
        } else if (value.property == Property::MessageExpiryInterval) {
            packet.message_expiry_interval = value.number;
        }
    }
    // [v5 MQTT-3.3.4-6]
    if (sender == Sender::Client && detail::contains(seen, Property::SubscriptionIdentifier)) {
        return protocol_error("PUBLISH of a client has a Subscription Identifier");
    }
    packet.has_forwarded_properties = (seen & detail::kForwardedProperties) != 0;
    return kDecoded;
}

DecodeStatus check_topic(const Publish& packet, ProtocolVersion version) noexcept {
    if (is_valid_topic_name(packet.topic)) [[likely]]
        return kDecoded;
    if (packet.topic.empty()) {
        if (version != ProtocolVersion::V5) {
            return {ReasonCode::TopicNameInvalid, "empty topic"};  // [v3.1.1 MQTT-4.7.3-1]
        }
        if (packet.topic_alias != 0) return kDecoded;
        return protocol_error("empty topic without Topic Alias");  // [v5 3.3.2.1]
    }
    // [v5 MQTT-3.3.2-1] [v3.1.1 MQTT-3.3.2-1]
    if (!is_valid_utf8(packet.topic)) return malformed("the topic is not UTF-8");
    // [v5 MQTT-3.3.2-2] [v3.1.1 MQTT-3.3.2-2]
    return {ReasonCode::TopicNameInvalid, "wildcard in a topic name"};
}

// Body := topic:string, [QoS > 0] id:u16, [v5] properties, payload.
DecodeStatus decode_publish_from(Sender sender, const Frame& frame, ProtocolVersion version,
                                 Publish& packet) noexcept {
    packet.retain = (frame.flags & 0x01U) != 0;
    packet.dup = (frame.flags & 0x08U) != 0;
    const unsigned qos = frame.flags >> 1U & 0x03U;
    packet.qos = static_cast<QoS>(qos);
    packet.id = PacketId{};
    packet.raw_properties = {};
    packet.topic_alias = 0;
    packet.message_expiry_interval.reset();
    packet.has_forwarded_properties = false;
    if (qos == 3) return malformed("QoS 3");  // [v5 MQTT-3.3.1-4] [v3.1.1 MQTT-3.3.1-4]
    if (qos == 0 && packet.dup) {             // [v5 MQTT-3.3.1-2] [v3.1.1 MQTT-3.3.1-2]
        return malformed("DUP with QoS 0");
    }
    if (detail::has_overlong_length(frame, version))
        return malformed("the remaining length is overlong");

    WireReader reader(frame.body);
    if (!reader.read_binary(packet.topic)) return malformed("the topic is cut off");
    if (qos != 0) {
        if (!reader.read_id(packet.id)) return malformed("the packet id is cut off");
        // [v5 MQTT-2.2.1-3] [v3.1.1 MQTT-2.3.1-1]
        if (packet.id == PacketId{}) return protocol_error("packet id 0");
    }
    if (version == ProtocolVersion::V5) {
        auto status = detail::read_property_section(reader, packet.raw_properties);
        if (status.ok() && !packet.raw_properties.empty()) {
            status = scan_publish_properties(sender, packet);
        }
        if (!status.ok()) return status;
    }
    packet.payload = reader.rest();
    return check_topic(packet, version);
}

}  // namespace

DecodeStatus decode_publish(const Frame& frame, ProtocolVersion version, Publish& packet) {
    return decode_publish_from(Sender::Client, frame, version, packet);
}

DecodeStatus decode_server_publish(const Frame& frame, ProtocolVersion version, Publish& packet) {
    return decode_publish_from(Sender::Server, frame, version, packet);
}

Properties decode_publish_properties(std::string_view raw) {
    Properties properties;
    (void)detail::decode_section(raw, detail::kPublishRules, properties);
    return properties;
}

DecodeStatus decode_pingreq(const Frame& frame, ProtocolVersion version) {
    // [v5 MQTT-2.1.3-1] [v3.1.1 MQTT-2.2.2-2]
    if (const auto status = detail::check_fixed_header(frame, version, 0); !status.ok())
        return status;
    if (!frame.body.empty()) return malformed("PINGREQ with a body");  // [v5 3.12] [v3.1.1 3.12]
    return kDecoded;
}

namespace {

// Tail := nothing, or reason:u8, or reason:u8 properties: the end of acknowledgements, DISCONNECT
// and AUTH. Nothing means Success [v5 3.4.2.1, 3.14.2.1, 3.15.2.1].
DecodeStatus read_reason_and_properties(WireReader& reader, const ReasonSet& reasons,
                                        const detail::PropertyRules& rules, ReasonCode& reason,
                                        Properties& properties) {
    reason = ReasonCode::Success;
    detail::reset(properties);
    std::uint8_t code = 0;
    if (reader.read_u8(code)) reason = static_cast<ReasonCode>(code);
    if (!reasons.contains(reason))
        return protocol_error("a reason code that this packet cannot have");
    if (reader.done()) return kDecoded;
    if (const auto status = detail::read_properties(reader, rules, properties); !status.ok()) {
        return status;
    }
    return reader.done() ? kDecoded : malformed("bytes behind the end of the packet");
}

DecodeStatus decode_disconnect_from(Sender sender, const Frame& frame, ProtocolVersion version,
                                    Disconnect& packet) {
    // [v5 MQTT-3.14.1-1] [v3.1.1 MQTT-3.14.1-1]
    if (const auto status = detail::check_fixed_header(frame, version, 0); !status.ok())
        return status;
    if (version != ProtocolVersion::V5) {
        packet.reason = ReasonCode::Success;
        detail::reset(packet.properties);
        return frame.body.empty() ? kDecoded
                                  : malformed("DISCONNECT with a body");  // [v3.1.1 3.14]
    }
    const bool client = sender == Sender::Client;
    WireReader reader(frame.body);
    const auto status = read_reason_and_properties(
        reader, client ? kClientDisconnectReasons : kServerDisconnectReasons,
        detail::kDisconnectRules, packet.reason, packet.properties);
    if (!status.ok()) return status;
    if (client && packet.properties.has(Property::ServerReference)) {
        return protocol_error("DISCONNECT of a client has a Server Reference");  // [v5 3.14.2.2.5]
    }
    if (!client && packet.properties.has(Property::SessionExpiryInterval)) {  // [v5 MQTT-3.14.2-2]
        return protocol_error("DISCONNECT of a server has a Session Expiry Interval");
    }
    return kDecoded;
}

DecodeStatus decode_auth_from(Sender sender, const Frame& frame, Auth& packet) {
    // [v5 MQTT-3.15.1-1]
    const auto header = detail::check_fixed_header(frame, ProtocolVersion::V5, 0);
    if (!header.ok()) return header;
    WireReader reader(frame.body);
    const auto status = read_reason_and_properties(
        reader, sender == Sender::Client ? kClientAuthReasons : kServerAuthReasons,
        detail::kAuthRules, packet.reason, packet.properties);
    if (!status.ok()) return status;
    // A body of nothing is allowed all the same [v5 3.15.2.1].
    if (!frame.body.empty() && !packet.properties.has(Property::AuthenticationMethod)) {
        return protocol_error("AUTH without Authentication Method");  // [v5 3.15.2.2.2]
    }
    return kDecoded;
}

}  // namespace

// Body := id:u16, [v5] tail.
DecodeStatus decode_ack(const Frame& frame, ProtocolVersion version, Ack& packet) {
    const auto header = frame.type == PacketType::Pubrel
                            ? detail::check_fixed_header_qos1(frame, version)
                            : detail::check_fixed_header(frame, version, 0);
    if (!header.ok()) return header;
    WireReader reader(frame.body);
    if (!reader.read_id(packet.id)) return malformed("the packet id is cut off");
    // No PUBLISH can have had it [v5 MQTT-2.2.1-3] [v3.1.1 MQTT-2.3.1-1].
    if (packet.id == PacketId{}) return protocol_error("packet id 0");
    if (version != ProtocolVersion::V5) {
        packet.reason = ReasonCode::Success;
        detail::reset(packet.properties);
        return reader.done() ? kDecoded : malformed("bytes behind the end of the packet");
    }
    const bool release = frame.type == PacketType::Pubrel || frame.type == PacketType::Pubcomp;
    return read_reason_and_properties(reader, release ? kPubrelReasons : kPubackReasons,
                                      detail::kAckRules, packet.reason, packet.properties);
}

DecodeStatus decode_disconnect(const Frame& frame, ProtocolVersion version, Disconnect& packet) {
    return decode_disconnect_from(Sender::Client, frame, version, packet);
}

DecodeStatus decode_server_disconnect(const Frame& frame, Disconnect& packet) {
    return decode_disconnect_from(Sender::Server, frame, ProtocolVersion::V5, packet);
}

DecodeStatus decode_auth(const Frame& frame, Auth& packet) {
    return decode_auth_from(Sender::Client, frame, packet);
}

DecodeStatus decode_server_auth(const Frame& frame, Auth& packet) {
    return decode_auth_from(Sender::Server, frame, packet);
}

}  // namespace vmq::mqtt
