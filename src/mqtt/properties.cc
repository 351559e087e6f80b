#include "mqtt/properties.h"

#include <array>
#include <cstddef>

#include "mqtt/encoder.h"
#include "mqtt/properties_codec.h"
#include "mqtt/topic.h"
#include "mqtt/wire_format.h"

namespace vmq::mqtt {
namespace detail {
namespace {

enum class WireType : std::uint8_t { Unknown, Byte, Two, Four, Variable, Text, Binary, TextPair };

/// How a property is written and where it is kept; of the four members one at most is not null.
struct Layout {
    WireType type = WireType::Unknown;
    std::uint8_t Properties::* byte = nullptr;
    std::uint16_t Properties::* two = nullptr;
    std::uint32_t Properties::* four = nullptr;
    std::string_view Properties::* text = nullptr;
};

constexpr std::size_t kIdentifiers = 64;
using Layouts = std::array<Layout, kIdentifiers>;

constexpr Layouts make_layouts() {
    Layouts layouts{};
    const auto at = [&layouts](Property property) -> Layout& {
        return layouts[static_cast<std::size_t>(property)];
    };
    const auto byte = [&](Property property, std::uint8_t Properties::* member) {
        at(property) = {.type = WireType::Byte, .byte = member};
    };
    const auto two = [&](Property property, std::uint16_t Properties::* member) {
        at(property) = {.type = WireType::Two, .two = member};
    };
    const auto four = [&](Property property, std::uint32_t Properties::* member) {
        at(property) = {.type = WireType::Four, .four = member};
    };
    const auto text = [&](Property property, std::string_view Properties::* member,
                          WireType type = WireType::Text) {
        at(property) = {.type = type, .text = member};
    };
    using P = Properties;
    byte(Property::PayloadFormatIndicator, &P::payload_format_indicator);
    four(Property::MessageExpiryInterval, &P::message_expiry_interval);
    text(Property::ContentType, &P::content_type);
    text(Property::ResponseTopic, &P::response_topic);
    text(Property::CorrelationData, &P::correlation_data, WireType::Binary);
    at(Property::SubscriptionIdentifier) = {.type = WireType::Variable};
    four(Property::SessionExpiryInterval, &P::session_expiry_interval);
    text(Property::AssignedClientIdentifier, &P::assigned_client_identifier);
    two(Property::ServerKeepAlive, &P::server_keep_alive);
    text(Property::AuthenticationMethod, &P::authentication_method);
    text(Property::AuthenticationData, &P::authentication_data, WireType::Binary);
    byte(Property::RequestProblemInformation, &P::request_problem_information);
    four(Property::WillDelayInterval, &P::will_delay_interval);
    byte(Property::RequestResponseInformation, &P::request_response_information);
    text(Property::ResponseInformation, &P::response_information);
    text(Property::ServerReference, &P::server_reference);
    text(Property::ReasonString, &P::reason_string);
    two(Property::ReceiveMaximum, &P::receive_maximum);
    two(Property::TopicAliasMaximum, &P::topic_alias_maximum);
    two(Property::TopicAlias, &P::topic_alias);
    byte(Property::MaximumQoS, &P::maximum_qos);
    byte(Property::RetainAvailable, &P::retain_available);
    at(Property::UserProperty) = {.type = WireType::TextPair};
    four(Property::MaximumPacketSize, &P::maximum_packet_size);
    byte(Property::WildcardSubscriptionAvailable, &P::wildcard_subscription_available);
    byte(Property::SubscriptionIdentifierAvailable, &P::subscription_identifier_available);
    byte(Property::SharedSubscriptionAvailable, &P::shared_subscription_available);
    return layouts;
}

constexpr Layouts kLayouts = make_layouts();

const Layout& layout_of(Property property) noexcept {
    return kLayouts[static_cast<std::size_t>(property)];
}

/// Malformed if cut off, or if a string is not UTF-8 [v5 MQTT-1.5.4-1, -2, MQTT-1.5.7-1].
bool read_value(WireReader& reader, WireType type, PropertyValue& value) noexcept {
    switch (type) {
        case WireType::Byte: {
            std::uint8_t number = 0;
            if (!reader.read_u8(number)) return false;
            value.number = number;
            return true;
        }
        case WireType::Two: {
            std::uint16_t number = 0;
            if (!reader.read_u16(number)) return false;
            value.number = number;
            return true;
        }
        case WireType::Four:
            return reader.read_u32(value.number);
        case WireType::Variable:
            return reader.read_variable(value.number);
        case WireType::Text:
            return reader.read_binary(value.text) && is_valid_utf8(value.text);
        case WireType::Binary:
            return reader.read_binary(value.text);
        case WireType::TextPair:
            return reader.read_binary(value.text) && reader.read_binary(value.second) &&
                   is_valid_utf8(value.text) && is_valid_utf8(value.second);
        case WireType::Unknown:
            break;
    }
    return false;
}

DecodeStatus check_value(const PropertyValue& value) noexcept {
    switch (value.property) {
        case Property::PayloadFormatIndicator:           // [v5 3.3.2.3.2] [v5 3.1.3.2.3]
        case Property::RequestProblemInformation:        // [v5 3.1.2.11.7]
        case Property::RequestResponseInformation:       // [v5 3.1.2.11.6]
        case Property::MaximumQoS:                       // [v5 3.2.2.3.4]
        case Property::RetainAvailable:                  // [v5 3.2.2.3.5]
        case Property::WildcardSubscriptionAvailable:    // [v5 3.2.2.3.11]
        case Property::SubscriptionIdentifierAvailable:  // [v5 3.2.2.3.12]
        case Property::SharedSubscriptionAvailable:      // [v5 3.2.2.3.13]
            if (value.number > 1)
                return protocol_error("a property that is 0 or 1 has another value");
            break;
        case Property::ReceiveMaximum:  // [v5 3.1.2.11.3] [v5 3.2.2.3.3]
            if (value.number == 0) return protocol_error("Receive Maximum is 0");
            break;
        case Property::MaximumPacketSize:  // [v5 3.1.2.11.4] [v5 3.2.2.3.6]
            if (value.number == 0) return protocol_error("Maximum Packet Size is 0");
            break;
        case Property::SubscriptionIdentifier:  // [v5 3.3.2.3.8] [v5 3.8.2.1.2]
            if (value.number == 0) return protocol_error("Subscription Identifier is 0");
            break;
        case Property::TopicAlias:  // [v5 MQTT-3.3.2-8]
            if (value.number == 0) return {ReasonCode::TopicAliasInvalid, "Topic Alias is 0"};
            break;
        case Property::ResponseTopic:  // [v5 MQTT-3.3.2-14] [v5 MQTT-4.7.3-1]
            if (!is_valid_topic_name(value.text)) {
                return protocol_error("Response Topic is empty or has a wildcard");
            }
            break;
        default:
            break;
    }
    return kDecoded;
}

void store(const PropertyValue& value, Properties& properties) {
    const Layout& layout = layout_of(value.property);
    properties.set(value.property);
    if (layout.byte != nullptr) properties.*layout.byte = static_cast<std::uint8_t>(value.number);
    if (layout.two != nullptr) properties.*layout.two = static_cast<std::uint16_t>(value.number);
    if (layout.four != nullptr) properties.*layout.four = value.number;
    if (layout.text != nullptr) properties.*layout.text = value.text;
    if (layout.type == WireType::Variable) {
        properties.subscription_identifiers.push_back(value.number);
    }
    if (layout.type == WireType::TextPair) {
        properties.user_properties.emplace_back(value.text, value.second);
    }
}

void append_identifier(Property property, std::string& out) {
    out.push_back(static_cast<char>(property));
}

void append_property(const Properties& properties, Property property, std::string& out) {
    const Layout& layout = layout_of(property);
    if (layout.type == WireType::Variable) {
        for (const std::uint32_t identifier : properties.subscription_identifiers) {
            append_identifier(property, out);
            append_length(identifier, out);
        }
        return;
    }
    if (layout.type == WireType::TextPair) {
        for (const auto& [name, value] : properties.user_properties) {
            append_identifier(property, out);
            append_string(name, out);
            append_string(value, out);
        }
        return;
    }
    append_identifier(property, out);
    if (layout.byte != nullptr) out.push_back(static_cast<char>(properties.*layout.byte));
    if (layout.two != nullptr) append_u16(properties.*layout.two, out);
    if (layout.four != nullptr) append_u32(properties.*layout.four, out);
    if (layout.text != nullptr) append_string(properties.*layout.text, out);
}

}  // namespace

DecodeStatus read_property(WireReader& reader, const PropertyRules& rules, PropertySet& seen,
                           PropertyValue& value) noexcept {
    // The identifier is a variable byte integer, but all that exist take one byte.
    std::uint8_t identifier = 0;
    if (!reader.read_u8(identifier)) return malformed("a property is cut off");
    value.property = static_cast<Property>(identifier);
    if (identifier >= kIdentifiers || !contains(rules.allowed, value.property)) {
        return malformed("a property that this packet cannot have");  // [v5 2.2.2.2]
    }
    if (contains(seen & ~rules.repeatable, value.property)) {
        return protocol_error("a property more than once");
    }
    seen |= property_set({value.property});
    if (!read_value(reader, layout_of(value.property).type, value)) {
        return malformed("a property is cut off, or its text is not UTF-8");
    }
    return check_value(value);
}

DecodeStatus read_property_section(WireReader& reader, std::string_view& section) noexcept {
    std::uint32_t length = 0;
    // [v5 MQTT-2.2.2-1]: without properties there is still a length of 0.
    if (!reader.read_variable(length) || !reader.read_bytes(length, section)) {
        return malformed("the properties are cut off");
    }
    return kDecoded;
}

DecodeStatus decode_section(std::string_view section, const PropertyRules& rules,
                            Properties& properties) {
    WireReader reader(section);
    PropertySet seen = 0;
    PropertyValue value;
    while (!reader.done()) {
        if (const auto status = read_property(reader, rules, seen, value); !status.ok())
            return status;
        store(value, properties);
    }
    return kDecoded;
}

DecodeStatus read_properties(WireReader& reader, const PropertyRules& rules,
                             Properties& properties) {
    std::string_view section;
    if (const auto status = read_property_section(reader, section); !status.ok()) return status;
    return decode_section(section, rules, properties);
}

}  // namespace detail

void append_forwarded_properties(std::string_view raw, std::string& out) {
    detail::WireReader reader(raw);
    detail::PropertySet seen = 0;
    detail::PropertyValue value;
    while (!reader.done()) {
        const char* const begin = reader.position();
        if (!detail::read_property(reader, detail::kPublishOrWillRules, seen, value).ok()) return;
        if (detail::contains(detail::kForwardedProperties, value.property)) {
            out.append(begin, reader.position());
        }
    }
}

Properties decode_forwarded_properties(std::string_view encoded) {
    Properties properties;
    (void)detail::decode_section(encoded, detail::kPublishOrWillRules, properties);
    return properties;
}

bool are_valid_forwarded_properties(std::string_view encoded) noexcept {
    static constexpr detail::PropertyRules kRules{detail::kForwardedProperties};
    detail::WireReader reader(encoded);
    detail::PropertySet seen = 0;
    detail::PropertyValue value;
    while (!reader.done()) {
        if (!detail::read_property(reader, kRules, seen, value).ok()) return false;
    }
    return true;
}

void append_properties(const Properties& properties, std::string& out) {
    if (properties.empty()) return;
    for (std::size_t identifier = 1; identifier < detail::kIdentifiers; ++identifier) {
        const auto property = static_cast<Property>(identifier);
        if (properties.has(property)) detail::append_property(properties, property, out);
    }
}

}  // namespace vmq::mqtt
