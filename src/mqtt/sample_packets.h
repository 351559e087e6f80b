// One valid packet of every kind, version and sender, for tests, fuzz seeds and benchmarks.
#pragma once

#include <string>
#include <vector>

#include "mqtt/encoder.h"
#include "mqtt/recode.h"

namespace vmq::mqtt::testing {

struct SamplePacket {
    ProtocolVersion version;
    Sender sender;
    std::string bytes;
};

/// Every property of which `properties` tells, with a value that any packet may give it.
inline Properties sample_properties(std::initializer_list<Property> wanted) {
    Properties all;
    for (const Property property : wanted) all.set(property);
    all.session_expiry_interval = 3600;
    all.message_expiry_interval = 60;
    all.will_delay_interval = 5;
    all.maximum_packet_size = 1'000'000;
    all.server_keep_alive = 30;
    all.receive_maximum = 20;
    all.topic_alias_maximum = 10;
    all.topic_alias = 3;
    all.payload_format_indicator = 1;
    all.maximum_qos = 1;
    all.content_type = "text/plain";
    all.response_topic = "reply/to";
    all.correlation_data = "\xFF\x01";
    all.assigned_client_identifier = "assigned";
    all.authentication_method = "SCRAM";
    all.authentication_data = "data";
    all.response_information = "info";
    all.server_reference = "other:1883";
    all.reason_string = "because";
    all.subscription_identifiers = {300};
    all.user_properties = {{"name", "value"}, {"name", ""}};
    return all;
}

namespace detail {

inline Connect sample_connect(ProtocolVersion version) {
    const bool v5 = version == ProtocolVersion::V5;
    Connect packet;
    packet.version = version;
    packet.keep_alive = 60;
    packet.client_id = "client";
    packet.username = "user";
    packet.password = "password";
    packet.will.emplace();
    packet.will->topic = "will/topic";
    packet.will->payload = "gone";
    packet.will->qos = QoS::AtLeastOnce;
    packet.will->retain = true;
    if (!v5) return packet;
    packet.will->properties = sample_properties(
        {Property::WillDelayInterval, Property::ContentType, Property::UserProperty});
    packet.properties = sample_properties({Property::SessionExpiryInterval,
                                           Property::ReceiveMaximum, Property::AuthenticationMethod,
                                           Property::AuthenticationData, Property::UserProperty});
    return packet;
}

inline std::string sample_publish(ProtocolVersion version, QoS qos,
                                  std::initializer_list<Property> properties) {
    Publish packet;
    packet.topic = "sensors/kitchen/temperature";
    packet.payload = "21.5";
    packet.qos = qos;
    packet.retain = true;
    if (qos != QoS::AtMostOnce) packet.id = PacketId{515};
    std::string section;
    append_properties(sample_properties(properties), section);
    std::string out;
    encode_publish(packet, version, section, out);
    return out;
}

inline void add_client_packets(ProtocolVersion version, std::vector<SamplePacket>& packets) {
    const bool v5 = version == ProtocolVersion::V5;
    const auto add = [&](auto encode) {
        encode(packets.emplace_back(SamplePacket{version, Sender::Client, {}}).bytes);
    };
    add([&](std::string& out) { encode_connect(sample_connect(version), out); });
    add([&](std::string& out) {
        Connect packet;
        packet.version = version;
        encode_connect(packet, out);
    });
    add([&](std::string& out) {
        out = sample_publish(
            version, QoS::ExactlyOnce,
            {Property::TopicAlias, Property::MessageExpiryInterval, Property::ResponseTopic,
             Property::CorrelationData, Property::PayloadFormatIndicator, Property::UserProperty});
    });
    add([&](std::string& out) {
        Subscribe packet;
        packet.id = PacketId{7};
        packet.entries = {{"a/+/#", {}}, {"$share/group/b", {QoS::ExactlyOnce, false, true, {}}}};
        packet.properties =
            sample_properties({Property::SubscriptionIdentifier, Property::UserProperty});
        encode_subscribe(packet, version, out);
    });
    add([&](std::string& out) {
        Unsubscribe packet;
        packet.id = PacketId{8};
        packet.filters = {"a/+/#", "$share/group/b"};
        packet.properties = sample_properties({Property::UserProperty});
        encode_unsubscribe(packet, version, out);
    });
    add([](std::string& out) { encode_pingreq(out); });
    add([&](std::string& out) { encode_disconnect({}, version, out); });
    if (!v5) return;
    add([&](std::string& out) {
        Disconnect packet{ReasonCode::DisconnectWithWillMessage, {}};
        packet.properties =
            sample_properties({Property::SessionExpiryInterval, Property::ReasonString});
        encode_disconnect(packet, version, out);
    });
    add([](std::string& out) {
        Auth packet{ReasonCode::ReAuthenticate, {}};
        packet.properties =
            sample_properties({Property::AuthenticationMethod, Property::AuthenticationData});
        encode_auth(packet, out);
    });
}

inline void add_server_packets(ProtocolVersion version, std::vector<SamplePacket>& packets) {
    const bool v5 = version == ProtocolVersion::V5;
    const auto add = [&](auto encode) {
        encode(packets.emplace_back(SamplePacket{version, Sender::Server, {}}).bytes);
    };
    add([&](std::string& out) {
        Connack packet;
        packet.session_present = true;
        packet.properties = sample_properties(
            {Property::AssignedClientIdentifier, Property::MaximumQoS, Property::ServerKeepAlive,
             Property::ResponseInformation, Property::MaximumPacketSize});
        encode_connack(packet, version, out);
    });
    add([&](std::string& out) {
        out = sample_publish(version, QoS::AtMostOnce,
                             {Property::SubscriptionIdentifier, Property::ContentType});
    });
    add([&](std::string& out) {
        Suback packet;
        packet.id = PacketId{7};
        packet.reasons = {ReasonCode::GrantedQoS1, ReasonCode::UnspecifiedError};
        packet.properties = sample_properties({Property::ReasonString});
        encode_suback(packet, version, out);
    });
    add([&](std::string& out) {
        Unsuback packet;
        packet.id = PacketId{8};
        packet.reasons = {ReasonCode::Success, ReasonCode::NoSubscriptionExisted};
        encode_unsuback(packet, version, out);
    });
    for (const auto type :
         {PacketType::Puback, PacketType::Pubrec, PacketType::Pubrel, PacketType::Pubcomp}) {
        add([&](std::string& out) { encode_simple_ack(type, PacketId{9}, out); });
        add([&](std::string& out) {
            Ack packet;
            packet.id = PacketId{10};
            packet.properties = sample_properties({Property::ReasonString, Property::UserProperty});
            encode_ack(type, packet, version, out);
        });
    }
    if (!v5) return;
    add([&](std::string& out) {
        Disconnect packet{ReasonCode::ServerMoved, {}};
        packet.properties = sample_properties({Property::ServerReference});
        encode_disconnect(packet, version, out);
    });
    add([](std::string& out) {
        Auth packet;
        packet.properties = sample_properties({Property::AuthenticationMethod});
        encode_auth(packet, out);
    });
}

}  // namespace detail

inline std::vector<SamplePacket> sample_packets() {
    std::vector<SamplePacket> packets;
    for (const auto version : {ProtocolVersion::V31, ProtocolVersion::V311, ProtocolVersion::V5}) {
        detail::add_client_packets(version, packets);
        detail::add_server_packets(version, packets);
    }
    return packets;
}

}  // namespace vmq::mqtt::testing
