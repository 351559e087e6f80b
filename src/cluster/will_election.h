// WillElection: which node publishes the wills of a node that is gone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "cluster/frame_codec.h"
#include "cluster/node_identity.h"

namespace vmq::cluster {

/// One process of a member, from its start to its end.
struct NodeProcess {
    std::string node;
    Incarnation incarnation;
    Boot boot{};

    auto operator<=>(const NodeProcess&) const = default;
};

/// A node may publish the wills of a process when more than half of the members have voted for it.
/// A node votes for one only, and only while it has no link to that process itself: so what a node
/// does not see that is cut off with a few others never happens, and two majorities have a voter in
/// common. If the chosen one goes before it has done it, its voters are free again.
///
/// Owned and used by the cluster's thread. Does no I/O and reads no clock.
class WillElection final {
public:
    /// Whether this node votes for `candidate`. `gone`: it has no link to the process. `runs`: it
    /// has one to the node of this name, or is it.
    [[nodiscard]] bool vote(const NodeProcess& process, std::string_view candidate, bool gone,
                            const std::function<bool(std::string_view node)>& runs);

    /// This node, `self`, is a candidate: it votes for itself if it can. True: others are to be
    /// asked now, at first and every now and then.
    [[nodiscard]] bool stand(const NodeProcess& process, std::string_view self,
                             const std::function<bool(std::string_view node)>& runs, TimePoint now);
    /// `voter` has voted for this node.
    void voted(const NodeProcess& process, std::string voter);
    /// How many have, itself included.
    [[nodiscard]] std::size_t votes(const NodeProcess& process) const;

    void forget(const NodeProcess& process);

private:
    static constexpr std::size_t kMostPromises = 4096;

    struct Candidacy {
        std::set<std::string> voters;
        TimePoint ask_at{};
    };

    std::map<NodeProcess, std::string> promised_;
    std::map<NodeProcess, Candidacy> candidacies_;
};

//   process     := node:string incarnation boot:u64
//   wills_vote  := process           may I publish its wills?
//   wills_voted := process voted:flag
struct WillsVote {
    NodeProcess process;
};
struct WillsVoted {
    NodeProcess process;
    bool voted = false;
};
void append(const WillsVote& vote, std::string& out);
void append(const WillsVoted& voted, std::string& out);
[[nodiscard]] bool decode(std::string_view body, WillsVote& vote);
[[nodiscard]] bool decode(std::string_view body, WillsVoted& voted);

/// What the cluster remembers of published wills, the value of FactKind::WillsDone.
struct WillsDone {
    NodeProcess process;        // its name is the fact's key
    std::uint64_t through = 0;  // numbers of those that were known
    std::uint32_t delay_s = 0;  // those with at most this delay are published
};
//   wills_done := incarnation boot:u64 through:varint delay_s:varint
[[nodiscard]] std::string encode(const WillsDone& done);
[[nodiscard]] bool decode(std::string_view node, std::string_view value, WillsDone& done);

}  // namespace vmq::cluster
