#include <gtest/gtest.h>

#include <string>

#include "mqtt/decoder.h"
#include "mqtt/packet_builder.h"

namespace vmq::mqtt {
namespace {

using namespace std::string_view_literals;
using testing::Bytes;
using testing::frame_of;
using testing::kV31;
using testing::kV311;
using testing::kV5;
using testing::kVersions;

/// Everything before the payload: name, level, flags, a keep alive of 60 and no properties.
Bytes head(ProtocolVersion version, unsigned flags) {
    Bytes bytes;
    bytes.text(version == kV31 ? "MQIsdp" : "MQTT");
    bytes.u8(static_cast<unsigned>(version)).u8(flags).u16(60);
    if (version == kV5) bytes.u8(0);
    return bytes;
}

DecodeStatus connect_status(const Bytes& body) {
    Connect packet;
    return decode_connect(frame_of(PacketType::Connect, 0, body.view()), packet);
}

TEST(DecodeConnect, AcceptsTheShortestOneOfEachVersion) {
    for (const auto version : kVersions) {
        const Bytes body = head(version, 0x02).text("");
        Connect packet;
        ASSERT_TRUE(decode_connect(frame_of(PacketType::Connect, 0, body.view()), packet).ok());
        EXPECT_EQ(packet.version, version);
        EXPECT_TRUE(packet.clean_start);
        EXPECT_EQ(packet.keep_alive, 60);
        EXPECT_EQ(packet.client_id, "");
        EXPECT_FALSE(packet.will || packet.username || packet.password || packet.bridge);
    }
}

// [v5 MQTT-3.1.3-1] [v3.1.1 MQTT-3.1.3-1]
TEST(DecodeConnect, ReadsThePayloadInItsOrder) {
    for (const auto version : kVersions) {
        Bytes body = head(version, 0xF4).text("id");
        if (version == kV5) body.section(Bytes().u8(0x18).u32(5).u8(0x03).text("json"));
        body.text("will/topic").text("bye\0\xFF"sv).text("user").text("pass\0\xFF"sv);
        Connect packet;
        ASSERT_TRUE(decode_connect(frame_of(PacketType::Connect, 0, body.view()), packet).ok());
        EXPECT_FALSE(packet.clean_start);
        EXPECT_EQ(packet.client_id, "id");
        EXPECT_EQ(packet.username, "user");
        EXPECT_EQ(packet.password, "pass\0\xFF"sv);
        ASSERT_TRUE(packet.will);
        EXPECT_EQ(packet.will->topic, "will/topic");
        EXPECT_EQ(packet.will->payload, "bye\0\xFF"sv);
        EXPECT_EQ(packet.will->qos, QoS::ExactlyOnce);
        EXPECT_TRUE(packet.will->retain);
        EXPECT_EQ(packet.will->properties.will_delay_interval, version == kV5 ? 5U : 0U);
        EXPECT_EQ(packet.will->raw_properties.size(), version == kV5 ? 12U : 0U);
    }
}

TEST(DecodeConnect, ReadsTheProperties) {
    const Bytes section = Bytes().u8(0x11).u32(3600).u8(0x21).u16(10).u8(0x15).text("m");
    const Bytes body = Bytes().text("MQTT").u8(5).u8(2).u16(0).section(section).text("id");
    Connect packet;
    ASSERT_TRUE(decode_connect(frame_of(PacketType::Connect, 0, body.view()), packet).ok());
    EXPECT_EQ(packet.properties.session_expiry_interval, 3600U);
    EXPECT_EQ(packet.properties.receive_maximum, 10);
    EXPECT_EQ(packet.properties.authentication_method, "m");
}

struct LevelCase {
    std::string_view name;
    unsigned level;
    bool ok;
    ProtocolVersion version;
    bool bridge;
};

// [v5 MQTT-3.1.2-2] [v3.1.1 MQTT-3.1.2-2]
TEST(DecodeConnect, KnowsItsLevelsAndInWhichVersionToRefuseTheOthers) {
    const LevelCase table[] = {
        {"MQTT", 4, true, kV311, false},   {"MQTT", 132, true, kV311, true},
        {"MQTT", 5, true, kV5, false},     {"MQIsdp", 3, true, kV31, false},
        {"MQIsdp", 131, true, kV31, true}, {"MQTT", 3, false, kV311, false},
        {"MQTT", 0, false, kV311, false},  {"MQTT", 6, false, kV5, false},
        {"MQTT", 133, false, kV5, false},  {"MQTT", 255, false, kV5, false},
        {"MQIsdp", 4, false, kV31, false}, {"MQIsdp", 5, false, kV31, false},
    };
    for (const auto& row : table) {
        Bytes body = Bytes().text(row.name).u8(row.level).u8(2).u16(0);
        if (row.level == 5) body.u8(0);
        body.text("id");
        Connect packet;
        const auto status = decode_connect(frame_of(PacketType::Connect, 0, body.view()), packet);
        EXPECT_EQ(status.reason,
                  row.ok ? ReasonCode::Success : ReasonCode::UnsupportedProtocolVersion)
            << row.name << row.level;
        EXPECT_EQ(packet.version, row.version) << row.name << row.level;
        EXPECT_EQ(packet.bridge, row.bridge) << row.name << row.level;
    }
}

// [v5 MQTT-3.1.2-1] [v3.1.1 MQTT-3.1.2-1]
TEST(DecodeConnect, RefusesAnotherProtocolName) {
    for (const auto name : {"", "mqtt", "MQTTT", "MQIsd", "HTTP"}) {
        const Bytes body = Bytes().text(name).u8(4).u8(2).u16(0).text("id");
        EXPECT_EQ(connect_status(body).reason, ReasonCode::MalformedPacket) << name;
    }
}

TEST(DecodeConnect, RefusesFixedHeaderFlags) {  // [v5 MQTT-2.1.3-1] [v3.1.1 MQTT-2.2.2-2]
    const Bytes body = head(kV5, 2).text("id");
    Connect packet;
    EXPECT_EQ(decode_connect(frame_of(PacketType::Connect, 1, body.view()), packet).reason,
              ReasonCode::MalformedPacket);
    EXPECT_EQ(packet.version, kV5);
}

struct FlagCase {
    const char* rule;
    unsigned flags;
    bool v31;
    bool v311;
    bool v5;
};

TEST(DecodeConnect, ChecksTheConnectFlags) {
    const FlagCase table[] = {
        {"clean start", 0x02, true, true, true},
        {"[v5 MQTT-3.1.2-3] [v3.1.1 MQTT-3.1.2-3] reserved", 0x01, true, false, false},
        {"[v5 MQTT-3.1.2-11] [v3.1.1 MQTT-3.1.2-13] QoS without will", 0x08, false, false, false},
        {"[v5 MQTT-3.1.2-13] [v3.1.1 MQTT-3.1.2-15] retain without will", 0x20, false, false,
         false},
        {"[v5 MQTT-3.1.2-12] [v3.1.1 MQTT-3.1.2-14] will QoS 3", 0x1C, false, false, false},
        {"will QoS 2 and retain", 0x34, true, true, true},
        {"[v3.1.1 MQTT-3.1.2-22] [v5 3.1.2.9] password alone", 0x40, false, false, true},
        {"user name alone", 0x80, true, true, true},
        {"user name and password", 0xC0, true, true, true},
    };
    for (const auto& row : table) {
        for (const auto version : kVersions) {
            Bytes body = head(version, row.flags).text("id");
            if ((row.flags & 0x04U) != 0) {
                if (version == kV5) body.u8(0);
                body.text("will").text("payload");
            }
            if ((row.flags & 0x80U) != 0) body.text("user");
            if ((row.flags & 0x40U) != 0) body.text("password");
            const bool ok = version == kV31 ? row.v31 : version == kV311 ? row.v311 : row.v5;
            const auto status = connect_status(body);
            EXPECT_EQ(status.reason, ok ? ReasonCode::Success : ReasonCode::MalformedPacket)
                << row.rule << ", version " << static_cast<int>(version);
        }
    }
}

TEST(DecodeConnect, ChecksEveryString) {
    const auto malformed = ReasonCode::MalformedPacket;
    const auto bad_topic = ReasonCode::TopicNameInvalid;
    const struct {
        const char* rule = nullptr;
        Bytes body;
        ReasonCode reason{};
    } table[] = {
        {"[v3.1.1 MQTT-3.1.3-4] client id", head(kV311, 2).text("\xC0\x80"), malformed},
        {"[v5 MQTT-3.1.3-4] client id", head(kV5, 2).text("a\0"sv), malformed},
        {"[v3.1.1 MQTT-3.1.3-11] user name", head(kV311, 0x80).text("").text("\xFF"), malformed},
        {"[v5 MQTT-3.1.3-12] user name", head(kV5, 0x80).text("").text("\0"sv), malformed},
        {"[v3.1.1 MQTT-3.1.3-10] will topic", head(kV311, 4).text("").text("\xFF").text(""),
         malformed},
        {"[v5 MQTT-3.1.3-11] will topic", head(kV5, 4).text("").u8(0).text("\xFF").text(""),
         malformed},
        {"[v3.1.1 MQTT-4.7.3-1] will topic", head(kV311, 4).text("").text("").text(""), bad_topic},
        {"[v5 MQTT-4.7.3-1] will topic", head(kV5, 4).text("").u8(0).text("").text(""), bad_topic},
        {"[v3.1.1 MQTT-3.3.2-2] will topic", head(kV311, 4).text("").text("+").text(""), bad_topic},
        {"[v5 MQTT-3.3.2-2] will topic", head(kV5, 4).text("").u8(0).text("#").text(""), bad_topic},
    };
    for (const auto& row : table)
        EXPECT_EQ(connect_status(row.body).reason, row.reason) << row.rule;
}

// [v5 MQTT-3.1.2-16, -18] [v3.1.1 MQTT-3.1.2-18, -20]
TEST(DecodeConnect, RefusesAPayloadThatItsFlagsDoNotAnnounce) {
    for (const auto version : kVersions) {
        EXPECT_EQ(connect_status(head(version, 2).text("id").text("user")).reason,
                  ReasonCode::MalformedPacket);
        EXPECT_EQ(connect_status(head(version, 0x82).text("id")).reason,
                  ReasonCode::MalformedPacket);
    }
}

// [v5 3.1.2.11.10]
TEST(DecodeConnect, RefusesAuthenticationDataWithoutMethod) {
    const Bytes section = Bytes().u8(0x16).text("data");
    const Bytes body = Bytes().text("MQTT").u8(5).u8(2).u16(0).section(section).text("id");
    EXPECT_EQ(connect_status(body).reason, ReasonCode::ProtocolError);
}

TEST(DecodeConnect, KeepsTheVersionWhateverFailsLater) {
    for (const auto version : kVersions) {
        const Bytes body = head(version, 2).text("client");
        const std::size_t after_level = version == kV31 ? 9 : 7;
        for (std::size_t size = after_level; size < body.view().size(); ++size) {
            const std::string cut(body.view().substr(0, size));
            Connect packet;
            EXPECT_FALSE(decode_connect(frame_of(PacketType::Connect, 0, cut), packet).ok());
            EXPECT_EQ(packet.version, version);
        }
    }
}

TEST(DecodeConnect, TellsMqtt5FromTheFirstBytes) {
    const std::string_view v5 = "\x00\x04MQTT\x05 and more"sv;
    EXPECT_TRUE(begins_like_v5(v5));
    EXPECT_TRUE(begins_like_v5(v5.substr(0, kVersionBytes)));
    EXPECT_FALSE(begins_like_v5(v5.substr(0, kVersionBytes - 1)));
    EXPECT_FALSE(begins_like_v5(""));
    EXPECT_FALSE(begins_like_v5("\x00\x04MQTT\x04\x02"sv));
    EXPECT_FALSE(begins_like_v5("\x00\x04MQTT\x06\x02"sv));
    EXPECT_FALSE(begins_like_v5("\x00\x06MQIsdp\x05"sv));
    EXPECT_FALSE(begins_like_v5("\x00\x04HTTP\x05\x02"sv));
}

TEST(DecodeConnack, ReadsReturnCodesAndReasonCodes) {
    Connack packet;
    ASSERT_TRUE(decode_connack(frame_of(PacketType::Connack, 0, "\x01\x00"sv), kV311, packet).ok());
    EXPECT_TRUE(packet.session_present);
    ASSERT_TRUE(decode_connack(frame_of(PacketType::Connack, 0, "\x00\x04"sv), kV311, packet).ok());
    EXPECT_EQ(packet.reason, ReasonCode::BadUserNameOrPassword);
    ASSERT_TRUE(
        decode_connack(frame_of(PacketType::Connack, 0, "\x00\x87\x00"sv), kV5, packet).ok());
    EXPECT_EQ(packet.reason, ReasonCode::NotAuthorized);
}

TEST(DecodeConnack, TakesAnythingInTheByteThatMqtt31Reserves) {
    Connack packet;
    const auto present = [&packet](std::string_view body) {
        EXPECT_TRUE(decode_connack(frame_of(PacketType::Connack, 0, body), kV31, packet).ok());
        return packet.session_present;
    };
    EXPECT_TRUE(present("\x01\x00"sv));
    EXPECT_FALSE(present("\x00\x00"sv));
    EXPECT_FALSE(present("\x7f\x00"sv));
    EXPECT_FALSE(present("\x01\x05"sv));
}

TEST(DecodeConnack, RefusesWhatTheSpecificationForbids) {
    const auto malformed = ReasonCode::MalformedPacket;
    const auto protocol_error = ReasonCode::ProtocolError;
    // NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): a row reads in this order
    const struct {
        const char* rule;
        ProtocolVersion version;
        std::string_view body;
        ReasonCode reason;
    } table[] = {
        {"[v3.1.1 3.2.2.1] reserved flags", kV311, "\x02\x00"sv, malformed},
        {"[v5 MQTT-3.2.2-1] reserved flags", kV5, "\x03\x00\x00"sv, malformed},
        {"[v3.1.1 MQTT-3.2.2-4] present with error", kV311, "\x01\x05"sv, protocol_error},
        {"[v5 MQTT-3.2.2-6] present with error", kV5, "\x01\x87\x00"sv, protocol_error},
        {"[v3.1.1 3.2.2.3] return code 6", kV311, "\x00\x06"sv, protocol_error},
        {"[v5 MQTT-3.2.2-8] reason code", kV5, "\x00\x8D\x00"sv, protocol_error},
        {"one byte", kV311, "\x00"sv, malformed},
        {"trailing byte", kV311, "\x00\x00\x00"sv, malformed},
        {"trailing byte", kV5, "\x00\x00\x00\x00"sv, malformed},
        {"no properties", kV5, "\x00\x00"sv, malformed},
    };
    for (const auto& row : table) {
        Connack packet;
        const auto frame = frame_of(PacketType::Connack, 0, row.body);
        EXPECT_EQ(decode_connack(frame, row.version, packet).reason, row.reason) << row.rule;
    }
}

}  // namespace
}  // namespace vmq::mqtt
