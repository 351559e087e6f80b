// Frames of data links that carry a session from one node to another.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "cluster/registrar_codec.h"
#include "cluster/will_codec.h"
#include "mqtt/message.h"
#include "mqtt/packets.h"

namespace vmq::cluster {

/// What a frame of a move carries. One is under way at a time: the next one leaves when it has been
/// acknowledged, and it comes again when the acknowledgement does not come.
enum class MoveKind : std::uint8_t {
    Begin = 1,          // the session
    Subscriptions = 2,  // some of them
    Exchanges = 3,      // of QoS 2, packet ids
    Switch = 4,         // acknowledged when all nodes know the subscriptions of the new owner
    Messages = 5,       // some of them
    End = 6,
    Will = 7,  // that waits for its delay
    Off = 8,   // it goes elsewhere, or nowhere; not acknowledged
};

struct MoveHeader {
    std::uint64_t move = 0;    // random, of the sender
    std::uint64_t number = 0;  // from 1, without gaps
    MoveKind kind{};
    std::uint32_t shard = 0;  // of the sender, where the answer goes
    ClientKey key;
};

struct MoveBegin {
    Epoch epoch;
    std::uint32_t expiry_interval_s = 0;
    std::uint64_t next_sequence = 1;      // of the queue
    std::uint64_t sent_through = 0;       // up to here messages may have been sent
    std::optional<std::uint64_t> offset;  // from the answer to an earlier Begin of this move
    std::optional<std::string> username;
};

struct MovedSubscription {
    std::string_view filter;
    mqtt::SubscriptionOptions options;
    std::uint32_t subscription_id = 0;
};

struct MovedExchanges {
    std::vector<std::uint16_t> received;  // from the client, not released by it
    std::vector<std::uint64_t> released;  // sequences whose PUBCOMP has not come
};

/// Of a client that is away.
struct MovedWill {
    std::uint64_t due_in_ms = 0;
    bool v5 = false;
    LastWill will;
};

/// Views point into the frame, or to what outlives its writing.
struct MovedMessage {
    std::uint64_t sequence = 0;
    mqtt::MessageParts parts;  // without mountpoint, which is the session's
    std::string_view shared_filter;
    std::uint32_t subscription_id = 0;
    mqtt::QoS qos = mqtt::QoS::AtMostOnce;
    bool retain = false;
    bool sent_before = false;
};

/// An owner of the session before the new one, and how many streams follow.
struct MovedOwner {
    std::string_view node;  // empty: the sender
    std::uint64_t streams = 0;
};

/// Messages of one publisher and topic that came past earlier owners from this one on.
struct MovedStream {
    std::uint64_t stream = 0;
    std::uint64_t first = 0;  // origin
};

/// Writes one Move frame: the header at construction, then what belongs to its kind, then finish().
class MoveWriter final {
public:
    MoveWriter(const MoveHeader& header, std::string& out);

    void begin(const MoveBegin& begin);
    void subscription(const MovedSubscription& subscription);
    void exchanges(const MovedExchanges& exchanges);
    void message(const MovedMessage& message, TimePoint now);
    /// Of End: messages for the session may still come to its owners so far, which send them after
    /// it. Before the owners, each of which is followed by its streams; the latest one is last.
    void late();
    void owner(const MovedOwner& owner);
    void stream(const MovedStream& stream);
    void will(const MovedWill& will);
    [[nodiscard]] std::size_t length() const noexcept { return frame_.length(); }
    void finish() noexcept { frame_.finish(); }

private:
    FrameWriter frame_;
};

/// Reads the body of one.
class MoveReader final {
public:
    explicit MoveReader(std::string_view body) noexcept : reader_(body) {}

    [[nodiscard]] bool header(MoveHeader& header);
    [[nodiscard]] bool begin(MoveBegin& begin);
    [[nodiscard]] bool subscription(MovedSubscription& subscription);
    [[nodiscard]] bool exchanges(MovedExchanges& exchanges);
    [[nodiscard]] bool message(MovedMessage& message, TimePoint now);
    [[nodiscard]] bool late(bool& late);
    [[nodiscard]] bool owner(MovedOwner& owner);
    [[nodiscard]] bool stream(MovedStream& stream);
    [[nodiscard]] bool will(MovedWill& will);
    [[nodiscard]] bool done() const noexcept { return reader_.done(); }

private:
    ByteReader reader_;
};

struct MoveAck {
    enum class Code : std::uint8_t {
        Done = 0,
        Unknown = 1,  // nothing is known of this move (any more): begin again
    };
    std::uint64_t move = 0;
    std::uint64_t number = 0;
    Code code = Code::Done;
    std::uint32_t shard = 0;   // MoveHeader::shard
    std::uint64_t offset = 0;  // the new owner's sequences are so much greater
    ClientKey key;
};
void append(const MoveAck& ack, std::string& out);
[[nodiscard]] bool decode(std::string_view body, MoveAck& ack);

}  // namespace vmq::cluster
