// Frames between nodes: bytes to frames and back, and the frames of heartbeats and messages.
//
//   frame := length:u32 type:u8 body     length, lowest byte first, counts type and body
//
// docs/protocol/cluster.md describes every frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/output_buffer.h"
#include "cluster/wire.h"
#include "mqtt/message.h"

namespace vmq::cluster {

/// The numbers never change their meaning; a frame that changes gets a new one.
enum class FrameType : std::uint8_t {
    // Before anything is agreed on.
    Hello = 1,
    Proof = 2,
    Welcome = 3,
    Refused = 4,
    // Any link.
    Heartbeat = 8,
    HeartbeatReply = 9,
    // Data links.
    Publish = 16,
    Ack = 17,
    StreamState = 18,
    StreamStart = 19,
    Skip = 20,
    Move = 21,
    MoveAck = 22,
    // Control links.
    Facts = 32,
    FactVector = 33,
    FactAck = 34,
    Join = 36,
    JoinReply = 37,
    Filters = 40,
    FilterState = 41,
    FilterAck = 42,
    Register = 56,
    Registered = 57,
    Release = 58,
    Released = 59,
    Claim = 60,
    Fence = 61,
    Fenced = 62,
    Offer = 64,
    Leave = 65,
    LeaveState = 66,
    Wills = 72,
    WillsVote = 73,
    WillsVoted = 74,
    // Control links; a node that does not know them skips them, and has not answered.
    Question = 192,
    Answer = 193,
    MoreOfAnswer = 194,
};

/// A type that a receiver who does not know it may skip. Another unknown one ends the link.
inline constexpr std::uint8_t kIgnorable = 0x80;
[[nodiscard]] constexpr bool is_ignorable(FrameType type) noexcept {
    return (static_cast<std::uint8_t>(type) & kIgnorable) != 0;
}

inline constexpr std::size_t kFrameLengthBytes = 4;
/// A frame on the wire is this much longer than its body.
inline constexpr std::size_t kFrameOverhead = kFrameLengthBytes + 1;

/// A frame as received. The body points into the reader or into the bytes it was given.
struct Frame {
    FrameType type{};
    std::string_view body;
};

/// Bytes in any pieces to frames. Owned by a link, moves with it. Copies only frames that did not
/// come in one piece.
class FrameReader final {
public:
    /// `longest`: of a frame's length field. A longer one is refused before it is buffered.
    explicit FrameReader(std::uint32_t longest) noexcept : longest_(longest) {}

    /// Holds from the next frame on.
    void set_longest(std::uint32_t longest) noexcept { longest_ = longest; }

    /// Requires that what was added before has been read until NeedMore or kept. `bytes` have to
    /// stay until then.
    void add(std::string_view bytes);

    enum class Status : std::uint8_t {
        Complete,
        NeedMore,
        TooLong,  // error() says how long. There is no way on after this one
        Empty,    // a frame without a type; neither after this
    };
    /// Requires the last answer to be no failure. `frame` is valid until the next call.
    [[nodiscard]] Status next(Frame& frame);

    /// Copies what was added and not read, which may then go away.
    void keep();
    /// Gives that away, together with the beginning of a frame that is not complete.
    [[nodiscard]] std::string take_rest();
    /// Bytes held: of a frame that is not complete, or kept.
    [[nodiscard]] std::size_t held() const noexcept { return held_.size() - held_at_; }

    /// For the log, to follow the peer's name. Requires a failure.
    [[nodiscard]] std::string error() const;

private:
    [[nodiscard]] Status check_length(std::uint32_t length) noexcept;
    [[nodiscard]] Status next_held(Frame& frame);
    [[nodiscard]] bool fill_held(std::size_t size);
    void forget_held() noexcept;

    std::string held_;
    std::size_t held_at_ = 0;
    std::string_view input_;
    std::uint32_t longest_;
    std::uint32_t refused_ = 0;  // the length that was too long
};

/// Writes one frame behind what `out` holds: the body between construction and finish(), nothing
/// else into `out` meanwhile.
class FrameWriter final {
public:
    FrameWriter(FrameType type, std::string& out);
    FrameWriter(const FrameWriter&) = delete;
    FrameWriter& operator=(const FrameWriter&) = delete;

    [[nodiscard]] ByteWriter& body() noexcept { return body_; }
    /// What its length field will say if it is finished now.
    [[nodiscard]] std::size_t length() const noexcept {
        return out_.size() - start_ - kFrameLengthBytes;
    }
    /// `referenced`: bytes of the body that follow from elsewhere. Requires a length that fits u32.
    void finish(std::size_t referenced = 0) noexcept;
    /// Takes everything back.
    void cancel() { out_.resize(start_); }

private:
    std::string& out_;
    std::size_t start_;
    ByteWriter body_;
};

void append_frame(FrameType type, std::string_view body, std::string& out);

/// Heartbeat and its reply: a number that the sender of the heartbeat understands (its clock) and
/// gets back unaltered.
void append_heartbeat(FrameType type, std::uint64_t time, std::string& out);
[[nodiscard]] bool decode_heartbeat(std::string_view body, std::uint64_t& time) noexcept;

/// A message on its way to another node.
struct ForwardedPublish {
    std::uint64_t sequence = 0;  // of the sender's stream, from 1
    mqtt::MessageParts parts;    // views into the frame; store_id is 0
    /// For one member of this shared group alone ("$share/GROUP/FILTER"), which the receiver
    /// chooses; empty: for all its subscribers who are in none. "$session/CLIENT_ID": for this
    /// session alone, if it is there.
    std::string_view group;
    std::uint8_t hops = 0;  // how often a node has passed it on because it had no member
};

inline constexpr std::string_view kSessionPrefix = "$session/";
/// The client id in ForwardedPublish::group, if it is one.
[[nodiscard]] std::optional<std::string_view> session_of(std::string_view group) noexcept;

/// The frame of a message with these parts is not longer, whatever its sequence and flags, and at
/// most some 50 bytes shorter.
[[nodiscard]] std::size_t publish_bound(std::string_view mountpoint, std::string_view topic,
                                        std::string_view properties,
                                        std::string_view payload) noexcept;

/// Refuses (false, nothing appended) a message whose frame the receiver would not take:
/// `longest` is its limit. Large payloads are referenced, not copied. Requires that the message has
/// not expired, and a sequence above 0. `group` and `hops`: see ForwardedPublish.
[[nodiscard]] bool append_publish(std::uint64_t sequence, const mqtt::MessagePtr& message,
                                  TimePoint now, std::uint32_t longest, OutputBuffer& out,
                                  std::string_view group = {}, std::uint8_t hops = 0);
/// Everything that Message::make() and clients rely on is checked: topic, properties, sizes.
[[nodiscard]] bool decode_publish(std::string_view body, TimePoint now, ForwardedPublish& publish);

/// The answer on a data link, cumulative.
struct Ack {
    static constexpr std::size_t kMostRefused = 1024;

    std::uint64_t sequence = 0;  // all up to this one are safe, or refused
    /// Refused since the acknowledgement before, ascending, none above `sequence`, at most
    /// kMostRefused: whoever has more to say sends acknowledgements in between.
    std::vector<std::uint64_t> refused;
};
/// Requires what is said above.
void append_ack(const Ack& ack, std::string& out);
/// Reuses the memory of `ack`.
[[nodiscard]] bool decode_ack(std::string_view body, Ack& ack);

}  // namespace vmq::cluster
