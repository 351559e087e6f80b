#include "mqtt/encoder.h"

#include <limits>

#include "base/assert.h"
#include "mqtt/wire_format.h"

namespace vmq::mqtt {
namespace {

constexpr std::size_t kMaxLength = 268'435'455;  // [v5 1.5.5]

/// Writes a length of at most 127 to 268,435,455 and says where it ends.
char* write_length(std::size_t length, char* at) noexcept {
    while (length >= 128) {
        *at++ = static_cast<char>((length & 0x7FU) | 0x80U);
        length >>= 7U;
    }
    *at++ = static_cast<char>(length);
    return at;
}

char* write_u16(std::size_t value, char* at) noexcept {
    *at++ = static_cast<char>(value >> 8U & 0xFFU);
    *at++ = static_cast<char>(value & 0xFFU);
    return at;
}

void append_header(PacketType type, unsigned flags, std::size_t length, std::string& out) {
    VMQ_ASSERT(length <= kMaxLength);
    char header[5];
    header[0] = static_cast<char>(static_cast<unsigned>(type) << 4U | flags);
    out.append(header, write_length(length, header + 1));
}

void append_id(PacketId id, std::string& out) {
    detail::append_u16(static_cast<std::uint16_t>(id), out);
}

void append_byte(unsigned value, std::string& out) { out.push_back(static_cast<char>(value)); }

void append_reason(ReasonCode reason, std::string& out) {
    append_byte(static_cast<unsigned>(reason), out);
}

std::size_t string_size(std::string_view text) noexcept { return 2 + text.size(); }

/// A property section with its length; takes no space at all in MQTT 3.
class Section final {
public:
    Section(const Properties& properties, ProtocolVersion version)
        : present_(version == ProtocolVersion::V5) {
        if (present_) append_properties(properties, bytes_);
    }
    [[nodiscard]] std::size_t size() const noexcept {
        return present_ ? length_size(bytes_.size()) + bytes_.size() : 0;
    }
    void append_to(std::string& out) const {
        if (!present_) return;
        append_length(bytes_.size(), out);
        out.append(bytes_);
    }

private:
    bool present_;
    std::string bytes_;
};

/// The flags of PUBREL, SUBSCRIBE and UNSUBSCRIBE are 2 [v5 MQTT-3.6.1-1, MQTT-3.8.1-1,
/// MQTT-3.10.1-1].
constexpr unsigned fixed_flags(PacketType type) noexcept {
    return type == PacketType::Pubrel || type == PacketType::Subscribe ||
                   type == PacketType::Unsubscribe
               ? 2
               : 0;
}

/// DISCONNECT and AUTH: what says nothing is left out [v5 3.14.2.1, 3.14.2.2.1, 3.15.2.1].
void append_reason_packet(PacketType type, ReasonCode reason, const Properties& properties,
                          std::string& out) {
    if (!properties.empty()) {
        const Section section(properties, ProtocolVersion::V5);
        append_header(type, 0, 1 + section.size(), out);
        append_reason(reason, out);
        section.append_to(out);
    } else if (reason != ReasonCode::Success) {
        append_header(type, 0, 1, out);
        append_reason(reason, out);
    } else {
        append_header(type, 0, 0, out);
    }
}

unsigned option_bits(const SubscriptionOptions& options, ProtocolVersion version) noexcept {
    const auto qos = static_cast<unsigned>(options.qos);
    if (version != ProtocolVersion::V5) return qos;
    return qos | (options.no_local ? 0x04U : 0U) | (options.retain_as_published ? 0x08U : 0U) |
           static_cast<unsigned>(options.retain_handling) << 4U;
}

unsigned connect_flags(const Connect& packet) noexcept {
    unsigned flags = packet.clean_start ? 0x02U : 0U;
    if (packet.will) {
        flags |= 0x04U | static_cast<unsigned>(packet.will->qos) << 3U;
        if (packet.will->retain) flags |= 0x20U;
    }
    if (packet.password) flags |= 0x40U;
    if (packet.username) flags |= 0x80U;
    return flags;
}

}  // namespace

void append_length(std::size_t length, std::string& out) {
    VMQ_ASSERT(length <= kMaxLength);
    char bytes[4];
    out.append(bytes, write_length(length, bytes));
}

void append_string(std::string_view text, std::string& out) {
    VMQ_ASSERT(text.size() <= std::numeric_limits<std::uint16_t>::max());
    detail::append_u16(static_cast<std::uint16_t>(text.size()), out);
    out.append(text);
}

void encode_connect(const Connect& packet, std::string& out) {
    const bool original = packet.version == ProtocolVersion::V31;
    const std::string_view name = original ? "MQIsdp" : "MQTT";
    const Section section(packet.properties, packet.version);
    const Section will_section(packet.will ? packet.will->properties : Properties{},
                               packet.version);
    std::size_t length =
        string_size(name) + 1 + 1 + 2 + section.size() + string_size(packet.client_id);
    if (packet.will) {
        length += will_section.size() + string_size(packet.will->topic) +
                  string_size(packet.will->payload);
    }
    if (packet.username) length += string_size(*packet.username);
    if (packet.password) length += string_size(*packet.password);

    append_header(PacketType::Connect, 0, length, out);
    append_string(name, out);
    const bool bridge = packet.bridge && packet.version != ProtocolVersion::V5;
    append_byte(static_cast<unsigned>(packet.version) | (bridge ? 0x80U : 0U), out);
    append_byte(connect_flags(packet), out);
    detail::append_u16(packet.keep_alive, out);
    section.append_to(out);
    append_string(packet.client_id, out);
    if (packet.will) {
        will_section.append_to(out);
        append_string(packet.will->topic, out);
        append_string(packet.will->payload, out);
    }
    if (packet.username) append_string(*packet.username, out);
    if (packet.password) append_string(*packet.password, out);
}

void encode_connack(const Connack& packet, ProtocolVersion version, std::string& out) {
    // [v5 MQTT-3.2.2-6] [v3.1.1 MQTT-3.2.2-4]. The byte is reserved in MQTT 3.1, where clients
    // ignore it; VerneMQ sets it there as well.
    const bool present = packet.session_present && packet.reason == ReasonCode::Success;
    const Section section(packet.properties, version);
    append_header(PacketType::Connack, 0, 2 + section.size(), out);
    append_byte(present ? 1 : 0, out);
    if (version == ProtocolVersion::V5) {
        append_reason(packet.reason, out);
    } else {
        append_byte(connack_return_code(packet.reason), out);
    }
    section.append_to(out);
}

void encode_publish(const Publish& packet, ProtocolVersion version, std::string_view properties,
                    std::string& out) {
    encode_publish_header(packet, version, properties, out);
    out.append(packet.payload);
}

void encode_publish_header(const Publish& packet, ProtocolVersion version,
                           std::string_view properties, std::string& out) {
    VMQ_ASSERT(packet.topic.size() <= std::numeric_limits<std::uint16_t>::max());
    const bool with_id = packet.qos != QoS::AtMostOnce;
    const bool v5 = version == ProtocolVersion::V5;
    const std::size_t length = string_size(packet.topic) + (with_id ? 2 : 0) +
                               (v5 ? length_size(properties.size()) + properties.size() : 0) +
                               packet.payload.size();
    VMQ_ASSERT(length <= kMaxLength);

    // Few long pieces: what stands before and behind the topic is put together first.
    char before[1 + 4 + 2];
    before[0] = static_cast<char>(
        static_cast<unsigned>(PacketType::Publish) << 4U | (packet.dup ? 0x08U : 0U) |
        static_cast<unsigned>(packet.qos) << 1U | (packet.retain ? 1U : 0U));
    char* end = write_u16(packet.topic.size(), write_length(length, before + 1));
    out.append(before, end);
    out.append(packet.topic);
    char behind[2 + 4];
    end = behind;
    if (with_id) end = write_u16(static_cast<std::uint16_t>(packet.id), end);
    if (v5) end = write_length(properties.size(), end);
    out.append(behind, end);
    if (v5) out.append(properties);
}

void encode_simple_ack(PacketType type, PacketId id, std::string& out) {
    char bytes[4];
    bytes[0] = static_cast<char>(static_cast<unsigned>(type) << 4U | fixed_flags(type));
    bytes[1] = 2;
    out.append(bytes, write_u16(static_cast<std::uint16_t>(id), bytes + 2));
}

void encode_ack(PacketType type, const Ack& packet, ProtocolVersion version, std::string& out) {
    if (version != ProtocolVersion::V5 ||
        (packet.reason == ReasonCode::Success && packet.properties.empty())) {
        encode_simple_ack(type, packet.id, out);
        return;
    }
    if (packet.properties.empty()) {
        append_header(type, fixed_flags(type), 3, out);
        append_id(packet.id, out);
        append_reason(packet.reason, out);
        return;
    }
    const Section section(packet.properties, version);
    append_header(type, fixed_flags(type), 3 + section.size(), out);
    append_id(packet.id, out);
    append_reason(packet.reason, out);
    section.append_to(out);
}

void encode_subscribe(const Subscribe& packet, ProtocolVersion version, std::string& out) {
    const Section section(packet.properties, version);
    std::size_t length = 2 + section.size();
    for (const SubscribeEntry& entry : packet.entries) length += string_size(entry.filter) + 1;
    append_header(PacketType::Subscribe, fixed_flags(PacketType::Subscribe), length, out);
    append_id(packet.id, out);
    section.append_to(out);
    for (const SubscribeEntry& entry : packet.entries) {
        append_string(entry.filter, out);
        append_byte(option_bits(entry.options, version), out);
    }
}

void encode_suback(const Suback& packet, ProtocolVersion version, std::string& out) {
    const Section section(packet.properties, version);
    append_header(PacketType::Suback, 0, 2 + section.size() + packet.reasons.size(), out);
    append_id(packet.id, out);
    section.append_to(out);
    for (const ReasonCode reason : packet.reasons) {
        const bool failure = version != ProtocolVersion::V5 && is_error(reason);
        append_reason(failure ? ReasonCode::UnspecifiedError : reason,
                      out);  // [v3.1.1 MQTT-3.9.3-2]
    }
}

void encode_unsubscribe(const Unsubscribe& packet, ProtocolVersion version, std::string& out) {
    const Section section(packet.properties, version);
    std::size_t length = 2 + section.size();
    for (const std::string_view filter : packet.filters) length += string_size(filter);
    append_header(PacketType::Unsubscribe, fixed_flags(PacketType::Unsubscribe), length, out);
    append_id(packet.id, out);
    section.append_to(out);
    for (const std::string_view filter : packet.filters) append_string(filter, out);
}

void encode_unsuback(const Unsuback& packet, ProtocolVersion version, std::string& out) {
    const Section section(packet.properties, version);
    const bool v5 = version == ProtocolVersion::V5;
    append_header(PacketType::Unsuback, 0, 2 + section.size() + (v5 ? packet.reasons.size() : 0),
                  out);
    append_id(packet.id, out);
    section.append_to(out);
    if (!v5) return;
    for (const ReasonCode reason : packet.reasons) append_reason(reason, out);
}

void encode_pingreq(std::string& out) { append_header(PacketType::Pingreq, 0, 0, out); }

void encode_pingresp(std::string& out) { append_header(PacketType::Pingresp, 0, 0, out); }

void encode_disconnect(const Disconnect& packet, ProtocolVersion version, std::string& out) {
    if (version == ProtocolVersion::V5) {
        append_reason_packet(PacketType::Disconnect, packet.reason, packet.properties, out);
    } else {
        append_header(PacketType::Disconnect, 0, 0, out);
    }
}

void encode_auth(const Auth& packet, std::string& out) {
    append_reason_packet(PacketType::Auth, packet.reason, packet.properties, out);
}

}  // namespace vmq::mqtt
