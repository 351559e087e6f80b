#include <gtest/gtest.h>

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

constexpr auto kMalformed = ReasonCode::MalformedPacket;
constexpr auto kProtocolError = ReasonCode::ProtocolError;
constexpr auto kBadFilter = ReasonCode::TopicFilterInvalid;

DecodeStatus subscribe_status(ProtocolVersion version, const Bytes& body, unsigned flags = 2) {
    Subscribe packet;
    return decode_subscribe(frame_of(PacketType::Subscribe, flags, body.view()), version, packet);
}

DecodeStatus unsubscribe_status(ProtocolVersion version, const Bytes& body, unsigned flags = 2) {
    Unsubscribe packet;
    return decode_unsubscribe(frame_of(PacketType::Unsubscribe, flags, body.view()), version,
                              packet);
}

TEST(DecodeSubscribe, ReadsFiltersAndOptionsInTheirOrder) {
    const Bytes body = Bytes().u16(1).u8(2).u8(0x0B).u8(7).text("a/#").u8(0x2D).text("b").u8(0x12);
    Subscribe packet;
    const auto frame = frame_of(PacketType::Subscribe, 2, body.view());
    ASSERT_TRUE(decode_subscribe(frame, kV5, packet).ok());
    EXPECT_EQ(packet.id, PacketId{1});
    EXPECT_EQ(packet.properties.subscription_identifiers, std::vector<std::uint32_t>{7});
    ASSERT_EQ(packet.entries.size(), 2U);
    EXPECT_EQ(packet.entries[0].filter, "a/#");
    EXPECT_EQ(packet.entries[0].options,
              (SubscriptionOptions{QoS::AtLeastOnce, true, true, RetainHandling::DoNotSend}));
    EXPECT_EQ(packet.entries[1].filter, "b");
    EXPECT_EQ(packet.entries[1].options,
              (SubscriptionOptions{QoS::ExactlyOnce, false, false, RetainHandling::SendIfNew}));
}

TEST(DecodeSubscribe, LeavesNothingOfThePacketBefore) {
    const Bytes first = Bytes().u16(1).u8(2).u8(0x0B).u8(7).text("a").u8(0).text("b").u8(0);
    const Bytes second = Bytes().u16(2).u8(0).text("c").u8(0);
    Subscribe packet;
    ASSERT_TRUE(
        decode_subscribe(frame_of(PacketType::Subscribe, 2, first.view()), kV5, packet).ok());
    ASSERT_TRUE(
        decode_subscribe(frame_of(PacketType::Subscribe, 2, second.view()), kV5, packet).ok());
    EXPECT_EQ(packet.entries.size(), 1U);
    EXPECT_TRUE(packet.properties.empty());
    EXPECT_TRUE(packet.properties.subscription_identifiers.empty());
}

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): a row reads in this order
struct Case {
    const char* rule = nullptr;
    ProtocolVersion version{};
    Bytes body;
    ReasonCode reason{};
};

