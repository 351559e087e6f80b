#include "cluster/handshake.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/assert.h"

namespace vmq::cluster {
namespace {

constexpr std::string_view kInitiator = "initiator";
constexpr std::string_view kAcceptor = "acceptor";

std::string shown(VersionRange versions) {
    if (versions.lowest == versions.highest) return fmt::format("{}", versions.lowest);
    return fmt::format("{} to {}", versions.lowest, versions.highest);
}

}  // namespace

Handshake::Handshake(const LocalNode& local, const CookieKey& key, Connection connection)
    : local_(local), key_(key), initiator_(false), connection_(std::move(connection)) {
    introduce(connection_.nonce);
}

Handshake::Handshake(const LocalNode& local, const CookieKey& key, Connection connection,
                     const Purpose& purpose, std::string& out)
    : local_(local), key_(key), initiator_(true), connection_(std::move(connection)) {
    introduce(connection_.nonce);
    own_.kind = purpose.kind;
    own_.shard = purpose.shard;
    own_.expected_node = purpose.expected_node;
    const std::size_t begin = out.size();
    append_hello(own_, out);
    own_hello_ = out.substr(begin + kFrameOverhead);
}

void Handshake::introduce(const Nonce& nonce) {
    own_.versions = local_.versions;
    own_.node = local_.name;
    own_.incarnation = local_.incarnation;
    own_.boot = local_.boot;
    own_.nonce = nonce;
    own_.port = local_.port;
    own_.port_has_tls = local_.port_has_tls;
    own_.longest_frame = local_.longest_frame;
}

Handshake::Status Handshake::receive(const Frame& frame, std::string& out) {
    VMQ_ASSERT(status_ == Status::Running);
    if (frame.type == FrameType::Refused) return on_refused(frame.body, out);
    switch (awaited_) {
        case Awaited::Hello:
            if (frame.type == FrameType::Hello) return on_hello(frame.body, out);
            return refuse_unreadable("did not begin with a greeting", out);
        case Awaited::Proof:
            if (frame.type == FrameType::Proof) return on_proof(frame.body, out);
            return refuse_unreadable("sent something else than its proof", out);
        case Awaited::Welcome:
            if (frame.type == FrameType::Welcome) return on_welcome(frame.body, out);
            break;
    }
    return refuse_unreadable("sent something else than a welcome", out);
}

Handshake::Status Handshake::refuse(Refusal refusal, std::string& out) {
    VMQ_ASSERT(status_ == Status::Running);
    refusal_ = std::move(refusal);
    append_refused(refusal_, out);
    return status_ = Status::RefusedHere;
}

Handshake::Status Handshake::refuse_unreadable(std::string_view what, std::string& out) {
    const std::string peer = peer_.node.empty() ? "the other side" : peer_.node;
    return refuse({RefusalCode::Protocol,
                   fmt::format("{} {} when it spoke to {}: see that a clustering listener of a "
                               "vernemq node is at both ends",
                               peer, what, local_.name)},
                  out);
}

// --- Hello ---

Handshake::Status Handshake::on_hello(std::string_view body, std::string& out) {
    if (std::optional<Refusal> refusal = check_hello(body)) {
        if (refusal->code == RefusalCode::Protocol) return refuse_unreadable(refusal->text, out);
        return refuse(std::move(*refusal), out);
    }
    peer_hello_ = body;
    version_ = std::min(peer_.versions.highest, own_.versions.highest);
    if (initiator_) {
        append_proof(out);
    } else {
        own_.kind = peer_.kind;
        const std::size_t begin = out.size();
        append_hello(own_, out);
        own_hello_ = out.substr(begin + kFrameOverhead);
    }
    awaited_ = Awaited::Proof;
    return status_;
}

/// A refusal with the code Protocol has half a sentence as its text.
std::optional<Refusal> Handshake::check_hello(std::string_view body) {
    switch (decode_hello(body, own_.versions, peer_)) {
        case HelloStatus::Complete:
            return check_peer();
        case HelloStatus::OtherVersions:
            return versions_differ();
        case HelloStatus::OtherProtocol:
            return Refusal{RefusalCode::Protocol, "speaks another protocol"};
        case HelloStatus::Malformed:
            break;
    }
    peer_.node.clear();
    return Refusal{RefusalCode::Protocol, "sent a greeting that cannot be read"};
}

Refusal Handshake::versions_differ() const {
    const bool peer_is_older = peer_.versions.highest < own_.versions.lowest;
    return {RefusalCode::Version,
            fmt::format("{} speaks {} of the cluster protocol, the node it is connected to {}: "
                        "upgrade the one that speaks {}",
                        local_.name, shown(own_.versions), shown(peer_.versions),
                        shown(peer_is_older ? peer_.versions : own_.versions))};
}

/// What can be said before anything is proven, and without telling more than the Hello does.
std::optional<Refusal> Handshake::check_peer() const {
    if (peer_.boot == own_.boot || peer_.nonce == own_.nonce) {
        return Refusal{RefusalCode::Self,
                       fmt::format("{} is connected to itself: the address is its own, give that "
                                   "of another node",
                                   local_.name)};
    }
    if (peer_.node == own_.node) {
        return Refusal{RefusalCode::NameTaken,
                       fmt::format("there are two nodes with the name {}: give each its own "
                                   "nodename",
                                   local_.name)};
    }
    const Hello& initiator = initiator_ ? own_ : peer_;
    const Hello& acceptor = initiator_ ? peer_ : own_;
    const std::string& expected = initiator.expected_node;
    if (!expected.empty() && expected != acceptor.node) {
        return Refusal{RefusalCode::WrongName,
                       fmt::format("{} wanted to reach {}, but at that address is {}: correct the "
                                   "name or the address",
                                   initiator.node, expected, acceptor.node)};
    }
    if (initiator_ && peer_.kind != own_.kind) {
        return Refusal{RefusalCode::Protocol, "answered for a link of another kind"};
    }
    return std::nullopt;
}

// --- Proof ---

Mac Handshake::proof_of(Role role) const {
    const std::array<std::string_view, 4> parts{
        role == Role::Initiator ? kInitiator : kAcceptor, initiator_ ? own_hello_ : peer_hello_,
        initiator_ ? peer_hello_ : own_hello_, connection_.channel_binding};
    return key_.sign(parts);
}

void Handshake::append_proof(std::string& out) const {
    const Mac proof = proof_of(initiator_ ? Role::Initiator : Role::Acceptor);
    append_frame(FrameType::Proof, {reinterpret_cast<const char*>(proof.data()), proof.size()},
                 out);
}

Handshake::Status Handshake::on_proof(std::string_view body, std::string& out) {
    Mac shown{};
    if (body.size() != shown.size()) {
        return refuse_unreadable("sent a proof that cannot be read", out);
    }
    std::copy(body.begin(), body.end(), shown.begin());
    if (!equal(shown, proof_of(initiator_ ? Role::Acceptor : Role::Initiator))) {
        return refuse({RefusalCode::BadCookie,
                       fmt::format("{} and {} have different cookies: give all nodes of the "
                                   "cluster the same distributed_cookie and restart those that "
                                   "had another",
                                   local_.name, peer_.node)},
                      out);
    }
    peer_is_proven_ = true;
    // Before a refusal as well: the initiator acts on it only if it knows who speaks.
    if (!initiator_) append_proof(out);
    if (connection_.judge) {
        if (std::optional<Refusal> refusal = connection_.judge(peer_)) {
            return refuse(std::move(*refusal), out);
        }
    }
    if (initiator_) {
        awaited_ = Awaited::Welcome;
        return status_;
    }
    append_welcome(version_, out);
    return status_ = Status::Agreed;
}

// --- Welcome, Refused ---

Handshake::Status Handshake::on_welcome(std::string_view body, std::string& out) {
    std::uint16_t version = 0;
    // Both have both ranges, signed: nobody in between can make them take an older version.
    if (!decode_welcome(body, version) || version != version_) {
        return refuse_unreadable("chose a version that is not the highest both know", out);
    }
    return status_ = Status::Agreed;
}

Handshake::Status Handshake::on_refused(std::string_view body, std::string& out) {
    if (!decode_refused(body, refusal_)) {
        return refuse_unreadable("sent a refusal that cannot be read", out);
    }
    return status_ = Status::RefusedByPeer;
}

}  // namespace vmq::cluster
