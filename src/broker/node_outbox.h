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
#include "broker/node_spool.h"
#include "broker/shard_message.h"
#include "cluster/outbound_stream.h"

namespace vmq::broker {

/// Names another member of the cluster for the life of the process: one incarnation of one name.
enum class NodeNumber : std::uint32_t {};

/// A message for one member of a shared group, which the other node chooses, or for one session.
struct GroupRoute {
    std::string group;  // "$share/GROUP/FILTER", "$session/CLIENT_ID"
    std::uint8_t hops = 0;
};

/// What a NodeOutbox knows of a message beside its bytes.
struct Forwarded {
    Reply reply = {};                              // wanted(): who waits until it is safe there
    std::shared_ptr<const GroupRoute> route = {};  // null: for all who have subscribed there
    bool kept = false;                             // the other node stores it for somebody
    SpoolRecord record = {};                       // there(): it is safe here meanwhile
};

/// How a NodeOutbox is made.
struct NodeOutboxOptions {
    std::string name;
    std::string stored_as;       // names its incarnation among what is stored
    std::size_t most_bytes = 0;  // of messages in memory
    /// Bytes of these, for other threads; null: nobody wants to know.
    std::shared_ptr<std::atomic<std::size_t>> waiting = nullptr;
    std::shared_ptr<SpoolSize> spool = nullptr;  // null: nothing goes to disk
};

/// Owned by the shard, from when the node becomes a member until it is none any more, with or
/// without a link.
struct NodeOutbox {
    NodeOutbox(NodeNumber node_number, NodeOutboxOptions options)
        : number(node_number),
          name(std::move(options.name)),
          stored_as(std::move(options.stored_as)),
          stream(options.most_bytes),
          spool(std::move(options.spool)),
          waiting(std::move(options.waiting)) {}

    /// What has to be kept for it goes to disk: it is away, or more waits than memory takes.
    /// `disk`: the store takes writes.
    [[nodiscard]] bool must_spool(bool disk) const noexcept {
        return spool.behind() > 0 || (disk && spool.has_room() && (!linked || !stream.has_room()));
    }
    /// It takes a message that has to be kept.
    [[nodiscard]] bool has_room(bool disk) const noexcept {
        return must_spool(disk) ? disk && spool.has_room() : stream.has_room();
    }
    /// Of the message that was added last, whether it has been on a link or not; 0: none was.
    [[nodiscard]] std::uint64_t last_sequence() const noexcept {
        return stream.last_sequence() + spool.behind();
    }

    const NodeNumber number;
    const std::string name;
    const std::string stored_as;
    cluster::OutboundStream<Forwarded> stream;
    /// Behind the messages of `stream` that are kept, each of which has a record in it if there is
    /// any behind them.
    NodeSpool spool;
    const std::shared_ptr<std::atomic<std::size_t>> waiting;
    bool linked = false;  // it takes messages now
    /// That it takes, as it said on the last link; before the first one: no limit is known.
    std::uint32_t longest_frame = std::numeric_limits<std::uint32_t>::max();
    /// Bits of the subscription index that stand for it. Two while it tells its filters anew.
    ShardSet slots = 0;
};

}  // namespace vmq::broker
