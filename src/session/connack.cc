#include "session/connack.h"

#include "mqtt/encoder.h"
#include "mqtt/packets.h"

namespace vmq::session {

using mqtt::Property;

namespace {

void set_text(mqtt::Properties& properties, Property property, std::string_view& field,
              const std::string& text) {
    if (text.empty()) return;
    field = text;
    properties.set(property);
}

}  // namespace

void encode_accepting_connack(const ConnectPlan& plan, bool session_present, std::string& out) {
    mqtt::Connack packet;
    packet.session_present = session_present;
    mqtt::Properties& properties = packet.properties;
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
    static const ConnackExtras kNoExtras;
    const ConnackExtras& extras = plan.extras ? *plan.extras : kNoExtras;
    set_text(properties, Property::AuthenticationMethod, properties.authentication_method,
             extras.authentication_method);
    set_text(properties, Property::AuthenticationData, properties.authentication_data,
             extras.authentication_data);
    if (plan.request_response_information) {  // [v5 MQTT-3.1.2-28]
        set_text(properties, Property::ResponseInformation, properties.response_information,
                 extras.response_information);
    }
    const std::size_t before = out.size();
    set_text(properties, Property::ReasonString, properties.reason_string, extras.reason_string);
    mqtt::encode_connack(packet, plan.version, out);
    if (plan.maximum_packet_size != 0 && out.size() - before > plan.maximum_packet_size) {
        out.resize(before);  // [v5 MQTT-3.2.2-19]
        properties.clear(Property::ReasonString);
        mqtt::encode_connack(packet, plan.version, out);
    }
}

void encode_refusing_connack(mqtt::ProtocolVersion version, mqtt::ReasonCode reason,
                             std::string_view reason_string, std::string_view server_reference,
                             std::uint32_t maximum_packet_size, std::string& out) {
    mqtt::Connack packet;
    packet.reason = reason;
    if (!server_reference.empty()) {
        packet.properties.server_reference = server_reference;
        packet.properties.set(Property::ServerReference);
    }
    const std::size_t before = out.size();
    if (!reason_string.empty()) {
        packet.properties.reason_string = reason_string;
        packet.properties.set(Property::ReasonString);
    }
    mqtt::encode_connack(packet, version, out);
    if (maximum_packet_size != 0 && out.size() - before > maximum_packet_size) {
        out.resize(before);  // [v5 MQTT-3.2.2-19]
        packet.properties = {};
        mqtt::encode_connack(packet, version, out);
    }
}

}  // namespace vmq::session
