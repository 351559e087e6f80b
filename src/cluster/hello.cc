#include "cluster/hello.h"

#include <algorithm>

#include "base/assert.h"
#include "cluster/frame_codec.h"
#include "cluster/wire.h"

namespace vmq::cluster {
namespace {

// hello   := magic:8 lowest:varint highest:varint                      the same in every version
//            kind:u8 shard:varint node:string incarnation:16 boot:u64 nonce:32 port:varint
//            port has TLS:u8 expected node:string longest frame:varint [of later versions: more]
// welcome := version:varint
// refused := code:u8 text:string                                       the same in every version

constexpr std::string_view kMagic("vmqmesh\n", 8);

template <std::size_t Size>
std::string_view view(const std::array<std::uint8_t, Size>& bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), Size};
}

template <std::size_t Size>
bool read_array(ByteReader& reader, std::array<std::uint8_t, Size>& into) noexcept {
    std::string_view bytes;
    if (!reader.bytes(Size, bytes)) return false;
    std::copy(bytes.begin(), bytes.end(), into.begin());
    return true;
}

bool read_name(ByteReader& reader, bool may_be_empty, std::string& name) {
    std::string_view text;
    if (!reader.string(text, kLongestNodeName)) return false;
    if (!is_valid_node_name(text) && !(may_be_empty && text.empty())) return false;
    name = text;
    return true;
}

bool read_kind(ByteReader& reader, LinkKind& kind) noexcept {
    std::uint8_t number = 0;
    if (!reader.u8(number)) return false;
    kind = LinkKind{number};
    return kind == LinkKind::Control || kind == LinkKind::Data || kind == LinkKind::Join;
}

bool read_boot(ByteReader& reader, Boot& boot) noexcept {
    std::uint64_t number = 0;
    if (!reader.u64(number)) return false;
    boot = Boot{number};
    return true;
}

}  // namespace

void append_hello(const Hello& hello, std::string& out) {
    VMQ_ASSERT(is_valid_node_name(hello.node));
    VMQ_ASSERT(hello.expected_node.empty() || is_valid_node_name(hello.expected_node));
    FrameWriter frame(FrameType::Hello, out);
    ByteWriter& body = frame.body();
    body.bytes(kMagic);
    body.varint(hello.versions.lowest);
    body.varint(hello.versions.highest);
    body.u8(static_cast<std::uint8_t>(hello.kind));
    body.varint(hello.shard);
    body.string(hello.node);
    body.bytes(view(hello.incarnation.bytes));
    body.u64(static_cast<std::uint64_t>(hello.boot));
    body.bytes(view(hello.nonce));
    body.varint(hello.port);
    body.flag(hello.port_has_tls);
    body.string(hello.expected_node);
    body.varint(hello.longest_frame);
    frame.finish();
}

HelloStatus decode_hello(std::string_view body, VersionRange own, Hello& hello) {
    ByteReader reader(body);
    std::string_view magic;
    if (!reader.bytes(kMagic.size(), magic) || magic != kMagic) return HelloStatus::OtherProtocol;
    VersionRange& versions = hello.versions;
    if (!reader.varint(versions.lowest) || !reader.varint(versions.highest) ||
        versions.lowest > versions.highest) {
        return HelloStatus::Malformed;
    }
    if (versions.highest < own.lowest || versions.lowest > own.highest) {
        return HelloStatus::OtherVersions;
    }
    const bool read =
        read_kind(reader, hello.kind) && reader.varint(hello.shard) &&
        read_name(reader, false, hello.node) && read_array(reader, hello.incarnation.bytes) &&
        read_boot(reader, hello.boot) && read_array(reader, hello.nonce) &&
        reader.varint(hello.port) && reader.flag(hello.port_has_tls) &&
        read_name(reader, true, hello.expected_node) && reader.varint(hello.longest_frame);
    return read ? HelloStatus::Complete : HelloStatus::Malformed;
}

std::string_view refusal_name(RefusalCode code) noexcept {
    switch (code) {
        case RefusalCode::BadCookie:
            return "bad_cookie";
        case RefusalCode::Version:
            return "version";
        case RefusalCode::NotMember:
            return "not_member";
        case RefusalCode::Left:
            return "left";
        case RefusalCode::Self:
            return "self";
        case RefusalCode::WrongName:
            return "wrong_name";
        case RefusalCode::Duplicate:
            return "duplicate";
        case RefusalCode::ShuttingDown:
            return "shutting_down";
        case RefusalCode::Busy:
            return "busy";
        case RefusalCode::Protocol:
            return "protocol";
        case RefusalCode::NameTaken:
            return "name_taken";
    }
    return "refused";
}

void append_refused(const Refusal& refusal, std::string& out) {
    FrameWriter frame(FrameType::Refused, out);
    frame.body().u8(static_cast<std::uint8_t>(refusal.code));
    frame.body().string(std::string_view(refusal.text).substr(0, kLongestRefusalText));
    frame.finish();
}

bool decode_refused(std::string_view body, Refusal& refusal) {
    ByteReader reader(body);
    std::uint8_t code = 0;
    std::string_view text;
    if (!reader.u8(code) || !reader.string(text, kLongestRefusalText)) return false;
    refusal.code = RefusalCode{code};
    refusal.text = text;
    // Whoever sends it may not have proven anything.
    std::replace_if(
        refusal.text.begin(), refusal.text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return true;
}

void append_welcome(std::uint16_t version, std::string& out) {
    FrameWriter frame(FrameType::Welcome, out);
    frame.body().varint(version);
    frame.finish();
}

bool decode_welcome(std::string_view body, std::uint16_t& version) noexcept {
    ByteReader reader(body);
    return reader.varint(version) && reader.done();
}

}  // namespace vmq::cluster
