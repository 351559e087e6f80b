// Any bytes as frames of a client: what comes out does not depend on how they were cut, is bounded,
// agrees with what wslay reads, and frames made of the same bytes give them back.
#include "transport/websocket_codec.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "config/utf8.h"
#include "transport/websocket_peer.h"

namespace vmq::transport {
namespace {

using State = WebSocketState;
using testing::WslayReader;

constexpr std::uint64_t kMaxFrameSize = 5'000;

struct Outcome {
    WebSocketStatus status;
    std::string payload;
    std::string reply;
};

bool same(const Outcome& a, const Outcome& b) {
    return a.status.state == b.status.state && a.status.code == b.status.code &&
           a.status.reason == b.status.reason && a.payload == b.payload && a.reply == b.reply;
}

Outcome feed(std::string_view wire, std::uint64_t max_frame_size, std::size_t step) {
    WebSocketCodec codec(max_frame_size);
    Outcome outcome;
    for (std::size_t at = 0; at < wire.size(); at += step) {
        const auto piece = wire.substr(at, step);
        const auto payload = outcome.payload.size();
        const auto reply = outcome.reply.size();
        outcome.status = codec.receive(piece, outcome.payload, outcome.reply);
        VMQ_ASSERT(outcome.payload.size() - payload <= piece.size());
        VMQ_ASSERT(outcome.reply.size() - reply <= piece.size() + 256);
    }
    return outcome;
}

/// What RFC 6455 makes of the frames that wslay reads, as far as it can be told apart from the
/// order in which rules are checked: the state, the payload, the peer's code.
class Model final {
public:
    State state = State::Open;
    std::uint16_t code = 0;
    std::string payload;
    std::size_t pongs = 0;

    void read(std::string_view wire) {
        WslayReader reader(wire);
        WslayReader::Piece piece{};
        auto outcome = WslayReader::Outcome::Piece;
        while (state == State::Open &&
               (outcome = reader.next(piece)) == WslayReader::Outcome::Piece) {
            take(piece);
        }
        if (outcome == WslayReader::Outcome::Broken) state = State::Violation;
    }

private:
    void take(const WslayReader::Piece& piece) {
        const bool control = (piece.opcode & 8U) != 0;
        if (piece.offset == 0 && !may_begin(piece, control)) {
            state = State::Violation;
            return;
        }
        const bool last = piece.offset + piece.data.size() == piece.size;
        if (!control) {
            payload += piece.data;
            in_message_ = piece.fin == 0;
            return;
        }
        control_ += piece.data;
        if (!last) return;
        if (piece.opcode == WSLAY_PING) ++pongs;
        if (piece.opcode == WSLAY_CONNECTION_CLOSE) close();
        control_.clear();
    }

    [[nodiscard]] bool may_begin(const WslayReader::Piece& piece, bool control) const {
        if (piece.rsv != 0 || piece.mask == 0 || piece.size > kMaxFrameSize) return false;
        if (control) return piece.opcode <= WSLAY_PONG && piece.fin == 1 && piece.size <= 125;
        return piece.opcode == (in_message_ ? WSLAY_CONTINUATION_FRAME : WSLAY_BINARY_FRAME);
    }

    void close() {
        state = State::PeerClosed;
        code = 1005;
        if (control_.empty()) return;
        if (control_.size() == 1) {
            state = State::Violation;
            return;
        }
        code = static_cast<std::uint16_t>(static_cast<std::uint8_t>(control_[0]) * 256 +
                                          static_cast<std::uint8_t>(control_[1]));
        const bool reserved = code == 1004 || code == 1005 || code == 1006 || code == 1015;
        const bool assigned = code >= 1000 && code < 5000 && (code <= 1015 || code >= 3000);
        if (reserved || !assigned || !config::is_utf8(control_.substr(2))) state = State::Violation;
    }

    std::string control_;
    bool in_message_ = false;
};

void check_against_model(std::string_view wire, const Outcome& outcome) {
    // A violation is seen at once, but wslay reads a header in whole before it says a word.
    const bool violation = outcome.status.state == State::Violation;
    const std::string padded = std::string(wire) + std::string(violation ? 140 : 0, '\0');
    Model model;
    model.read(padded);
    VMQ_ASSERT(model.state == outcome.status.state);
    VMQ_ASSERT(model.payload == outcome.payload);
    if (outcome.status.state == State::PeerClosed) VMQ_ASSERT(model.code == outcome.status.code);
    if (outcome.status.state == State::Open && model.pongs == 0) VMQ_ASSERT(outcome.reply.empty());
}

void check_cuts(std::string_view wire) {
    const auto all = feed(wire, kMaxFrameSize, std::max<std::size_t>(wire.size(), 1));
    for (const std::size_t step : {1U, 2U, 7U, 200U})
        VMQ_ASSERT(same(feed(wire, kMaxFrameSize, step), all));
    VMQ_ASSERT((all.status.state == State::Violation) == (all.status.reason != nullptr));
    VMQ_ASSERT((all.status.state == State::Open) == (all.status.code == 0));
    check_against_model(wire, all);
}

/// Each frame := size:u8 key:4 payload, the first of two bits of size: FIN, and a ping before it.
void check_round_trip(std::string_view plan) {
    std::string wire;
    std::string payload;
    bool in_message = false;
    while (plan.size() > 5) {
        const auto choice = static_cast<std::uint8_t>(plan[0]);
        const auto key = plan.substr(1, 4);
        const auto part = plan.substr(5, choice);
        const bool last = (choice & 1U) != 0;
        if ((choice & 2U) != 0) wire += testing::client_frame(0x89, part.substr(0, 125), key);
        wire += testing::client_frame(
            static_cast<std::uint8_t>((last ? 0x80U : 0U) | (in_message ? 0U : 2U)), part, key);
        payload += part;
        in_message = !last;
        plan.remove_prefix(5 + part.size());
    }
    const auto outcome = feed(wire, WebSocketCodec::kNoLimit, 100);
    VMQ_ASSERT(outcome.status.state == State::Open && outcome.payload == payload);

    std::string frame;
    WebSocketCodec::append_header(payload.size(), frame);
    frame += payload;
    WslayReader reader(frame);
    std::string back;
    while (reader.next_into(back)) {
    }
    VMQ_ASSERT(back == payload);
}

}  // namespace
}  // namespace vmq::transport

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    vmq::transport::check_cuts(bytes);
    vmq::transport::check_round_trip(bytes);
    return 0;
}
