#include "mqtt/packet_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <utility>

#include "mqtt/topic.h"

namespace vmq::mqtt {
namespace {

/// Controls of the first and second set, and what reorders or hides the text around it.
bool steers(std::uint32_t character) noexcept {
    return character < 0x20 || (character >= 0x7F && character < 0xA0) || character == 0x061C ||
           (character >= 0x200B && character <= 0x200F) ||
           (character >= 0x2028 && character <= 0x202E) ||
           (character >= 0x2060 && character <= 0x206F) || character == 0xFEFF;
}

/// Bytes of the character that `text` begins with; 0 if it is none.
std::size_t character_at(std::string_view text, std::uint32_t& character) noexcept {
    const auto byte = [text](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
    const std::uint8_t first = byte(0);
    if (first < 0x80) {
        character = first;
        return 1;
    }
    const std::size_t size = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (first < 0xC2 || size > text.size() || !is_valid_utf8(text.substr(0, size))) return 0;
    character = first & (0xFFU >> (size + 1));
    for (std::size_t i = 1; i < size; ++i) character = character << 6U | (byte(i) & 0x3FU);
    return size;
}

void append_bytes(std::string_view bytes, std::string& out) {
    for (const char byte : bytes) {
        switch (byte) {
            case '\n':
                out += "\\n";
                break;
            case '\r':
                out += "\\r";
                break;
            case '\t':
                out += "\\t";
                break;
            default:
                fmt::format_to(std::back_inserter(out), "\\x{:02x}",
                               static_cast<std::uint8_t>(byte));
        }
    }
}

std::string printable(std::string_view bytes) {
    std::string out;
    append_printable(bytes, out);
    return out;
}

template <typename... Parts>
void append(std::string& out, fmt::format_string<Parts...> format, Parts&&... parts) {
    fmt::format_to(std::back_inserter(out), format, std::forward<Parts>(parts)...);
}

int number(bool flag) noexcept { return flag ? 1 : 0; }
int number(QoS qos) noexcept { return static_cast<int>(qos); }
int number(PacketId id) noexcept { return static_cast<int>(id); }
int number(ReasonCode reason) noexcept { return static_cast<int>(reason); }

/// "success(0)"
std::string named(ReasonCode reason) {
    return fmt::format("{}({})", reason_name(reason), number(reason));
}

std::string_view name_of(RetainHandling handling) noexcept {
    switch (handling) {
        case RetainHandling::Send:
            return "send_retain";
        case RetainHandling::SendIfNew:
            return "send_if_new_sub";
        case RetainHandling::DoNotSend:
            return "dont_send";
    }
    return {};
}

std::string list_of(const std::vector<ReasonCode>& reasons) {
    std::string out = "[";
    for (const ReasonCode reason : reasons) {
        append(out, "{}{}", out.size() > 1 ? "," : "", number(reason));
    }
    return out + "]";
}

/// As Erlang writes a binary.
std::string binary(std::string_view bytes) { return "<<\"" + printable(bytes) + "\">>"; }

void append_unreadable(PacketType type, const DecodeStatus& status, std::string& out) {
    append(out, "{}(unreadable: {})\n", packet_name(type), status.what);
}

void append_will(const Will& will, std::size_t payload_limit, std::string& out) {
    append(out, "    with LWT(wr: {}, wq: {}, wt: {}) with payload:\n    ", will.retain,
           number(will.qos), printable(will.topic));
    append_payload(will.payload, payload_limit, out);
    out += '\n';
    append_property_line(will.properties, true, out);
}

void append_connect(const Frame& frame, std::size_t payload_limit, std::string& out) {
    Connect packet;
    const DecodeStatus status = decode_connect(frame, packet);
    if (!status.ok()) return append_unreadable(frame.type, status, out);
    const bool v5 = packet.version == ProtocolVersion::V5;
    append(out, "CONNECT(c: {}, v: {}, u: {}, p: {}, cs: ", printable(packet.client_id),
           static_cast<int>(packet.version),
           packet.username ? printable(*packet.username) : "undefined",
           packet.password ? kNotPrinted : "undefined");
    if (v5) {
        append(out, "{}", packet.clean_start);
    } else {
        append(out, "{}", number(packet.clean_start));
    }
    append(out, ", ka: {})\n", packet.keep_alive);
    append_property_line(packet.properties, false, out);
    if (packet.will) append_will(*packet.will, payload_limit, out);
}

void append_connack(const Frame& frame, ProtocolVersion version, std::string& out) {
    Connack packet;
    const DecodeStatus status = decode_connack(frame, version, packet);
    if (!status.ok()) return append_unreadable(frame.type, status, out);
    append(out, "CONNACK(sp: {}, rc: ", number(packet.session_present));
    if (version == ProtocolVersion::V5) {
        append(out, "{})\n", named(packet.reason));
    } else {
        append(out, "{})\n", static_cast<std::uint8_t>(frame.body[1]));
    }
    append_property_line(packet.properties, true, out);
}

void append_publish(const Frame& frame, From from, ProtocolVersion version,
                    std::size_t payload_limit, std::string& out) {
    Publish packet;
    const DecodeStatus status = from == From::Client
                                    ? decode_publish(frame, version, packet)
                                    : decode_server_publish(frame, version, packet);
    if (!status.ok()) return append_unreadable(frame.type, status, out);
    append(out, "PUBLISH(d{}, q{}, r{}, m{}, \"{}\") with payload:\n    ", number(packet.dup),
           number(packet.qos), number(packet.retain), number(packet.id), printable(packet.topic));
    append_payload(packet.payload, payload_limit, out);
    out += '\n';
    if (packet.raw_properties.empty()) return;
    append_property_line(decode_publish_properties(packet.raw_properties), true, out);
}

void append_ack(const Frame& frame, ProtocolVersion version, std::string& out) {
    Ack packet;
    const DecodeStatus status = decode_ack(frame, version, packet);
    if (!status.ok()) return append_unreadable(frame.type, status, out);
    append(out, "{}(m{}", packet_name(frame.type), number(packet.id));
    if (version == ProtocolVersion::V5) {
        // The parenthesis too many is VerneMQ's.
        append(out, "{}, rc: {}", frame.type == PacketType::Puback ? "" : ")",
               named(packet.reason));
    }
    out += ")\n";
    append_property_line(packet.properties, true, out);
}

void append_subscribe(const Frame& frame, ProtocolVersion version, std::string& out) {
    Subscribe packet;
    const DecodeStatus status = decode_subscribe(frame, version, packet);
    if (!status.ok()) return append_unreadable(frame.type, status, out);
    append(out, "SUBSCRIBE(m{}) with topics:\n", number(packet.id));
    append_topic_lines(packet.entries, version == ProtocolVersion::V5, out);
    append_property_line(packet.properties, true, out);
}

void append_suback(const Frame& frame, ProtocolVersion version, std::string& out) {
    Suback packet;
    const DecodeStatus status = decode_suback(frame, version, packet);
    if (!status.ok()) return append_unreadable(frame.type, status, out);
    append(out, "SUBACK(m{}, {}{})\n", number(packet.id),
           version == ProtocolVersion::V5 ? "reason_codes:" : "qt", list_of(packet.reasons));
    append_property_line(packet.properties, true, out);
}

void append_unsubscribe(const Frame& frame, ProtocolVersion version, std::string& out) {
    Unsubscribe packet;
    const DecodeStatus status = decode_unsubscribe(frame, version, packet);
    if (!status.ok()) return append_unreadable(frame.type, status, out);
    // VerneMQ shows the topics of MQTT 5 only.
    append(out, "UNSUBSCRIBE(m{}){}\n", number(packet.id),
           version == ProtocolVersion::V5 ? " with topics:" : "");
    for (const std::string_view filter : packet.filters) {
        append(out, "    t: \"{}\"\n", printable(filter));
    }
    append_property_line(packet.properties, true, out);
}

void append_unsuback(const Frame& frame, ProtocolVersion version, std::string& out) {
    Unsuback packet;
    const DecodeStatus status = decode_unsuback(frame, version, packet);
    if (!status.ok()) return append_unreadable(frame.type, status, out);
    append(out, "UNSUBACK(m{}", number(packet.id));
    if (version == ProtocolVersion::V5) {
        append(out, ", reason_codes:{}", list_of(packet.reasons));
    }
    out += ")\n";
    append_property_line(packet.properties, true, out);
}

void append_disconnect(const Frame& frame, From from, ProtocolVersion version, std::string& out) {
    if (version != ProtocolVersion::V5) {
        out += "DISCONNECT()\n";
        return;
    }
    Disconnect packet;
    const DecodeStatus status = from == From::Client ? decode_disconnect(frame, version, packet)
                                                     : decode_server_disconnect(frame, packet);
    if (!status.ok()) return append_unreadable(frame.type, status, out);
    append(out, "DISCONNECT(rc:{}({}))\n",
           packet.reason == ReasonCode::Success ? "normal_disconnect" : reason_name(packet.reason),
           number(packet.reason));
    append_property_line(packet.properties, true, out);
}

void append_auth(const Frame& frame, From from, std::string& out) {
    Auth packet;
    const DecodeStatus status =
        from == From::Client ? decode_auth(frame, packet) : decode_server_auth(frame, packet);
    if (!status.ok()) return append_unreadable(frame.type, status, out);
    append(out, "AUTH(rc:{})\n", named(packet.reason));
    append_property_line(packet.properties, false, out);
}

}  // namespace

void append_printable(std::string_view bytes, std::string& out) {
    while (!bytes.empty()) {
        std::uint32_t character = 0;
        const std::size_t size = character_at(bytes, character);
        const std::string_view head = bytes.substr(0, std::max<std::size_t>(size, 1));
        if (size == 0 || steers(character)) {
            append_bytes(head, out);
        } else {
            out += head;
        }
        bytes.remove_prefix(head.size());
    }
}

void append_payload(std::string_view payload, std::size_t limit, std::string& out) {
    append_printable(payload.substr(0, limit), out);
    if (payload.size() > limit) out += " (truncated)";
}

void append_property_map(const Properties& properties, bool values, std::string& out) {
    out += "#{";
    const std::size_t start = out.size();
    const auto entry = [&](std::string_view name, std::string_view value) {
        append(out, "{}{} => {}", out.size() > start ? "," : "", name, value);
    };
    struct Number {
        Property property;
        std::string_view name;
        std::uint64_t value;
        bool is_flag = false;
    };
    const std::array numbers{
        Number{Property::PayloadFormatIndicator, "p_payload_format_indicator",
               properties.payload_format_indicator},
        Number{Property::MessageExpiryInterval, "p_message_expiry_interval",
               properties.message_expiry_interval},
        Number{Property::SessionExpiryInterval, "p_session_expiry_interval",
               properties.session_expiry_interval},
        Number{Property::ServerKeepAlive, "p_server_keep_alive", properties.server_keep_alive},
        Number{Property::RequestProblemInformation, "p_request_problem_info",
               properties.request_problem_information, true},
        Number{Property::WillDelayInterval, "p_will_delay_interval",
               properties.will_delay_interval},
        Number{Property::RequestResponseInformation, "p_request_response_info",
               properties.request_response_information, true},
        Number{Property::ReceiveMaximum, "p_receive_max", properties.receive_maximum},
        Number{Property::TopicAliasMaximum, "p_topic_alias_max", properties.topic_alias_maximum},
        Number{Property::TopicAlias, "p_topic_alias", properties.topic_alias},
        Number{Property::MaximumQoS, "p_max_qos", properties.maximum_qos},
        Number{Property::RetainAvailable, "p_retain_available", properties.retain_available, true},
        Number{Property::MaximumPacketSize, "p_max_packet_size", properties.maximum_packet_size},
        Number{Property::WildcardSubscriptionAvailable, "p_wildcard_subs_available",
               properties.wildcard_subscription_available, true},
        Number{Property::SubscriptionIdentifierAvailable, "p_sub_ids_available",
               properties.subscription_identifier_available, true},
        Number{Property::SharedSubscriptionAvailable, "p_shared_subs_available",
               properties.shared_subscription_available, true},
    };
    for (const Number& each : numbers) {
        if (!properties.has(each.property)) continue;
        entry(each.name,
              each.is_flag ? fmt::format("{}", each.value != 0) : fmt::format("{}", each.value));
    }
    struct Text {
        Property property;
        std::string_view name;
        std::string_view value;
    };
    const std::array texts{
        Text{Property::ContentType, "p_content_type", properties.content_type},
        Text{Property::ResponseTopic, "p_response_topic", properties.response_topic},
        Text{Property::CorrelationData, "p_correlation_data", properties.correlation_data},
        Text{Property::AssignedClientIdentifier, "p_assigned_client_id",
             properties.assigned_client_identifier},
        Text{Property::AuthenticationMethod, "p_authentication_method",
             properties.authentication_method},
        Text{Property::ResponseInformation, "p_response_info", properties.response_information},
        Text{Property::ServerReference, "p_server_ref", properties.server_reference},
        Text{Property::ReasonString, "p_reason_string", properties.reason_string},
    };
    for (const Text& each : texts) {
        if (properties.has(each.property)) entry(each.name, binary(each.value));
    }
    if (properties.has(Property::AuthenticationData)) entry("p_authentication_data", kNotPrinted);
    if (properties.has(Property::SubscriptionIdentifier)) {
        std::string list = "[";
        for (const std::uint32_t id : properties.subscription_identifiers) {
            append(list, "{}{}", list.size() > 1 ? "," : "", id);
        }
        entry("p_subscription_id", list + "]");
    }
    if (properties.has(Property::UserProperty)) {
        std::string list = "[";
        for (const auto& [name, value] : properties.user_properties) {
            append(list, "{}{{{},{}}}", list.size() > 1 ? "," : "", binary(name),
                   values ? binary(value) : std::string(kNotPrinted));
        }
        entry("p_user_property", list + "]");
    }
    out += '}';
}

void append_property_line(const Properties& properties, bool values, std::string& out) {
    if (properties.empty()) return;
    out += "    with properties: ";
    append_property_map(properties, values, out);
    out += '\n';
}

void append_topic_lines(const std::vector<SubscribeEntry>& entries, bool v5, std::string& out) {
    for (const SubscribeEntry& entry : entries) {
        const SubscriptionOptions& options = entry.options;
        append(out, "    q:{}", number(options.qos));
        if (v5) {
            append(out, ", no_local:{}, rap:{}, rh:{}\n    t: \"{}\"\n", options.no_local,
                   options.retain_as_published, name_of(options.retain_handling),
                   printable(entry.filter));
        } else {
            append(out, ", t: \"{}\"\n", printable(entry.filter));
        }
    }
}

void append_packet_text(const Frame& frame, From from, ProtocolVersion version,
                        std::size_t payload_limit, std::string& out) {
    switch (frame.type) {
        case PacketType::Connect:
            return append_connect(frame, payload_limit, out);
        case PacketType::Connack:
            return append_connack(frame, version, out);
        case PacketType::Publish:
            return append_publish(frame, from, version, payload_limit, out);
        case PacketType::Puback:
        case PacketType::Pubrec:
        case PacketType::Pubrel:
        case PacketType::Pubcomp:
            return append_ack(frame, version, out);
        case PacketType::Subscribe:
            return append_subscribe(frame, version, out);
        case PacketType::Suback:
            return append_suback(frame, version, out);
        case PacketType::Unsubscribe:
            return append_unsubscribe(frame, version, out);
        case PacketType::Unsuback:
            return append_unsuback(frame, version, out);
        case PacketType::Pingreq:
        case PacketType::Pingresp:
            append(out, "{}()\n", packet_name(frame.type));
            return;
        case PacketType::Disconnect:
            return append_disconnect(frame, from, version, out);
        case PacketType::Auth:
            return append_auth(frame, from, out);
    }
    append(out, "UNKNOWN(type {})\n", static_cast<int>(frame.type));
}

}  // namespace vmq::mqtt
