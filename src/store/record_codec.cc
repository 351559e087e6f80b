#include "store/record_codec.h"

#include <limits>

#include "store/coding.h"

namespace vmq::store {
namespace {

using detail::append_signed;
using detail::append_string;
using detail::append_u64_be;
using detail::append_u8;
using detail::append_varint;
using detail::ByteReader;

constexpr std::uint8_t kRecordVersion = 1;   // of every record; a reader refuses others
constexpr std::uint8_t kSessionVersion = 2;  // since there is a user name; 1 is read as well
constexpr std::size_t kMaxString = std::numeric_limits<std::uint16_t>::max();

// Flags of a message, a queue's record and a will. The lowest two bits are the QoS.
constexpr std::uint8_t kQosMask = 0x03;
constexpr std::uint8_t kRetain = 0x04;
constexpr std::uint8_t kHasExpiry = 0x08;
constexpr std::uint8_t kHasMountpoint = 0x10;
constexpr std::uint8_t kHasProperties = 0x20;
constexpr std::uint8_t kHasStoreId = 0x40;
constexpr std::uint8_t kMessageFlags = 0x7F;
constexpr std::uint8_t kOriginVersion = 2;  // of a message that names itself among all nodes

constexpr std::uint8_t kIsReference = 0x08;
constexpr std::uint8_t kHasSubscriptionId = 0x10;
constexpr std::uint8_t kHasSharedFilter = 0x20;
constexpr std::uint8_t kQueueFlags = 0x3F;

constexpr std::uint8_t kWillFlags = kQosMask | kRetain | kHasExpiry;

constexpr std::uint8_t kSessionHasWill = 0x01;
constexpr std::uint8_t kSessionHasUsername = 0x02;
constexpr std::uint8_t kSessionFlags = 0x03;

// Options of a subscription, as in a SUBSCRIBE packet [v5 3.8.3.1].
constexpr std::uint8_t kNoLocal = 0x04;
constexpr std::uint8_t kRetainAsPublished = 0x08;
constexpr unsigned kRetainHandlingShift = 4;
constexpr std::uint8_t kOptionsMask = 0x3F;

std::uint8_t flag(bool set, std::uint8_t bit) { return set ? bit : std::uint8_t{0}; }

bool read_version(ByteReader& reader) {
    std::uint8_t version = 0;
    return reader.read_u8(version) && version == kRecordVersion;
}

/// Flags with a QoS in them; none outside of `known`.
bool read_flags(ByteReader& reader, std::uint8_t known, std::uint8_t& flags, mqtt::QoS& qos) {
    if (!reader.read_u8(flags) || (flags & ~known) != 0 || (flags & kQosMask) == kQosMask) {
        return false;
    }
    qos = static_cast<mqtt::QoS>(flags & kQosMask);
    return true;
}

bool read_short_string(ByteReader& reader, std::string_view& value) {
    return reader.read_string(value) && value.size() <= kMaxString;
}

bool read_string(ByteReader& reader, std::string& value) {
    std::string_view view;
    if (!reader.read_string(view)) return false;
    value.assign(view);
    return true;
}

void encode_will(const StoredWill& will, std::string& out) {
    append_u8(
        static_cast<std::uint8_t>(static_cast<std::uint8_t>(will.qos) | flag(will.retain, kRetain) |
                                  flag(will.message_expiry_s.has_value(), kHasExpiry)),
        out);
    append_string(will.mountpoint, out);
    append_string(will.topic, out);
    append_string(will.properties, out);
    append_string(will.payload, out);
    if (will.message_expiry_s) append_varint(*will.message_expiry_s, out);
    append_varint(will.delay_s, out);
    append_signed(will.due_at, out);
}

bool decode_will(ByteReader& reader, StoredWill& will) {
    std::uint8_t flags = 0;
    if (!read_flags(reader, kWillFlags, flags, will.qos)) return false;
    will.retain = (flags & kRetain) != 0;
    if (!read_string(reader, will.mountpoint) || !read_string(reader, will.topic) ||
        !read_string(reader, will.properties) || !read_string(reader, will.payload)) {
        return false;
    }
    will.message_expiry_s.reset();
    if ((flags & kHasExpiry) != 0) {
        std::uint32_t expiry = 0;
        if (!reader.read_varint_u32(expiry)) return false;
        will.message_expiry_s = expiry;
    }
    return reader.read_varint_u32(will.delay_s) && reader.read_signed(will.due_at);
}

}  // namespace

WallMillis ClockAnchors::to_wall(TimePoint time) const noexcept {
    WallMillis distance = 0;
    WallMillis result = 0;
    const auto at = time.time_since_epoch().count();
    if (__builtin_sub_overflow(at, steady.time_since_epoch().count(), &distance) ||
        __builtin_add_overflow(wall, distance, &result)) {
        return at < 0 ? std::numeric_limits<WallMillis>::min()
                      : std::numeric_limits<WallMillis>::max();
    }
    return result;
}

TimePoint ClockAnchors::to_steady(WallMillis time) const noexcept {
    WallMillis distance = 0;
    WallMillis result = 0;
    if (__builtin_sub_overflow(time, wall, &distance) ||
        __builtin_add_overflow(steady.time_since_epoch().count(), distance, &result)) {
        return time < 0 ? TimePoint::min() : kNever;
    }
    return TimePoint{Millis{result}};
}

void encode_message(const mqtt::Message& message, const ClockAnchors& clocks, std::string& out) {
    const bool expires = message.expires_at() != kNever;
    append_u8(message.origin() != 0 ? kOriginVersion : kRecordVersion, out);
    append_u8(static_cast<std::uint8_t>(
                  static_cast<std::uint8_t>(message.qos()) | flag(message.retain(), kRetain) |
                  flag(expires, kHasExpiry) | flag(!message.mountpoint().empty(), kHasMountpoint) |
                  flag(!message.properties().empty(), kHasProperties) |
                  flag(message.store_id() != 0, kHasStoreId)),
              out);
    append_u64_be(message.publisher(), out);
    if (message.origin() != 0) append_u64_be(message.origin(), out);
    if (message.store_id() != 0) append_u64_be(message.store_id(), out);
    if (expires) append_signed(clocks.to_wall(message.expires_at()), out);
    if (!message.mountpoint().empty()) append_string(message.mountpoint(), out);
    append_string(message.topic(), out);
    if (!message.properties().empty()) append_string(message.properties(), out);
    out.append(message.payload());
}

bool decode_message(std::string_view bytes, const ClockAnchors& clocks, mqtt::MessagePtr& message) {
    if (bytes.size() > std::numeric_limits<std::uint32_t>::max()) return false;
    ByteReader reader(bytes);
    mqtt::MessageParts parts;
    std::uint8_t version = 0;
    std::uint8_t flags = 0;
    if (!reader.read_u8(version) || (version != kRecordVersion && version != kOriginVersion) ||
        !read_flags(reader, kMessageFlags, flags, parts.qos)) {
        return false;
    }
    parts.retain = (flags & kRetain) != 0;
    if (!reader.read_u64_be(parts.publisher)) return false;
    if (version == kOriginVersion && !reader.read_u64_be(parts.origin)) return false;
    if ((flags & kHasStoreId) != 0 && !reader.read_u64_be(parts.store_id)) return false;
    if ((flags & kHasExpiry) != 0) {
        WallMillis expires_at = 0;
        if (!reader.read_signed(expires_at)) return false;
        parts.expires_at = clocks.to_steady(expires_at);
    }
    if ((flags & kHasMountpoint) != 0 && !read_short_string(reader, parts.mountpoint)) return false;
    if (!read_short_string(reader, parts.topic)) return false;
    if ((flags & kHasProperties) != 0 && !reader.read_string(parts.properties)) return false;
    parts.payload = reader.rest();
    message = mqtt::Message::make(parts);
    return true;
}

void encode_session(const SessionRecord& record, std::string& out) {
    append_u8(kSessionVersion, out);
    append_u8(static_cast<std::uint8_t>(flag(record.will.has_value(), kSessionHasWill) |
                                        flag(record.username.has_value(), kSessionHasUsername)),
              out);
    append_string(record.key.mountpoint, out);
    append_string(record.key.client_id, out);
    append_varint(record.expiry_interval_s, out);
    append_signed(record.expires_at, out);
    append_varint(record.sent_through, out);
    if (record.username) append_string(*record.username, out);
    if (record.will) encode_will(*record.will, out);
}

bool decode_session(std::string_view bytes, SessionRecord& record) {
    ByteReader reader(bytes);
    std::uint8_t version = 0;
    std::uint8_t flags = 0;
    if (!reader.read_u8(version) || version == 0 || version > kSessionVersion ||
        !reader.read_u8(flags) ||
        (flags & ~(version == 1 ? kSessionHasWill : kSessionFlags)) != 0 ||
        !read_string(reader, record.key.mountpoint) || !read_string(reader, record.key.client_id) ||
        !reader.read_varint_u32(record.expiry_interval_s) ||
        !reader.read_signed(record.expires_at) || !reader.read_varint(record.sent_through)) {
        return false;
    }
    record.username.reset();
    if ((flags & kSessionHasUsername) != 0 && !read_string(reader, record.username.emplace())) {
        return false;
    }
    record.will.reset();
    if ((flags & kSessionHasWill) != 0 && !decode_will(reader, record.will.emplace())) return false;
    return reader.done();
}

void encode_subscription(const mqtt::SubscriptionOptions& options, std::uint32_t subscription_id,
                         std::string& out) {
    append_u8(kRecordVersion, out);
    append_u8(static_cast<std::uint8_t>(
                  static_cast<std::uint8_t>(options.qos) | flag(options.no_local, kNoLocal) |
                  flag(options.retain_as_published, kRetainAsPublished) |
                  static_cast<std::uint8_t>(options.retain_handling) << kRetainHandlingShift),
              out);
    append_varint(subscription_id, out);
}

bool decode_subscription(std::string_view bytes, mqtt::SubscriptionOptions& options,
                         std::uint32_t& subscription_id) {
    ByteReader reader(bytes);
    std::uint8_t flags = 0;
    if (!read_version(reader) || !read_flags(reader, kOptionsMask, flags, options.qos))
        return false;
    const unsigned handling = static_cast<unsigned>(flags) >> kRetainHandlingShift;
    if (handling > 2) return false;
    options.no_local = (flags & kNoLocal) != 0;
    options.retain_as_published = (flags & kRetainAsPublished) != 0;
    options.retain_handling = static_cast<mqtt::RetainHandling>(handling);
    return reader.read_varint_u32(subscription_id) && reader.done();
}

void encode_queue_record(const PutMessage& put, const ClockAnchors& clocks, std::string& out) {
    const std::uint64_t store_id = put.message->store_id();
    append_u8(kRecordVersion, out);
    append_u8(
        static_cast<std::uint8_t>(static_cast<std::uint8_t>(put.qos) | flag(put.retain, kRetain) |
                                  flag(store_id != 0, kIsReference) |
                                  flag(put.subscription_id != 0, kHasSubscriptionId) |
                                  flag(put.shared_filter != nullptr, kHasSharedFilter)),
        out);
    if (put.subscription_id != 0) append_varint(put.subscription_id, out);
    if (put.shared_filter) append_string(*put.shared_filter, out);
    if (store_id != 0) {
        append_u64_be(store_id, out);
    } else {
        encode_message(*put.message, clocks, out);
    }
}

bool decode_queue_record(std::string_view bytes, QueueRecord& record) {
    ByteReader reader(bytes);
    std::uint8_t flags = 0;
    record = {};
    if (!read_version(reader) || !read_flags(reader, kQueueFlags, flags, record.qos)) return false;
    record.retain = (flags & kRetain) != 0;
    if ((flags & kHasSubscriptionId) != 0 && !reader.read_varint_u32(record.subscription_id)) {
        return false;
    }
    if ((flags & kHasSharedFilter) != 0 && !reader.read_string(record.shared_filter)) return false;
    if ((flags & kIsReference) == 0) {
        record.body = reader.rest();
        return !record.body.empty();
    }
    return reader.read_u64_be(record.store_id) && record.store_id != 0 && reader.done();
}

void encode_fact(std::string_view fact, std::string& out) {
    append_u8(kRecordVersion, out);
    out.append(fact);
}

bool decode_fact(std::string_view bytes, std::string_view& fact) {
    ByteReader reader(bytes);
    if (!read_version(reader)) return false;
    fact = reader.rest();
    return true;
}

void encode_mark(std::string& out) { append_u8(kRecordVersion, out); }

bool decode_mark(std::string_view bytes) {
    ByteReader reader(bytes);
    return read_version(reader) && reader.done();
}

void encode_number(std::uint64_t number, std::string& out) {
    append_u8(kRecordVersion, out);
    append_varint(number, out);
}

bool decode_number(std::string_view bytes, std::uint64_t& number) {
    ByteReader reader(bytes);
    return read_version(reader) && reader.read_varint(number) && reader.done();
}

}  // namespace vmq::store
