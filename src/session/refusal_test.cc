#include "session/refusal.h"

#include <gtest/gtest.h>

#include <string>

#include "mqtt/decoder.h"
#include "mqtt/encoder.h"

namespace vmq::session {
namespace {

using mqtt::PacketType;
using mqtt::ReasonCode;

/// Whether a client can decode a packet of this type with this reason.
bool decodes(PacketType type, ReasonCode reason) {
    std::string bytes;
    mqtt::DecodeStatus status;
    constexpr auto kVersion = mqtt::ProtocolVersion::V5;
    const auto frame = [&] { return mqtt::next_frame(bytes, 1000); };
    if (type == PacketType::Connack) {
        mqtt::Connack packet;
        packet.reason = reason;
        mqtt::encode_connack(packet, kVersion, bytes);
        status = mqtt::decode_connack(frame(), kVersion, packet);
    } else if (type == PacketType::Suback) {
        mqtt::Suback packet;
        packet.id = mqtt::PacketId{1};
        packet.reasons = {reason};
        mqtt::encode_suback(packet, kVersion, bytes);
        status = mqtt::decode_suback(frame(), kVersion, packet);
    } else if (type == PacketType::Disconnect) {
        mqtt::Disconnect packet;
        packet.reason = reason;
        mqtt::encode_disconnect(packet, kVersion, bytes);
        status = mqtt::decode_server_disconnect(frame(), packet);
    } else {
        mqtt::Ack packet;
        packet.id = mqtt::PacketId{1};
        packet.reason = reason;
        mqtt::encode_ack(type, packet, kVersion, bytes);
        status = mqtt::decode_ack(frame(), kVersion, packet);
    }
    return status.ok();
}

// [v5 MQTT-3.2.2-8] [v5 MQTT-3.4.2-1] [v5 MQTT-3.5.2-1] [v5 MQTT-3.14.2-1]
TEST(Refusal, KeepsExactlyTheErrorsThatThePacketCanHave) {
    for (const auto type : {PacketType::Connack, PacketType::Puback, PacketType::Pubrec,
                            PacketType::Suback, PacketType::Disconnect}) {
        for (int code = 0; code <= 255; ++code) {
            const auto reason = static_cast<ReasonCode>(code);
            const bool kept = mqtt::is_error(reason) && decodes(type, reason);
            EXPECT_EQ(refusal_in(type, reason), kept ? reason : ReasonCode::NotAuthorized)
                << mqtt::packet_name(type) << " " << code;
        }
    }
}

TEST(Refusal, TextsAreSetOnlyIfTheyCanBeSent) {
    const std::string longest(65'535, 'x');
    const std::string too_long(65'536, 'x');
    mqtt::Properties properties;
    const auto set = [&](std::string_view text) {
        properties = {};
        set_text(properties, mqtt::Property::ReasonString, properties.reason_string, text);
        return properties.has(mqtt::Property::ReasonString);
    };
    EXPECT_TRUE(set("why"));
    EXPECT_TRUE(set(longest));
    EXPECT_FALSE(set(""));
    EXPECT_FALSE(set(too_long));
    EXPECT_FALSE(set("\xc3("));
    EXPECT_FALSE(set(std::string_view("\0", 1)));
    set_binary(properties, mqtt::Property::AuthenticationData, properties.authentication_data,
               "\xc3(");
    EXPECT_TRUE(properties.has(mqtt::Property::AuthenticationData));
}

}  // namespace
}  // namespace vmq::session
