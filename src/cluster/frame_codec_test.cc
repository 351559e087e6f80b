#include "cluster/frame_codec.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "mqtt/internal_group.h"
#include "mqtt/properties.h"

namespace vmq::cluster {
namespace {

using std::string_literals::operator""s;
using ReaderStatus = FrameReader::Status;
using mqtt::Message;
using mqtt::MessagePtr;
using mqtt::QoS;

constexpr TimePoint kSentAt{Millis(5'000)};
constexpr std::uint32_t kLongest = 1 << 20;

std::string frame_bytes(std::uint8_t type, std::string_view body) {
    std::string bytes;
    append_frame(FrameType{type}, body, bytes);
    return bytes;
}

/// What stands in the frames that are there; "type:body" each, then the last status.
std::vector<std::string> read_all(FrameReader& reader) {
    std::vector<std::string> read;
    Frame frame;
    ReaderStatus status{};
    while ((status = reader.next(frame)) == ReaderStatus::Complete) {
        read.push_back(std::to_string(static_cast<int>(frame.type)) + ":" +
                       std::string(frame.body));
    }
    read.push_back(status == ReaderStatus::NeedMore  ? "need more"
                   : status == ReaderStatus::TooLong ? "too long"
                                                     : "empty");
    return read;
}

std::string bytes_of(OutputBuffer& output) {
    std::string bytes;
    std::vector<OutputBuffer::Piece> pieces(64);
    pieces.resize(output.gather(pieces.data(), pieces.size()));
    for (const auto& piece : pieces) bytes.append(piece.data, piece.size);
    return bytes;
}

TEST(FrameReader, ReadsFramesThatCameTogether) {
    const std::string bytes = frame_bytes(8, "one") + frame_bytes(16, "") + frame_bytes(200, "two");
    FrameReader reader(100);
    reader.add(bytes);
    EXPECT_EQ(read_all(reader), (std::vector<std::string>{"8:one", "16:", "200:two", "need more"}));
    EXPECT_EQ(reader.held(), 0U);
}

TEST(FrameReader, DoesNotCareHowTheBytesWereCut) {
    Random random(7);
    for (int round = 0; round < 300; ++round) {
        std::string bytes;
        std::vector<std::string> expected;
        for (int i = 0; i < 8; ++i) {
            const std::string body(random.below(40), static_cast<char>('a' + i));
            bytes += frame_bytes(static_cast<std::uint8_t>(i), body);
            expected.push_back(std::to_string(i) + ":" + body);
        }
        FrameReader reader(41);
        std::vector<std::string> read;
        for (std::string_view rest = bytes; !rest.empty();) {
            // Each piece in memory of its own, which is gone afterwards.
            const std::string piece(rest.substr(0, 1 + random.below(60)));
            rest.remove_prefix(piece.size());
            reader.add(piece);
            if (random.below(4) == 0) reader.keep();
            for (std::string& frame : read_all(reader)) read.push_back(std::move(frame));
            ASSERT_EQ(read.back(), "need more");
            read.pop_back();
        }
        ASSERT_EQ(read, expected) << "round " << round;
        ASSERT_EQ(reader.held(), 0U);
    }
}

TEST(FrameReader, RefusesAFrameThatIsTooLongBeforeItIsBuffered) {
    FrameReader reader(10);
    const std::string fits = frame_bytes(8, "123456789");  // and its type: 10
    reader.add(fits);
    EXPECT_EQ(read_all(reader), (std::vector<std::string>{"8:123456789", "need more"}));
    const std::string longer = frame_bytes(8, "1234567890");
    reader.add(std::string_view(longer).substr(0, 4));
    EXPECT_EQ(read_all(reader), std::vector<std::string>{"too long"});
    EXPECT_EQ(reader.error(), "sent a frame of 11 bytes, the longest taken here is 10");
}

TEST(FrameReader, RefusesATooLongFrameWhoseLengthCameInPieces) {
    FrameReader reader(10);
    reader.add("\xFF\xFF");
    EXPECT_EQ(read_all(reader), std::vector<std::string>{"need more"});
    reader.add("\xFF\xFFrest");
    EXPECT_EQ(read_all(reader), std::vector<std::string>{"too long"});
    EXPECT_EQ(reader.held(), 4U);
    EXPECT_EQ(reader.error(), "sent a frame of 4294967295 bytes, the longest taken here is 10");
}

TEST(FrameReader, RefusesAFrameWithoutAType) {
    FrameReader reader(10);
    reader.add({"\0\0\0\0", 4});
    EXPECT_EQ(read_all(reader), std::vector<std::string>{"empty"});
    EXPECT_EQ(reader.error(), "sent a frame without a type");
}

TEST(FrameReader, TakesLongerFramesOnceItIsTold) {
    FrameReader reader(4);
    const std::string bytes = frame_bytes(1, "abc") + frame_bytes(2, "abcd");
    reader.add(bytes);
    Frame frame;
    ASSERT_EQ(reader.next(frame), ReaderStatus::Complete);
    reader.set_longest(5);
    ASSERT_EQ(reader.next(frame), ReaderStatus::Complete);
    EXPECT_EQ(frame.body, "abcd");
}

TEST(FrameReader, GivesAwayWhatItHasNotAnswered) {
    const std::string bytes = frame_bytes(1, "a") + frame_bytes(2, "b") + frame_bytes(3, "c");
    FrameReader reader(10);
    reader.add(std::string_view(bytes).substr(0, 2));
    EXPECT_EQ(read_all(reader), std::vector<std::string>{"need more"});
    const std::string_view middle = std::string_view(bytes).substr(2, 12);
    reader.add(middle);
    Frame frame;
    ASSERT_EQ(reader.next(frame), ReaderStatus::Complete);

    FrameReader other(10);
    const std::string rest = reader.take_rest();
    EXPECT_EQ(reader.held(), 0U);
    other.add(rest);
    EXPECT_EQ(read_all(other), (std::vector<std::string>{"2:b", "need more"}));
    other.add(std::string_view(bytes).substr(14));
    EXPECT_EQ(read_all(other), (std::vector<std::string>{"3:c", "need more"}));
}

TEST(FrameReader, KeepsNoMemoryOfALargeFrame) {
    const std::string bytes = frame_bytes(1, std::string(500'000, 'x')) + frame_bytes(2, "y");
    FrameReader reader(kLongest);
    reader.add(std::string_view(bytes).substr(0, 1000));
    EXPECT_EQ(read_all(reader), std::vector<std::string>{"need more"});
    EXPECT_EQ(reader.held(), 1000U);
    reader.add(std::string_view(bytes).substr(1000));
    EXPECT_EQ(read_all(reader).size(), 3U);
    EXPECT_EQ(reader.held(), 0U);
}

TEST(FrameWriter, CancelTakesTheFrameBack) {
    std::string out = "before";
    FrameWriter frame(FrameType::Facts, out);
    frame.body().string("text");
    EXPECT_EQ(frame.length(), 6U);
    frame.cancel();
    EXPECT_EQ(out, "before");
}

TEST(FrameTypes, TheHighBitSaysThatATypeMayBeSkipped) {
    EXPECT_FALSE(is_ignorable(FrameType::Publish));
    EXPECT_FALSE(is_ignorable(FrameType{0x7F}));
    EXPECT_TRUE(is_ignorable(FrameType{0x80}));
}

TEST(Heartbeat, ComesBackAsItWasSent) {
    std::string bytes;
    append_heartbeat(FrameType::HeartbeatReply, 123'456, bytes);
    FrameReader reader(16);
    reader.add(bytes);
    Frame frame;
    ASSERT_EQ(reader.next(frame), ReaderStatus::Complete);
    EXPECT_EQ(frame.type, FrameType::HeartbeatReply);
    std::uint64_t time = 0;
    EXPECT_TRUE(decode_heartbeat(frame.body, time));
    EXPECT_EQ(time, 123'456U);
    EXPECT_FALSE(decode_heartbeat("", time));
    EXPECT_FALSE(decode_heartbeat("\1\2", time));
}

std::string properties_with_a_content_type() {
    mqtt::Properties properties;
    properties.set(mqtt::Property::ContentType);
    properties.content_type = "text/plain";
    std::string encoded;
    append_properties(properties, encoded);
    return encoded;
}

MessagePtr message_with_everything(std::string_view properties, std::string_view payload) {
    mqtt::MessageParts parts;
    parts.mountpoint = "mp";
    parts.topic = "a/b";
    parts.payload = payload;
    parts.properties = properties;
    parts.qos = QoS::ExactlyOnce;
    parts.retain = true;
    parts.publisher = 0xFEDC'BA98'7654'3210ULL;
    parts.expires_at = kSentAt + Millis(1500);
    parts.store_id = 99;
    return Message::make(parts);
}

/// The body of the one frame in `bytes`.
std::string_view body_of_one(std::string_view bytes) {
    FrameReader reader(kLongest);
    reader.add(bytes);
    Frame frame;
    EXPECT_EQ(reader.next(frame), ReaderStatus::Complete);
    EXPECT_EQ(frame.body.size() + kFrameOverhead, bytes.size());
    return bytes.substr(kFrameOverhead);
}

TEST(ForwardedPublish, CarriesEverythingButTheStoreId) {
    const std::string properties = properties_with_a_content_type();
    for (const std::size_t size : {std::size_t{0}, std::size_t{7}, std::size_t{100'000}}) {
        const std::string payload(size, 'p');
        OutputBuffer output;
        ASSERT_TRUE(append_publish(300, message_with_everything(properties, payload), kSentAt,
                                   kLongest, output));
        const std::string bytes = bytes_of(output);
        ForwardedPublish read;
        // The receiver's clock is another one; what counts is what is left.
        const TimePoint there{Millis(1'000'000)};
        ASSERT_TRUE(decode_publish(body_of_one(bytes), there, read));
        EXPECT_EQ(read.sequence, 300U);
        EXPECT_EQ(read.parts.mountpoint, "mp");
        EXPECT_EQ(read.parts.topic, "a/b");
        EXPECT_EQ(read.parts.payload, payload);
        EXPECT_EQ(read.parts.properties, properties);
        EXPECT_EQ(read.parts.qos, QoS::ExactlyOnce);
        EXPECT_TRUE(read.parts.retain);
        EXPECT_EQ(read.parts.publisher, 0xFEDC'BA98'7654'3210ULL);
        EXPECT_EQ(read.parts.expires_at, there + Millis(1500));
        EXPECT_EQ(read.parts.store_id, 0U);
    }
}

TEST(ForwardedPublish, MayBeForOneMemberOfASharedGroup) {
    OutputBuffer output;
    const auto message = Message::make({.topic = "t", .payload = "hello"});
    ASSERT_TRUE(append_publish(1, message, kSentAt, kLongest, output, "$share/g/+", 2));
    const std::string bytes = bytes_of(output);
    ForwardedPublish read;
    ASSERT_TRUE(decode_publish(body_of_one(bytes), kSentAt, read));
    EXPECT_EQ(read.group, "$share/g/+");
    EXPECT_EQ(read.hops, 2);
    EXPECT_EQ(read.parts.payload, "hello");
    OutputBuffer wrong;
    ASSERT_TRUE(append_publish(1, message, kSentAt, kLongest, wrong, "no/group", 0));
    EXPECT_FALSE(decode_publish(body_of_one(bytes_of(wrong)), kSentAt, read));
}

TEST(ForwardedPublish, MayBeForOneSession) {
    const auto message = Message::make({.topic = "t", .payload = "hello"});
    const auto read_back = [&](std::string_view group, ForwardedPublish& read, std::string& bytes) {
        OutputBuffer output;
        EXPECT_TRUE(append_publish(1, message, kSentAt, kLongest, output, group, 1));
        bytes = bytes_of(output);
        return decode_publish(body_of_one(bytes), kSentAt, read);
    };
    ForwardedPublish read;
    std::string bytes;
    ASSERT_TRUE(read_back("$session/any/id+#", read, bytes));
    EXPECT_EQ(session_of(read.group), "any/id+#");
    EXPECT_FALSE(read_back("$session/", read, bytes));
    const std::string turns = "$share/" + mqtt::group_of_sessions("any/id+#") + "/t/+";
    ASSERT_TRUE(read_back(turns, read, bytes));
    EXPECT_EQ(read.group, turns);
    EXPECT_FALSE(read_back(turns + "/#/t", read, bytes));
    EXPECT_EQ(session_of("$share/g/t"), std::nullopt);
}

TEST(ForwardedPublish, LeavesOutWhatAMessageDoesNotHave) {
    OutputBuffer output;
    const auto message = Message::make({.topic = "t", .payload = "hello"});
    ASSERT_TRUE(append_publish(1, message, kSentAt, kLongest, output));
    // Length, type, sequence, flags, topic, publisher, payload.
    EXPECT_EQ(output.size(), 4U + 1 + 1 + 1 + 2 + 8 + 5);
    const std::string bytes = bytes_of(output);
    ForwardedPublish read;
    ASSERT_TRUE(decode_publish(body_of_one(bytes), kSentAt, read));
    EXPECT_EQ(read.parts.expires_at, kNever);
    EXPECT_EQ(read.parts.mountpoint, "");
    EXPECT_EQ(read.parts.qos, QoS::AtMostOnce);
    EXPECT_FALSE(read.parts.retain);
}

TEST(ForwardedPublish, AMessageKeepsItsOrigin) {
    OutputBuffer output;
    const auto message = Message::make({.topic = "t", .origin = 0x0102'0304'0506'0708ULL});
    ASSERT_TRUE(append_publish(1, message, kSentAt, kLongest, output));
    const std::string bytes = bytes_of(output);
    ForwardedPublish read;
    ASSERT_TRUE(decode_publish(body_of_one(bytes), kSentAt, read));
    EXPECT_EQ(read.parts.origin, 0x0102'0304'0506'0708ULL);
}

TEST(ForwardedPublish, ReferencesALargePayloadInsteadOfCopyingIt) {
    OutputBuffer output;
    {
        const auto message = Message::make({.topic = "t", .payload = std::string(50'000, 'p')});
        ASSERT_TRUE(append_publish(1, message, kSentAt, kLongest, output));
        OutputBuffer::Piece pieces[3];
        ASSERT_EQ(output.gather(pieces, 3), 2U);
        EXPECT_EQ(pieces[1].data, message->payload().data());
    }
    EXPECT_LT(output.bytes().size(), 64U);
    // The message is gone but for the buffer's reference (AddressSanitizer looks).
    EXPECT_EQ(bytes_of(output).substr(output.bytes().size()), std::string(50'000, 'p'));
}

TEST(ForwardedPublish, ThatTheReceiverWouldNotTakeIsRefusedAndLeavesNothing) {
    for (const std::size_t size : {std::size_t{100}, std::size_t{20'000}}) {
        const auto message = Message::make({.topic = "t", .payload = std::string(size, 'p')});
        OutputBuffer output;
        output.bytes() = "before";
        // Type, sequence, flags, topic, publisher.
        const auto length = static_cast<std::uint32_t>(1 + 1 + 1 + 2 + 8 + size);
        EXPECT_FALSE(append_publish(1, message, kSentAt, length - 1, output));
        EXPECT_EQ(bytes_of(output), "before");
        EXPECT_TRUE(append_publish(1, message, kSentAt, length, output));
        EXPECT_EQ(output.size(), 6 + kFrameLengthBytes + length);
    }
}

TEST(ForwardedPublish, AMessageAtTheEndOfItsLifeHasAMillisecondLeft) {
    OutputBuffer output;
    const auto message = Message::make({.topic = "t", .expires_at = kSentAt});
    ASSERT_TRUE(append_publish(1, message, kSentAt, kLongest, output));
    const std::string bytes = bytes_of(output);
    ForwardedPublish read;
    ASSERT_TRUE(decode_publish(body_of_one(bytes), kSentAt, read));
    EXPECT_EQ(read.parts.expires_at, kSentAt + Millis(1));
}

TEST(ForwardedPublish, CutOffAnywhereBeforeThePayloadIsRefused) {
    OutputBuffer output;
    const std::string properties = properties_with_a_content_type();
    ASSERT_TRUE(
        append_publish(300, message_with_everything(properties, ""), kSentAt, kLongest, output));
    const std::string bytes = bytes_of(output);
    const std::string_view body = body_of_one(bytes);
    ForwardedPublish read;
    ASSERT_TRUE(decode_publish(body, kSentAt, read));
    for (std::size_t size = 0; size < body.size(); ++size) {
        EXPECT_FALSE(decode_publish(body.substr(0, size), kSentAt, read)) << size;
    }
}

/// A publish frame's body from its parts, right or wrong.
std::string publish_body(std::uint64_t sequence, std::uint8_t flags, std::string_view middle,
                         std::string_view topic = "\1t") {
    std::string body;
    ByteWriter writer(body);
    writer.varint(sequence);
    writer.u8(flags);
    if ((flags & 0x08) == 0) writer.bytes(topic);
    writer.bytes(middle);
    writer.u64(0);
    return body;
}

TEST(ForwardedPublish, ThatNoNodeWouldSendIsRefused) {
    ForwardedPublish read;
    const auto accepts = [&](const std::string& body) {
        return decode_publish(body, kSentAt, read);
    };
    EXPECT_TRUE(accepts(publish_body(1, 0, "")));
    EXPECT_FALSE(accepts(publish_body(0, 0, ""))) << "sequences begin with 1";
    EXPECT_FALSE(accepts(publish_body(1, 3, ""))) << "QoS 3";
    EXPECT_FALSE(accepts(publish_body(1, 0x40, std::string(8, '\0')))) << "an origin that is none";
    EXPECT_FALSE(accepts(publish_body(1, 0x80, ""))) << "unknown flag";
    EXPECT_FALSE(accepts(publish_body(1, 0, "", "\0"s))) << "no topic";
    EXPECT_FALSE(accepts(publish_body(1, 0, "", "\1#"))) << "a wildcard";
    EXPECT_FALSE(accepts(publish_body(1, 0, "", "\1\xFF"))) << "no UTF-8";
    EXPECT_TRUE(accepts(publish_body(1, 0x08, "\1m\1t")));
    EXPECT_FALSE(accepts(publish_body(1, 0x08, "\0\1t"s))) << "an empty mountpoint";
    EXPECT_TRUE(accepts(publish_body(1, 0x10, "\2\1\1"))) << "payload format 1";
    EXPECT_FALSE(accepts(publish_body(1, 0x10, "\0"s))) << "no properties";
    EXPECT_FALSE(accepts(publish_body(1, 0x10, "\2\1\2"))) << "payload format 2";
    EXPECT_FALSE(accepts(publish_body(1, 0x10, "\5\2\0\0\0\1"s))) << "expiry is no such property";
    EXPECT_TRUE(accepts(publish_body(1, 0x20, "\1")));
    EXPECT_FALSE(accepts(publish_body(1, 0x20, "\0"s))) << "expired";
    EXPECT_FALSE(accepts(publish_body(1, 0x20, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F"))) << "for ever";
}

TEST(ForwardedPublish, ItsBoundIsNeverTooSmall) {
    for (const std::size_t size : {0U, 1U, 127U, 128U, 16'383U, 16'384U, 100'000U}) {
        const std::string part(size, 'x');
        mqtt::MessageParts parts;
        parts.mountpoint = std::string_view(part).substr(0, 65'535);
        parts.topic = std::string_view(part).substr(0, 65'535);
        parts.properties = part;
        parts.payload = part;
        parts.expires_at = kSentAt + std::chrono::hours(1000);
        const std::size_t bound =
            publish_bound(parts.mountpoint, parts.topic, parts.properties, parts.payload);
        const MessagePtr message = Message::make(parts);
        OutputBuffer output;
        EXPECT_TRUE(append_publish(~std::uint64_t{0}, message, kSentAt,
                                   static_cast<std::uint32_t>(bound), output))
            << size;
        EXPECT_FALSE(
            append_publish(1, message, kSentAt, static_cast<std::uint32_t>(bound - 60), output))
            << size;
    }
}

TEST(ForwardedPublish, ATopicOrMountpointThatNoMessageHoldsIsRefused) {
    const std::string longest(65'535, 'x');
    for (const bool mountpoint : {false, true}) {
        for (const std::size_t more : {std::size_t{0}, std::size_t{1}}) {
            std::string body;
            ByteWriter writer(body);
            writer.varint(1);
            writer.u8(0x08);
            writer.string(mountpoint ? longest + std::string(more, 'x') : "m");
            writer.string(mountpoint ? "t" : longest + std::string(more, 'x'));
            writer.u64(0);
            ForwardedPublish read;
            EXPECT_EQ(decode_publish(body, kSentAt, read), more == 0);
        }
    }
}

Ack ack_of(std::uint64_t sequence, std::vector<std::uint64_t> refused) {
    Ack ack;
    ack.sequence = sequence;
    ack.refused = std::move(refused);
    return ack;
}

TEST(Ack, SaysWhatIsSafeAndWhatWasRefused) {
    for (const auto& refused :
         std::vector<std::vector<std::uint64_t>>{{}, {1'000'000}, {1, 2, 999'999, 1'000'000}}) {
        std::string bytes;
        append_ack(ack_of(1'000'000, refused), bytes);
        Ack read = ack_of(5, {5});
        ASSERT_TRUE(decode_ack(body_of_one(bytes), read));
        EXPECT_EQ(read.sequence, 1'000'000U);
        EXPECT_EQ(read.refused, refused);
    }
}

TEST(Ack, ThatNoNodeWouldSendIsRefused) {
    Ack read;
    EXPECT_TRUE(decode_ack("\2\2\1\0"s, read));
    EXPECT_EQ(read.refused, (std::vector<std::uint64_t>{1, 2}));
    EXPECT_FALSE(decode_ack("\2\2\0\1"s, read)) << "descending";
    EXPECT_FALSE(decode_ack("\2\2\1\1"s, read)) << "twice";
    EXPECT_FALSE(decode_ack("\2\1\2"s, read)) << "sequence 0";
    EXPECT_FALSE(decode_ack("\2\1\3"s, read)) << "below 0";
    EXPECT_FALSE(decode_ack("\2\1"s, read)) << "cut off";
    EXPECT_FALSE(decode_ack("\2\0\0"s, read)) << "too much";
}

TEST(Ack, HoldsABoundedNumberOfRefusals) {
    Ack ack;
    ack.sequence = 5000;
    for (std::uint64_t i = 1; i <= Ack::kMostRefused; ++i) ack.refused.push_back(i);
    std::string bytes;
    append_ack(ack, bytes);
    Ack read;
    EXPECT_TRUE(decode_ack(body_of_one(bytes), read));
    EXPECT_EQ(read.refused, ack.refused);

    std::string body;
    ByteWriter writer(body);
    writer.varint(5000);
    writer.varint(Ack::kMostRefused + 1);
    for (std::uint64_t i = 0; i <= Ack::kMostRefused; ++i) writer.varint(4000 - i);
    EXPECT_FALSE(decode_ack(body, read));
}

}  // namespace
}  // namespace vmq::cluster