TEST(DecodeSubscribe, RefusesWhatTheSpecificationForbids) {
    const auto v3 = [] { return Bytes().u16(1); };
    const auto v5 = [] { return Bytes().u16(1).u8(0); };
    const Case table[] = {
        {"[v3.1.1 MQTT-2.3.1-1] id 0", kV311, Bytes().u16(0).text("a").u8(0), kProtocolError},
        {"[v5 MQTT-2.2.1-3] id 0", kV5, Bytes().u16(0).u8(0).text("a").u8(0), kProtocolError},
        {"[v3.1.1 MQTT-3.8.3-3] no filter", kV311, v3(), kProtocolError},
        {"[v5 MQTT-3.8.3-2] no filter", kV5, v5(), kProtocolError},
        {"[v3.1.1 MQTT-3-8.3-4] QoS 3", kV311, v3().text("a").u8(3), kMalformed},
        {"[v3.1.1 MQTT-3-8.3-4] reserved", kV311, v3().text("a").u8(4), kMalformed},
        {"[v3.1.1 MQTT-3-8.3-4] reserved", kV31, v3().text("a").u8(0x80), kMalformed},
        {"[v5 MQTT-3.8.3-5] reserved", kV5, v5().text("a").u8(0x40), kMalformed},
        {"[v5 MQTT-3.8.3-5] reserved", kV5, v5().text("a").u8(0x80), kMalformed},
        {"[v5 3.8.3.1] QoS 3", kV5, v5().text("a").u8(3), kProtocolError},
        {"[v5 3.8.3.1] Retain Handling 3", kV5, v5().text("a").u8(0x30), kProtocolError},
        {"[v5 MQTT-3.8.3-4]", kV5, v5().text("$share/g/a").u8(4), kProtocolError},
        {"[v3.1.1 MQTT-3.8.3-1] not UTF-8", kV311, v3().text("\xFF").u8(0), kMalformed},
        {"[v5 MQTT-3.8.3-1] U+0000", kV5, v5().text("\0"sv).u8(0), kMalformed},
        {"[v3.1.1 MQTT-4.7.3-1] empty", kV311, v3().text("").u8(0), kBadFilter},
        {"[v5 MQTT-4.7.1-1] # not last", kV5, v5().text("#/a").u8(0), kBadFilter},
        {"[v5 MQTT-4.7.1-2] + in a level", kV5, v5().text("a+").u8(0), kBadFilter},
        {"[v5 MQTT-4.8.2-2] group", kV5, v5().text("$share/+/a").u8(0), kBadFilter},
        {"[v5 MQTT-4.8.2-1] no filter", kV5, v5().text("$share/g").u8(0), kBadFilter},
        {"a wrong second entry", kV311, v3().text("a").u8(0).text("a#").u8(0), kBadFilter},
        {"options cut off", kV311, v3().text("a"), kMalformed},
        {"filter cut off", kV311, v3().u16(2).raw("a"), kMalformed},
        {"[v5 3.8.2.1.2] id twice", kV5,
         Bytes().u16(1).u8(4).raw("\x0B\x01\x0B\x02").text("a").u8(0), kProtocolError},
        {"[v5 3.8.2.1.2] id 0", kV5, Bytes().u16(1).u8(2).raw("\x0B\x00"sv).text("a").u8(0),
         kProtocolError},
        {"no packet id", kV311, Bytes().u8(1), kMalformed},
        {"no property length", kV5, Bytes().u16(1), kMalformed},
    };
    for (const auto& row : table) {
        EXPECT_EQ(subscribe_status(row.version, row.body).reason, row.reason) << row.rule;
    }
}

TEST(DecodeSubscribe, TakesSharedSubscriptionsInEveryVersion) {
    for (const auto version : kVersions) {
        Bytes body = Bytes().u16(1);
        if (version == kV5) body.u8(0);
        EXPECT_TRUE(subscribe_status(version, body.text("$share/g/a/#").u8(1)).ok());
    }
}

// [v5 MQTT-3.8.1-1, MQTT-3.10.1-1] [v3.1.1, the same numbers] [v3.1 2.1]
TEST(DecodeSubscribeAndUnsubscribe, TakeOnlyTheirFlags) {
    for (const auto version : kVersions) {
        for (unsigned flags = 0; flags < 16; ++flags) {
            const bool ok = version == kV31 ? (flags & 6U) == 2 : flags == 2;
            Bytes body = Bytes().u16(1);
            if (version == kV5) body.u8(0);
            body.text("a");
            EXPECT_EQ(unsubscribe_status(version, body, flags).ok(), ok) << flags;
            EXPECT_EQ(subscribe_status(version, body.u8(0), flags).ok(), ok) << flags;
        }
    }
}

TEST(DecodeUnsubscribe, ReadsFiltersInTheirOrder) {
    const Bytes body = Bytes().u16(9).text("a/+").text("$share/g/b");
    Unsubscribe packet;
    const auto frame = frame_of(PacketType::Unsubscribe, 2, body.view());
    ASSERT_TRUE(decode_unsubscribe(frame, kV311, packet).ok());
    EXPECT_EQ(packet.id, PacketId{9});
    EXPECT_EQ(packet.filters, (std::vector{"a/+"sv, "$share/g/b"sv}));
}

