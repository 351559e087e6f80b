#include "mqtt/decoder.h"
#include "mqtt/properties_codec.h"
#include "mqtt/reason_sets.h"
#include "mqtt/topic.h"
#include "mqtt/wire_format.h"
#include "mqtt/wire_reader.h"

namespace vmq::mqtt {
namespace {

using detail::kDecoded;
using detail::malformed;
using detail::protocol_error;
using detail::WireReader;

// Head := id:u16, [v5] properties: how all four packets begin.
DecodeStatus read_head(WireReader& reader, ProtocolVersion version,
                       const detail::PropertyRules& rules, PacketId& id, Properties& properties) {
    detail::reset(properties);
    if (!reader.read_id(id)) return malformed("the packet id is cut off");
    // [v5 MQTT-2.2.1-3] [v3.1.1 MQTT-2.3.1-1]
    if (id == PacketId{}) return protocol_error("packet id 0");
    if (version != ProtocolVersion::V5) return kDecoded;
    return detail::read_properties(reader, rules, properties);
}

DecodeStatus read_filter(WireReader& reader, std::string_view& filter) noexcept {
    if (!reader.read_binary(filter)) return malformed("a topic filter is cut off");
    if (is_valid_topic_filter(filter)) return kDecoded;
    // [v5 MQTT-3.8.3-1, MQTT-3.10.3-1] [v3.1.1, the same numbers]
    if (!is_valid_utf8(filter)) return malformed("a topic filter is not UTF-8");
    // [v5 4.7, 4.8.2] [v3.1.1 4.7]
    return {ReasonCode::TopicFilterInvalid, "an invalid topic filter"};
}

// v5 options := reserved:2 retain handling:2 retain as published:1 no local:1 QoS:2; v3: only QoS.
DecodeStatus read_options(WireReader& reader, ProtocolVersion version,
                          SubscriptionOptions& options) noexcept {
    std::uint8_t bits = 0;
    if (!reader.read_u8(bits)) return malformed("subscription options are cut off");
    const unsigned qos = bits & 0x03U;
    options.qos = static_cast<QoS>(qos);
    if (version != ProtocolVersion::V5) {
        // [v3.1.1 MQTT-3-8.3-4]
        if (bits > 2) return malformed("reserved bits or QoS 3 in a subscription");
        return kDecoded;
    }
    if ((bits & 0xC0U) != 0)
        return malformed("reserved subscription options");  // [v5 MQTT-3.8.3-5]
    const unsigned handling = bits >> 4U & 0x03U;
    // [v5 3.8.3.1]
    if (qos == 3) return protocol_error("subscription with QoS 3");
    if (handling == 3) return protocol_error("Retain Handling 3");
    options.no_local = (bits & 0x04U) != 0;
    options.retain_as_published = (bits & 0x08U) != 0;
    options.retain_handling = static_cast<RetainHandling>(handling);
    return kDecoded;
}

// [v3.1.1 MQTT-3.9.3-2]
constexpr ReasonSet kSubackReturnCodes{ReasonCode::Success, ReasonCode::GrantedQoS1,
                                       ReasonCode::GrantedQoS2, ReasonCode::UnspecifiedError};

/// One reason per filter of the request, and a request has at least one.
DecodeStatus read_reasons(WireReader& reader, const ReasonSet& allowed,
                          std::vector<ReasonCode>& reasons) {
    if (reader.done()) return protocol_error("an acknowledgement without reason codes");
    reasons.reserve(reader.left());
    for (const char byte : reader.rest()) {
        const auto reason = static_cast<ReasonCode>(byte);
        if (!allowed.contains(reason)) {
            return protocol_error("a reason code that this packet cannot have");
        }
        reasons.push_back(reason);
    }
    return kDecoded;
}

}  // namespace

// Body := head, then one or more of: filter:string options:u8.
DecodeStatus decode_subscribe(const Frame& frame, ProtocolVersion version, Subscribe& packet) {
    packet.entries.clear();
    if (const auto status = detail::check_fixed_header_qos1(frame, version); !status.ok())
        return status;
    WireReader reader(frame.body);
    const auto head =
        read_head(reader, version, detail::kSubscribeRules, packet.id, packet.properties);
    if (!head.ok()) return head;
    // [v5 MQTT-3.8.3-2] [v3.1.1 MQTT-3.8.3-3]
    if (reader.done()) return protocol_error("SUBSCRIBE without a topic filter");
    while (!reader.done()) {
        SubscribeEntry entry;
        auto status = read_filter(reader, entry.filter);
        if (status.ok()) status = read_options(reader, version, entry.options);
        if (!status.ok()) return status;
        // [v5 MQTT-3.8.3-4]
        if (entry.options.no_local && parse_shared_filter(entry.filter)) {
            return protocol_error("No Local on a shared subscription");
        }
        packet.entries.push_back(entry);
    }
    return kDecoded;
}

// Body := head, then one or more of: filter:string.
DecodeStatus decode_unsubscribe(const Frame& frame, ProtocolVersion version, Unsubscribe& packet) {
    packet.filters.clear();
    if (const auto status = detail::check_fixed_header_qos1(frame, version); !status.ok())
        return status;
    WireReader reader(frame.body);
    const auto head =
        read_head(reader, version, detail::kUnsubscribeRules, packet.id, packet.properties);
    if (!head.ok()) return head;
    // [v5 MQTT-3.10.3-2] [v3.1.1 MQTT-3.10.3-2]
    if (reader.done()) return protocol_error("UNSUBSCRIBE without a topic filter");
    while (!reader.done()) {
        std::string_view filter;
        if (const auto status = read_filter(reader, filter); !status.ok()) return status;
        packet.filters.push_back(filter);
    }
    return kDecoded;
}

// Body := head, reasons:u8...
DecodeStatus decode_suback(const Frame& frame, ProtocolVersion version, Suback& packet) {
    packet.reasons.clear();
    if (const auto status = detail::check_fixed_header(frame, version, 0); !status.ok())
        return status;
    WireReader reader(frame.body);
    const auto head = read_head(reader, version, detail::kAckRules, packet.id, packet.properties);
    if (!head.ok()) return head;
    return read_reasons(reader,
                        version == ProtocolVersion::V5 ? kSubackReasons : kSubackReturnCodes,
                        packet.reasons);
}

// Body := head, [v5] reasons:u8...
DecodeStatus decode_unsuback(const Frame& frame, ProtocolVersion version, Unsuback& packet) {
    packet.reasons.clear();
    if (const auto status = detail::check_fixed_header(frame, version, 0); !status.ok())
        return status;
    WireReader reader(frame.body);
    const auto head = read_head(reader, version, detail::kAckRules, packet.id, packet.properties);
    if (!head.ok()) return head;
    if (version == ProtocolVersion::V5)
        return read_reasons(reader, kUnsubackReasons, packet.reasons);
    return reader.done() ? kDecoded : malformed("bytes behind the end of the packet");
}

}  // namespace vmq::mqtt
