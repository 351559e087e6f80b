// ClusterPort: what shards ask of the cluster.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/ids.h"

namespace vmq::broker {

/// Any shard's thread, from when there is a cluster service until the shards have ended.
class ClusterPort {
public:
    /// No other node is there to be told of anything.
    [[nodiscard]] virtual bool alone() const noexcept = 0;
    /// Calls Shard::filters_known(ticket) on that shard once every other node that runs knows the
    /// filters that this node has now, or the limit of time for it has passed.
    virtual void await_filters(ShardId shard, std::uint64_t ticket) = 0;
    /// What is retained on the topic has been set or deleted by a shard. Not needed while alone().
    virtual void on_retained_change(std::string_view mountpoint, std::string_view topic) = 0;

protected:
    ~ClusterPort() = default;
};

}  // namespace vmq::broker
