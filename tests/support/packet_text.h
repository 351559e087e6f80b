// What a server sent, one line of text per packet: "PUBACK 7 0x87". Decoded as a client would.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "mqtt/decoder.h"
#include "mqtt/packets.h"
#include "mqtt/types.h"

namespace vmq::testing {

namespace detail {

inline std::string code(mqtt::ReasonCode reason) {
    return fmt::format(" {:#04x}", static_cast<unsigned>(reason));
}

/// " name=value" for every property that is there.
inline std::string text_of(const mqtt::Properties& properties) {
    using mqtt::Property;
    std::string text;
    const auto add = [&](Property property, std::string_view name, const auto& value) {
        if (properties.has(property)) text += fmt::format(" {}={}", name, value);
    };
    add(Property::SessionExpiryInterval, "session_expiry", properties.session_expiry_interval);
    add(Property::ReceiveMaximum, "receive_maximum", properties.receive_maximum);
    add(Property::TopicAliasMaximum, "alias_maximum", properties.topic_alias_maximum);
    add(Property::MaximumPacketSize, "maximum_packet_size", properties.maximum_packet_size);
    add(Property::AssignedClientIdentifier, "assigned", properties.assigned_client_identifier);
    add(Property::ServerKeepAlive, "keep_alive", properties.server_keep_alive);
    add(Property::AuthenticationMethod, "method", properties.authentication_method);
    add(Property::AuthenticationData, "data", properties.authentication_data);
    add(Property::ResponseInformation, "response_information", properties.response_information);
    add(Property::ServerReference, "server", properties.server_reference);
    add(Property::MessageExpiryInterval, "expiry", properties.message_expiry_interval);
    add(Property::TopicAlias, "alias", properties.topic_alias);
    add(Property::ContentType, "content_type", properties.content_type);
    for (const auto id : properties.subscription_identifiers) text += fmt::format(" sub={}", id);
    for (const auto& [key, value] : properties.user_properties) {
        text += fmt::format(" {}:{}", key, value);
    }
    add(Property::ReasonString, "reason", properties.reason_string);
    return text;
}

inline std::string text_of(const mqtt::Publish& packet) {
    std::string text = fmt::format("PUBLISH {} {} q{}", packet.topic, packet.payload,
                                   static_cast<unsigned>(packet.qos));
    if (packet.qos != mqtt::QoS::AtMostOnce) {
        text += fmt::format(" id={}", static_cast<unsigned>(packet.id));
    }
    if (packet.dup) text += " dup";
    if (packet.retain) text += " retain";
    if (!packet.raw_properties.empty()) {
        text += text_of(mqtt::decode_publish_properties(packet.raw_properties));
    }
    return text;
}

template <typename Packet>
std::string text_of_reasons(std::string_view name, const Packet& packet) {
    std::string text = fmt::format("{} {}", name, static_cast<unsigned>(packet.id));
    for (const auto reason : packet.reasons) text += code(reason);
    return text + text_of(packet.properties);
}

}  // namespace detail

/// One packet; begins with "BROKEN" if a client could not accept it.
inline std::string packet_text(const mqtt::Frame& frame, mqtt::ProtocolVersion version) {
    using mqtt::PacketType;
    std::string text;
    mqtt::DecodeStatus status;
    const std::string name(mqtt::packet_name(frame.type));
    switch (frame.type) {
        case PacketType::Connack: {
            mqtt::Connack packet;
            status = mqtt::decode_connack(frame, version, packet);
            if (!status.ok()) break;
            text = fmt::format("CONNACK {} {:#04x}", packet.session_present ? 1 : 0,
                               static_cast<unsigned>(static_cast<unsigned char>(frame.body[1]))) +
                   detail::text_of(packet.properties);
            break;
        }
        case PacketType::Publish: {
            mqtt::Publish packet;
            status = mqtt::decode_server_publish(frame, version, packet);
            if (status.ok()) text = detail::text_of(packet);
            break;
        }
        case PacketType::Puback:
        case PacketType::Pubrec:
        case PacketType::Pubrel:
        case PacketType::Pubcomp: {
            mqtt::Ack packet;
            status = mqtt::decode_ack(frame, version, packet);
            text = fmt::format("{} {}", name, static_cast<unsigned>(packet.id));
            if (packet.reason != mqtt::ReasonCode::Success) text += detail::code(packet.reason);
            text += detail::text_of(packet.properties);
            break;
        }
        case PacketType::Suback: {
            mqtt::Suback packet;
            status = mqtt::decode_suback(frame, version, packet);
            text = detail::text_of_reasons(name, packet);
            break;
        }
        case PacketType::Unsuback: {
            mqtt::Unsuback packet;
            status = mqtt::decode_unsuback(frame, version, packet);
            text = detail::text_of_reasons(name, packet);
            break;
        }
        case PacketType::Pingresp:
            text = name;
            break;
        case PacketType::Disconnect: {
            mqtt::Disconnect packet;
            status = mqtt::decode_server_disconnect(frame, packet);
            text = name + detail::code(packet.reason) + detail::text_of(packet.properties);
            break;
        }
        case PacketType::Auth: {
            mqtt::Auth packet;
            status = mqtt::decode_server_auth(frame, packet);
            text = name + detail::code(packet.reason) + detail::text_of(packet.properties);
            break;
        }
        default:
            return "BROKEN " + name + ": no packet of a server";
    }
    return status.ok() ? text : fmt::format("BROKEN {}: {}", name, status.what);
}

/// All packets in `bytes`.
inline std::vector<std::string> packet_texts(std::string_view bytes,
                                             mqtt::ProtocolVersion version) {
    std::vector<std::string> texts;
    while (!bytes.empty()) {
        const mqtt::Frame frame = mqtt::next_frame(bytes, 268'435'455);
        if (frame.status != mqtt::FrameStatus::Complete) {
            texts.emplace_back("BROKEN: no whole packet");
            break;
        }
        texts.push_back(packet_text(frame, version));
        bytes.remove_prefix(frame.size);
    }
    return texts;
}

}  // namespace vmq::testing
