// What operators may know of the nodes of a cluster.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cluster/node_identity.h"

namespace vmq::broker {

/// A member.
struct ClusterNode {
    std::string name;
    bool self = false;
    bool running = false;  // it is this node, or there is a link to it
    cluster::NodeAddress address;
    std::size_t waiting_bytes = 0;  // of messages for it, in memory, all shards
    std::size_t spooled_bytes = 0;  // and on disk
    std::size_t wills = 0;          // of its clients that this node knows
    /// Since when it is as it is.
    std::optional<std::chrono::system_clock::time_point> since;
    std::string why;        // it does not run; empty: it does, or nothing was tried yet
    bool tls = false;       // its link
    std::size_t links = 0;  // data links to it that are there, of
    std::size_t links_wanted = 0;
};

/// Of a moment. Without members: there is no cluster, or it does not run yet.
struct ClusterPicture {
    std::vector<ClusterNode> nodes;  // by name, this one included
    bool ready = true;
    std::string policy;  // netsplit_policy
};

}  // namespace vmq::broker
