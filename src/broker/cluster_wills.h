// ClusterWills: wills of the nodes' clients, published by another node when theirs is gone.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/node_outbox.h"
#include "cluster/will_book.h"
#include "cluster/will_election.h"
#include "metrics/counters.h"
#include "runtime/shard_loop.h"

namespace vmq::broker {

class Broker;
class ClusterFacts;

/// Owned by the ClusterService, used on its thread but for tell(). See ADR 18.
class ClusterWills final {
public:
    /// What it needs around it.
    class Home {
    public:
        [[nodiscard]] virtual ClusterFacts& will_facts() = 0;
        /// Of the control link to it; null: there is none.
        [[nodiscard]] virtual std::string* output_to(NodeNumber node) = 0;
        /// Members, those that are away and this node included.
        [[nodiscard]] virtual std::size_t member_count() const = 0;
        /// netsplit_policy = none: of two members one may decide alone.
        [[nodiscard]] virtual bool serves_alone() const = 0;

    protected:
        ~Home() = default;
    };

    /// `after`: nothing: a node that is away keeps its wills until it is removed.
    ClusterWills(Broker& broker, runtime::ShardLoop& loop, metrics::ShardMetrics& metrics,
                 Home& home, std::optional<Millis> after);
    ~ClusterWills();
    ClusterWills(const ClusterWills&) = delete;
    ClusterWills& operator=(const ClusterWills&) = delete;

    /// Once, when the facts have been read. This process is `self`.
    void start(cluster::NodeProcess self);
    /// This node is in no cluster any more.
    void begin_alone(cluster::NodeProcess self);

    /// Any shard's thread: see ClusterPort.
    [[nodiscard]] std::shared_ptr<const void> tell(cluster::LastWill will);

    /// There is a control link to it.
    void node_up(NodeNumber node, const cluster::NodeProcess& process, std::uint32_t longest_frame);
    void node_down(NodeNumber node);
    void node_removed(NodeNumber node);
    /// A frame of a control link. False: it is none of these.
    [[nodiscard]] bool on_frame(NodeNumber from, const cluster::Frame& frame, bool& readable);
    /// The client wants in somewhere, or its session has been taken: it does not need a will of the
    /// time before.
    void on_registration(const cluster::ClientKey& key);

    /// In every turn: tells what there is to tell.
    void run();
    /// Twice a second.
    void tick();
    /// How many of that node's this one knows.
    [[nodiscard]] std::size_t known_of(NodeNumber node) const noexcept;

private:
    struct Door;    // to the cluster's thread, for what may outlive it
    struct Ticket;  // says that its will has gone
    struct Known {
        NodeNumber number{};
        cluster::NodeProcess process;
        cluster::KnownWills wills;
        std::uint32_t longest_frame = 0;
        bool linked = true;
        bool removed = false;
        bool restarted = false;  // its node runs again, and publishes what it has kept
        TimePoint down_at{};
        TimePoint removed_at{};
    };

    [[nodiscard]] Known* linked(NodeNumber node) noexcept;
    [[nodiscard]] std::size_t room() const noexcept;
    [[nodiscard]] std::size_t needed() const;
    [[nodiscard]] bool runs(std::string_view node) const;
    void on_head(const cluster::WillsHead& head, NodeNumber from);
    void look_at_own();
    void let_restored_go(std::optional<std::uint32_t> published_s);
    /// False: nothing more is to be remembered of it.
    [[nodiscard]] bool look_at(Known& known);
    void publish(Known& known, std::uint32_t delay_s);

    Broker& broker_;
    runtime::ShardLoop& loop_;
    metrics::ShardMetrics& metrics_;
    Home& home_;
    const std::optional<Millis> after_;
    cluster::NodeProcess self_;
    cluster::OwnWills own_;
    std::unordered_map<std::uint64_t, const void*> told_;  // own ones as the shards know them
    std::vector<std::unique_ptr<Known>> known_;
    cluster::WillElection election_;
    std::atomic<std::uint64_t> last_{0};
    const std::shared_ptr<Door> door_;
    bool held_ = false;  // restored wills wait
    TimePoint held_for_all_until_{};
    TimePoint held_until_{};
    std::set<NodeNumber> heard_;  // others that know of nothing
};

}  // namespace vmq::broker
