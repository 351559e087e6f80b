// Any packet to its canonical bytes: decoded and encoded again. For tests and fuzz targets.
#pragma once

#include <cstdint>
#include <string>

#include "mqtt/decoder.h"
#include "mqtt/encoder.h"

namespace vmq::mqtt::testing {

enum class Sender : std::uint8_t { Client, Server };

namespace detail {

inline constexpr DecodeStatus kWrongSender{ReasonCode::ProtocolError,
                                           "the other side sends this packet"};

inline DecodeStatus recode_publish(const Frame& frame, ProtocolVersion version, Sender sender,
                                   std::string& out) {
    Publish packet;
    const auto status = sender == Sender::Client ? decode_publish(frame, version, packet)
                                                 : decode_server_publish(frame, version, packet);
    if (status.ok()) encode_publish(packet, version, packet.raw_properties, out);
    return status;
}

inline DecodeStatus recode_ack(const Frame& frame, ProtocolVersion version, std::string& out) {
    Ack packet;
    const auto status = decode_ack(frame, version, packet);
    if (status.ok()) encode_ack(frame.type, packet, version, out);
    return status;
}

/// For the packets that follow one pattern.
template <typename Packet, typename Decode, typename Encode>
DecodeStatus recode_with(const Frame& frame, ProtocolVersion version, Decode decode, Encode encode,
                         std::string& out) {
    Packet packet;
    const DecodeStatus status = decode(frame, version, packet);
    if (status.ok()) encode(packet, version, out);
    return status;
}

inline DecodeStatus recode_disconnect(const Frame& frame, ProtocolVersion version, Sender sender,
                                      std::string& out) {
    Disconnect packet;
    if (sender == Sender::Server && version != ProtocolVersion::V5) return kWrongSender;
    const auto status = sender == Sender::Client ? decode_disconnect(frame, version, packet)
                                                 : decode_server_disconnect(frame, packet);
    if (status.ok()) encode_disconnect(packet, version, out);
    return status;
}

inline DecodeStatus recode_auth(const Frame& frame, ProtocolVersion version, Sender sender,
                                std::string& out) {
    Auth packet;
    if (version != ProtocolVersion::V5) return kWrongSender;
    const auto status =
        sender == Sender::Client ? decode_auth(frame, packet) : decode_server_auth(frame, packet);
    if (status.ok()) encode_auth(packet, out);
    return status;
}

}  // namespace detail

/// Decodes `frame` as a packet of `sender`; when that succeeds, appends it, encoded, to `out`.
/// A CONNECT brings its own version along.
inline DecodeStatus recode(const Frame& frame, ProtocolVersion version, Sender sender,
                           std::string& out) {
    using detail::recode_with;
    switch (frame.type) {
        case PacketType::Connect: {
            Connect packet;
            if (sender == Sender::Server) return detail::kWrongSender;
            const auto status = decode_connect(frame, packet);
            if (status.ok()) encode_connect(packet, out);
            return status;
        }
        case PacketType::Publish:
            return detail::recode_publish(frame, version, sender, out);
        case PacketType::Puback:
        case PacketType::Pubrec:
        case PacketType::Pubrel:
        case PacketType::Pubcomp:
            return detail::recode_ack(frame, version, out);
        case PacketType::Subscribe:
            return recode_with<Subscribe>(frame, version, decode_subscribe, encode_subscribe, out);
        case PacketType::Unsubscribe:
            return recode_with<Unsubscribe>(frame, version, decode_unsubscribe, encode_unsubscribe,
                                            out);
        case PacketType::Connack:
            return recode_with<Connack>(frame, version, decode_connack, encode_connack, out);
        case PacketType::Suback:
            return recode_with<Suback>(frame, version, decode_suback, encode_suback, out);
        case PacketType::Unsuback:
            return recode_with<Unsuback>(frame, version, decode_unsuback, encode_unsuback, out);
        case PacketType::Pingreq: {
            const auto status = decode_pingreq(frame, version);
            if (status.ok()) encode_pingreq(out);
            return status;
        }
        case PacketType::Disconnect:
            return detail::recode_disconnect(frame, version, sender, out);
        case PacketType::Auth:
            return detail::recode_auth(frame, version, sender, out);
        case PacketType::Pingresp:
            break;
    }
    return detail::kWrongSender;
}

}  // namespace vmq::mqtt::testing