TEST(DecodeUnsubscribe, RefusesWhatTheSpecificationForbids) {
    const Case table[] = {
        {"[v3.1.1 MQTT-2.3.1-1] id 0", kV311, Bytes().u16(0).text("a"), kProtocolError},
        {"[v5 MQTT-2.2.1-3] id 0", kV5, Bytes().u16(0).u8(0).text("a"), kProtocolError},
        {"[v3.1.1 MQTT-3.10.3-2] no filter", kV311, Bytes().u16(1), kProtocolError},
        {"[v5 MQTT-3.10.3-2] no filter", kV5, Bytes().u16(1).u8(0), kProtocolError},
        {"[v3.1.1 MQTT-3.10.3-1] not UTF-8", kV311, Bytes().u16(1).text("\xFF"), kMalformed},
        {"[v5 MQTT-3.10.3-1] not UTF-8", kV5, Bytes().u16(1).u8(0).text("\xFF"), kMalformed},
        {"[v5 MQTT-4.7.1-1] # not last", kV5, Bytes().u16(1).u8(0).text("#/a"), kBadFilter},
        {"[v3.1.1 MQTT-4.7.3-1] empty", kV311, Bytes().u16(1).text(""), kBadFilter},
        {"filter cut off", kV311, Bytes().u16(1).u16(2).raw("a"), kMalformed},
    };
    for (const auto& row : table) {
        EXPECT_EQ(unsubscribe_status(row.version, row.body).reason, row.reason) << row.rule;
    }
}

/// The codes of 0 to 255 that a SUBACK or UNSUBACK may have.
template <typename Packet, typename Decode>
std::vector<int> accepted(Decode decode, PacketType type, ProtocolVersion version) {
    std::vector<int> codes;
    for (int code = 0; code < 256; ++code) {
        Bytes body = Bytes().u16(1);
        if (version == kV5) body.u8(0);
        body.u8(static_cast<unsigned>(code));
        Packet packet;
        const DecodeStatus status = decode(frame_of(type, 0, body.view()), version, packet);
        EXPECT_TRUE(status.ok() || status.reason == kProtocolError);
        if (status.ok()) codes.push_back(code);
    }
    return codes;
}

// [v5 MQTT-3.9.3-2, MQTT-3.11.3-2] [v3.1.1 MQTT-3.9.3-2]
TEST(DecodeSubackAndUnsuback, TakeOnlyTheirReasonCodes) {
    EXPECT_EQ(accepted<Suback>(decode_suback, PacketType::Suback, kV311),
              (std::vector{0, 1, 2, 0x80}));
    EXPECT_EQ(accepted<Suback>(decode_suback, PacketType::Suback, kV5),
              (std::vector{0, 1, 2, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2}));
    EXPECT_EQ(accepted<Unsuback>(decode_unsuback, PacketType::Unsuback, kV5),
              (std::vector{0, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91}));
}

TEST(DecodeSuback, ReadsReasonsInTheirOrder) {
    Suback packet;
    const auto frame = frame_of(PacketType::Suback, 0, "\x00\x05\x00\x02\x87\x00"sv);
    ASSERT_TRUE(decode_suback(frame, kV5, packet).ok());
    EXPECT_EQ(packet.reasons, (std::vector{ReasonCode::GrantedQoS2, ReasonCode::NotAuthorized,
                                           ReasonCode::Success}));
    EXPECT_EQ(decode_suback(frame_of(PacketType::Suback, 0, "\x00\x05"sv), kV311, packet).reason,
              kProtocolError);
}

TEST(DecodeUnsuback, IsOnlyAPacketIdInMqtt3) {
    Unsuback packet;
    ASSERT_TRUE(
        decode_unsuback(frame_of(PacketType::Unsuback, 0, "\x00\x05"sv), kV311, packet).ok());
    EXPECT_TRUE(packet.reasons.empty());
    EXPECT_EQ(
        decode_unsuback(frame_of(PacketType::Unsuback, 0, "\x00\x05\x00"sv), kV311, packet).reason,
        kMalformed);
    EXPECT_EQ(
        decode_unsuback(frame_of(PacketType::Unsuback, 0, "\x00\x05\x00"sv), kV5, packet).reason,
        kProtocolError);
}

}  // namespace
}  // namespace vmq::mqtt
