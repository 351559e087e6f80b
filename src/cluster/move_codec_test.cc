#include "cluster/move_codec.h"

#include <gtest/gtest.h>

#include <string>

#include "support/frame_round_trip.h"

namespace vmq::cluster {
namespace {

using vmq::testing::body_of;

constexpr TimePoint kMovedAt{Millis(1000)};

MoveHeader header_of(MoveKind kind) { return {0xABCDEF, 3, kind, 1, {"m", "c"}}; }

/// A body whose header has been read.
template <typename Write>
std::string written(MoveKind kind, Write write) {
    std::string bytes;
    MoveWriter writer(header_of(kind), bytes);
    write(writer);
    writer.finish();
    return body_of(bytes, FrameType::Move);
}

TEST(MoveCodec, HeaderAndBegin) {
    MoveBegin begin;
    begin.epoch = Epoch{77};
    begin.expiry_interval_s = 3600;
    begin.next_sequence = 12;
    begin.sent_through = 9;
    begin.offset = 65'535;
    begin.username = "user";
    const std::string body =
        written(MoveKind::Begin, [&](MoveWriter& writer) { writer.begin(begin); });
    MoveReader reader(body);
    MoveHeader header;
    MoveBegin got;
    ASSERT_TRUE(reader.header(header));
    ASSERT_TRUE(reader.begin(got));
    EXPECT_EQ(header.move, 0xABCDEFU);
    EXPECT_EQ(header.number, 3U);
    EXPECT_EQ(header.shard, 1U);
    EXPECT_EQ(header.key.client_id, "c");
    EXPECT_EQ(got.epoch, Epoch{77});
    EXPECT_EQ(got.next_sequence, 12U);
    EXPECT_EQ(got.sent_through, 9U);
    EXPECT_EQ(got.offset, 65'535U);
    EXPECT_EQ(got.username, "user");
    for (std::size_t size = 0; size < body.size(); ++size) {
        MoveReader part(std::string_view(body).substr(0, size));
        EXPECT_FALSE(part.header(header) && part.begin(got)) << size;
    }
}

TEST(MoveCodec, Subscriptions) {
    MovedSubscription sent;
    sent.filter = "a/+";
    sent.options.qos = mqtt::QoS::ExactlyOnce;
    sent.options.no_local = true;
    sent.options.retain_as_published = true;
    sent.options.retain_handling = mqtt::RetainHandling::DoNotSend;
    sent.subscription_id = 268'435'455;
    const std::string body = written(MoveKind::Subscriptions, [&](MoveWriter& writer) {
        writer.subscription(sent);
        writer.subscription({"$share/g/x", {}, 0});
    });
    MoveReader reader(body);
    MoveHeader header;
    MovedSubscription got;
    ASSERT_TRUE(reader.header(header));
    ASSERT_TRUE(reader.subscription(got));
    EXPECT_EQ(got.filter, "a/+");
    EXPECT_EQ(got.options, sent.options);
    EXPECT_EQ(got.subscription_id, 268'435'455U);
    ASSERT_TRUE(reader.subscription(got));
    EXPECT_EQ(got.filter, "$share/g/x");
    EXPECT_TRUE(reader.done());
}

TEST(MoveCodec, AFilterThatIsNoneIsRefused) {
    const std::string body = written(MoveKind::Subscriptions, [&](MoveWriter& writer) {
        writer.subscription({"a/#/b", {}, 0});
    });
    MoveReader reader(body);
    MoveHeader header;
    MovedSubscription got;
    ASSERT_TRUE(reader.header(header));
    EXPECT_FALSE(reader.subscription(got));
}

TEST(MoveCodec, Exchanges) {
    const std::string body = written(MoveKind::Exchanges, [&](MoveWriter& writer) {
        writer.exchanges({{1, 65'535}, {4, 70'000}});
    });
    MoveReader reader(body);
    MoveHeader header;
    MovedExchanges got;
    ASSERT_TRUE(reader.header(header));
    ASSERT_TRUE(reader.exchanges(got));
    EXPECT_EQ(got.received, (std::vector<std::uint16_t>{1, 65'535}));
    EXPECT_EQ(got.released, (std::vector<std::uint64_t>{4, 70'000}));
}

TEST(MoveCodec, Messages) {
    MovedMessage sent;
    sent.sequence = 42;
    sent.parts.topic = "a/b";
    sent.parts.payload = "payload";
    sent.parts.qos = mqtt::QoS::ExactlyOnce;
    sent.parts.retain = true;
    sent.parts.publisher = 5;
    sent.parts.origin = 6;
    sent.parts.expires_at = kMovedAt + Millis(1500);
    sent.shared_filter = "$share/g/a/b";
    sent.subscription_id = 7;
    sent.qos = mqtt::QoS::AtLeastOnce;
    sent.retain = true;
    sent.sent_before = true;
    const std::string body = written(MoveKind::Messages, [&](MoveWriter& writer) {
        writer.message(sent, kMovedAt);
        MovedMessage plain;
        plain.sequence = 43;
        plain.parts.topic = "t";
        writer.message(plain, kMovedAt);
    });
    MoveReader reader(body);
    MoveHeader header;
    MovedMessage got;
    ASSERT_TRUE(reader.header(header));
    ASSERT_TRUE(reader.message(got, kMovedAt + Millis(500)));
    EXPECT_EQ(got.sequence, 42U);
    EXPECT_EQ(got.parts.topic, "a/b");
    EXPECT_EQ(got.parts.payload, "payload");
    EXPECT_EQ(got.parts.qos, mqtt::QoS::ExactlyOnce);
    EXPECT_TRUE(got.parts.retain);
    EXPECT_EQ(got.parts.publisher, 5U);
    EXPECT_EQ(got.parts.origin, 6U);
    EXPECT_EQ(got.parts.expires_at, kMovedAt + Millis(2000));
    EXPECT_EQ(got.shared_filter, "$share/g/a/b");
    EXPECT_EQ(got.subscription_id, 7U);
    EXPECT_EQ(got.qos, mqtt::QoS::AtLeastOnce);
    EXPECT_TRUE(got.retain);
    EXPECT_TRUE(got.sent_before);
    ASSERT_TRUE(reader.message(got, kMovedAt));
    EXPECT_EQ(got.parts.expires_at, kNever);
    EXPECT_FALSE(got.sent_before);
    EXPECT_TRUE(reader.done());
}

TEST(MoveCodec, End) {
    const std::string plain = written(MoveKind::End, [](MoveWriter&) {});
    MoveHeader header;
    MovedStream stream;
    bool late = true;
    MoveReader nothing(plain);
    ASSERT_TRUE(nothing.header(header));
    EXPECT_TRUE(nothing.late(late));
    EXPECT_FALSE(late);
    const std::string body = written(MoveKind::End, [](MoveWriter& writer) {
        writer.late();
        writer.owner({"older@host", 0});
        writer.owner({"", 1});
        writer.stream({7, 8});
    });
    MoveReader reader(body);
    ASSERT_TRUE(reader.header(header));
    ASSERT_TRUE(reader.late(late));
    EXPECT_TRUE(late);
    MovedOwner owner;
    ASSERT_TRUE(reader.owner(owner));
    EXPECT_EQ(owner.node, "older@host");
    EXPECT_EQ(owner.streams, 0U);
    ASSERT_TRUE(reader.owner(owner));
    EXPECT_EQ(owner.node, "");
    EXPECT_EQ(owner.streams, 1U);
    ASSERT_TRUE(reader.stream(stream));
    EXPECT_EQ(stream.stream, 7U);
    EXPECT_EQ(stream.first, 8U);
    EXPECT_TRUE(reader.done());
}

TEST(MoveCodec, Ack) {
    std::string bytes;
    append(MoveAck{9, 8, MoveAck::Code::Unknown, 2, 131'070, {"m", "c"}}, bytes);
    const std::string body = body_of(bytes, FrameType::MoveAck);
    MoveAck got;
    ASSERT_TRUE(decode(body, got));
    EXPECT_EQ(got.move, 9U);
    EXPECT_EQ(got.number, 8U);
    EXPECT_EQ(got.code, MoveAck::Code::Unknown);
    EXPECT_EQ(got.shard, 2U);
    EXPECT_EQ(got.offset, 131'070U);
    EXPECT_EQ(got.key, (ClientKey{"m", "c"}));
    for (std::size_t size = 0; size < body.size(); ++size) {
        EXPECT_FALSE(decode(std::string_view(body).substr(0, size), got)) << size;
    }
}

}  // namespace
}  // namespace vmq::cluster
