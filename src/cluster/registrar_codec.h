// Frames of control links with which nodes agree who has a client id.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/frame_codec.h"
#include "cluster/stamp.h"

namespace vmq::cluster {

/// When a client was registered: of two registrations of one id the later one counts. Given by the
/// coordinator, later than all that it has heard of.
using Epoch = HybridTime;

/// Names a client among all nodes.
struct ClientKey {
    std::string mountpoint;
    std::string client_id;

    bool operator==(const ClientKey&) const = default;
};

/// Both in one, as the key of a table.
[[nodiscard]] std::string joined(std::string_view mountpoint, std::string_view client_id);
[[nodiscard]] inline std::string joined(const ClientKey& key) {
    return joined(key.mountpoint, key.client_id);
}

/// What a session is registered for.
enum class Purpose : std::uint8_t {
    Resume = 0,
    Discard = 1,  // clean start: what there was of a session is not wanted
    Adopt = 2,    // nobody has connected: its node gives it away. Whose client is there keeps it
};

/// A node to the coordinator: a client of this id wants in, or its session is to move.
struct RegisterRequest {
    std::uint64_t ticket = 0;  // the asking node's
    Purpose purpose = Purpose::Resume;
    Epoch above;  // the latest that the asking node has heard of
    ClientKey key;
    /// Of the session that others are to be united with: whoever has a later one keeps it (Kept).
    /// 0: a client connects, and everybody lets go.
    Epoch since = {};
};
/// The answer.
struct RegisterReply {
    enum class Code : std::uint8_t {
        Granted = 0,
        Busy = 1,     // too many wait already
        Timeout = 2,  // a node that runs has not answered
        Kept = 3,     // a node has the client, which is not to be adopted, or a later session
    };
    std::uint64_t ticket = 0;
    Code code = Code::Granted;
    Epoch epoch;
    /// Of the nodes that have let go of it, the coordinator and the asking one: the sum of their
    /// names' hashes. Whoever sees other nodes tells them of the registration.
    std::uint64_t participants = 0;
    std::vector<std::string> movers;  // nodes that had the session, and are sending it
};
/// The coordinator to all other nodes.
struct ReleaseRequest {
    std::uint64_t job = 0;  // the coordinator's
    Epoch epoch;
    Purpose purpose = Purpose::Resume;
    std::string owner;  // the node that gets the client
    ClientKey key;
    Epoch since = {};  // see RegisterRequest
};
struct ReleaseReply {
    enum class Code : std::uint8_t {
        Nothing = 0,  // there was no session, or it has ended
        Moving = 1,   // its session is sent to the new owner
        Newer = 2,    // one of a later epoch: `held`
        Kept = 3,     // its client is connected, and was only to be adopted; or it is a later one
    };
    std::uint64_t job = 0;
    Epoch epoch;  // of the request
    Code code = Code::Nothing;
    Epoch held;
};
/// A node to another one that was away: this session was registered here meanwhile.
struct Claim {
    Epoch epoch;
    ClientKey key;
};
/// A node that leaves to another one: take this session over.
struct Offer {
    ClientKey key;
};

void append(const RegisterRequest& request, std::string& out);
void append(const RegisterReply& reply, std::string& out);
void append(const ReleaseRequest& request, std::string& out);
void append(const ReleaseReply& reply, std::string& out);
void append(const Claim& claim, std::string& out);
void append(const Offer& offer, std::string& out);

[[nodiscard]] bool decode(std::string_view body, RegisterRequest& request);
[[nodiscard]] bool decode(std::string_view body, RegisterReply& reply);
[[nodiscard]] bool decode(std::string_view body, ReleaseRequest& request);
[[nodiscard]] bool decode(std::string_view body, ReleaseReply& reply);
[[nodiscard]] bool decode(std::string_view body, Claim& claim);
[[nodiscard]] bool decode(std::string_view body, Offer& offer);

}  // namespace vmq::cluster
