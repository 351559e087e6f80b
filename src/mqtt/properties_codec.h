// How properties stand on the wire and in which packets [v5 2.2.2.2]. Internal to this folder.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "mqtt/decoder.h"
#include "mqtt/properties.h"
#include "mqtt/wire_reader.h"

namespace vmq::mqtt::detail {

/// Bit n stands for the property with identifier n.
using PropertySet = std::uint64_t;

[[nodiscard]] constexpr PropertySet property_set(
    std::initializer_list<Property> properties) noexcept {
    PropertySet set = 0;
    for (const Property property : properties) set |= 1ULL << static_cast<unsigned>(property);
    return set;
}

[[nodiscard]] constexpr bool contains(PropertySet set, Property property) noexcept {
    return (set >> static_cast<unsigned>(property) & 1U) != 0;
}

/// What one kind of packet may carry, and what of it more than once.
struct PropertyRules {
    PropertySet allowed = 0;
    PropertySet repeatable = property_set({Property::UserProperty});
};

inline constexpr PropertyRules kConnectRules{property_set(
    {Property::SessionExpiryInterval, Property::ReceiveMaximum, Property::MaximumPacketSize,
     Property::TopicAliasMaximum, Property::RequestResponseInformation,
     Property::RequestProblemInformation, Property::UserProperty, Property::AuthenticationMethod,
     Property::AuthenticationData})};
inline constexpr PropertyRules kWillRules{
    property_set({Property::WillDelayInterval, Property::PayloadFormatIndicator,
                  Property::MessageExpiryInterval, Property::ContentType, Property::ResponseTopic,
                  Property::CorrelationData, Property::UserProperty})};
inline constexpr PropertyRules kConnackRules{property_set(
    {Property::SessionExpiryInterval, Property::ReceiveMaximum, Property::MaximumQoS,
     Property::RetainAvailable, Property::MaximumPacketSize, Property::AssignedClientIdentifier,
     Property::TopicAliasMaximum, Property::ReasonString, Property::UserProperty,
     Property::WildcardSubscriptionAvailable, Property::SubscriptionIdentifierAvailable,
     Property::SharedSubscriptionAvailable, Property::ServerKeepAlive,
     Property::ResponseInformation, Property::ServerReference, Property::AuthenticationMethod,
     Property::AuthenticationData})};
inline constexpr PropertyRules kPublishRules{
    property_set({Property::PayloadFormatIndicator, Property::MessageExpiryInterval,
                  Property::TopicAlias, Property::ResponseTopic, Property::CorrelationData,
                  Property::UserProperty, Property::SubscriptionIdentifier, Property::ContentType}),
    property_set({Property::UserProperty, Property::SubscriptionIdentifier})};
/// Sections that were decoded before, of either kind.
inline constexpr PropertyRules kPublishOrWillRules{kPublishRules.allowed | kWillRules.allowed,
                                                   kPublishRules.repeatable};
inline constexpr PropertyRules kAckRules{
    property_set({Property::ReasonString, Property::UserProperty})};
inline constexpr PropertyRules kSubscribeRules{
    property_set({Property::SubscriptionIdentifier, Property::UserProperty})};
inline constexpr PropertyRules kUnsubscribeRules{property_set({Property::UserProperty})};
inline constexpr PropertyRules kDisconnectRules{
    property_set({Property::SessionExpiryInterval, Property::ReasonString, Property::UserProperty,
                  Property::ServerReference})};
inline constexpr PropertyRules kAuthRules{
    property_set({Property::AuthenticationMethod, Property::AuthenticationData,
                  Property::ReasonString, Property::UserProperty})};

/// What a server passes on unaltered [v5 MQTT-3.3.2-4, -15, -16, -17, -18, -20].
inline constexpr PropertySet kForwardedProperties =
    property_set({Property::PayloadFormatIndicator, Property::ContentType, Property::ResponseTopic,
                  Property::CorrelationData, Property::UserProperty});

/// One property as read: a number, a text, or (user property) a name in `text` with its `second`.
struct PropertyValue {
    Property property{};
    std::uint32_t number = 0;
    std::string_view text;
    std::string_view second;
};

/// Reads one property and checks all that can be said of it alone, and that it is no duplicate of
/// one in `seen`, to which it is added.
[[nodiscard]] DecodeStatus read_property(WireReader& reader, const PropertyRules& rules,
                                         PropertySet& seen, PropertyValue& value) noexcept;

/// Reads the property length and gives the section behind it.
[[nodiscard]] DecodeStatus read_property_section(WireReader& reader,
                                                 std::string_view& section) noexcept;

/// Adds what the section (without its length) holds to `properties`, which must be empty.
[[nodiscard]] DecodeStatus decode_section(std::string_view section, const PropertyRules& rules,
                                          Properties& properties);

/// Length and section.
[[nodiscard]] DecodeStatus read_properties(WireReader& reader, const PropertyRules& rules,
                                           Properties& properties);

}  // namespace vmq::mqtt::detail
