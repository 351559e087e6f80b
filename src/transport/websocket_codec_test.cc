#include "transport/websocket_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "transport/websocket_peer.h"

namespace vmq::transport {
namespace {

using State = WebSocketState;
using transport::testing::client_frame;
using transport::testing::WslayReader;

static_assert(sizeof(WebSocketCodec) <= 88, "each connection pays for it");
static_assert(std::is_nothrow_move_constructible_v<WebSocketCodec>);

constexpr std::uint8_t kBinary = 0x82;
constexpr std::uint8_t kBinaryPart = 0x02;
constexpr std::uint8_t kContinuation = 0x80;
constexpr std::uint8_t kContinuationPart = 0x00;
constexpr std::uint8_t kClose = 0x88;
constexpr std::uint8_t kPing = 0x89;
constexpr std::uint8_t kPong = 0x8A;

struct Outcome {
    WebSocketStatus status;
    std::string payload;
    std::string reply;
};

Outcome read_frames(WebSocketCodec& codec, std::string_view wire, std::size_t step) {
    Outcome outcome;
    while (!wire.empty()) {
        const auto piece = wire.substr(0, step);
        outcome.status = codec.receive(piece, outcome.payload, outcome.reply);
        wire.remove_prefix(piece.size());
    }
    return outcome;
}

/// Gives `wire` at once, and to another codec byte by byte: both must do the same.
Outcome read_frames(const std::string& wire,
                    std::uint64_t max_frame_size = WebSocketCodec::kNoLimit) {
    WebSocketCodec at_once(max_frame_size);
    auto outcome = read_frames(at_once, wire, wire.size());
    WebSocketCodec in_bytes(max_frame_size);
    const auto bytes = read_frames(in_bytes, wire, 1);
    EXPECT_EQ(bytes.status.state, outcome.status.state);
    EXPECT_EQ(bytes.status.code, outcome.status.code);
    EXPECT_STREQ(bytes.status.reason, outcome.status.reason);
    EXPECT_EQ(bytes.payload, outcome.payload);
    EXPECT_EQ(bytes.reply, outcome.reply);
    return outcome;
}

std::string close_payload(std::uint16_t code, std::string_view reason = {}) {
    std::string payload;
    payload += static_cast<char>(code >> 8U);
    payload += static_cast<char>(code & 0xFFU);
    return payload + std::string(reason);
}

std::string server_frame(std::uint8_t first, std::string_view payload) {
    return static_cast<char>(first) + std::string(1, static_cast<char>(payload.size())) +
           std::string(payload);
}

/// `bad` must be refused, with what came before it handed up and the reason in the close frame.
void refuses(const std::string& bad, std::uint16_t code, const char* reason,
             std::uint64_t max_frame_size = WebSocketCodec::kNoLimit) {
    const auto outcome = read_frames(client_frame(kBinary, "before") + bad, max_frame_size);
    EXPECT_EQ(outcome.status.state, State::Violation);
    EXPECT_EQ(outcome.status.code, code);
    EXPECT_STREQ(outcome.status.reason, reason);
    EXPECT_EQ(outcome.payload, "before");
    EXPECT_EQ(outcome.reply, server_frame(kClose, close_payload(code, reason)));
}

TEST(WebSocketCodec, HandsUpThePayloadOfABinaryFrame) {
    const auto outcome = read_frames(client_frame(kBinary, "\x10\x0C payload"));
    EXPECT_EQ(outcome.status.state, State::Open);
    EXPECT_EQ(outcome.payload, "\x10\x0C payload");
    EXPECT_EQ(outcome.reply, "");
}

TEST(WebSocketCodec, TakesEverySizeInItsShortestForm) {
    for (const std::size_t size :
         {0U, 1U, 3U, 4U, 7U, 8U, 9U, 125U, 126U, 127U, 65'535U, 65'536U, 200'001U}) {
        std::string payload;
        for (std::size_t i = 0; i < size; ++i) payload += static_cast<char>(i * 7);
        const auto outcome = read_frames(client_frame(kBinary, payload));
        EXPECT_EQ(outcome.status.state, State::Open) << size;
        EXPECT_TRUE(outcome.payload == payload) << size;
    }
}

// [v5 MQTT-6.0.0-2] [v3.1.1 MQTT-6.0.0-2]: frames and packets need not begin together.
TEST(WebSocketCodec, HandsUpPayloadAsItComesWithoutWaitingForTheFrame) {
    WebSocketCodec codec(WebSocketCodec::kNoLimit);
    const auto wire =
        client_frame(kBinaryPart, "first half, ") + client_frame(kContinuation, "second");
    std::string payload;
    std::string reply;
    (void)codec.receive(std::string_view(wire).substr(0, 9), payload, reply);
    EXPECT_EQ(payload, "fir");
    (void)codec.receive(std::string_view(wire).substr(9, 4), payload, reply);
    EXPECT_EQ(payload, "first h");
    (void)codec.receive(std::string_view(wire).substr(13), payload, reply);
    EXPECT_EQ(payload, "first half, second");
}

TEST(WebSocketCodec, AnswersPingsAlsoBetweenFragments) {
    const auto outcome =
        read_frames(client_frame(kBinaryPart, "a") + client_frame(kPing, "are you there, broker?") +
                    client_frame(kContinuationPart, "b") + client_frame(kPing, "") +
                    client_frame(kPong, "never asked") + client_frame(kContinuation, "c") +
                    client_frame(kBinary, "d"));
    EXPECT_EQ(outcome.status.state, State::Open);
    EXPECT_EQ(outcome.payload, "abcd");
    EXPECT_EQ(outcome.reply,
              server_frame(kPong, "are you there, broker?") + server_frame(kPong, ""));
}

TEST(WebSocketCodec, TakesAControlFrameOf125BytesAndNotOneMore) {
    const std::string largest(125, 'p');
    EXPECT_EQ(read_frames(client_frame(kPing, largest)).reply, server_frame(kPong, largest));
    refuses(client_frame(kPing, largest + "p"), 1002, "a control frame of more than 125 bytes");
    refuses(client_frame(kPong, "p", "abcd", 2), 1002, "a control frame of more than 125 bytes");
}

TEST(WebSocketCodec, TakesAFrameOfTheLargestSizeAndNotOneByteMore) {
    for (const std::size_t limit : {100U, 1'000U, 100'000U}) {
        EXPECT_EQ(read_frames(client_frame(kBinary, std::string(limit, 'x')), limit).payload.size(),
                  limit);
        refuses(client_frame(kBinary, std::string(limit + 1, 'x')), 1009,
                "a frame larger than max_ws_frame_size", limit);
    }
}

TEST(WebSocketCodec, RefusesALargeFrameAtItsHeader) {
    refuses(std::string("\x82\xFF\0\0\0\0\0\x01\0\0", 10), 1009,
            "a frame larger than max_ws_frame_size", 65'535);
}

TEST(WebSocketCodec, RefusesWhatBreaksTheRulesOfFrames) {
    for (const int first : {0xC2, 0xA2, 0x92, 0xC9, 0xC0})
        refuses(client_frame(static_cast<std::uint8_t>(first), "x"), 1002,
                "reserved bits are set, but no extension was agreed upon");
    for (const int first : {0x83, 0x87, 0x8B, 0x8F, 0x03, 0x0F})
        refuses(client_frame(static_cast<std::uint8_t>(first), "x"), 1002,
                "an opcode that is not known");
    for (const int first : {0x08, 0x09, 0x0A})
        refuses(client_frame(static_cast<std::uint8_t>(first), ""), 1002,
                "a control frame in fragments");
    for (const int first : {0x82, 0x88, 0x89, 0x8A})
        refuses(server_frame(static_cast<std::uint8_t>(first), "abcdef"), 1002,
                "a frame without mask");
    refuses(client_frame(kBinary, "x", "abcd", 2), 1002, "a size that is not in its shortest form");
    refuses(client_frame(kBinary, std::string(125, 'x'), "abcd", 2), 1002,
            "a size that is not in its shortest form");
    refuses(client_frame(kBinary, std::string(65'535, 'x'), "abcd", 8), 1002,
            "a size that is not in its shortest form");
    refuses(std::string("\x82\xFF\x80\0\0\0\0\x01\0\0mask", 14), 1002,
            "a size that is not in its shortest form");
}

TEST(WebSocketCodec, RefusesFragmentsOutOfOrder) {
    refuses(client_frame(kContinuation, "x"), 1002, "a fragment of no message");
    refuses(client_frame(kContinuationPart, "x"), 1002, "a fragment of no message");
    refuses(client_frame(kBinaryPart, "") + client_frame(kContinuation, "") +
                client_frame(kContinuation, "x"),
            1002, "a fragment of no message");
    for (const int first : {0x82, 0x02, 0x81, 0x01})
        refuses(client_frame(kBinaryPart, "") + client_frame(static_cast<std::uint8_t>(first), "x"),
                1002, "a message within the fragments of another");
}

// [v5 MQTT-6.0.0-1] [v3.1.1 MQTT-6.0.0-1]
TEST(WebSocketCodec, RefusesTextFrames) {
    refuses(client_frame(0x81, "x"), 1003, "MQTT takes binary frames, this is text");
    refuses("\x01", 1003, "MQTT takes binary frames, this is text");
}

TEST(WebSocketCodec, AnswersThePeersCloseWithItsCodeAndDropsTheRest) {
    for (const std::uint16_t code :
         std::initializer_list<std::uint16_t>{1000, 1001, 1003, 1007, 1014, 3000, 4999}) {
        const auto outcome = read_frames(client_frame(kBinary, "a") +
                                         client_frame(kClose, close_payload(code, "b\xC3\xBC")) +
                                         client_frame(kBinary, "c") + client_frame(kPing, "d"));
        EXPECT_EQ(outcome.status.state, State::PeerClosed);
        EXPECT_EQ(outcome.status.code, code);
        EXPECT_EQ(outcome.status.reason, nullptr);
        EXPECT_EQ(outcome.payload, "a");
        EXPECT_EQ(outcome.reply, server_frame(kClose, close_payload(code)));
    }
}

TEST(WebSocketCodec, AnswersACloseWithoutCodeWithOneWithout) {
    const auto outcome = read_frames(client_frame(kClose, ""));
    EXPECT_EQ(outcome.status.state, State::PeerClosed);
    EXPECT_EQ(outcome.status.code, 1005);
    EXPECT_EQ(outcome.reply, server_frame(kClose, ""));
}

TEST(WebSocketCodec, RefusesACloseThatIsNone) {
    refuses(client_frame(kClose, "x"), 1002, "a close code of one byte");
    for (const int code : {0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65'535})
        refuses(client_frame(kClose, close_payload(static_cast<std::uint16_t>(code))), 1002,
                "a close code that no peer may send");
    refuses(client_frame(kClose, close_payload(1000, "\xFF")), 1007,
            "a close reason that is not UTF-8");
}

TEST(WebSocketCodec, StaysAtItsEnd) {
    WebSocketCodec codec(WebSocketCodec::kNoLimit);
    (void)read_frames(codec, client_frame(kContinuation, ""), 100);
    const auto after =
        read_frames(codec, client_frame(kBinary, "x") + client_frame(kClose, ""), 100);
    EXPECT_EQ(after.status.state, State::Violation);
    EXPECT_EQ(after.status.code, 1002);
    EXPECT_EQ(after.payload, "");
    EXPECT_EQ(after.reply, "");
    std::string out;
    codec.close(1000, "", out);
    EXPECT_EQ(out, "");
}

TEST(WebSocketCodec, AfterItsOwnCloseOnlyThePeersCloseCounts) {
    for (const std::size_t step : {1U, 1'000U}) {
        WebSocketCodec codec(WebSocketCodec::kNoLimit);
        std::string out;
        codec.close(1001, "going down", out);
        EXPECT_EQ(out, server_frame(kClose, close_payload(1001, "going down")));
        codec.close(1000, "", out);
        EXPECT_EQ(out, server_frame(kClose, close_payload(1001, "going down")));
        const auto before =
            read_frames(codec, client_frame(kBinary, "x") + client_frame(kPing, "y"), step);
        EXPECT_EQ(before.status.state, State::Open);
        const auto after = read_frames(codec, client_frame(kClose, close_payload(1001)), step);
        EXPECT_EQ(after.status.state, State::PeerClosed);
        EXPECT_EQ(after.status.code, 1001);
        EXPECT_EQ(before.payload + after.payload + before.reply + after.reply, "");
    }
}

TEST(WebSocketCodec, AfterItsOwnCloseSendsNothingForAViolationEither) {
    WebSocketCodec codec(WebSocketCodec::kNoLimit);
    std::string out;
    codec.close(1000, "", out);
    const auto outcome = read_frames(codec, client_frame(0x81, "text"), 100);
    EXPECT_EQ(outcome.status.state, State::Violation);
    EXPECT_EQ(outcome.status.code, 1003);
    EXPECT_EQ(outcome.reply, "");
}

TEST(WebSocketCodec, CutsItsReasonBetweenCharacters) {
    const auto reason_of = [](const std::string& reason) {
        WebSocketCodec codec(WebSocketCodec::kNoLimit);
        std::string out;
        codec.close(1000, reason, out);
        EXPECT_EQ(static_cast<std::size_t>(out[1]) + 2, out.size());
        return out.substr(4);
    };
    EXPECT_EQ(reason_of(std::string(123, 'r')), std::string(123, 'r'));
    EXPECT_EQ(reason_of(std::string(124, 'r')), std::string(123, 'r'));
    EXPECT_EQ(reason_of(std::string(121, 'r') + "\xE2\x82\xAC"), std::string(121, 'r'));
    EXPECT_EQ(reason_of(std::string(120, 'r') + "\xE2\x82\xAC!"),
              std::string(120, 'r') + "\xE2\x82\xAC");
}

TEST(WebSocketCodec, GoesOnAfterAMoveInTheMiddleOfAFrame) {
    const auto wire =
        client_frame(kBinary, "0123456789") + client_frame(kPing, "0123456789012345678");
    for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
        WebSocketCodec first(WebSocketCodec::kNoLimit);
        std::string payload;
        std::string reply;
        (void)first.receive(std::string_view(wire).substr(0, cut), payload, reply);
        WebSocketCodec second(std::move(first));
        (void)second.receive(std::string_view(wire).substr(cut), payload, reply);
        EXPECT_EQ(payload, "0123456789");
        EXPECT_EQ(reply, server_frame(kPong, "0123456789012345678"));
    }
}

TEST(WebSocketCodec, WritesFramesThatWslayReads) {
    for (const std::size_t size : {0U, 1U, 125U, 126U, 65'535U, 65'536U, 100'000U}) {
        std::string wire;
        WebSocketCodec::append_header(size, wire);
        EXPECT_EQ(wire.size(), size < 126 ? 2U : size < 65'536 ? 4U : 10U);
        wire.append(size, 'x');
        WslayReader reader(wire);
        std::string payload;
        WslayReader::Piece piece;
        while (reader.next(piece) == WslayReader::Outcome::Piece) {
            EXPECT_EQ(piece.fin, 1);
            EXPECT_EQ(piece.rsv, 0);
            EXPECT_EQ(piece.opcode, WSLAY_BINARY_FRAME);
            EXPECT_EQ(piece.mask, 0);
            EXPECT_EQ(piece.size, size);
            payload += piece.data;
        }
        EXPECT_TRUE(payload == std::string(size, 'x')) << size;
    }
}

/// Random frames in random pieces against what they were made of.
TEST(WebSocketCodec, GivesBackWhatRandomFramesWereMadeOf) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const auto upto = [&random](std::size_t most) { return random() % (most + 1); };
    for (int round = 0; round < 200; ++round) {
        std::string wire;
        std::string payload;
        std::string reply;
        bool in_message = false;
        for (auto frames = upto(20); frames > 0; --frames) {
            std::string part(upto(upto(3) == 0 ? 70'000 : 200), '\0');
            for (auto& byte : part) byte = static_cast<char>(random());
            std::string key;
            for (int i = 0; i < 4; ++i) key += static_cast<char>(random());
            if (upto(4) == 0) {
                part.resize(std::min<std::size_t>(part.size(), 125));
                wire += client_frame(kPing, part, key);
                reply += server_frame(kPong, part);
                continue;
            }
            const bool last = upto(1) == 0;
            wire += client_frame(
                static_cast<std::uint8_t>((last ? 0x80U : 0U) | (in_message ? 0U : 2U)), part, key);
            payload += part;
            in_message = !last;
        }
        WebSocketCodec codec(WebSocketCodec::kNoLimit);
        Outcome outcome;
        for (std::string_view rest = wire; !rest.empty();) {
            const auto piece = rest.substr(0, 1 + upto(upto(1) == 0 ? 10 : 5'000));
            outcome.status = codec.receive(piece, outcome.payload, outcome.reply);
            rest.remove_prefix(piece.size());
        }
        ASSERT_EQ(outcome.status.state, State::Open);
        ASSERT_TRUE(outcome.payload == payload);
        ASSERT_TRUE(outcome.reply == reply);
    }
}

}  // namespace
}  // namespace vmq::transport
