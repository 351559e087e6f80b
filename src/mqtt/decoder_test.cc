#include "mqtt/decoder.h"

#include <gtest/gtest.h>

#include <string>

#include "mqtt/packet_builder.h"

namespace vmq::mqtt {
namespace {

using namespace std::string_view_literals;
using testing::Bytes;
using testing::frame_of;
using testing::kNoLimit;
using testing::kV31;
using testing::kV311;
using testing::kV5;
using testing::kVersions;

TEST(NextFrame, FindsThePacketAndLeavesTheRest) {
    const auto frame = next_frame("\x31\x02xyREST"sv, kNoLimit);
    EXPECT_EQ(frame.status, FrameStatus::Complete);
    EXPECT_EQ(frame.type, PacketType::Publish);
    EXPECT_EQ(frame.flags, 1);
    EXPECT_EQ(frame.body, "xy");
    EXPECT_EQ(frame.size, 4U);
}

TEST(NextFrame, SaysHowManyBytesThePacketHasAsSoonAsItIsKnown) {
    EXPECT_EQ(next_frame(""sv, kNoLimit).status, FrameStatus::NeedMore);
    EXPECT_EQ(next_frame("\x30"sv, kNoLimit).needed, 0U);
    EXPECT_EQ(next_frame("\x30\x80"sv, kNoLimit).needed, 0U);
    const auto frame = next_frame("\x30\x80\x01x"sv, kNoLimit);
    EXPECT_EQ(frame.status, FrameStatus::NeedMore);
    EXPECT_EQ(frame.needed, 131U);
    EXPECT_EQ(next_frame("\x30\xFF\xFF\xFF\x7F"sv, kNoLimit).needed, 268'435'460U);
}

// [v5 1.5.5] [v3.1.1 2.2.3]
TEST(NextFrame, RefusesAFifthLengthByteAndType0) {
    EXPECT_EQ(next_frame("\x30\x80\x80\x80\x80"sv, kNoLimit).status, FrameStatus::Malformed);
    EXPECT_EQ(next_frame("\x30\x80\x80\x80"sv, kNoLimit).status, FrameStatus::NeedMore);
    EXPECT_EQ(next_frame("\x0F"sv, kNoLimit).status, FrameStatus::Malformed);
}

TEST(NextFrame, ComparesOnlyThisPacketWithTheLimitAndBeforeItsBodyIsHere) {
    EXPECT_EQ(next_frame("\x30\x05"sv, 4).status, FrameStatus::TooLarge);
    EXPECT_EQ(next_frame("\x30\x05"sv, 4).needed, 7U);
    EXPECT_EQ(next_frame("\x30\x05"sv, 4).body, "");
    EXPECT_EQ(next_frame("\x30\x05ww"sv, 4).body, "ww");
    EXPECT_EQ(next_frame("\x30\x05wwwww\x30"sv, 4).body, "wwwww");
    EXPECT_EQ(next_frame("\x30\x04wxyz and nine others"sv, 4).status, FrameStatus::Complete);
}

TEST(NextFrame, TakesAnOverlongLengthThatOnlyMqtt5Refuses) {
    const auto frame = next_frame("\x30\x83\x00\x00\x01t"sv, kNoLimit);
    ASSERT_EQ(frame.status, FrameStatus::Complete);
    Publish packet;
    EXPECT_TRUE(decode_publish(frame, kV311, packet).ok());
    // [v5 MQTT-1.5.5-1]
    EXPECT_EQ(decode_publish(frame, kV5, packet).reason, ReasonCode::MalformedPacket);
    Disconnect disconnect;
    const auto empty = next_frame("\xE0\x80\x00"sv, kNoLimit);
    EXPECT_TRUE(decode_disconnect(empty, kV311, disconnect).ok());
    EXPECT_EQ(decode_disconnect(empty, kV5, disconnect).reason, ReasonCode::MalformedPacket);
}

TEST(DecodePublish, ReadsEveryField) {
    const Bytes section = Bytes().u8(0x02).u32(60).u8(0x23).u16(9).u8(0x26).text("k").text("v");
    const Bytes body = Bytes().text("a/b").u16(77).section(section).raw("payload");
    Publish packet;
    ASSERT_TRUE(decode_publish(frame_of(PacketType::Publish, 0xD, body.view()), kV5, packet).ok());
    EXPECT_EQ(packet.topic, "a/b");
    EXPECT_EQ(packet.id, PacketId{77});
    EXPECT_EQ(packet.qos, QoS::ExactlyOnce);
    EXPECT_TRUE(packet.dup);
    EXPECT_TRUE(packet.retain);
    EXPECT_EQ(packet.topic_alias, 9);
    EXPECT_EQ(packet.message_expiry_interval, 60U);
    EXPECT_TRUE(packet.has_forwarded_properties);
    EXPECT_EQ(packet.raw_properties, section.view());
    EXPECT_EQ(packet.payload, "payload");
}

TEST(DecodePublish, LeavesNothingOfThePacketBefore) {
    const Bytes section = Bytes().u8(0x02).u32(60).u8(0x23).u16(9).u8(0x26).text("k").text("v");
    const Bytes first = Bytes().text("a/b").u16(77).section(section).raw("payload");
    const Bytes second = Bytes().text("c").u8(0);
    Publish packet;
    ASSERT_TRUE(decode_publish(frame_of(PacketType::Publish, 0xD, first.view()), kV5, packet).ok());
    ASSERT_TRUE(decode_publish(frame_of(PacketType::Publish, 0, second.view()), kV5, packet).ok());
    EXPECT_EQ(packet.id, PacketId{});
    EXPECT_FALSE(packet.dup);
    EXPECT_FALSE(packet.retain);
    EXPECT_EQ(packet.topic_alias, 0);
    EXPECT_FALSE(packet.message_expiry_interval);
    EXPECT_FALSE(packet.has_forwarded_properties);
    EXPECT_EQ(packet.raw_properties, "");
    EXPECT_EQ(packet.payload, "");
}

struct PublishCase {
    const char* rule;
    ProtocolVersion version;
    unsigned flags;
    Bytes body;
    ReasonCode reason;
};

TEST(DecodePublish, RefusesWhatTheSpecificationForbids) {
    const auto malformed = ReasonCode::MalformedPacket;
    const auto protocol_error = ReasonCode::ProtocolError;
    const auto bad_topic = ReasonCode::TopicNameInvalid;
    const PublishCase table[] = {
        {"[v3.1.1 MQTT-3.3.1-4] QoS 3", kV311, 6, Bytes().text("t").u16(1), malformed},
        {"[v5 MQTT-3.3.1-4] QoS 3", kV5, 6, Bytes().text("t").u16(1).u8(0), malformed},
        {"[v3.1.1 MQTT-3.3.1-2] DUP with QoS 0", kV311, 8, Bytes().text("t"), malformed},
        {"[v5 MQTT-3.3.1-2] DUP with QoS 0", kV5, 8, Bytes().text("t").u8(0), malformed},
        {"[v3.1.1 MQTT-2.3.1-1] id 0", kV311, 2, Bytes().text("t").u16(0), protocol_error},
        {"[v5 MQTT-2.2.1-3] id 0", kV5, 2, Bytes().text("t").u16(0).u8(0), protocol_error},
        {"[v3.1.1 MQTT-4.7.3-1] no topic", kV311, 0, Bytes().text(""), bad_topic},
        {"[v5 3.3.2.1] no topic, no alias", kV5, 0, Bytes().text("").u8(0), protocol_error},
        {"[v3.1.1 MQTT-3.3.2-2] wildcard", kV311, 0, Bytes().text("a/+"), bad_topic},
        {"[v5 MQTT-3.3.2-2] wildcard", kV5, 0, Bytes().text("#").u8(0), bad_topic},
        {"[v3.1.1 MQTT-3.3.2-1] not UTF-8", kV311, 0, Bytes().text("\xFF"), malformed},
        {"[v5 MQTT-3.3.2-1] a surrogate", kV5, 0, Bytes().text("\xED\xA0\x80").u8(0), malformed},
        {"[v5 MQTT-1.5.4-2] U+0000", kV5, 0, Bytes().text("a\0b"sv).u8(0), malformed},
        {"topic cut off", kV311, 0, Bytes().u16(2).raw("a"), malformed},
        {"no id", kV311, 2, Bytes().text("t").u8(1), malformed},
        {"[v5 MQTT-2.2.2-1] no property length", kV5, 0, Bytes().text("t"), malformed},
        {"properties cut off", kV5, 0, Bytes().text("t").u8(2).u8(1), malformed},
        {"[v5 MQTT-3.3.2-8] alias 0", kV5, 0, Bytes().text("t").u8(3).u8(0x23).u16(0),
         ReasonCode::TopicAliasInvalid},
        {"[v5 MQTT-3.3.4-6] subscription id", kV5, 0, Bytes().text("t").u8(2).u8(0x0B).u8(1),
         protocol_error},
        {"[v5 MQTT-1.5.5-1] overlong property length", kV5, 0,
         Bytes().text("t").u8(0x82).u8(0x00).u8(1).u8(1), malformed},
    };
    for (const auto& row : table) {
        Publish packet;
        const auto frame = frame_of(PacketType::Publish, row.flags, row.body.view());
        EXPECT_EQ(decode_publish(frame, row.version, packet).reason, row.reason) << row.rule;
    }
}

// [v5 3.3.2.3.4]
TEST(DecodePublish, TakesAnEmptyTopicWithAnAlias) {
    const Bytes body = Bytes().text("").u8(3).u8(0x23).u16(1);
    Publish packet;
    EXPECT_TRUE(decode_publish(frame_of(PacketType::Publish, 0, body.view()), kV5, packet).ok());
    EXPECT_EQ(packet.topic_alias, 1);
}

// [v5 3.3.2.3.8]
TEST(DecodeServerPublish, TakesSeveralSubscriptionIdentifiers) {
    const Bytes section = Bytes().u8(0x0B).u8(1).u8(0x0B).u8(0x80).u8(1);
    const Bytes body = Bytes().text("t").section(section);
    Publish packet;
    ASSERT_TRUE(
        decode_server_publish(frame_of(PacketType::Publish, 0, body.view()), kV5, packet).ok());
    const auto properties = decode_publish_properties(packet.raw_properties);
    EXPECT_EQ(properties.subscription_identifiers, (std::vector<std::uint32_t>{1, 128}));
    EXPECT_FALSE(packet.has_forwarded_properties);
}

constexpr PacketType kAckTypes[] = {PacketType::Puback, PacketType::Pubrec, PacketType::Pubrel,
                                    PacketType::Pubcomp};

unsigned ack_flags(PacketType type) { return type == PacketType::Pubrel ? 2 : 0; }

DecodeStatus ack_status(PacketType type, ProtocolVersion version, unsigned flags,
                        std::string_view body) {
    Ack packet;
    return decode_ack(frame_of(type, flags, body), version, packet);
}

// [v5 MQTT-2.1.3-1, MQTT-3.6.1-1] [v3.1.1 MQTT-2.2.2-2, MQTT-3.6.1-1]
TEST(DecodeAck, TakesOnlyTheFlagsOfItsType) {
    for (const auto type : kAckTypes) {
        for (const auto version : {kV311, kV5}) {
            for (unsigned flags = 0; flags < 16; ++flags) {
                EXPECT_EQ(ack_status(type, version, flags, "\x00\x01"sv).ok(),
                          flags == ack_flags(type))
                    << packet_name(type) << " " << flags;
            }
        }
    }
}

// [v3.1 2.1]: a PUBREL sent again has DUP set, and RETAIN is not used.
TEST(DecodeAck, TakesAPubrelThatMqtt31SendsAgain) {
    for (unsigned flags = 0; flags < 16; ++flags) {
        EXPECT_EQ(ack_status(PacketType::Pubrel, kV31, flags, "\x00\x01"sv).ok(),
                  (flags & 6U) == 2U);
    }
}

TEST(DecodeAck, ReadsShortAndLongForms) {
    Ack packet;
    const auto decode = [&packet](std::string_view body) {
        return decode_ack(frame_of(PacketType::Puback, 0, body), kV5, packet).ok();
    };
    ASSERT_TRUE(decode("\x01\x02\x87\x04\x1F\x00\x01x"sv));
    EXPECT_EQ(packet.id, PacketId{0x0102});
    EXPECT_EQ(packet.reason, ReasonCode::NotAuthorized);
    EXPECT_EQ(packet.properties.reason_string, "x");
    ASSERT_TRUE(decode("\x00\x01\x10"sv));  // [v5 3.4.2.2.1]
    EXPECT_EQ(packet.reason, ReasonCode::NoMatchingSubscribers);
    EXPECT_TRUE(packet.properties.empty());
    ASSERT_TRUE(decode("\x00\x01"sv));  // [v5 3.4.2.1]
    EXPECT_EQ(packet.reason, ReasonCode::Success);
}

TEST(DecodeAck, RefusesWrongBodies) {
    for (const auto type : kAckTypes) {
        const unsigned flags = ack_flags(type);
        for (const auto version : kVersions) {
            EXPECT_EQ(ack_status(type, version, flags, ""sv).reason, ReasonCode::MalformedPacket);
            EXPECT_EQ(ack_status(type, version, flags, "\x01"sv).reason,
                      ReasonCode::MalformedPacket);
            EXPECT_EQ(ack_status(type, version, flags, "\x00\x00"sv).reason,
                      ReasonCode::ProtocolError);
        }
        EXPECT_EQ(ack_status(type, kV311, flags, "\x00\x01\x00"sv).reason,
                  ReasonCode::MalformedPacket);
        EXPECT_EQ(ack_status(type, kV5, flags, "\x00\x01\x00\x00\x00"sv).reason,
                  ReasonCode::MalformedPacket);
        EXPECT_EQ(ack_status(type, kV5, flags, "\x00\x01\x00\x01"sv).reason,
                  ReasonCode::MalformedPacket);
    }
}

/// The reason codes of 0 to 255 for which `accepts` says yes.
template <typename Accepts>
std::vector<int> accepted_reasons(Accepts accepts) {
    std::vector<int> codes;
    for (int code = 0; code < 256; ++code) {
        if (accepts(static_cast<unsigned>(code))) codes.push_back(code);
    }
    return codes;
}

// [v5 MQTT-3.4.2-1, MQTT-3.5.2-1, MQTT-3.6.2-1, MQTT-3.7.2-1]
TEST(DecodeAck, TakesOnlyTheReasonCodesOfItsType) {
    const std::vector<int> puback{0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99};
    const std::vector<int> pubrel{0, 0x92};
    for (const auto type : kAckTypes) {
        const auto accepted = accepted_reasons([type](unsigned code) {
            const Bytes body = Bytes().u16(1).u8(code);
            const auto status = ack_status(type, kV5, ack_flags(type), body.view());
            EXPECT_TRUE(status.ok() || status.reason == ReasonCode::ProtocolError);
            return status.ok();
        });
        const bool release = type == PacketType::Pubrel || type == PacketType::Pubcomp;
        EXPECT_EQ(accepted, release ? pubrel : puback) << packet_name(type);
    }
}

TEST(DecodePingreq, HasNoFlagsAndNoBody) {
    EXPECT_TRUE(decode_pingreq(frame_of(PacketType::Pingreq, 0, ""), ProtocolVersion::V5).ok());
    EXPECT_EQ(decode_pingreq(frame_of(PacketType::Pingreq, 1, ""), ProtocolVersion::V5).reason,
              ReasonCode::MalformedPacket);
    EXPECT_EQ(decode_pingreq(frame_of(PacketType::Pingreq, 0, "x"), ProtocolVersion::V5).reason,
              ReasonCode::MalformedPacket);
}

DecodeStatus disconnect_status(ProtocolVersion version, unsigned flags, std::string_view body) {
    Disconnect packet;
    return decode_disconnect(frame_of(PacketType::Disconnect, flags, body), version, packet);
}

TEST(DecodeDisconnect, HasNoBodyInMqtt3) {
    for (const auto version : {kV31, kV311}) {
        EXPECT_TRUE(disconnect_status(version, 0, "").ok());
        EXPECT_EQ(disconnect_status(version, 0, "\x04").reason, ReasonCode::MalformedPacket);
    }
}

TEST(DecodeDisconnect, RefusesFlags) {  // [v5 MQTT-3.14.1-1] [v3.1.1 MQTT-3.14.1-1]
    EXPECT_EQ(disconnect_status(kV311, 2, "").reason, ReasonCode::MalformedPacket);
    EXPECT_EQ(disconnect_status(kV5, 1, "").reason, ReasonCode::MalformedPacket);
}

TEST(DecodeDisconnect, ReadsReasonAndProperties) {
    const Bytes body = Bytes().u8(4).section(Bytes().u8(0x11).u32(99));
    Disconnect packet;
    const auto frame = frame_of(PacketType::Disconnect, 0, body.view());
    ASSERT_TRUE(decode_disconnect(frame, kV5, packet).ok());
    EXPECT_EQ(packet.reason, ReasonCode::DisconnectWithWillMessage);
    EXPECT_EQ(packet.properties.session_expiry_interval, 99U);
    ASSERT_TRUE(decode_disconnect(frame_of(PacketType::Disconnect, 0, ""), kV5, packet).ok());
    EXPECT_EQ(packet.reason, ReasonCode::Success);  // [v5 3.14.2.1]
    EXPECT_TRUE(packet.properties.empty());
}

// [v5 MQTT-3.14.2-1], table 3-10
TEST(DecodeDisconnect, TakesOnlyTheReasonCodesOfItsSender) {
    const std::vector<int> client{0,    4,    0x80, 0x81, 0x82, 0x83, 0x90,
                                  0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99};
    const std::vector<int> server{0,    0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D,
                                  0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
                                  0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2};
    EXPECT_EQ(accepted_reasons([](unsigned code) {
                  return disconnect_status(kV5, 0, Bytes().u8(code).view()).ok();
              }),
              client);
    EXPECT_EQ(accepted_reasons([](unsigned code) {
                  const Bytes body = Bytes().u8(code);
                  Disconnect packet;
                  return decode_server_disconnect(frame_of(PacketType::Disconnect, 0, body.view()),
                                                  packet)
                      .ok();
              }),
              server);
}

TEST(DecodeAuth, NeedsAMethodAndReadsData) {
    const Bytes section = Bytes().u8(0x15).text("SCRAM").u8(0x16).text("data");
    const Bytes body = Bytes().u8(0x18).section(section);
    Auth packet;
    ASSERT_TRUE(decode_auth(frame_of(PacketType::Auth, 0, body.view()), packet).ok());
    EXPECT_EQ(packet.reason, ReasonCode::ContinueAuthentication);
    EXPECT_EQ(packet.properties.authentication_method, "SCRAM");
    EXPECT_EQ(packet.properties.authentication_data, "data");
    // [v5 MQTT-3.15.1-1]
    EXPECT_EQ(decode_auth(frame_of(PacketType::Auth, 1, body.view()), packet).reason,
              ReasonCode::MalformedPacket);
    // [v5 3.15.2.2.2]
    for (const auto without : {"\x18"sv, "\x18\x00"sv, "\x18\x04\x16\x00\x01x"sv}) {
        EXPECT_EQ(decode_auth(frame_of(PacketType::Auth, 0, without), packet).reason,
                  ReasonCode::ProtocolError);
    }
}

// [v5 MQTT-3.15.2-1], table 3-11
TEST(DecodeAuth, TakesOnlyTheReasonCodesOfItsSender) {
    const auto accepted = [](auto decode) {
        return accepted_reasons([decode](unsigned code) {
            const Bytes body = Bytes().u8(code).section(Bytes().u8(0x15).text("m"));
            Auth packet;
            return decode(frame_of(PacketType::Auth, 0, body.view()), packet).ok();
        });
    };
    EXPECT_EQ(accepted(decode_auth), (std::vector<int>{0x18, 0x19}));
    EXPECT_EQ(accepted(decode_server_auth), (std::vector<int>{0, 0x18}));
}

// [v5 3.15.2.1]
TEST(DecodeServerAuth, TakesAnEmptyBodyAsSuccess) {
    Auth packet;
    EXPECT_TRUE(decode_server_auth(frame_of(PacketType::Auth, 0, ""), packet).ok());
    EXPECT_EQ(decode_auth(frame_of(PacketType::Auth, 0, ""), packet).reason,
              ReasonCode::ProtocolError);
}

}  // namespace
}  // namespace vmq::mqtt
