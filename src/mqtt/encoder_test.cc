#include "mqtt/encoder.h"

#include <gtest/gtest.h>

#include <string>

#include "mqtt/decoder.h"
#include "mqtt/packet_builder.h"

namespace vmq::mqtt {
namespace {

using namespace std::string_view_literals;
using testing::kVersions;

// [v5 1.5.5] [v3.1.1 2.2.3, table 2.4]
TEST(AppendLength, TakesAsFewBytesAsTheTableSays) {
    const struct {
        std::size_t length;
        std::string_view bytes;
    } table[] = {{0, "\x00"sv},
                 {127, "\x7F"sv},
                 {128, "\x80\x01"sv},
                 {16'383, "\xFF\x7F"sv},
                 {16'384, "\x80\x80\x01"sv},
                 {2'097'151, "\xFF\xFF\x7F"sv},
                 {2'097'152, "\x80\x80\x80\x01"sv},
                 {268'435'455, "\xFF\xFF\xFF\x7F"sv}};
    for (const auto& row : table) {
        std::string out;
        append_length(row.length, out);
        EXPECT_EQ(out, row.bytes) << row.length;
        EXPECT_EQ(length_size(row.length), row.bytes.size());
    }
}

TEST(AppendLengthDeathTest, AboveFourBytesIsOurBug) {
    std::string out;
    EXPECT_DEATH(append_length(268'435'456, out), "assertion failed");
}

TEST(AppendStringDeathTest, AboveSixtyFourKilobytesIsOurBug) {
    std::string out;
    const std::string text(65'536, 'x');
    EXPECT_DEATH(append_string(text, out), "assertion failed");
}

// [v3.1.1 3.1.2.3, figure 3.6], and the example in figure 3.2 of a protocol name
TEST(EncodeConnect, WritesNameLevelFlagsKeepAliveAndPayload) {
    Connect packet;
    packet.keep_alive = 10;
    packet.client_id = "c";
    packet.username = "u";
    packet.password = "p";
    packet.will = Will{
        .topic = "t", .payload = "w", .qos = QoS::AtLeastOnce, .retain = true, .properties = {}};
    std::string out;
    encode_connect(packet, out);
    EXPECT_EQ(out,
              "\x10\x19\x00\x04MQTT\x04\xEE\x00\x0A\x00\x01"
              "c\x00\x01t\x00\x01w\x00\x01u\x00\x01p"sv);
}

TEST(EncodeConnect, MarksBridgesInMqtt3Only) {
    for (const auto version : kVersions) {
        Connect packet;
        packet.version = version;
        packet.bridge = true;
        std::string out;
        encode_connect(packet, out);
        const std::size_t level = version == ProtocolVersion::V31 ? 10 : 8;
        EXPECT_EQ((out[level] & 0x80) != 0, version != ProtocolVersion::V5);
    }
}

// [v3.1.1 MQTT-3.2.2-4] [v5 MQTT-3.2.2-6]
TEST(EncodeConnack, SaysSessionPresentOnlyWithSuccess) {
    Connack packet;
    packet.session_present = true;
    const auto encoded = [&packet](ProtocolVersion version) {
        std::string out;
        encode_connack(packet, version, out);
        return out;
    };
    EXPECT_EQ(encoded(ProtocolVersion::V31), "\x20\x02\x01\x00"sv);
    EXPECT_EQ(encoded(ProtocolVersion::V311), "\x20\x02\x01\x00"sv);
    EXPECT_EQ(encoded(ProtocolVersion::V5), "\x20\x03\x01\x00\x00"sv);
    packet.reason = ReasonCode::NotAuthorized;
    EXPECT_EQ(encoded(ProtocolVersion::V311), "\x20\x02\x00\x05"sv);
    EXPECT_EQ(encoded(ProtocolVersion::V5), "\x20\x03\x00\x87\x00"sv);
}

TEST(EncodePublish, WritesTheIdOnlyAboveQoS0AndPropertiesOnlyInMqtt5) {
    Publish packet;
    packet.topic = "a/b";
    packet.payload = "xy";
    std::string out;
    encode_publish(packet, ProtocolVersion::V311, "\x01\x01"sv, out);
    EXPECT_EQ(out,
              "\x30\x07\x00\x03"
              "a/bxy"sv);
    packet.qos = QoS::ExactlyOnce;
    packet.id = PacketId{0x0102};
    packet.dup = true;
    packet.retain = true;
    out.clear();
    encode_publish(packet, ProtocolVersion::V5, "\x01\x01"sv, out);
    EXPECT_EQ(out,
              "\x3D\x0C\x00\x03"
              "a/b\x01\x02\x02\x01\x01xy"sv);
}

TEST(EncodePublish, AppendsToWhatIsThere) {
    Publish packet;
    packet.topic = "t";
    std::string out = "before";
    encode_publish(packet, ProtocolVersion::V311, {}, out);
    EXPECT_EQ(out, "before\x30\x03\x00\x01t"sv);
}

// [v5 3.4.2.1]
TEST(EncodeAck, LeavesOutWhatSaysNothing) {
    Ack packet;
    packet.id = PacketId{7};
    std::string out;
    encode_ack(PacketType::Puback, packet, ProtocolVersion::V5, out);
    EXPECT_EQ(out, "\x40\x02\x00\x07"sv);
    packet.reason = ReasonCode::QuotaExceeded;
    out.clear();
    encode_ack(PacketType::Puback, packet, ProtocolVersion::V5, out);
    EXPECT_EQ(out, "\x40\x03\x00\x07\x97"sv);
    out.clear();
    encode_ack(PacketType::Puback, packet, ProtocolVersion::V311, out);
    EXPECT_EQ(out, "\x40\x02\x00\x07"sv);
    packet.properties.set(Property::ReasonString);
    packet.properties.reason_string = "full";
    out.clear();
    encode_ack(PacketType::Puback, packet, ProtocolVersion::V5, out);
    EXPECT_EQ(out,
              "\x40\x0B\x00\x07\x97\x07\x1F\x00\x04"
              "full"sv);
}

// [v5 MQTT-3.6.1-1] [v3.1.1 MQTT-3.6.1-1]
TEST(EncodeSimpleAck, GivesPubrelItsFlags) {
    std::string out;
    encode_simple_ack(PacketType::Pubrel, PacketId{0xFFFF}, out);
    encode_simple_ack(PacketType::Pubcomp, PacketId{1}, out);
    EXPECT_EQ(out, "\x62\x02\xFF\xFF\x70\x02\x00\x01"sv);
}

// [v3.1.1 MQTT-3.9.3-2]
TEST(EncodeSuback, TurnsEveryErrorInto0x80ForMqtt3) {
    Suback packet;
    packet.id = PacketId{1};
    packet.reasons = {ReasonCode::GrantedQoS2, ReasonCode::NotAuthorized};
    std::string out;
    encode_suback(packet, ProtocolVersion::V311, out);
    EXPECT_EQ(out, "\x90\x04\x00\x01\x02\x80"sv);
    out.clear();
    encode_suback(packet, ProtocolVersion::V5, out);
    EXPECT_EQ(out, "\x90\x05\x00\x01\x00\x02\x87"sv);
}

TEST(EncodeSubscribe, WritesOnlyTheQoSForMqtt3) {
    Subscribe packet;
    packet.id = PacketId{1};
    packet.entries = {{"a", {QoS::AtLeastOnce, true, true, RetainHandling::DoNotSend}}};
    std::string out;
    encode_subscribe(packet, ProtocolVersion::V311, out);
    EXPECT_EQ(out,
              "\x82\x06\x00\x01\x00\x01"
              "a\x01"sv);
    out.clear();
    encode_subscribe(packet, ProtocolVersion::V5, out);
    EXPECT_EQ(out,
              "\x82\x07\x00\x01\x00\x00\x01"
              "a\x2D"sv);
}

TEST(EncodeUnsuback, HasNoReasonsInMqtt3) {
    Unsuback packet;
    packet.id = PacketId{1};
    packet.reasons = {ReasonCode::NoSubscriptionExisted};
    std::string out;
    encode_unsuback(packet, ProtocolVersion::V31, out);
    encode_unsuback(packet, ProtocolVersion::V5, out);
    EXPECT_EQ(out, "\xB0\x02\x00\x01\xB0\x04\x00\x01\x00\x11"sv);
}

// [v5 3.14.2.1, 3.14.2.2.1, 3.15.2.1]
TEST(EncodeDisconnectAndAuth, LeaveOutWhatSaysNothing) {
    std::string out;
    encode_disconnect({}, ProtocolVersion::V5, out);
    encode_disconnect({ReasonCode::SessionTakenOver, {}}, ProtocolVersion::V5, out);
    encode_disconnect({ReasonCode::SessionTakenOver, {}}, ProtocolVersion::V311, out);
    encode_auth({}, out);
    EXPECT_EQ(out, "\xE0\x00\xE0\x01\x8E\xE0\x00\xF0\x00"sv);
}

TEST(EncodePing, IsTwoBytes) {
    std::string out;
    encode_pingreq(out);
    encode_pingresp(out);
    EXPECT_EQ(out, "\xC0\x00\xD0\x00"sv);
}

}  // namespace
}  // namespace vmq::mqtt
