#include "session/connack.h"

#include "mqtt/encoder.h"
#include "mqtt/packets.h"
#include "session/refusal.h"

namespace vmq::session {

using mqtt::Property;

namespace {

void add_capabilities(const Capabilities& capabilities, mqtt::Properties& properties) {
    if (capabilities.maximum_qos != mqtt::QoS::ExactlyOnce) {  // [v5 MQTT-3.2.2-9]
        properties.maximum_qos = static_cast<std::uint8_t>(capabilities.maximum_qos);
        properties.set(Property::MaximumQoS);
    }
    const auto deny = [&properties](bool available, Property property, std::uint8_t& field) {
        if (available) return;
        field = 0;
        properties.set(property);
    };
    deny(capabilities.retain, Property::RetainAvailable, properties.retain_available);
    deny(capabilities.wildcard_subscriptions, Property::WildcardSubscriptionAvailable,
         properties.wildcard_subscription_available);
    deny(capabilities.subscription_identifiers, Property::SubscriptionIdentifierAvailable,
         properties.subscription_identifier_available);
    deny(capabilities.shared_subscriptions, Property::SharedSubscriptionAvailable,
         properties.shared_subscription_available);
}

}  // namespace

mqtt::Properties connack_properties(const ConnectPlan& plan) {
    mqtt::Properties properties;
    const Settings& settings = *plan.settings;
    if (plan.assigned_client_id) {  // [v5 MQTT-3.2.2-16]
        set_text(properties, Property::AssignedClientIdentifier,
                 properties.assigned_client_identifier, plan.client_id);
    }
    if (plan.session_expiry_overridden) {  // [v5 3.2.2.3.2]
        properties.session_expiry_interval = plan.session_expiry_s;
        properties.set(Property::SessionExpiryInterval);
    }
    if (plan.keep_alive_overridden) {  // [v5 MQTT-3.2.2-21]
        properties.server_keep_alive = plan.keep_alive_s;
        properties.set(Property::ServerKeepAlive);
    }
    if (settings.receive_max_broker < 65'535) {
        properties.receive_maximum = settings.receive_max_broker;
        properties.set(Property::ReceiveMaximum);
    }
    if (settings.topic_alias_max_client > 0) {
        properties.topic_alias_maximum = settings.topic_alias_max_client;
        properties.set(Property::TopicAliasMaximum);
    }
    if (settings.max_message_size > 0 && settings.max_message_size < kMaxRemainingLength) {
        // The property counts whole packets, the setting what follows the fixed header.
        properties.maximum_packet_size =
            settings.max_message_size + 1 +
            static_cast<std::uint32_t>(mqtt::length_size(settings.max_message_size));
        properties.set(Property::MaximumPacketSize);
    }
    add_capabilities(plan.capabilities, properties);
    static const ConnackExtras kNoExtras;
    const ConnackExtras& extras = plan.extras ? *plan.extras : kNoExtras;
    set_text(properties, Property::AuthenticationMethod, properties.authentication_method,
             extras.authentication_method);
    set_binary(properties, Property::AuthenticationData, properties.authentication_data,
               extras.authentication_data);
    if (plan.request_response_information) {  // [v5 MQTT-3.1.2-28]
        set_text(properties, Property::ResponseInformation, properties.response_information,
                 extras.response_information);
    }
    return properties;
}

bool encode_accepting_connack(const ConnectPlan& plan, bool session_present, std::string& out) {
    mqtt::Connack packet;
    packet.session_present = session_present;
    packet.properties = connack_properties(plan);
    mqtt::Properties& properties = packet.properties;
    const std::size_t before = out.size();
    if (plan.extras) {
        set_text(properties, Property::ReasonString, properties.reason_string,
                 plan.extras->reason_string);
    }
    mqtt::encode_connack(packet, plan.version, out);
    const auto too_large = [&] {
        return plan.maximum_packet_size != 0 && out.size() - before > plan.maximum_packet_size;
    };
    if (!too_large()) return true;
    out.resize(before);  // [v5 MQTT-3.2.2-19]
    properties.clear(Property::ReasonString);
    mqtt::encode_connack(packet, plan.version, out);
    if (!too_large()) return true;
    out.resize(before);  // [v5 MQTT-3.1.2-24]
    return false;
}

bool encode_refusing_connack(mqtt::ProtocolVersion version, mqtt::ReasonCode reason,
                             std::string_view reason_string, std::string_view server_reference,
                             std::uint32_t maximum_packet_size, std::string& out) {
    mqtt::Connack packet;
    packet.reason = reason;
    set_text(packet.properties, Property::ServerReference, packet.properties.server_reference,
             server_reference);
    set_text(packet.properties, Property::ReasonString, packet.properties.reason_string,
             reason_string);
    const std::size_t before = out.size();
    mqtt::encode_connack(packet, version, out);
    const auto too_large = [&] {
        return maximum_packet_size != 0 && out.size() - before > maximum_packet_size;
    };
    if (!too_large()) return true;
    out.resize(before);  // [v5 MQTT-3.2.2-19]
    packet.properties = {};
    mqtt::encode_connack(packet, version, out);
    if (!too_large()) return true;
    out.resize(before);  // [v5 MQTT-3.1.2-24]
    return false;
}

}  // namespace vmq::session
