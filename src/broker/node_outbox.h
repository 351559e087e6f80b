// NodeOutbox: one shard's messages for one other node.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/ids.h"
#include "broker/shard_message.h"
#include "cluster/outbound_stream.h"

namespace vmq::broker {

/// Names another member of the cluster for the life of the process: one incarnation of one name.
enum class NodeNumber : std::uint32_t {};

/// A message for one member of a shared group, which the other node chooses.
struct GroupRoute {
    std::string group;  // "$share/GROUP/FILTER"
    std::uint8_t hops = 0;
};

/// What a NodeOutbox knows of a message beside its bytes.
struct Forwarded {
    Reply reply = {};                              // wanted(): who waits until it is safe there
    std::shared_ptr<const GroupRoute> route = {};  // null: for all who have subscribed there
};

/// Owned by the shard, from when the node becomes a member until it is none any more, with or
/// without a link.
struct NodeOutbox {
    NodeOutbox(NodeNumber node_number, std::string node_name, std::size_t most_bytes)
        : number(node_number), name(std::move(node_name)), stream(most_bytes) {}

    const NodeNumber number;
    const std::string name;
    cluster::OutboundStream<Forwarded> stream;
    /// Bits of the subscription index that stand for it. Two while it tells its filters anew.
    ShardSet slots = 0;
};

}  // namespace vmq::broker
