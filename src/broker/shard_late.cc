// Messages that come for a session which has gone to another node meanwhile.
#include <algorithm>
#include <utility>

#include "broker/session_moves.h"
#include "broker/shard.h"
#include "cluster/frame_codec.h"
#include "mqtt/topic.h"

namespace vmq::broker {

using metrics::Counter;
using mqtt::QoS;

namespace {

/// How often a message goes after a session that was moving on.
constexpr std::uint8_t kMostHops = 2;

session::Routed refused() {
    session::Routed routed;
    routed.reason = mqtt::ReasonCode::QuotaExceeded;
    return routed;
}

}  // namespace

session::Routed Shard::route_late_from_node(const mqtt::MessageParts& parts, const Reply& reply,
                                            NodeNumber from) {
    const auto sessions = shared_.late_messages.sessions(from, parts.mountpoint, parts.topic);
    if (!sessions.empty() && !all_nodes_have_room()) return refused();
    session::Routed routed = route_from_node(parts, reply);
    if (sessions.empty() || mqtt::is_error(routed.reason)) return routed;
    send_after(parts, sessions, 0, reply, routed);
    return routed;
}

session::Routed Shard::route_session_from_node(const mqtt::MessageParts& parts, const Reply& reply,
                                               std::string_view client_id, std::uint8_t hops,
                                               NodeNumber from) {
    if (parts.qos != QoS::AtMostOnce && !shared_.store->accepting()) return refused();
    session::Routed routed;
    const bool goes_on = hops < kMostHops && shared_.late_messages.any() &&
                         shared_.late_messages.expects(from, parts.mountpoint, client_id);
    if (goes_on && !all_nodes_have_room()) return refused();
    if (goes_on) send_after(parts, {std::string(client_id)}, hops + 1, reply, routed);
    DeliverSession deliver{mqtt::Message::make(parts), std::string(client_id), reply};
    const ShardId home = home_of(parts.mountpoint, client_id);
    if (home != id_) {
        send(home, std::move(deliver));
        if (reply.wanted()) ++routed.waits;
        return routed;
    }
    answering_ = {reply};
    deliver_late(deliver);
    if (std::exchange(answering_, {}).ack != 0) ++routed.waits;
    return routed;
}

bool Shard::all_nodes_have_room() const {
    const bool disk = shared_.store->accepting();
    return std::ranges::all_of(
        nodes_, [disk](const std::unique_ptr<NodeOutbox>& node) { return node->has_room(disk); });
}

void Shard::send_after(const mqtt::MessageParts& parts, const std::vector<std::string>& sessions,
                       int hops, const Reply& reply, session::Routed& routed) {
    const mqtt::MessagePtr message = mqtt::Message::make(parts);
    metrics_.add(Counter::ClusterMessagesLate, sessions.size());
    for (const std::string& session : sessions) {
        const auto route = std::make_shared<const GroupRoute>(
            GroupRoute{std::string(cluster::kSessionPrefix) + session,
                       static_cast<std::uint8_t>(hops)});
        for (const auto& node : nodes_) forward_kept(*node, message, route, reply, routed);
    }
}

void Shard::handle(DeliverSession& deliver) {
    answering_ = {deliver.reply};
    deliver_late(deliver);
    if (std::exchange(answering_, {}).ack == 0) confirm(deliver.reply, true);
}

void Shard::deliver_late(const DeliverSession& deliver) {
    const mqtt::MessagePtr& message = deliver.message;
    Client* client = find_client(message->mountpoint(), deliver.client_id);
    if (client == nullptr || !client->persistent()) return;
    const auto wants = [&](const routing::OwnSubscription& own) {
        return !own.shared &&
               mqtt::filter_matches(subscribers_.text(own), message->topic()) &&
               !(own.options.no_local && message->publisher() == client->hash);
    };
    std::vector<routing::OwnSubscription> wanting;
    for (const routing::OwnSubscription& own : client->subscriptions()) {
        if (wants(own)) wanting.push_back(own);
    }
    if (wanting.empty() || !moves_->is_first_late(*client, *message)) return;
    for (const routing::OwnSubscription& own : wanting) {
        deliver_new(*client, message, own.options, own.subscription_id, nullptr);
    }
}

}  // namespace vmq::broker
