// NodeOutbox: one shard's messages for one other node.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
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
    NodeOutbox(NodeNumber node_number, std::string node_name, std::size_t most_bytes,
               std::shared_ptr<std::atomic<std::size_t>> told)
        : number(node_number),
          name(std::move(node_name)),
          stream(most_bytes),
          waiting(std::move(told)) {}

    const NodeNumber number;
    const std::string name;
    cluster::OutboundStream<Forwarded> stream;
    /// Bytes of the stream, for other threads; null: nobody wants to know.
    const std::shared_ptr<std::atomic<std::size_t>> waiting;
    /// That it takes, as it said on the last link; before the first one: no limit is known.
    std::uint32_t longest_frame = std::numeric_limits<std::uint32_t>::max();
    /// Bits of the subscription index that stand for it. Two while it tells its filters anew.
    ShardSet slots = 0;
};

}  // namespace vmq::broker
