// Input := edits of a conversation, one for each frame that is on its way between two nodes:
//   edit := 0 passed on | 1 lost | 2 at:u8 bits:u8 changed | 3 size:u8 bytes instead of it
//         | 4 which:u8 an earlier frame instead of it | 5 which:u8 an earlier one before it
//         | 6 sent back to where it came from
// Whatever happens on the way, a node agrees only if it heard exactly what the other one said.
#include "cluster/handshake.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace vmq::cluster {
namespace {

class Edits final {
public:
    explicit Edits(std::string_view bytes) : rest_(bytes) {}

    std::uint8_t next() {
        if (rest_.empty()) return 0;
        const auto byte = static_cast<std::uint8_t>(rest_.front());
        rest_.remove_prefix(1);
        return byte;
    }
    std::string bytes(std::size_t size) {
        const std::string bytes(rest_.substr(0, size));
        rest_.remove_prefix(bytes.size());
        return bytes;
    }

private:
    std::string_view rest_;
};

/// With its length and type.
using FrameBytes = std::string;

std::vector<FrameBytes> frames_of(std::string_view bytes) {
    std::vector<FrameBytes> frames;
    FrameReader reader(kLongestHandshakeFrame);
    reader.add(bytes);
    Frame frame;
    while (reader.next(frame) == FrameReader::Status::Complete) {
        append_frame(frame.type, frame.body, frames.emplace_back());
    }
    VMQ_ASSERT(reader.held() == 0);
    return frames;
}

const CookieKey& key() {
    static const CookieKey key = CookieKey::derive("vmq").value();
    return key;
}

LocalNode node(const char* name, std::uint64_t boot, VersionRange versions) {
    LocalNode node;
    node.name = name;
    node.boot = Boot{boot};
    node.versions = versions;
    node.longest_frame = 1 << 20;
    return node;
}

Handshake::Connection connection(std::uint8_t nonce) {
    Handshake::Connection connection;
    connection.nonce.fill(nonce);
    return connection;
}

struct Side {
    Handshake handshake;
    std::string said;
    std::string heard;
};

class Conversation final {
public:
    explicit Conversation(std::string_view edits) : edits_(edits) {
        say(initiator_, std::exchange(greeting_, {}));
    }

    void run() {
        // More than any handshake takes; what is sent back and repeated could go on for ever.
        for (int step = 0; step < 64 && !on_the_way_.empty(); ++step) {
            auto [to_initiator, frame] = std::move(on_the_way_.front());
            on_the_way_.pop_front();
            edit(to_initiator, std::move(frame));
        }
        check(initiator_, acceptor_);
        check(acceptor_, initiator_);
    }

private:
    void edit(bool to_initiator, FrameBytes frame) {
        seen_.push_back(frame);
        switch (edits_.next() % 7) {
            case 1:
                return;
            case 2:
                frame[edits_.next() % frame.size()] ^= static_cast<char>(edits_.next());
                break;
            case 3:
                frame = edits_.bytes(edits_.next());
                break;
            case 4:
                frame = seen_[edits_.next() % seen_.size()];
                break;
            case 5:
                deliver(to_initiator, seen_[edits_.next() % seen_.size()]);
                break;
            case 6:
                to_initiator = !to_initiator;
                break;
            default:
                break;
        }
        deliver(to_initiator, frame);
    }

    void deliver(bool to_initiator, const std::string& bytes) {
        Side& side = to_initiator ? initiator_ : acceptor_;
        FrameReader reader(kLongestHandshakeFrame);
        reader.add(bytes);
        Frame frame;
        std::string out;
        while (side.handshake.status() == Handshake::Status::Running &&
               reader.next(frame) == FrameReader::Status::Complete) {
            append_frame(frame.type, frame.body, side.heard);
            check_status(side, side.handshake.receive(frame, out));
        }
        say(side, out);
    }

    void say(Side& side, const std::string& bytes) {
        side.said += bytes;
        for (FrameBytes& frame : frames_of(bytes)) {
            on_the_way_.emplace_back(&side == &acceptor_, std::move(frame));
        }
    }

    static void check_status(const Side& side, Handshake::Status status) {
        VMQ_ASSERT(status == side.handshake.status());
        if (status != Handshake::Status::RefusedHere && status != Handshake::Status::RefusedByPeer)
            return;
        for (const char c : side.handshake.refusal().text) VMQ_ASSERT(c >= ' ' && c <= '~');
    }

    static void check(const Side& side, const Side& other) {
        if (side.handshake.status() != Handshake::Status::Agreed) return;
        VMQ_ASSERT(side.handshake.peer_is_proven());
        // The other one may have said more since.
        VMQ_ASSERT(other.said.starts_with(side.heard));
        VMQ_ASSERT(side.handshake.version() == 2);
    }

    const LocalNode a_ = node("a@host", 1, {1, 3});
    const LocalNode b_ = node("b@host", 2, {1, 2});
    std::string greeting_;
    Side initiator_{{a_, key(), connection(1), {LinkKind::Data, 3, "b@host"}, greeting_}, "", ""};
    Side acceptor_{{b_, key(), connection(2)}, "", ""};
    std::deque<std::pair<bool, FrameBytes>> on_the_way_;  // true: to the initiator
    std::vector<FrameBytes> seen_;
    Edits edits_;
};

}  // namespace
}  // namespace vmq::cluster

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    vmq::cluster::Conversation({reinterpret_cast<const char*>(data), size}).run();
    return 0;
}
