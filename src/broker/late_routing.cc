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

session::Routed SessionMoves::route_late(const mqtt::MessageParts& parts, const Reply& reply,
                                         NodeNumber from) {
    const auto sessions =
        shard_.shared().late_messages.sessions(from, parts.mountpoint, parts.topic);
    if (!sessions.empty() && !all_nodes_have_room()) return refused();
    session::Routed routed = shard_.route_from_node(parts, reply);
    if (sessions.empty() || mqtt::is_error(routed.reason)) return routed;
    send_after(parts, sessions, 0, reply, routed);
    return routed;
}

session::Routed SessionMoves::route_to_session(const mqtt::MessageParts& parts, const Reply& reply,
                                               std::string_view client_id, std::uint8_t hops,
                                               NodeNumber from) {
    if (parts.qos != QoS::AtMostOnce && !shard_.shared().store->accepting()) return refused();
    const LateMessages& late = shard_.shared().late_messages;
    const bool goes_on =
        hops < kMostHops && late.any() && late.expects(from, parts.mountpoint, client_id);
    if (goes_on && !all_nodes_have_room()) return refused();
    session::Routed routed;
    if (goes_on) send_after(parts, {std::string(client_id)}, hops + 1, reply, routed);
    DeliverSession deliver{mqtt::Message::make(parts), std::string(client_id), reply,
                           static_cast<std::uint32_t>(from), hops > 0};
    const ShardId home = shard_.home_of(parts.mountpoint, client_id);
    if (home != shard_.id()) {
        shard_.send(home, std::move(deliver));
        if (reply.wanted()) ++routed.waits;
        return routed;
    }
    if (deliver_late(deliver)) ++routed.waits;
    return routed;
}

bool SessionMoves::all_nodes_have_room() const {
    const bool disk = shard_.shared().store->accepting();
    return std::ranges::all_of(shard_.nodes_, [disk](const std::unique_ptr<NodeOutbox>& node) {
        return node->has_room(disk);
    });
}

void SessionMoves::send_after(const mqtt::MessageParts& parts,
                              const std::vector<std::string>& sessions, int hops,
                              const Reply& reply, session::Routed& routed) {
    const mqtt::MessagePtr message = mqtt::Message::make(parts);
    shard_.metrics_.add(Counter::ClusterMessagesLate, sessions.size());
    for (const std::string& session : sessions) {
        const auto route = std::make_shared<const GroupRoute>(GroupRoute{
            std::string(cluster::kSessionPrefix) + session, static_cast<std::uint8_t>(hops)});
        // Who waited for another node's acknowledgement might wait for one that waits for this
        // node's, behind the message that it is about.
        for (const auto& node : shard_.nodes_) {
            shard_.forward_kept(*node, message, route, reply, routed, Shard::Keeper::Disk);
        }
    }
}

bool SessionMoves::deliver_late(const DeliverSession& deliver) {
    const mqtt::MessagePtr& message = deliver.message;
    Client* client = shard_.find_client(message->mountpoint(), deliver.client_id);
    if (client == nullptr || !client->persistent()) return false;
    std::vector<routing::OwnSubscription> wanting;
    for (const routing::OwnSubscription& own : client->subscriptions()) {
        // [v5 MQTT-3.8.3-3]
        const bool its_own = own.options.no_local && message->publisher() == client->hash;
        if (!own.shared && !its_own &&
            mqtt::filter_matches(shard_.subscribers_.text(own), message->topic())) {
            wanting.push_back(own);
        }
    }
    if (wanting.empty() || !is_first_late(*client, deliver)) return false;
    shard_.answering_ = {deliver.reply};
    for (const routing::OwnSubscription& own : wanting) {
        shard_.deliver_new(*client, message, own.options, own.subscription_id, nullptr);
    }
    return std::exchange(shard_.answering_, {}).ack != 0;
}

}  // namespace vmq::broker
