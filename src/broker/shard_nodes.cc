// Messages to and from other nodes of the cluster.
#include <algorithm>
#include <bit>
#include <utility>

#include "broker/registrations.h"
#include "broker/session_moves.h"
#include "broker/shard.h"

namespace vmq::broker {

using metrics::Counter;
using mqtt::QoS;

session::Routed Shard::route_from_node(mqtt::MessageParts parts, const Reply& reply) {
    session::Routed routed;
    matches_.clear();
    shared_.subscriptions.match(id_, parts.mountpoint, parts.topic, random_, matches_);
    // Other nodes and members of shared groups are the business of the node it comes from.
    (void)take_node_matches();
    matches_.shared.clear();
    if (refuses(parts.qos, false)) {
        routed.reason = mqtt::ReasonCode::QuotaExceeded;
        return routed;
    }
    parts.store_id = new_store_id(parts.qos);
    const mqtt::MessagePtr message = mqtt::Message::make(parts);
    const Reply wanted = parts.qos != QoS::AtMostOnce ? reply : Reply{};
    answering_ = {wanted};
    spread(message, wanted, false, routed);
    return routed;
}

Shard::NodeMatches Shard::take_node_matches() noexcept {
    NodeMatches nodes;
    const ShardSet local = shared_.subscriptions.local();
    for (routing::FilterMatch& match : matches_.filters) {
        nodes.some |= match.shards & ~local;
        nodes.keeping |= match.persistent_shards & ~local;
        match.shards &= local;
        match.persistent_shards &= local;
    }
    return nodes;
}

bool Shard::has_room(ShardSet nodes) const noexcept {
    for (; nodes != 0; nodes &= nodes - 1) {
        const NodeOutbox* node = node_by_slot_[static_cast<std::size_t>(std::countr_zero(nodes))];
        if (node != nullptr && !node->stream.has_room()) return false;
    }
    return true;
}

void Shard::forward(const mqtt::MessagePtr& message, const NodeMatches& nodes, const Reply& reply,
                    session::Routed& routed) {
    ShardSet rest = nodes.some;
    while (rest != 0) {
        NodeOutbox* node = node_by_slot_[static_cast<std::size_t>(std::countr_zero(rest))];
        rest &= rest - 1;
        if (node == nullptr) continue;
        rest &= ~node->slots;
        if (!node->stream.has_room()) {  // QoS 0: others were refused before
            metrics_.add(Counter::ClusterBytesDropped, message->footprint());
            metrics_.add(Counter::DropNodeUnreachable);
            drops_.add(Undelivered::NodeUnreachable, message->mountpoint(), {}, message->topic());
            continue;
        }
        // Of a message for clean sessions alone nobody promises anything but what their
        // connections do.
        const bool waits = reply.wanted() && (nodes.keeping & node->slots) != 0;
        node->stream.add(message, waits ? reply : Reply{});
        metrics_.add(Counter::RouterMatchesRemote);
        if (waits) ++routed.waits;
    }
}

void Shard::start_node_links(cluster::LinkSettings settings, NodeLinks::Lost lost) {
    node_links_ = std::make_unique<NodeLinks>(*this, settings, std::move(lost));
}

void Shard::add_node(NodeNumber number, std::string name, std::size_t most_bytes) {
    if (find_node(number) != nullptr) return;
    nodes_.push_back(std::make_unique<NodeOutbox>(number, std::move(name), most_bytes));
}

void Shard::set_node_slots(NodeNumber number, ShardSet slots) {
    NodeOutbox* node = find_node(number);
    if (node == nullptr) return;
    for (NodeOutbox*& each : node_by_slot_) {
        if (each == node) each = nullptr;
    }
    node->slots = slots;
    for (; slots != 0; slots &= slots - 1) {
        node_by_slot_[static_cast<std::size_t>(std::countr_zero(slots))] = node;
    }
}

void Shard::remove_node(NodeNumber number) {
    set_node_slots(number, 0);
    if (node_links_) node_links_->drop(number);
    const auto at = std::find_if(nodes_.begin(), nodes_.end(),
                                 [number](const auto& each) { return each->number == number; });
    if (at == nodes_.end()) return;
    (*at)->stream.clear([this](const Reply& reply, bool safe) {
        if (reply.wanted()) confirm(reply, safe);
    });
    nodes_.erase(at);
}

void Shard::filters_known(std::uint64_t ticket) {
    if (moves_->filters_known(ticket)) return;
    const auto at = filter_waits_.find(ticket);
    if (at == filter_waits_.end()) return;
    const WhenSafe answer = std::move(at->second);
    filter_waits_.erase(at);
    send_answer(answer);
}

NodeOutbox* Shard::find_node(NodeNumber number) noexcept {
    const auto at = std::find_if(nodes_.begin(), nodes_.end(),
                                 [number](const auto& each) { return each->number == number; });
    return at == nodes_.end() ? nullptr : at->get();
}

}  // namespace vmq::broker
