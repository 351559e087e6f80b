#include "cluster/registrar_codec.h"

#include "cluster/message_encoding.h"
#include "cluster/node_identity.h"

namespace vmq::cluster {

namespace {

//   key := mountpoint:string client_id:string
void put(const ClientKey& key, ByteWriter& body) {
    body.string(key.mountpoint);
    body.string(key.client_id);
}

bool get(ByteReader& reader, ClientKey& key) {
    std::string_view mountpoint;
    std::string_view client_id;
    if (!reader.string(mountpoint, kLongestText) || !reader.string(client_id, kLongestText)) {
        return false;
    }
    key.mountpoint = mountpoint;
    key.client_id = client_id;
    return true;
}

bool get(ByteReader& reader, Purpose& purpose) {
    std::uint8_t value = 0;
    if (!reader.u8(value) || value > 2) return false;
    purpose = static_cast<Purpose>(value);
    return true;
}

bool get(ByteReader& reader, Epoch& epoch) {
    return reader.u64(epoch.value) && epoch <= kLatestTime;
}

}  // namespace

std::string joined(std::string_view mountpoint, std::string_view client_id) {
    std::string text(mountpoint);
    text += '\0';
    text += client_id;
    return text;
}

//   register := ticket:varint purpose:u8 above:u64 key since:u64
void append(const RegisterRequest& request, std::string& out) {
    FrameWriter frame(FrameType::Register, out);
    frame.body().varint(request.ticket);
    frame.body().u8(static_cast<std::uint8_t>(request.purpose));
    frame.body().u64(request.above.value);
    put(request.key, frame.body());
    frame.body().u64(request.since.value);
    frame.finish();
}

bool decode(std::string_view bytes, RegisterRequest& request) {
    ByteReader reader(bytes);
    return reader.varint(request.ticket) && get(reader, request.purpose) &&
           get(reader, request.above) && get(reader, request.key) && get(reader, request.since) &&
           reader.done();
}

//   registered := ticket:varint code:u8 epoch:u64 participants:u64 count:varint mover:string*count
void append(const RegisterReply& reply, std::string& out) {
    FrameWriter frame(FrameType::Registered, out);
    frame.body().varint(reply.ticket);
    frame.body().u8(static_cast<std::uint8_t>(reply.code));
    frame.body().u64(reply.epoch.value);
    frame.body().u64(reply.participants);
    frame.body().varint(reply.movers.size());
    for (const std::string& mover : reply.movers) frame.body().string(mover);
    frame.finish();
}

bool decode(std::string_view bytes, RegisterReply& reply) {
    ByteReader reader(bytes);
    std::uint8_t code = 0;
    std::size_t count = 0;
    if (!reader.varint(reply.ticket) || !reader.u8(code) || code > 3 || !get(reader, reply.epoch) ||
        !reader.u64(reply.participants) || !reader.count(count, 1)) {
        return false;
    }
    reply.code = static_cast<RegisterReply::Code>(code);
    reply.movers.clear();
    for (; count > 0; --count) {
        std::string_view mover;
        if (!reader.string(mover, kLongestNodeName)) return false;
        reply.movers.emplace_back(mover);
    }
    return reader.done();
}

//   release := job:varint epoch:u64 purpose:u8 owner:string key since:u64
void append(const ReleaseRequest& request, std::string& out) {
    FrameWriter frame(FrameType::Release, out);
    frame.body().varint(request.job);
    frame.body().u64(request.epoch.value);
    frame.body().u8(static_cast<std::uint8_t>(request.purpose));
    frame.body().string(request.owner);
    put(request.key, frame.body());
    frame.body().u64(request.since.value);
    frame.finish();
}

bool decode(std::string_view bytes, ReleaseRequest& request) {
    ByteReader reader(bytes);
    std::string_view owner;
    if (!reader.varint(request.job) || !get(reader, request.epoch) ||
        !get(reader, request.purpose) || !reader.string(owner, kLongestNodeName) ||
        !get(reader, request.key) || !get(reader, request.since)) {
        return false;
    }
    request.owner = owner;
    return reader.done();
}

//   released := job:varint epoch:u64 code:u8 held:u64
void append(const ReleaseReply& reply, std::string& out) {
    FrameWriter frame(FrameType::Released, out);
    frame.body().varint(reply.job);
    frame.body().u64(reply.epoch.value);
    frame.body().u8(static_cast<std::uint8_t>(reply.code));
    frame.body().u64(reply.held.value);
    frame.finish();
}

bool decode(std::string_view bytes, ReleaseReply& reply) {
    ByteReader reader(bytes);
    std::uint8_t code = 0;
    if (!reader.varint(reply.job) || !get(reader, reply.epoch) || !reader.u8(code) || code > 3 ||
        !get(reader, reply.held)) {
        return false;
    }
    reply.code = static_cast<ReleaseReply::Code>(code);
    return reader.done();
}

//   claim := epoch:u64 key
void append(const Claim& claim, std::string& out) {
    FrameWriter frame(FrameType::Claim, out);
    frame.body().u64(claim.epoch.value);
    put(claim.key, frame.body());
    frame.finish();
}

bool decode(std::string_view bytes, Claim& claim) {
    ByteReader reader(bytes);
    return get(reader, claim.epoch) && get(reader, claim.key) && reader.done();
}

//   offer := key
void append(const Offer& offer, std::string& out) {
    FrameWriter frame(FrameType::Offer, out);
    put(offer.key, frame.body());
    frame.finish();
}

bool decode(std::string_view bytes, Offer& offer) {
    ByteReader reader(bytes);
    return get(reader, offer.key) && reader.done();
}

}  // namespace vmq::cluster
