// ClusterRegistrar: the clients of all shards and the nodes that have to agree who has them.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "broker/node_links.h"
#include "broker/node_outbox.h"
#include "cluster/registrar.h"
#include "runtime/shard_loop.h"

namespace vmq::broker {

class Broker;

/// Stands between the shards' Registrations and the cluster's Registrar, and says when what nodes
/// had sent has arrived (fences). Owned by the ClusterService; what is not marked otherwise is used
/// on its thread.
class ClusterRegistrar final : private cluster::RegistrarHost {
public:
    /// The output of the control link to a node; null: there is none.
    using Output = std::function<std::string*(NodeNumber)>;

    ClusterRegistrar(Broker& broker, runtime::ShardLoop& loop, std::string self, Output output);

    /// It is a member, with or without a link, or none any more.
    void add_member(NodeNumber node);
    void remove_member(NodeNumber node);
    /// Its control link is there, or no longer.
    void node_up(NodeNumber node, const std::string& name);
    void node_down(NodeNumber node);
    /// A frame of a control link. False: it is none of these.
    [[nodiscard]] bool on_frame(NodeNumber from, const cluster::Frame& frame, bool& readable);

    /// Told of every registration that this node takes part in, but for adoptions.
    using Registration = std::function<void(const cluster::ClientKey& key)>;
    void on_registration(Registration work) { registration_ = std::move(work); }
    /// Whether sessions that other nodes give away are taken: not by one that leaves itself.
    void set_adopts(bool adopts) noexcept { adopts_ = adopts; }

    /// In every turn. When it has something to do at the latest.
    [[nodiscard]] TimePoint run();

    // Shards' threads, see ClusterPort.
    [[nodiscard]] std::uint32_t view() const noexcept {
        return view_.load(std::memory_order_acquire);
    }
    [[nodiscard]] cluster::Epoch claims_from() const noexcept {
        return {claims_from_.load(std::memory_order_relaxed)};
    }
    void register_client(ShardId shard, std::uint64_t ticket, cluster::ClientKey key,
                         cluster::Purpose purpose, cluster::Epoch since);
    void offer(NodeNumber node, cluster::ClientKey key);
    void released(cluster::ReleaseOrder order, cluster::ReleaseReply::Code code,
                  cluster::Epoch held);
    void claim(NodeNumber node, std::vector<cluster::Claim> claims);
    void fence(ShardId shard, std::uint64_t ticket);

private:
    struct Fence {
        ShardId shard = 0;
        std::uint64_t ticket = 0;
        std::set<NodeNumber> waits;
        std::vector<NodeLinks::Sent> sent;
        std::vector<NodeNumber> absent;  // members that were not asked, or have not answered
    };

    // cluster::RegistrarHost
    void send(cluster::PeerNumber peer, std::string_view frame) override;
    void release(cluster::ReleaseOrder order) override;
    void registered(std::uint64_t ticket, const cluster::Registered& outcome) override;

    void post(std::function<void()> work);
    [[nodiscard]] cluster::Moment moment() const noexcept;
    void begin_fence(ShardId shard, std::uint64_t ticket);
    void end_fence(const Fence& fence);
    void tell_sent(NodeNumber node, std::uint64_t number);
    [[nodiscard]] bool on_fenced(NodeNumber from, std::string_view body);
    void find_claims_from();

    Broker& broker_;
    runtime::ShardLoop& loop_;
    const std::string self_;
    Output output_;
    cluster::Registrar registrar_;
    std::map<NodeNumber, std::string> up_;
    std::map<NodeNumber, cluster::Epoch> away_since_;  // members that are
    std::map<std::uint64_t, Fence> fences_;
    std::uint64_t last_fence_ = 0;
    bool adopts_ = true;
    Registration registration_;
    std::atomic<std::uint32_t> view_{1};
    std::atomic<std::uint64_t> claims_from_{0};
    std::string frame_;  // reused
};

}  // namespace vmq::broker
