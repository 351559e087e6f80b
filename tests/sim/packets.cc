#include "sim/packets.h"

#include <utility>

namespace vmq::sim {
namespace {

void append_number(std::string& to, unsigned number) {
    to += static_cast<char>(number >> 8U);
    to += static_cast<char>(number & 0xFFU);
}

void append_text(std::string& to, std::string_view text) {
    append_number(to, static_cast<unsigned>(text.size()));
    to += text;
}

void append_length(std::string& to, std::size_t length) {
    do {
        const auto part = static_cast<unsigned char>(length % 128);
        length /= 128;
        to += static_cast<char>(part | (length > 0 ? 0x80U : 0U));
    } while (length > 0);
}

std::string packet(PacketType type, unsigned flags, std::string_view body) {
    std::string made(1, static_cast<char>(static_cast<unsigned>(type) << 4U | flags));
    append_length(made, body.size());
    made += body;
    return made;
}

unsigned byte_at(std::string_view bytes, std::size_t at) {
    return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0U;
}

/// Reads a variable byte integer at `at`, which moves behind it. False: it is not there.
bool take_length(std::string_view bytes, std::size_t& at, std::size_t& length) {
    length = 0;
    for (unsigned shift = 0; shift < 28; shift += 7) {
        if (at >= bytes.size()) return false;
        const unsigned part = byte_at(bytes, at++);
        length |= static_cast<std::size_t>(part & 0x7FU) << shift;
        if ((part & 0x80U) == 0) return true;
    }
    return false;
}

std::uint16_t number_at(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint16_t>(byte_at(bytes, at) << 8U | byte_at(bytes, at + 1));
}

void skip_properties(std::string_view body, std::size_t& at) {
    std::size_t length = 0;
    if (take_length(body, at, length)) at += length;
}

}  // namespace

std::string PacketCodec::connect(const Connect& connect) const {
    std::string body;
    append_text(body, "MQTT");
    body += static_cast<char>(v5_ ? 5 : 4);
    body += static_cast<char>(connect.clean_start ? 2 : 0);
    append_number(body, 0);  // no keep-alive
    if (v5_) {
        body += '\x05';
        body += '\x11';  // Session Expiry Interval
        append_number(body, connect.expiry_s >> 16U);
        append_number(body, connect.expiry_s & 0xFFFFU);
    }
    append_text(body, connect.client_id);
    return packet(PacketType::Connect, 0, body);
}

std::string PacketCodec::publish(std::string_view topic, std::string_view payload, int qos,
                                 std::uint16_t id, bool dup, bool retain) const {
    std::string body;
    append_text(body, topic);
    if (qos > 0) append_number(body, id);
    if (v5_) body += '\0';
    body += payload;
    const unsigned flags = static_cast<unsigned>(qos) << 1U | (dup ? 8U : 0U) | (retain ? 1U : 0U);
    return packet(PacketType::Publish, flags, body);
}

std::string PacketCodec::answer(PacketType type, std::uint16_t id) {
    std::string body;
    append_number(body, id);
    return packet(type, type == PacketType::Pubrel ? 2 : 0, body);
}

std::string PacketCodec::subscribe(std::uint16_t id, std::string_view filter, int qos) const {
    std::string body;
    append_number(body, id);
    if (v5_) body += '\0';
    append_text(body, filter);
    body += static_cast<char>(qos);
    return packet(PacketType::Subscribe, 2, body);
}

std::string PacketCodec::disconnect() { return packet(PacketType::Disconnect, 0, {}); }

std::optional<Packet> PacketCodec::take(std::string& bytes) const {
    std::size_t at = 1;
    std::size_t length = 0;
    if (bytes.empty() || !take_length(bytes, at, length) || bytes.size() < at + length) {
        return std::nullopt;
    }
    const std::string body = bytes.substr(at, length);
    const unsigned first = byte_at(bytes, 0);
    bytes.erase(0, at + length);
    Packet packet;
    packet.type = static_cast<PacketType>(first >> 4U);
    switch (packet.type) {
        case PacketType::Connack:
            packet.session_present = (byte_at(body, 0) & 1U) != 0;
            packet.code = static_cast<std::uint8_t>(byte_at(body, 1));
            break;
        case PacketType::Publish: {
            packet.dup = (first & 8U) != 0;
            packet.retain = (first & 1U) != 0;
            packet.qos = static_cast<int>(first >> 1U & 3U);
            const std::size_t topic = number_at(body, 0);
            packet.topic = body.substr(2, topic);
            std::size_t behind = 2 + topic;
            if (packet.qos > 0) {
                packet.id = number_at(body, behind);
                behind += 2;
            }
            if (v5_) skip_properties(body, behind);
            packet.payload = body.substr(behind);
            break;
        }
        case PacketType::Puback:
        case PacketType::Pubrec:
        case PacketType::Pubrel:
        case PacketType::Pubcomp:
            packet.id = number_at(body, 0);
            packet.code = static_cast<std::uint8_t>(byte_at(body, 2));
            break;
        case PacketType::Suback: {
            packet.id = number_at(body, 0);
            std::size_t behind = 2;
            if (v5_) skip_properties(body, behind);
            packet.code = static_cast<std::uint8_t>(byte_at(body, behind));
            break;
        }
        case PacketType::Disconnect:
            packet.code = static_cast<std::uint8_t>(byte_at(body, 0));
            break;
        default:
            packet.code = 0xFF;
            break;
    }
    return packet;
}

}  // namespace vmq::sim
