#include "broker/registrations.h"

#include <algorithm>
#include <boost/asio/post.hpp>

#include "base/log.h"
#include "broker/limits.h"
#include "broker/peer_numbers.h"
#include "broker/session_handoff.h"
#include "broker/session_moves.h"
#include "broker/shard.h"

namespace vmq::broker {

using cluster::Epoch;
using cluster::ReleaseOrder;
using metrics::Counter;
using Released = cluster::ReleaseReply::Code;
using Outcome = cluster::RegisterReply::Code;
using cluster::Purpose;

Registrations::Registrations(Shard& shard)
    : shard_(shard), timer_(this, [](void* self, TimePoint) {
          static_cast<Registrations*>(self)->look_at_time();
      }) {}

Registrations::Pending* Registrations::find(std::string_view mountpoint, std::string_view id) {
    if (by_key_.empty()) return nullptr;
    const auto at = by_key_.find(cluster::joined(mountpoint, id));
    return at == by_key_.end() ? nullptr : at->second.get();
}

bool Registrations::must_ask(const session::ConnectPlan& plan) const {
    const ClusterPort* cluster = shard_.shared().cluster.load(std::memory_order_acquire);
    if (cluster == nullptr || cluster->alone()) return false;
    if (plan.settings->allow_multiple_sessions) return false;
    if (!by_key_.empty() && by_key_.contains(cluster::joined(plan.mountpoint, plan.client_id)))
        return true;
    const Client* client = shard_.find_client(plan.mountpoint, plan.client_id);
    return client == nullptr || client->view != cluster->view() || SessionMoves::moving(*client);
}

void Registrations::ask(Connection& connection, session::ConnectPlan plan) {
    Pending* pending = find(plan.mountpoint, plan.client_id);
    if (pending != nullptr && pending->waiting.size() >= kRegistrationsPerClient) {
        shard_.metrics_.add(Counter::ClusterRegistrationsRefused);
        return connection.refuse_registration(
            plan, mqtt::ReasonCode::ServerBusy,
            "too many connections of this client id wait for other nodes");
    }
    connection.begin_registering();
    const bool first = pending == nullptr;
    if (first) {
        pending = &begin({plan.mountpoint, plan.client_id},
                         plan.clean_start ? Purpose::Discard : Purpose::Resume);
    }
    pending->waiting.push_back({connection.number(), std::move(plan)});
    if (first) submit(*pending);
}

Registrations::Pending& Registrations::begin(cluster::ClientKey key, Purpose purpose) {
    auto made = std::make_unique<Pending>();
    Pending& pending = *made;
    pending.key = std::move(key);
    pending.purpose = purpose;
    by_key_.emplace(cluster::joined(pending.key), std::move(made));
    return pending;
}

void Registrations::submit(Pending& pending) {
    pending.ticket = ++last_ticket_;
    ++pending.attempts;
    by_ticket_.emplace(pending.ticket, &pending);
    // Once a client waits, everybody else lets go.
    const Epoch since = pending.waiting.empty() ? pending.since : Epoch{};
    shard_.shared().cluster.load()->register_client(shard_.id(), pending.ticket, pending.key,
                                                    pending.purpose, since);
}

std::unique_ptr<Registrations::Pending> Registrations::take(Pending& pending) {
    by_ticket_.erase(pending.ticket);
    const auto at = by_key_.find(cluster::joined(pending.key));
    auto taken = std::move(at->second);
    by_key_.erase(at);
    return taken;
}

void Registrations::registered(std::uint64_t ticket, const cluster::Registered& outcome) {
    const auto at = by_ticket_.find(ticket);
    if (at == by_ticket_.end()) return;
    Pending& pending = *at->second;
    by_ticket_.erase(at);
    if (outcome.code == Outcome::Busy) {
        return refuse(pending, mqtt::ReasonCode::ServerBusy,
                      "too many connections of this client id wait for other nodes");
    }
    if (outcome.code == Outcome::Timeout) {
        return refuse(pending, mqtt::ReasonCode::ServerUnavailable,
                      "another node of the cluster did not say in time whether it has this client "
                      "id");
    }
    if (outcome.code == Outcome::Kept) {
        // A node has let go of it meanwhile, or a client waits: that decides.
        if (outcome.movers.empty() && pending.waiting.empty()) return leave_alone(pending);
        pending.purpose = Purpose::Resume;
        return submit(pending);
    }
    if (!pending.candidacy.may_begin(outcome.epoch)) {
        if (pending.attempts >= kRegistrationAttempts) {
            return refuse(pending, mqtt::ReasonCode::ServerUnavailable,
                          "this client id is registered at several nodes at once");
        }
        return submit(pending);
    }
    pending.granted = true;
    pending.epoch = outcome.epoch;
    pending.by_all = pending.by_all && outcome.by_all;
    const Client* client = shard_.find_client(pending.key.mountpoint, pending.key.client_id);
    for (const cluster::PeerNumber mover : outcome.movers) {
        const NodeNumber node = to_node(mover);
        // Its last frame may be here although it has not heard so.
        const bool here = std::find(pending.arrived.begin(), pending.arrived.end(), node) !=
                              pending.arrived.end() ||
                          (client != nullptr && SessionMoves::has_come(*client, node));
        if (!here) pending.movers.push_back(node);
    }
    if (pending.movers.empty()) return finish(pending);
    pending.granted_at = shard_.now();
    const TimePoint until = patience(pending);
    if (!timer_.running() || timer_.deadline() > until) shard_.loop().timers().start(timer_, until);
}

TimePoint Registrations::patience(const Pending& pending) const {
    if (pending.granted_at == kNever) return kNever;
    TimePoint heard = pending.granted_at;
    const Client* client = shard_.find_client(pending.key.mountpoint, pending.key.client_id);
    if (client != nullptr && SessionMoves::coming(*client)) {
        heard = std::max(heard, client->move->in->progress);
    }
    // Frames are sent again every second: a node that is silent for so long sends the session to
    // somebody else by now.
    return std::min(pending.granted_at + kMoveLimit, heard + kMoveSilence);
}

void Registrations::finish(Pending& done) {
    const auto pending = take(done);
    for (Waiting& each : pending->waiting) {
        Connection* connection = shard_.find(each.connection);
        if (connection == nullptr || connection->closing()) continue;
        shard_.metrics_.add(Counter::ClusterRegistrations);
        shard_.let_in(*connection, std::move(each.plan), pending->epoch);
        connection->resume_reading();
    }
    if (pending->waiting.empty()) {
        Client* client = shard_.find_client(pending->key.mountpoint, pending->key.client_id);
        if (client != nullptr) note(*client, pending->epoch);
    }
    if (!pending->by_all) claim(pending->key);
    for (ReleaseOrder& order : pending->deferred) release(std::move(order));
}

void Registrations::claim(const cluster::ClientKey& key) {
    const Client* client = shard_.find_client(key.mountpoint, key.client_id);
    ClusterPort* cluster = shard_.shared().cluster.load();
    if (client == nullptr || cluster == nullptr) return;
    if (SessionMoves::moving(*client) && !client->online()) return;
    cluster->claim(cluster::kThisNode, {{client->epoch, key}});
}

void Registrations::adopt(cluster::ClientKey key) {
    if (find(key.mountpoint, key.client_id) != nullptr) return;
    submit(begin(std::move(key), Purpose::Adopt));
}

void Registrations::leave_alone(Pending& left) {
    const auto pending = take(left);
    // What was heard of another session meanwhile was left to this registration.
    claim(pending->key);
    for (ReleaseOrder& order : pending->deferred) release(std::move(order));
}

void Registrations::refuse(Pending& refused, mqtt::ReasonCode reason, std::string_view why) {
    const auto pending = take(refused);
    for (const Waiting& each : pending->waiting) {
        Connection* connection = shard_.find(each.connection);
        if (connection == nullptr || connection->closing()) continue;
        shard_.metrics_.add(Counter::ClusterRegistrationsRefused);
        if (shard_.may_report(refusal_reported_at_)) {
            log::warning("client {} is refused: {}", pending->key.client_id, why);
        }
        connection->refuse_registration(each.plan, reason, why);
    }
    if (pending->purpose == Purpose::Adopt) {
        log::notice("session of client {} is not taken over from another node: {}",
                    pending->key.client_id, why);
    }
    // What was heard of another session meanwhile was left to this registration.
    claim(pending->key);
    for (ReleaseOrder& order : pending->deferred) release(std::move(order));
}

void Registrations::note(Client& client, Epoch granted) {
    const ClusterPort* cluster = shard_.shared().cluster.load(std::memory_order_acquire);
    if (cluster == nullptr) return;
    client.epoch = std::max({client.epoch.next(), granted, Epoch::at(shard_.wall(shard_.now()))});
    client.view = cluster->view();
    if (client.move) shard_.moves().stay(client);
    if (cluster->alone()) {
        forgotten_ += recent_.size();
        return recent_.clear();
    }
    const Epoch oldest = cluster->claims_from();
    while (!recent_.empty() && (recent_.front().epoch < oldest || recent_.size() >= kMostClaims)) {
        recent_.pop_front();
        ++forgotten_;
    }
    recent_.push_back({client.epoch, client.number});
}

void Registrations::answer(ReleaseOrder order, Released code, Epoch held) {
    if (ClusterPort* cluster = shard_.shared().cluster.load()) {
        cluster->released(std::move(order), code, held);
    }
}

void Registrations::ask_again(const ReleaseOrder& order) {
    answer(order, Released::Newer, order.epoch);
}

void Registrations::release(ReleaseOrder order) {
    const NodeNumber owner = to_node(order.owner);
    if (Pending* pending = find(order.key.mountpoint, order.key.client_id)) {
        if (pending->granted && order.epoch > pending->epoch) {
            pending->deferred.push_back(std::move(order));
            return;
        }
        const bool connects = order.purpose != Purpose::Adopt && order.since == Epoch{};
        if (!connects && !pending->waiting.empty()) {
            return answer(std::move(order), Released::Kept);
        }
        pending->candidacy.yield(order.epoch);
    }
    Client* client = shard_.find_client(order.key.mountpoint, order.key.client_id);
    if (client == nullptr ||
        (client->settings->allow_multiple_sessions && !shard_.handoff().gives_away(*client))) {
        return answer(std::move(order), Released::Nothing);
    }
    if (!client->online() && !SessionMoves::moving(*client) && shard_.now() >= client->expires_at) {
        shard_.expire(*client);
        return answer(std::move(order), Released::Nothing);
    }
    const bool adopted = order.purpose == Purpose::Adopt;
    if (adopted && client->online()) return answer(std::move(order), Released::Kept);
    if (SessionMoves::coming(*client)) return shard_.moves().defer(*client, std::move(order));
    // Registered since that session was found to be the later one, which is coming here.
    if (order.since != Epoch{} && client->epoch > order.since) {
        return answer(std::move(order), Released::Kept);
    }
    if (order.epoch <= client->epoch) {
        const Epoch held = client->epoch;
        return answer(std::move(order), Released::Newer, held);
    }
    // Its client is back [v5 MQTT-3.1.3-9]; if it begins a new session, the will is due.
    if (order.purpose == Purpose::Resume) client->will.reset();
    if (SessionMoves::going(*client)) {
        if (adopted && shard_.moves().is_under_way(*client, owner)) {
            return answer(std::move(order), Released::Kept);
        }
        // What a node that cannot be reached was to get goes to the one that has the client now.
        const auto moving = shard_.moves().redirect(*client, owner, order);
        if (!moving) return;
        return answer(std::move(order), *moving ? Released::Moving : Released::Nothing);
    }
    if (client->online()) {
        log::info("client {} is taken over by another node", client->client_id);
        while (client != nullptr && client->online()) {
            shard_.displace(*client, order.purpose == Purpose::Discard);
            client = shard_.find_client(order.key.mountpoint, order.key.client_id);
        }
    }
    if (client == nullptr) return answer(std::move(order), Released::Nothing);
    if (order.purpose == Purpose::Resume) client->will.reset();
    if (order.purpose == Purpose::Discard) {
        shard_.end_client(*client);
        return answer(std::move(order), Released::Nothing);
    }
    const bool moving = shard_.moves().begin(*client, owner, order.epoch, adopted);
    answer(std::move(order), moving ? Released::Moving : Released::Nothing);
}

void Registrations::arrived(const Client& client, NodeNumber from) {
    Pending* pending = find(client.mountpoint, client.client_id);
    // It was on its way for long. Whoever has registered the client meanwhile gets it.
    if (pending == nullptr) return claim({client.mountpoint, client.client_id});
    if (!pending->granted) {
        pending->arrived.push_back(from);
        return;
    }
    std::erase(pending->movers, from);
    if (pending->movers.empty()) finish(*pending);
}

void Registrations::left_behind(const Client& client) {
    if (find(client.mountpoint, client.client_id) != nullptr) return;
    claim({client.mountpoint, client.client_id});
}

void Registrations::node_away(NodeNumber node) {
    std::vector<Pending*> done;
    for (const auto& [key, pending] : by_key_) {
        if (!pending->granted || std::erase(pending->movers, node) == 0) continue;
        log::warning(
            "client {}: the node that was sending its session is away; it begins with what has "
            "arrived, and gets the rest when that node is back",
            pending->key.client_id);
        if (pending->movers.empty()) done.push_back(pending.get());
    }
    for (Pending* pending : done) finish(*pending);
}

void Registrations::look_at_time() {
    TimePoint next = kNever;
    std::vector<Pending*> due;
    for (const auto& [key, pending] : by_key_) {
        const TimePoint until = patience(*pending);
        if (until <= shard_.now()) {
            due.push_back(pending.get());
        } else {
            next = std::min(next, until);
        }
    }
    if (next != kNever) shard_.loop().timers().start(timer_, next);
    for (Pending* pending : due) {
        const Client* client = shard_.find_client(pending->key.mountpoint, pending->key.client_id);
        if (client != nullptr && shard_.moves().progresses(*client)) {
            refuse(*pending, mqtt::ReasonCode::ServerUnavailable,
                   "its session is still on the way from another node: connect again later");
        } else {
            log::warning(
                "client {}: its session does not arrive from another node; it begins "
                "with what has arrived",
                pending->key.client_id);
            finish(*pending);
        }
    }
}

void Registrations::on_claim(NodeNumber from, bool wins_ties, const cluster::Claim& claim) {
    if (Pending* pending = find(claim.key.mountpoint, claim.key.client_id)) {
        // Perhaps that node was asked before it had this, or was not asked.
        if (pending->granted) {
            pending->by_all = false;
        } else {
            pending->candidacy.yield(claim.epoch);
        }
        return;
    }
    Client* client = shard_.find_client(claim.key.mountpoint, claim.key.client_id);
    if (client == nullptr || client->settings->allow_multiple_sessions) return;
    // What moves belongs to another node already, unless its client is here.
    if (SessionMoves::moving(*client) && !client->online()) return;
    const bool newer = client->epoch > claim.epoch || (client->epoch == claim.epoch && wins_ties);
    if (!newer) {
        shard_.shared().cluster.load()->claim(to_peer(from), {{client->epoch, claim.key}});
        return;
    }
    log::notice("client {} has a session at another node, too: the later one, of this node, stays",
                client->client_id);
    Pending& pending = begin(claim.key, client->persistent() ? Purpose::Resume : Purpose::Discard);
    pending.since = client->epoch;
    submit(pending);
}

void Registrations::claim_since(NodeNumber node, Epoch since) {
    shard_.moves().node_back(node);
    for (const auto& [key, pending] : by_key_) pending->by_all = false;
    claim_some(node, since, 0);
}

// In portions: others are served in between. `from` counts those that are forgotten, too.
void Registrations::claim_some(NodeNumber node, Epoch since, std::size_t from) {
    std::vector<cluster::Claim> claims;
    const std::size_t begin = std::max(from, forgotten_) - forgotten_;
    const std::size_t end = std::min(recent_.size(), begin + kClaimsAtOnce);
    for (std::size_t i = begin; i < end; ++i) {
        if (recent_[i].epoch < since) continue;
        const Client* client = shard_.find_client(recent_[i].client);
        if (client == nullptr || client->epoch != recent_[i].epoch) continue;
        claims.push_back({client->epoch, {client->mountpoint, client->client_id}});
    }
    ClusterPort* cluster = shard_.shared().cluster.load();
    if (cluster == nullptr) return;
    if (!claims.empty()) {
        cluster->claim(to_peer(node), std::move(claims));
    }
    if (end == recent_.size()) return;
    boost::asio::post(shard_.loop().io(), [this, node, since, next = forgotten_ + end] {
        claim_some(node, since, next);
    });
}

std::size_t Registrations::waiting() const noexcept {
    std::size_t count = 0;
    for (const auto& [key, pending] : by_key_) count += pending->waiting.size();
    return count;
}

}  // namespace vmq::broker
