#include "cluster/move_codec.h"

#include <algorithm>

#include "cluster/message_encoding.h"
#include "mqtt/properties.h"
#include "mqtt/topic.h"

namespace vmq::cluster {

namespace {

constexpr std::uint64_t kMostStreams = 1'000'000;

// Of a message, see message_encoding.h.
constexpr std::uint8_t kSentBefore = 0x08;
constexpr std::uint8_t kMovedHasProperties = 0x10;
constexpr std::uint8_t kMovedHasExpiry = 0x20;
constexpr std::uint8_t kMovedHasSharedFilter = 0x40;

constexpr std::uint8_t kHasUsername = 0x01;
constexpr std::uint8_t kHasOffset = 0x02;

std::uint8_t pack(const mqtt::SubscriptionOptions& options) noexcept {
    unsigned byte = static_cast<unsigned>(options.qos);
    if (options.no_local) byte |= 0x04U;
    if (options.retain_as_published) byte |= 0x08U;
    byte |= static_cast<unsigned>(options.retain_handling) << 4U;
    return static_cast<std::uint8_t>(byte);
}

bool unpack(std::uint8_t byte, mqtt::SubscriptionOptions& options) noexcept {
    if ((byte & 0x03U) > 2 || (byte >> 4U) > 2) return false;
    options.qos = static_cast<mqtt::QoS>(byte & 0x03U);
    options.no_local = (byte & 0x04U) != 0;
    options.retain_as_published = (byte & 0x08U) != 0;
    options.retain_handling = static_cast<mqtt::RetainHandling>(byte >> 4U);
    return true;
}

}  // namespace

//   move := move:u64 number:varint kind:u8 shard:varint mountpoint:string client_id:string content
MoveWriter::MoveWriter(const MoveHeader& header, std::string& out) : frame_(FrameType::Move, out) {
    ByteWriter& body = frame_.body();
    body.u64(header.move);
    body.varint(header.number);
    body.u8(static_cast<std::uint8_t>(header.kind));
    body.varint(header.shard);
    body.string(header.key.mountpoint);
    body.string(header.key.client_id);
}

bool MoveReader::header(MoveHeader& header) {
    std::uint8_t kind = 0;
    std::string_view mountpoint;
    std::string_view client_id;
    if (!reader_.u64(header.move) || !reader_.varint(header.number) || header.number == 0 ||
        !reader_.u8(kind) || kind < 1 || kind > 8 || !reader_.varint(header.shard) ||
        !reader_.string(mountpoint, kLongestText) || !reader_.string(client_id, kLongestText)) {
        return false;
    }
    header.kind = static_cast<MoveKind>(kind);
    header.key.mountpoint = mountpoint;
    header.key.client_id = client_id;
    return true;
}

//   begin := flags:u8 epoch:u64 expiry_s:varint next_sequence:varint sent_through:varint
//            [offset:varint] [username:string]
void MoveWriter::begin(const MoveBegin& begin) {
    ByteWriter& body = frame_.body();
    body.u8(static_cast<std::uint8_t>((begin.username ? kHasUsername : 0) |
                                      (begin.offset ? kHasOffset : 0)));
    body.u64(begin.epoch.value);
    body.varint(begin.expiry_interval_s);
    body.varint(begin.next_sequence);
    body.varint(begin.sent_through);
    if (begin.offset) body.varint(*begin.offset);
    if (begin.username) body.string(*begin.username);
}

bool MoveReader::begin(MoveBegin& begin) {
    std::uint8_t flags = 0;
    if (!reader_.u8(flags) || flags > 3 || !reader_.u64(begin.epoch.value) ||
        begin.epoch > kLatestTime || !reader_.varint(begin.expiry_interval_s) ||
        !reader_.varint(begin.next_sequence) || !reader_.varint(begin.sent_through)) {
        return false;
    }
    if ((flags & kHasOffset) != 0 && !reader_.varint(begin.offset.emplace())) return false;
    if ((flags & kHasUsername) != 0) {
        std::string_view username;
        if (!reader_.string(username, kLongestText)) return false;
        begin.username = username;
    }
    // Far from where sequences end.
    constexpr std::uint64_t kMost = 1ULL << 62U;
    return begin.next_sequence < kMost && begin.sent_through < kMost &&
           begin.offset.value_or(0) < kMost && reader_.done();
}

//   subscriptions := (filter:string options:u8 id:varint)*
void MoveWriter::subscription(const MovedSubscription& subscription) {
    ByteWriter& body = frame_.body();
    body.string(subscription.filter);
    body.u8(pack(subscription.options));
    body.varint(subscription.subscription_id);
}

bool MoveReader::subscription(MovedSubscription& subscription) {
    std::uint8_t options = 0;
    return reader_.string(subscription.filter, kLongestText) &&
           mqtt::is_valid_topic_filter(subscription.filter) && reader_.u8(options) &&
           unpack(options, subscription.options) && reader_.varint(subscription.subscription_id);
}

//   exchanges := count:varint id:varint*count count:varint sequence:varint*count
void MoveWriter::exchanges(const MovedExchanges& exchanges) {
    ByteWriter& body = frame_.body();
    body.varint(exchanges.received.size());
    for (const std::uint16_t id : exchanges.received) body.varint(id);
    body.varint(exchanges.released.size());
    for (const std::uint64_t sequence : exchanges.released) body.varint(sequence);
}

bool MoveReader::exchanges(MovedExchanges& exchanges) {
    std::size_t count = 0;
    if (!reader_.count(count, 1)) return false;
    for (; count > 0; --count) {
        std::uint16_t id = 0;
        if (!reader_.varint(id) || id == 0) return false;
        exchanges.received.push_back(id);
    }
    if (!reader_.count(count, 1)) return false;
    for (; count > 0; --count) {
        std::uint64_t sequence = 0;
        if (!reader_.varint(sequence) || sequence == 0) return false;
        exchanges.released.push_back(sequence);
    }
    return reader_.done();
}

//   messages := message*
//   message  := sequence:varint flags:u8 qos_and_retain:u8 subscription_id:varint publisher:u64
//               origin:u64 topic:string [properties:string] [expires_in_ms:varint]
//               [shared_filter:string] payload:string
void MoveWriter::message(const MovedMessage& message, TimePoint now) {
    const mqtt::MessageParts& parts = message.parts;
    unsigned flags = static_cast<unsigned>(message.qos);
    if (message.retain) flags |= kRetain;
    if (message.sent_before) flags |= kSentBefore;
    if (!parts.properties.empty()) flags |= kMovedHasProperties;
    if (parts.expires_at != kNever) flags |= kMovedHasExpiry;
    if (!message.shared_filter.empty()) flags |= kMovedHasSharedFilter;
    ByteWriter& body = frame_.body();
    body.varint(message.sequence);
    body.u8(static_cast<std::uint8_t>(flags));
    body.u8(static_cast<std::uint8_t>(static_cast<unsigned>(parts.qos) |
                                      (parts.retain ? unsigned{kRetain} : 0U)));
    body.varint(message.subscription_id);
    body.u64(parts.publisher);
    body.u64(parts.origin);
    body.string(parts.topic);
    if (!parts.properties.empty()) body.string(parts.properties);
    if (parts.expires_at != kNever) {
        const Millis left = std::max(parts.expires_at - now, Millis(1));
        body.varint(std::min(static_cast<std::uint64_t>(left.count()), kLongestExpiryMs));
    }
    if (!message.shared_filter.empty()) body.string(message.shared_filter);
    body.string(parts.payload);
}

bool MoveReader::message(MovedMessage& message, TimePoint now) {
    message = {};
    mqtt::MessageParts& parts = message.parts;
    std::uint8_t flags = 0;
    std::uint8_t own = 0;
    if (!reader_.varint(message.sequence) || message.sequence == 0 ||
        message.sequence >= 1ULL << 62U || !reader_.u8(flags) || (flags & 0x80U) != 0 ||
        (flags & kQoSBits) > 2 || !reader_.u8(own) || own > 6 || (own & kQoSBits) > 2 ||
        !reader_.varint(message.subscription_id) || !reader_.u64(parts.publisher) ||
        !reader_.u64(parts.origin) || !reader_.string(parts.topic, kLongestText) ||
        !mqtt::is_valid_topic_name(parts.topic)) {
        return false;
    }
    if ((flags & kMovedHasProperties) != 0 &&
        (!reader_.string(parts.properties, kLongestPacket) ||
         !mqtt::are_valid_forwarded_properties(parts.properties))) {
        return false;
    }
    if ((flags & kMovedHasExpiry) != 0) {
        std::uint64_t left = 0;
        if (!reader_.varint(left) || left == 0 || left > kLongestExpiryMs) return false;
        parts.expires_at = now + Millis(left);
    }
    if ((flags & kMovedHasSharedFilter) != 0 &&
        !reader_.string(message.shared_filter, kLongestText)) {
        return false;
    }
    if (!reader_.string(parts.payload, kLongestPacket)) return false;
    parts.qos = static_cast<mqtt::QoS>(own & kQoSBits);
    parts.retain = (own & kRetain) != 0;
    message.qos = static_cast<mqtt::QoS>(flags & kQoSBits);
    message.retain = (flags & kRetain) != 0;
    message.sent_before = (flags & kSentBefore) != 0;
    return true;
}

//   end := [late:u8 (node:string count:varint (stream:u64 first:u64)*count)*]
void MoveWriter::late() { frame_.body().u8(1); }

void MoveWriter::owner(const MovedOwner& owner) {
    frame_.body().string(owner.node);
    frame_.body().varint(owner.streams);
}

void MoveWriter::stream(const MovedStream& stream) {
    frame_.body().u64(stream.stream);
    frame_.body().u64(stream.first);
}

bool MoveReader::late(bool& late) {
    std::uint8_t flag = 0;
    late = !reader_.done();
    return !late || (reader_.u8(flag) && flag == 1);
}

bool MoveReader::owner(MovedOwner& owner) {
    return reader_.string(owner.node, kLongestText) && reader_.varint(owner.streams) &&
           owner.streams <= kMostStreams;
}

bool MoveReader::stream(MovedStream& stream) {
    return reader_.u64(stream.stream) && reader_.u64(stream.first);
}

//   will := due_in_ms:varint v5:flag will
void MoveWriter::will(const MovedWill& will) {
    frame_.body().varint(will.due_in_ms);
    frame_.body().flag(will.v5);
    append(will.will, frame_.body());
}

bool MoveReader::will(MovedWill& will) {
    return reader_.varint(will.due_in_ms) && will.due_in_ms <= kLongestExpiryMs &&
           reader_.flag(will.v5) && read(reader_, will.will) && reader_.done();
}

//   move_ack := move:u64 number:varint code:u8 shard:varint offset:varint mountpoint:string
//               client_id:string
void append(const MoveAck& ack, std::string& out) {
    FrameWriter frame(FrameType::MoveAck, out);
    ByteWriter& body = frame.body();
    body.u64(ack.move);
    body.varint(ack.number);
    body.u8(static_cast<std::uint8_t>(ack.code));
    body.varint(ack.shard);
    body.varint(ack.offset);
    body.string(ack.key.mountpoint);
    body.string(ack.key.client_id);
    frame.finish();
}

bool decode(std::string_view bytes, MoveAck& ack) {
    ByteReader reader(bytes);
    std::uint8_t code = 0;
    std::string_view mountpoint;
    std::string_view client_id;
    if (!reader.u64(ack.move) || !reader.varint(ack.number) || !reader.u8(code) || code > 1 ||
        !reader.varint(ack.shard) || !reader.varint(ack.offset) ||
        !reader.string(mountpoint, kLongestText) || !reader.string(client_id, kLongestText)) {
        return false;
    }
    ack.code = static_cast<MoveAck::Code>(code);
    ack.key.mountpoint = mountpoint;
    ack.key.client_id = client_id;
    return reader.done();
}

}  // namespace vmq::cluster
