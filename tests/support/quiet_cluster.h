// QuietCluster: a cluster that does nothing, for tests of shards; override what matters.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "broker/cluster_port.h"

namespace vmq::testing {

class QuietCluster : public broker::ClusterPort {
public:
    [[nodiscard]] bool alone() const noexcept override { return false; }
    void await_filters(ShardId /*shard*/, std::uint64_t /*ticket*/) override {}
    [[nodiscard]] std::uint32_t view() const noexcept override { return 1; }
    void register_client(ShardId /*shard*/, std::uint64_t /*ticket*/, cluster::ClientKey /*key*/,
                         cluster::Purpose /*purpose*/, cluster::Epoch /*since*/) override {}
    void offer(cluster::PeerNumber /*node*/, cluster::ClientKey /*key*/) override {}
    void released(cluster::ReleaseOrder /*order*/, cluster::ReleaseReply::Code /*code*/,
                  cluster::Epoch /*held*/) override {}
    [[nodiscard]] cluster::Epoch claims_from() const noexcept override { return {}; }
    void claim(cluster::PeerNumber /*node*/, std::vector<cluster::Claim> /*claims*/) override {}
    void fence(ShardId /*shard*/, std::uint64_t /*ticket*/) override {}
    void on_retained_change(std::string_view /*mountpoint*/, std::string_view /*topic*/,
                            bool /*kept*/) override {}
    [[nodiscard]] std::shared_ptr<const void> tell_will(cluster::LastWill /*will*/) override {
        return {};
    }

protected:
    ~QuietCluster() = default;
};

}  // namespace vmq::testing
