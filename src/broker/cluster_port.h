// ClusterPort: what shards ask of the cluster.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "cluster/registrar.h"
#include "cluster/will_codec.h"

namespace vmq::broker {

/// Any shard's thread, from when there is a cluster service until the shards have ended.
class ClusterPort {
public:
    /// No other node is there to be told of anything.
    [[nodiscard]] virtual bool alone() const noexcept = 0;
    /// Calls Shard::filters_known(ticket) on that shard once every other node that runs knows the
    /// filters that this node has now, or the limit of time for it has passed.
    virtual void await_filters(ShardId shard, std::uint64_t ticket) = 0;
    /// Changes whenever a node comes: it may have clients that are here, too.
    [[nodiscard]] virtual std::uint32_t view() const noexcept = 0;
    /// Leads to Registrations::registered(ticket) on that shard.
    virtual void register_client(ShardId shard, std::uint64_t ticket, cluster::ClientKey key,
                                 cluster::Purpose purpose, cluster::Epoch since) = 0;
    /// Asks a node to take the session over, which leads to Registrations::adopt() there. It may
    /// not be able to.
    virtual void offer(cluster::PeerNumber node, cluster::ClientKey key) = 0;
    /// The answer to Registrations::release(order).
    virtual void released(cluster::ReleaseOrder order, cluster::ReleaseReply::Code code,
                          cluster::Epoch held) = 0;
    /// Registrations since then are told to nodes that come.
    [[nodiscard]] virtual cluster::Epoch claims_from() const noexcept = 0;
    /// Tells a node of clients that were registered here; kThisNode: every node.
    virtual void claim(cluster::PeerNumber node, std::vector<cluster::Claim> claims) = 0;
    /// Leads to SessionMoves::fenced(ticket) on that shard when what other nodes and shards have
    /// sent to this node until now, by what they know now, has arrived there; or some time has
    /// passed.
    virtual void fence(ShardId shard, std::uint64_t ticket) = 0;
    /// What is retained on the topic has been set or deleted by a shard; or was to be set, and is
    /// not kept. Behind UntoldRetained::begin(). Not needed while alone().
    virtual void on_retained_change(std::string_view mountpoint, std::string_view topic,
                                    bool kept) = 0;
    /// Tells other nodes of a will, until the result ends.
    [[nodiscard]] virtual std::shared_ptr<const void> tell_will(cluster::LastWill will) = 0;

protected:
    ~ClusterPort() = default;
};

}  // namespace vmq::broker
