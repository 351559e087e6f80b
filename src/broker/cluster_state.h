// ClusterState: what a node keeps of its cluster over a restart.
#pragma once

#include <string>

#include "base/result.h"
#include "cluster/node_identity.h"

namespace vmq::broker {

/// A small file beside the message store, replaced as a whole.
struct ClusterState {
    std::string node;  // its name when this was written
    cluster::Incarnation incarnation;
    std::string members;  // encoded Roster; empty: a new node

    /// A file that is not there gives a new incarnation. `path` empty: nothing is kept. Fails if
    /// the file cannot be read or is damaged.
    [[nodiscard]] static Result<ClusterState> load(const std::string& path);
    [[nodiscard]] Result<void> save(const std::string& path) const;
};

}  // namespace vmq::broker
