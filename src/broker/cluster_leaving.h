// ClusterLeaving: this node leaves the cluster while it runs, or tells another one to.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/leave_watch.h"
#include "broker/node_outbox.h"
#include "broker/session_handoff.h"
#include "cluster/leave.h"
#include "runtime/shard_loop.h"
#include "runtime/timer_wheel.h"
#include "runtime/work_pool.h"

namespace vmq::broker {

class Broker;

/// Owned by the ClusterService, used on its thread. cluster::Leave decides what comes next; this
/// does it, with the help of each shard's SessionHandoff.
class ClusterLeaving final : private cluster::LeaveHost {
public:
    /// What it needs around it.
    class Home {
    public:
        /// All other members run and know this node's filters, and there are some.
        [[nodiscard]] virtual bool others_ready() const = 0;
        /// Other members that run.
        [[nodiscard]] virtual std::vector<HandoffTarget> others() const = 0;
        /// Of messages for other nodes.
        [[nodiscard]] virtual std::size_t waiting_bytes() const = 0;
        /// Of the control link to it; null: there is none.
        [[nodiscard]] virtual std::string* output_to(NodeNumber node) = 0;
        virtual void set_adopts(bool adopts) = 0;
        /// Leads to `done` when the others know that this node is no member any more.
        virtual void remove_self(std::function<void()> done) = 0;
        /// This node has left, and whoever watched has been told.
        virtual void on_left() = 0;

    protected:
        ~Home() = default;
    };

    ClusterLeaving(Broker& broker, runtime::ShardLoop& loop, Home& home);
    ~ClusterLeaving();
    ClusterLeaving(const ClusterLeaving&) = delete;
    ClusterLeaving& operator=(const ClusterLeaving&) = delete;

    /// Of this node.
    void begin(const cluster::LeaveOrder& order, std::shared_ptr<LeaveWatch> watch);
    /// Of another one.
    void ask(NodeNumber node, const cluster::LeaveOrder& order, std::shared_ptr<LeaveWatch> watch);
    /// A frame of a control link. False: it is none of these.
    [[nodiscard]] bool on_frame(NodeNumber from, const cluster::Frame& frame, bool& readable);
    /// Its control link is gone, or it is no member any more.
    void node_down(NodeNumber node);
    void node_removed(NodeNumber node);
    /// Members came, or went, or their links.
    void members_changed();
    /// The shards are about to end.
    void stop();

private:
    struct Watcher {
        std::shared_ptr<LeaveWatch> local;  // null: another node's
        NodeNumber node{};
        std::uint64_t ticket = 0;
    };
    struct Asked {
        NodeNumber node{};
        std::shared_ptr<LeaveWatch> watch;
        TimePoint give_up_at = kNever;  // its link is gone
    };

    // cluster::LeaveHost
    void suspend_listeners() override;
    void disconnect_clients() override;
    void give_sessions_away() override;
    void stop_giving() override;
    void remove_member() override;
    void say(std::string line) override;
    void end(cluster::LeaveEnd how, std::string line, std::string hint) override;

    void post(std::function<void()> work);
    void begin(const cluster::LeaveOrder& order, Watcher watcher);
    void tell(const Watcher& watcher, std::optional<cluster::LeaveEnd> ended,
              const std::string& line, const std::string& hint);
    void look();
    void gather();
    void on_gathered(const HandoffCounts& counts, bool messages);
    [[nodiscard]] cluster::LeaveCounts counts() const;
    void on_state(NodeNumber from, cluster::LeaveState state);

    Broker& broker_;
    runtime::ShardLoop& loop_;
    Home& home_;
    cluster::Leave leave_{*this};
    std::vector<Watcher> watchers_;
    std::map<std::uint64_t, Asked> asked_;  // by ticket
    std::uint64_t last_ticket_ = 0;
    HandoffCounts shards_;  // as last heard
    bool gathering_ = false;
    TimePoint messages_at_{};  // when they are counted again
    TimePoint left_by_ = kNever;
    std::vector<std::shared_ptr<LeaveWatch>> last_words_;
    using Job = std::function<void()>;
    std::unique_ptr<runtime::WorkPool<Job>> helper_;  // for what waits for shards
    runtime::Timer timer_;
};

}  // namespace vmq::broker
