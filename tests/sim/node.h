// Node: one simulated node, which is a whole broker with its cluster service but for its threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "broker/broker.h"
#include "broker/cluster_service.h"
#include "broker/listener.h"
#include "sim/disk.h"
#include "sim/network.h"
#include "sim/world.h"

namespace vmq::sim {

/// The same for all nodes of a run.
struct NodeOptions {
    std::uint32_t shards = 1;
    config::NetsplitPolicy policy = config::NetsplitPolicy::None;
    broker::NetsplitPermissions permissions;
    std::size_t outgoing_bytes = 1U << 20U;
    cluster::LinkSettings links;
};

/// Outlives its process, which starts, crashes and starts again.
class Node final {
public:
    Node(World& world, Network& network, std::size_t index, NodeOptions options);
    ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    static constexpr std::uint16_t kPort = 44'053;
    [[nodiscard]] static std::string name_of(std::size_t index) {
        return "n" + std::to_string(index + 1) + "@" + Network::address_of(index);
    }

    void start();
    /// As kill -9, or as if the power had failed.
    void crash();
    [[nodiscard]] bool up() const noexcept { return service_ != nullptr; }
    /// Which process it is.
    [[nodiscard]] std::uint32_t boot() const noexcept { return boots_; }
    /// It gets no turns until it goes on, as after SIGSTOP.
    void set_paused(bool paused);
    [[nodiscard]] bool paused() const noexcept { return paused_; }
    /// How far its wall clock is from the others'.
    void set_skew(Millis skew) noexcept { skew_ = skew; }

    /// Turns of all its loops until nothing moves any more.
    void settle();
    /// It has something to do: now, or at the time when it said it would.
    [[nodiscard]] bool due() const noexcept {
        return up() && !paused_ && (touched_ || wake_at_ <= world_.now);
    }
    [[nodiscard]] TimePoint wake_at() const noexcept {
        if (!up() || paused_) return kNever;
        return touched_ ? world_.now : wake_at_;
    }
    void touch() noexcept { touched_ = true; }

    /// A client's connection, the end of the client: the caller owns it.
    [[nodiscard]] int connect();
    void join(const Node& other, std::function<void(Result<void>)> done);

    [[nodiscard]] broker::Broker& broker() noexcept { return *broker_; }
    [[nodiscard]] broker::ClusterService& service() noexcept { return *service_; }
    [[nodiscard]] Disk& disk() noexcept { return disk_; }
    /// Links to all others are there, and clients are served.
    [[nodiscard]] bool complete(std::size_t nodes) const;

private:
    World& world_;
    Network& network_;
    const std::size_t index_;
    const NodeOptions options_;
    Disk disk_;
    std::unique_ptr<broker::Listener> listener_;
    std::unique_ptr<broker::Broker> broker_;
    std::unique_ptr<broker::ClusterService> service_;
    Millis steady_offset_{0};  // of this process's clock
    Millis skew_{0};
    std::uint32_t boots_ = 0;
    std::size_t next_shard_ = 0;
    TimePoint wake_at_ = kNever;
    bool paused_ = false;
    bool touched_ = false;
};

}  // namespace vmq::sim
