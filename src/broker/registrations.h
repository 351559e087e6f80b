// Registrations: the clients of one shard that other nodes are asked about before they are let in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "broker/client.h"
#include "broker/node_outbox.h"
#include "broker/shard_message.h"
#include "cluster/registrar.h"
#include "runtime/timer_wheel.h"
#include "session/connect_plan.h"

namespace vmq::broker {

class Connection;
class Shard;

/// One client id has one live session in the whole cluster. A client that connects waits here until
/// the coordinator of its id (cluster::Registrar) has made all other nodes let go of it, and what
/// they had of its session has arrived (SessionMoves). Whoever has the client already, and has seen
/// no node come since, asks nobody.
///
/// Owned by its shard, used on its thread.
class Registrations final {
public:
    explicit Registrations(Shard& shard);
    Registrations(const Registrations&) = delete;
    Registrations& operator=(const Registrations&) = delete;

    /// Whether another node may have the client.
    [[nodiscard]] bool must_ask(const session::ConnectPlan& plan) const;
    /// Leads to Shard::let_in(), or the connection is refused.
    void ask(Connection& connection, session::ConnectPlan plan);
    /// The coordinator's answer.
    void registered(std::uint64_t ticket, const cluster::Registered& outcome);
    /// Another node gets the client. Leads to ClusterPort::released().
    void release(cluster::ReleaseOrder order);
    /// The node that has the session gives it away: it is to come here, unless its client is
    /// connected somewhere.
    void adopt(cluster::ClientKey key);
    /// The session is at another node now, which may have been asked before it had it.
    void ask_again(const cluster::ReleaseOrder& order);
    /// A session has begun here, or goes on: by this registration, or without having asked.
    void note(Client& client, cluster::Epoch granted);

    /// What another node had of the client has arrived, or the rest of it goes elsewhere.
    void arrived(const Client& client, NodeNumber from);
    /// Part of the session is here, and nobody sends the rest. Whoever has the client gets it.
    void left_behind(const Client& client);
    /// Nothing comes from it for now.
    void node_away(NodeNumber node);

    /// A node that was away has registered the client meanwhile. Of two sessions the later stays,
    /// and gets the other one's queue.
    void on_claim(NodeNumber from, bool wins_ties, const cluster::Claim& claim);
    /// Tells a node that was away what was registered here since.
    void claim_since(NodeNumber node, cluster::Epoch since);

    /// Connections that wait.
    [[nodiscard]] std::size_t waiting() const noexcept;

private:
    struct Waiting {
        ConnectionNumber connection;
        session::ConnectPlan plan;
    };
    struct Pending {
        cluster::ClientKey key;
        std::vector<Waiting> waiting;  // in the order of their CONNECTs; none: to unite sessions
        cluster::Purpose purpose{};
        cluster::Epoch since;  // to unite sessions: of this node's
        std::uint64_t ticket = 0;
        std::uint32_t attempts = 0;
        cluster::Candidacy candidacy;
        bool granted = false;
        cluster::Epoch epoch;
        bool by_all = true;               // see cluster::Registered
        std::vector<NodeNumber> movers;   // not arrived yet
        std::vector<NodeNumber> arrived;  // before the grant
        TimePoint granted_at = kNever;
        std::vector<cluster::ReleaseOrder> deferred;  // until this is done
    };
    struct Recent {
        cluster::Epoch epoch;
        ClientNumber client;
    };

    [[nodiscard]] Pending* find(std::string_view mountpoint, std::string_view id);
    Pending& begin(cluster::ClientKey key, cluster::Purpose purpose);
    void submit(Pending& pending);
    void finish(Pending& pending);
    void refuse(Pending& pending, mqtt::ReasonCode reason, std::string_view why);
    /// Tells all nodes of the session that is here.
    void claim(const cluster::ClientKey& key);
    /// A session that was to be adopted is its client's.
    void leave_alone(Pending& pending);
    std::unique_ptr<Pending> take(Pending& pending);
    void answer(cluster::ReleaseOrder order, cluster::ReleaseReply::Code code,
                cluster::Epoch held = {});
    void look_at_time();
    /// When the wait for other nodes' parts of the session ends if nothing comes.
    [[nodiscard]] TimePoint patience(const Pending& pending) const;
    void claim_some(NodeNumber node, cluster::Epoch since, std::size_t from);

    Shard& shard_;
    std::unordered_map<std::string, std::unique_ptr<Pending>> by_key_;
    std::unordered_map<std::uint64_t, Pending*> by_ticket_;
    std::uint64_t last_ticket_ = 0;
    std::deque<Recent> recent_;  // registered here, for nodes that are away
    std::size_t forgotten_ = 0;  // that were in front of them
    TimePoint refusal_reported_at_{};
    runtime::Timer timer_;
};

}  // namespace vmq::broker
