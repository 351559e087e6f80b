#include "broker/session_handoff.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/hash.h"
#include "broker/limits.h"
#include "broker/peer_numbers.h"
#include "broker/session_moves.h"
#include "broker/shard.h"

namespace vmq::broker {

using metrics::Counter;

namespace {

constexpr Millis kLookAtOffers{50};

}  // namespace

SessionHandoff::SessionHandoff(Shard& shard)
    : shard_(shard),
      timer_(this, [](void* self, TimePoint) { static_cast<SessionHandoff*>(self)->look(); }) {}

void SessionHandoff::disconnect_clients() {
    constexpr std::string_view kWhy = "this node leaves the cluster";
    std::vector<ConnectionNumber> open;
    for (const auto& [number, connection] : shard_.connections_) {
        if (!connection->closing()) open.push_back(number);
    }
    for (const ConnectionNumber number : open) {
        Connection* connection = shard_.find(number);
        if (connection == nullptr || connection->closing()) continue;
        if (auto* session = connection->session()) {
            session->disconnect(mqtt::ReasonCode::UseAnotherServer,
                                session::CloseCause::AdministrativeAction, kWhy);
        } else {
            connection->close(session::CloseCause::PeerClosed, kWhy);
        }
    }
    shard_.loop().run_again();
}

// Rendezvous hashing: as even as hashes are, and the same after a restart.
std::size_t SessionHandoff::choose(const std::vector<HandoffTarget>& targets,
                                   std::string_view mountpoint, std::string_view client_id,
                                   std::size_t attempt) {
    const std::uint64_t hash = hash_bytes(client_id, hash_bytes(mountpoint));
    std::vector<std::pair<std::uint64_t, std::size_t>> order;
    for (std::size_t i = 0; i < targets.size(); ++i) {
        order.emplace_back(hash_bytes(targets[i].name, hash), i);
    }
    std::ranges::sort(order, std::greater{});
    return order[attempt % order.size()].second;
}

void SessionHandoff::begin(std::vector<HandoffTarget> targets) {
    targets_ = std::move(targets);
    if (!std::exchange(running_, true)) {
        sessions_gone_ = 0;
        messages_gone_before_ = shard_.metrics_.get(Counter::ClusterMessagesMovedOut);
    }
    look();
}

void SessionHandoff::stop() {
    running_ = false;
    timer_.stop();
    next_.clear();
    offered_.clear();
}

bool SessionHandoff::is_due(const Client& client, const Offered& offered) const {
    if (shard_.now() < offered.at + kOfferAgain) return false;
    if (!SessionMoves::going(client)) return !SessionMoves::coming(client);
    const MoveOut& out = *client.move->out;
    const bool there = std::ranges::any_of(
        targets_, [&](const HandoffTarget& target) { return target.node == out.to; });
    // What has its messages already has to be back for the rest of them.
    return !there && !out.frozen;
}

void SessionHandoff::offer(const Client& client, Offered& offered) {
    const std::size_t chosen =
        choose(targets_, client.mountpoint, client.client_id, offered.attempts++);
    offered.at = shard_.now();
    shard_.shared().cluster.load()->offer(to_peer(targets_[chosen].node),
                                          {client.mountpoint, client.client_id});
}

void SessionHandoff::look() {
    if (!running_) return;
    for (auto at = offered_.begin(); at != offered_.end();) {
        const Client* client = shard_.find_client(at->first);
        if (client == nullptr) {
            ++sessions_gone_;
            at = offered_.erase(at);
            continue;
        }
        if (!targets_.empty() && is_due(*client, at->second)) offer(*client, at->second);
        ++at;
    }
    if (next_.empty() && offered_.empty()) {
        for (const auto& [number, client] : shard_.clients_by_number_) next_.push_back(number);
    }
    while (!next_.empty() && !targets_.empty() && offered_.size() < kOffersAtOnce) {
        Client* client = shard_.find_client(next_.back());
        next_.pop_back();
        if (client == nullptr || client->online()) continue;
        if (!SessionMoves::moving(*client) && shard_.now() >= client->expires_at) {
            shard_.expire(*client);
            continue;
        }
        offer(*client, offered_[client->number]);
    }
    shard_.loop().timers().start(timer_, shard_.now() + kLookAtOffers);
}

HandoffCounts SessionHandoff::counts(bool messages) const {
    HandoffCounts counts;
    counts.connections = shard_.connections_.size();
    counts.sessions = shard_.clients_by_number_.size();
    for (const auto& [number, client] : shard_.clients_by_number_) {
        if (!messages) break;
        counts.messages += client->lane.queue.backlog_size() + client->lane.queue.window().size();
    }
    counts.sessions_gone = sessions_gone_;
    for (const auto& [number, offered] : offered_) {
        if (!shard_.clients_by_number_.contains(number)) ++counts.sessions_gone;
    }
    counts.messages_gone =
        shard_.metrics_.get(Counter::ClusterMessagesMovedOut) - messages_gone_before_;
    return counts;
}

}  // namespace vmq::broker
