#include "cluster/fact_codec.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "base/hash.h"
#include "cluster/message_encoding.h"
#include "mqtt/properties.h"
#include "mqtt/topic.h"

namespace vmq::cluster {
namespace {

// Of a Facts frame.
constexpr std::uint8_t kCatchUp = 1;
constexpr std::uint8_t kComplete = 2;
// Its items.
constexpr std::uint8_t kWriterItem = 0x00;
constexpr std::uint8_t kKindBits = 0x0F;
constexpr std::uint8_t kDeleted = 0x10;
constexpr std::uint8_t kKnownItem = 0x40;
constexpr std::uint8_t kClaimsItem = 0x41;
// Of a FactVector.
constexpr std::uint8_t kFull = 1;
constexpr std::uint8_t kRequest = 2;
constexpr std::uint8_t kStopped = 4;
// Of a message, see message_encoding.h.
constexpr std::uint8_t kRetainedHasProperties = 0x08;
constexpr std::uint8_t kRetainedHasExpiry = 0x10;
constexpr std::uint8_t kMessageFlags = 0x1F;

constexpr std::uint8_t kRecordVersion = 1;

constexpr std::size_t kLeastClaim = 3;         // index, two zeros
constexpr std::size_t kLeastVectorEntry = 20;  // a name of one byte

void write_name(const Writer& writer, ByteWriter& to) {
    to.string(writer.name);
    to.bytes(bytes_of(writer.incarnation));
}

bool read_name(ByteReader& reader, std::string_view& name, Incarnation& incarnation) {
    std::string_view bytes;
    if (!reader.string(name, kLongestNodeName) || !is_valid_node_name(name) ||
        !reader.bytes(incarnation.bytes.size(), bytes)) {
        return false;
    }
    std::copy(bytes.begin(), bytes.end(), incarnation.bytes.begin());
    return true;
}

bool read_time(ByteReader& reader, HybridTime& time) {
    return reader.varint(time.value) && time <= kLatestTime;
}

/// Nobody drops what he has not had.
bool read_times(ByteReader& reader, HybridTime& complete, HybridTime& dropped) {
    return read_time(reader, complete) && read_time(reader, dropped) && dropped <= complete;
}

/// `expires`: 0 for a message that does not.
void write_message(const mqtt::Message& message, std::uint64_t expires, ByteWriter& to) {
    unsigned flags = static_cast<unsigned>(message.qos());
    if (message.retain()) flags |= kRetain;
    if (!message.properties().empty()) flags |= kRetainedHasProperties;
    if (expires != 0) flags |= kRetainedHasExpiry;
    to.u8(static_cast<std::uint8_t>(flags));
    if ((flags & kRetainedHasProperties) != 0) to.string(message.properties());
    if ((flags & kRetainedHasExpiry) != 0) to.varint(expires);
    to.u64(message.publisher());
    to.string(message.payload());
}

bool read_message(ByteReader& reader, std::string_view key, std::size_t longest,
                  std::uint64_t latest, mqtt::MessageParts& parts, std::uint64_t& expires) {
    std::uint8_t flags = 0;
    if (!reader.u8(flags) || (flags & ~kMessageFlags) != 0 || (flags & kQoSBits) > 2) return false;
    if ((flags & kRetainedHasProperties) != 0 &&
        (!reader.string(parts.properties, longest) || parts.properties.empty())) {
        return false;
    }
    expires = 0;
    if ((flags & kRetainedHasExpiry) != 0 &&
        (!reader.varint(expires) || expires == 0 || expires > latest)) {
        return false;
    }
    const RetainedKey names = split_retained_key(key);
    parts.mountpoint = names.mountpoint;
    parts.topic = names.topic;
    parts.qos = static_cast<mqtt::QoS>(flags & kQoSBits);
    parts.retain = (flags & kRetain) != 0;
    return reader.u64(parts.publisher) && reader.string(parts.payload, longest) &&
           mqtt::are_valid_forwarded_properties(parts.properties);
}

bool is_valid_retained_key(std::string_view key) {
    const std::size_t zero = key.find('\0');
    if (zero > kLongestText) return false;  // or there is none
    const std::string_view topic = key.substr(zero + 1);
    return topic.size() <= kLongestText && mqtt::is_valid_topic_name(topic);
}

std::uint8_t form_of(const Fact& fact) {
    return static_cast<std::uint8_t>(static_cast<std::uint8_t>(fact.kind()) |
                                     (fact.deleted() ? kDeleted : 0));
}

/// Form and key of a fact.
bool read_start(ByteReader& reader, std::uint8_t form, std::size_t longest_key, FactParts& fact) {
    if ((form & ~(kKindBits | kDeleted)) != 0 || (form & kKindBits) == 0) return false;
    fact.kind = static_cast<FactKind>(form & kKindBits);
    fact.deleted = (form & kDeleted) != 0;
    fact.value = {};
    fact.message = nullptr;
    return reader.string(fact.key, longest_key) &&
           (fact.kind != FactKind::Retained || is_valid_retained_key(fact.key));
}

/// What is left of an expiry, at least 1: 0 says that there is none.
std::uint64_t left_of(const mqtt::Message& message, Moment now) {
    if (message.expires_at() == kNever) return 0;
    const auto left = std::max<std::int64_t>((message.expires_at() - now.steady).count(), 1);
    return std::min(static_cast<std::uint64_t>(left), kLongestExpiryMs);
}

void write_entries(const WriterTable& writers, const Positions& complete, const Positions& dropped,
                   const Positions& but, ByteWriter& to) {
    std::vector<WriterNumber> named;
    for (std::size_t i = 0; i < complete.size(); ++i) {
        const auto writer = static_cast<WriterNumber>(i);
        if (complete[writer] > but[writer]) named.push_back(writer);
    }
    to.varint(named.size());
    for (const WriterNumber writer : named) {
        write_name(writers[writer], to);
        to.varint(complete[writer].value);
        to.varint(dropped[writer].value);
    }
}

bool read_entries(ByteReader& reader, std::vector<FactVector::Entry>& entries) {
    std::size_t count = 0;
    if (!reader.count(count, kLeastVectorEntry) || count > WriterTable::kMostWriters) return false;
    entries.resize(count);
    for (FactVector::Entry& entry : entries) {
        if (!read_name(reader, entry.name, entry.incarnation) ||
            !read_times(reader, entry.complete, entry.dropped)) {
            return false;
        }
    }
    return true;
}

}  // namespace

// --- FactsWriter ---

FactsWriter::FactsWriter(const WriterTable& writers, std::uint64_t stream, std::uint64_t number,
                         bool catch_up, Moment now, std::string& out)
    : writers_(writers), now_(now), out_(out), frame_(FrameType::Facts, out) {
    frame_.body().u64(stream);
    frame_.body().varint(number);
    flags_at_ = out.size();
    frame_.body().u8(catch_up ? kCatchUp : 0);
}

void FactsWriter::writer(WriterNumber writer) {
    const auto named = std::find(named_.begin(), named_.end(), writer);
    if (named != named_.end()) {
        frame_.body().varint(static_cast<std::uint64_t>(named - named_.begin()) + 1);
        return;
    }
    named_.push_back(writer);
    frame_.body().varint(0);
    write_name(writers_[writer], frame_.body());
}

void FactsWriter::time(const Stamp& stamp) {
    frame_.body().varint(stamp.time.value - last_.time.value);
    last_ = stamp;
}

void FactsWriter::fact(const Fact& fact) {
    ByteWriter& body = frame_.body();
    if (!any_ || fact.writer() != last_.writer || fact.time() <= last_.time) {
        begin(fact.stamp());
    }
    body.u8(form_of(fact));
    time(fact.stamp());
    body.string(fact.key());
    if (fact.deleted()) return;
    if (fact.message()) {
        write_message(*fact.message(), left_of(*fact.message(), now_), body);
    } else {
        body.string(fact.value());
    }
}

void FactsWriter::known(const Stamp& stamp) {
    if (!any_ || stamp.writer != last_.writer || stamp.time <= last_.time) begin(stamp);
    frame_.body().u8(kKnownItem);
    time(stamp);
}

/// An item that says whose facts follow, and behind which time.
void FactsWriter::begin(const Stamp& stamp) {
    any_ = true;
    frame_.body().u8(kWriterItem);
    writer(stamp.writer);
    last_ = {{stamp.time.value - 1}, stamp.writer};
    frame_.body().varint(last_.time.value);
}

void FactsWriter::claims(const Positions& complete, const Positions& dropped, const Positions& but,
                         bool full) {
    out_[flags_at_] = static_cast<char>(out_[flags_at_] | kComplete);
    ByteWriter& body = frame_.body();
    std::vector<WriterNumber> claimed;
    for (std::size_t i = 0; i < complete.size(); ++i) {
        const auto each = static_cast<WriterNumber>(i);
        if (complete[each] > (full ? HybridTime{} : but[each])) claimed.push_back(each);
    }
    body.u8(kClaimsItem);
    body.varint(claimed.size());
    for (const WriterNumber each : claimed) {
        writer(each);
        body.varint(complete[each].value);
        body.varint(dropped[each].value);
    }
}

// --- FactsReader ---

FactsReader::FactsReader(std::string_view body, Moment now, Limits limits)
    : reader_(body), now_(now), limits_(limits) {
    ok_ = read_header();
}

bool FactsReader::read_header() {
    std::uint8_t flags = 0;
    if (!reader_.u64(header_.stream) || !reader_.varint(header_.number) || header_.number == 0 ||
        !reader_.u8(flags) || (flags & ~(kCatchUp | kComplete)) != 0) {
        return false;
    }
    header_.catch_up = (flags & kCatchUp) != 0;
    header_.complete = (flags & kComplete) != 0;
    return true;
}

bool FactsReader::read_writer() {
    std::uint64_t index = 0;
    if (!reader_.varint(index) || index > writers_.size()) return false;
    if (index > 0) {
        writer_ = static_cast<std::size_t>(index - 1);
        return true;
    }
    if (writers_.size() == WriterTable::kMostWriters) return false;
    WriterView named;
    if (!read_name(reader_, named.name, named.incarnation)) return false;
    writer_ = writers_.size();
    writers_.push_back(named);
    return true;
}

bool FactsReader::read_later() {
    std::uint64_t later = 0;
    if (!has_writer_ || !reader_.varint(later) || later == 0 ||
        later > kLatestTime.value - time_.value) {
        return false;
    }
    time_.value += later;
    return true;
}

bool FactsReader::read_fact(std::uint8_t form) {
    if (!read_later()) return false;
    fact_.stamp.time = time_;
    if (!read_start(reader_, form, limits_.longest_key, fact_)) return false;
    if (fact_.deleted) return true;
    if (fact_.kind != FactKind::Retained) {
        return reader_.string(fact_.value, limits_.longest_value);
    }
    mqtt::MessageParts parts;
    std::uint64_t expires = 0;
    if (!read_message(reader_, fact_.key, limits_.longest_value, kLongestExpiryMs, parts,
                      expires)) {
        return false;
    }
    if (expires != 0) parts.expires_at = now_.steady + Millis(expires);
    fact_.message = mqtt::Message::make(parts);
    return true;
}

bool FactsReader::read_claim() {
    --claims_left_;
    return read_writer() && read_times(reader_, complete_, dropped_);
}

FactsReader::Item FactsReader::next() {
    if (!ok_) return Item::Malformed;
    ok_ = false;  // until it is known better
    Item item = Item::Malformed;
    if (claims_begun_ && claims_left_ == 0) {
        item = reader_.done() ? Item::End : Item::Malformed;
    } else if (claims_begun_) {
        if (read_claim()) item = Item::Claim;
    } else if (reader_.done()) {
        if (!header_.complete) item = Item::End;
    } else {
        item = next_item();
    }
    ok_ = item != Item::Malformed;
    return item;
}

FactsReader::Item FactsReader::next_item() {
    for (;;) {
        std::uint8_t form = 0;
        if (!reader_.u8(form)) return Item::Malformed;
        switch (form) {
            case kWriterItem:
                // Something has to follow: no frame is made of names only.
                if (!read_writer() || !read_time(reader_, time_)) return Item::Malformed;
                has_writer_ = true;
                continue;
            case kKnownItem:
                return read_later() ? Item::Known : Item::Malformed;
            case kClaimsItem:
                if (!header_.complete || !reader_.count(claims_left_, kLeastClaim)) {
                    return Item::Malformed;
                }
                claims_begun_ = true;
                if (claims_left_ > 0) return read_claim() ? Item::Claim : Item::Malformed;
                return reader_.done() ? Item::End : Item::Malformed;
            default:
                return read_fact(form) ? Item::Fact : Item::Malformed;
        }
    }
}

// --- FactVector and FactAck ---

void append_fact_vector(const FactVector& header, const WriterTable& writers,
                        const Positions& complete, const Positions& dropped, const Positions& but,
                        std::string& out) {
    FrameWriter frame(FrameType::FactVector, out);
    ByteWriter& body = frame.body();
    body.u8(static_cast<std::uint8_t>((header.full ? kFull : 0) | (header.request ? kRequest : 0) |
                                      (header.stopped != 0 ? kStopped : 0)));
    if (header.request) {
        body.u64(header.stream);
        body.varint(header.number);
    }
    if (header.stopped != 0) body.u64(header.stopped);
    write_entries(writers, complete, dropped, but, body);
    frame.finish();
}

bool decode_fact_vector(std::string_view body, FactVector& vector) {
    ByteReader reader(body);
    std::uint8_t flags = 0;
    if (!reader.u8(flags) || (flags & ~(kFull | kRequest | kStopped)) != 0) return false;
    vector.full = (flags & kFull) != 0;
    vector.request = (flags & kRequest) != 0;
    vector.stream = vector.number = vector.stopped = 0;
    if (vector.request && (!reader.u64(vector.stream) || !reader.varint(vector.number))) {
        return false;
    }
    if ((flags & kStopped) != 0 && !reader.u64(vector.stopped)) return false;
    return read_entries(reader, vector.entries) && reader.done();
}

void append_fact_ack(const FactAck& ack, std::string& out) {
    FrameWriter frame(FrameType::FactAck, out);
    frame.body().u64(ack.stream);
    frame.body().varint(ack.number);
    frame.finish();
}

bool decode_fact_ack(std::string_view body, FactAck& ack) noexcept {
    ByteReader reader(body);
    return reader.u64(ack.stream) && reader.varint(ack.number) && reader.done();
}

// --- Records ---

//   record := version:u8 name:string incarnation time:varint form:u8 key:string [value: the rest]

std::uint64_t message_digest(const mqtt::Message& message) noexcept {
    constexpr std::uint64_t kSeed = 0x72657461696E6564ULL;  // stored: never changes
    const std::uint64_t properties = hash_bytes(message.properties(), kSeed);
    return hash_bytes(message.payload(), properties + static_cast<std::uint64_t>(message.qos())) ^
           message.publisher();
}

void append_fact_record(const Fact& fact, const WriterTable& writers, std::string& out) {
    ByteWriter to(out);
    to.u8(kRecordVersion);
    write_name(writers[fact.writer()], to);
    to.varint(fact.time().value);
    to.u8(form_of(fact));
    to.string(fact.key());
    if (fact.deleted()) return;
    if (!fact.message()) return to.bytes(fact.value());
    to.u64(message_digest(*fact.message()));
}

bool decode_fact_record(std::string_view bytes, FactRecord& record) {
    ByteReader reader(bytes);
    std::uint8_t version = 0;
    std::uint8_t form = 0;
    FactParts& fact = record.fact;
    if (!reader.u8(version) || version != kRecordVersion ||
        !read_name(reader, record.writer.name, record.writer.incarnation) ||
        !read_time(reader, fact.stamp.time) || !reader.u8(form) ||
        !read_start(reader, form, bytes.size(), fact)) {
        return false;
    }
    if (fact.deleted) return reader.done();
    if (fact.kind == FactKind::Retained) return reader.u64(record.digest) && reader.done();
    fact.value = reader.rest();
    return true;
}

void append_positions_record(const WriterTable& writers, const Positions& complete,
                             const Positions& dropped, HybridTime last_own, std::string& out) {
    ByteWriter to(out);
    to.u8(kRecordVersion);
    write_entries(writers, complete, dropped, {}, to);
    to.u64(last_own.value);
}

bool decode_positions_record(std::string_view bytes, PositionsRecord& record) {
    ByteReader reader(bytes);
    std::uint8_t version = 0;
    record.last_own = {};
    if (!reader.u8(version) || version != kRecordVersion || !read_entries(reader, record.entries)) {
        return false;
    }
    if (reader.done()) return true;  // of an earlier version
    return reader.u64(record.last_own.value) && reader.done();
}

}  // namespace vmq::cluster
