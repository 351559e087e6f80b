#include "cluster/frame_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "cluster/message_encoding.h"
#include "mqtt/internal_group.h"
#include "mqtt/properties.h"
#include "mqtt/topic.h"

namespace vmq::cluster {
namespace {

/// Memory that a reader keeps between frames; what a larger one needed goes back.
constexpr std::size_t kMostKeptByReader = 64UL * 1024;

/// From this size on, copying a payload costs more than the bookkeeping of a reference.
constexpr std::size_t kReferencedPayload = 16UL * 1024;

std::uint32_t length_at(const char* at) noexcept {
    std::uint32_t length = 0;
    (void)ByteReader({at, kFrameLengthBytes}).u32(length);
    return length;
}

Frame frame_at(const char* at, std::uint32_t length) noexcept {
    return {static_cast<FrameType>(at[kFrameLengthBytes]), {at + kFrameOverhead, length - 1}};
}

}  // namespace

// --- FrameReader ---

void FrameReader::add(std::string_view bytes) {
    VMQ_ASSERT(input_.empty());
    input_ = bytes;
}

FrameReader::Status FrameReader::check_length(std::uint32_t length) noexcept {
    if (length == 0) return Status::Empty;
    if (length <= longest_) return Status::Complete;
    refused_ = length;
    return Status::TooLong;
}

FrameReader::Status FrameReader::next(Frame& frame) {
    if (held() > 0) return next_held(frame);
    forget_held();
    if (input_.size() >= kFrameLengthBytes) {
        const std::uint32_t length = length_at(input_.data());
        if (const Status status = check_length(length); status != Status::Complete) return status;
        if (input_.size() - kFrameLengthBytes >= length) {
            frame = frame_at(input_.data(), length);
            input_.remove_prefix(kFrameLengthBytes + length);
            return Status::Complete;
        }
    }
    keep();
    return Status::NeedMore;
}

FrameReader::Status FrameReader::next_held(Frame& frame) {
    if (!fill_held(kFrameLengthBytes)) return Status::NeedMore;
    const std::uint32_t length = length_at(held_.data() + held_at_);
    if (const Status status = check_length(length); status != Status::Complete) return status;
    if (!fill_held(kFrameLengthBytes + length)) return Status::NeedMore;
    frame = frame_at(held_.data() + held_at_, length);
    held_at_ += kFrameLengthBytes + length;
    return Status::Complete;
}

/// Whether `size` bytes are held, which takes from the input what is missing.
bool FrameReader::fill_held(std::size_t size) {
    if (held() >= size) return true;
    held_.erase(0, held_at_);
    held_at_ = 0;
    const std::size_t taken = std::min(size - held_.size(), input_.size());
    held_.append(input_, 0, taken);
    input_.remove_prefix(taken);
    return held_.size() == size;
}

void FrameReader::forget_held() noexcept {
    held_.clear();
    held_at_ = 0;
    if (held_.capacity() > kMostKeptByReader) std::string().swap(held_);
}

void FrameReader::keep() {
    if (input_.empty()) return;
    held_.erase(0, held_at_);
    held_at_ = 0;
    held_.append(input_);
    input_ = {};
}

std::string FrameReader::take_rest() {
    keep();
    std::string rest = std::exchange(held_, {});
    rest.erase(0, std::exchange(held_at_, 0));
    return rest;
}

std::string FrameReader::error() const {
    if (refused_ == 0) return "sent a frame without a type";
    return fmt::format("sent a frame of {} bytes, the longest taken here is {}", refused_,
                       longest_);
}

// --- FrameWriter ---

FrameWriter::FrameWriter(FrameType type, std::string& out)
    : out_(out), start_(out.size()), body_(out) {
    body_.u32(0);
    body_.u8(static_cast<std::uint8_t>(type));
}

void FrameWriter::finish(std::size_t referenced) noexcept {
    const std::size_t length = this->length() + referenced;
    VMQ_ASSERT(length <= UINT32_MAX);
    for (std::size_t i = 0; i < kFrameLengthBytes; ++i) {
        out_[start_ + i] = static_cast<char>(length >> (8 * i) & 0xFFU);
    }
}

void append_frame(FrameType type, std::string_view body, std::string& out) {
    FrameWriter frame(type, out);
    frame.body().bytes(body);
    frame.finish();
}

// --- Heartbeat ---

//   heartbeat := time:varint

void append_heartbeat(FrameType type, std::uint64_t time, std::string& out) {
    FrameWriter frame(type, out);
    frame.body().varint(time);
    frame.finish();
}

bool decode_heartbeat(std::string_view body, std::uint64_t& time) noexcept {
    ByteReader reader(body);
    return reader.varint(time) && reader.done();
}

// --- Publish ---

//   publish := sequence:varint flags:u8 [mountpoint:string] topic:string [properties:string]
//              [expires in ms:varint] [origin:u64] [group:string hops:u8] publisher:u64
//              payload: the rest

namespace {
// Of a Publish, see message_encoding.h.
constexpr std::uint8_t kPublishHasMountpoint = 0x08;
constexpr std::uint8_t kPublishHasProperties = 0x10;
constexpr std::uint8_t kPublishHasExpiry = 0x20;
constexpr std::uint8_t kPublishHasOrigin = 0x40;
constexpr std::uint8_t kPublishHasGroup = 0x80;

std::uint8_t flags_of(const mqtt::Message& message) noexcept {
    unsigned flags = static_cast<unsigned>(message.qos());
    if (message.retain()) flags |= kRetain;
    if (!message.mountpoint().empty()) flags |= kPublishHasMountpoint;
    if (!message.properties().empty()) flags |= kPublishHasProperties;
    if (message.expires_at() != kNever) flags |= kPublishHasExpiry;
    if (message.origin() != 0) flags |= kPublishHasOrigin;
    return static_cast<std::uint8_t>(flags);
}

/// A string that stands there because a flag says so, and thus is not empty.
bool read_flagged(ByteReader& reader, bool present, std::size_t longest, std::string_view& value) {
    if (!present) return true;
    return reader.string(value, longest) && !value.empty();
}
}  // namespace

std::size_t publish_bound(std::string_view mountpoint, std::string_view topic,
                          std::string_view properties, std::string_view payload) noexcept {
    // Type and flags; sequence, three lengths and the expiry as varints; the publisher.
    constexpr std::size_t kBesides = 2 + 5 * 10 + 8;
    return kBesides + mountpoint.size() + topic.size() + properties.size() + payload.size();
}

bool append_publish(std::uint64_t sequence, const mqtt::MessagePtr& message, TimePoint now,
                    std::uint32_t longest, OutputBuffer& out, std::string_view group,
                    std::uint8_t hops) {
    VMQ_ASSERT(sequence > 0);
    const std::string_view payload = message->payload();
    const auto flags =
        static_cast<std::uint8_t>(flags_of(*message) | (group.empty() ? 0 : kPublishHasGroup));
    FrameWriter frame(FrameType::Publish, out.bytes());
    ByteWriter& body = frame.body();
    body.varint(sequence);
    body.u8(flags);
    if ((flags & kPublishHasMountpoint) != 0) body.string(message->mountpoint());
    body.string(message->topic());
    if ((flags & kPublishHasProperties) != 0) body.string(message->properties());
    if ((flags & kPublishHasExpiry) != 0) {
        const Millis left = std::max(message->expires_at() - now, Millis(1));
        body.varint(std::min(static_cast<std::uint64_t>(left.count()), kLongestExpiryMs));
    }
    if ((flags & kPublishHasOrigin) != 0) body.u64(message->origin());
    if ((flags & kPublishHasGroup) != 0) {
        body.string(group);
        body.u8(hops);
    }
    body.u64(message->publisher());
    if (frame.length() + payload.size() > longest) {
        frame.cancel();
        return false;
    }
    if (payload.size() < kReferencedPayload) {
        body.bytes(payload);
        frame.finish();
    } else {
        frame.finish(payload.size());
        out.append_reference(payload, std::make_shared<const mqtt::MessagePtr>(message));
    }
    return true;
}

std::optional<std::string_view> session_of(std::string_view group) noexcept {
    if (!group.starts_with(kSessionPrefix) || group.size() == kSessionPrefix.size()) return {};
    return group.substr(kSessionPrefix.size());
}

bool decode_publish(std::string_view body, TimePoint now, ForwardedPublish& publish) {
    publish = {};
    mqtt::MessageParts& parts = publish.parts;
    ByteReader reader(body);
    std::uint8_t flags = 0;
    if (!reader.varint(publish.sequence) || publish.sequence == 0 || !reader.u8(flags) ||
        (flags & kQoSBits) > 2 ||
        !read_flagged(reader, (flags & kPublishHasMountpoint) != 0, kLongestText,
                      parts.mountpoint) ||
        !reader.string(parts.topic, kLongestText) ||
        !read_flagged(reader, (flags & kPublishHasProperties) != 0, kLongestPacket,
                      parts.properties)) {
        return false;
    }
    if ((flags & kPublishHasExpiry) != 0) {
        std::uint64_t left = 0;
        if (!reader.varint(left) || left == 0 || left > kLongestExpiryMs) return false;
        parts.expires_at = now + Millis(left);
    }
    if ((flags & kPublishHasOrigin) != 0 && (!reader.u64(parts.origin) || parts.origin == 0)) {
        return false;
    }
    if ((flags & kPublishHasGroup) != 0 &&
        (!reader.string(publish.group, kLongestText) || !reader.u8(publish.hops) ||
         (!session_of(publish.group) && (!mqtt::parse_shared_filter(publish.group) ||
                                         !mqtt::is_valid_filter_of_nodes(publish.group))))) {
        return false;
    }
    if (!reader.u64(parts.publisher) || reader.rest().size() > kLongestPacket) return false;
    parts.payload = reader.rest();
    parts.qos = static_cast<mqtt::QoS>(flags & kQoSBits);
    parts.retain = (flags & kRetain) != 0;
    return mqtt::is_valid_topic_name(parts.topic) &&
           mqtt::are_valid_forwarded_properties(parts.properties);
}

// --- Ack ---

//   ack := sequence:varint count:varint (how far below sequence:varint)*count    descending

void append_ack(const Ack& ack, std::string& out) {
    VMQ_ASSERT(ack.refused.size() <= Ack::kMostRefused);
    FrameWriter frame(FrameType::Ack, out);
    frame.body().varint(ack.sequence);
    frame.body().varint(ack.refused.size());
    for (const std::uint64_t refused : ack.refused) {
        VMQ_ASSERT(refused <= ack.sequence);
        frame.body().varint(ack.sequence - refused);
    }
    frame.finish();
}

bool decode_ack(std::string_view body, Ack& ack) {
    ack.refused.clear();
    ByteReader reader(body);
    std::size_t count = 0;
    if (!reader.varint(ack.sequence) || !reader.count(count, 1) || count > Ack::kMostRefused) {
        return false;
    }
    ack.refused.reserve(count);
    for (; count > 0; --count) {
        std::uint64_t below = 0;
        // Sequences begin with 1.
        if (!reader.varint(below) || below >= ack.sequence) return false;
        const std::uint64_t refused = ack.sequence - below;
        if (!ack.refused.empty() && refused <= ack.refused.back()) return false;
        ack.refused.push_back(refused);
    }
    return reader.done();
}

}  // namespace vmq::cluster
