// Messages to and from other nodes of the cluster.
#include <algorithm>
#include <bit>
#include <utility>

#include "base/log.h"
#include "broker/limits.h"
#include "broker/registrations.h"
#include "broker/session_moves.h"
#include "broker/shard.h"
#include "cluster/frame_codec.h"
#include "mqtt/topic.h"

namespace vmq::broker {

using metrics::Counter;
using mqtt::QoS;

session::Routed Shard::route_from_node(mqtt::MessageParts parts, const Reply& reply) {
    session::Routed routed;
    matches_.clear();
    shared_.subscriptions.match(id_, parts.mountpoint, parts.topic, random_, matches_);
    // Other nodes and members of shared groups are the business of the node it comes from.
    node_groups_.clear();
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

session::Routed Shard::route_group_from_node(mqtt::MessageParts parts, const Reply& reply,
                                             std::string_view group, std::uint8_t hops,
                                             NodeNumber from) {
    session::Routed routed;
    if (parts.qos != QoS::AtMostOnce && !shared_.store->accepting()) {
        routed.reason = mqtt::ReasonCode::QuotaExceeded;
        return routed;
    }
    const auto shared = mqtt::parse_shared_filter(group);
    const mqtt::MessagePtr message = mqtt::Message::make(parts);
    const Reply wanted = parts.qos != QoS::AtMostOnce ? reply : Reply{};
    const NodeOutbox* sender = find_node(from);
    const ShardSet slots = sender != nullptr ? sender->slots : 0;
    matches_.clear();
    routing::SharedMatch match;
    // Its members are gone meanwhile, and those of the node that knew none as well, perhaps.
    ShardSet except = slots;
    if (hops >= kMostGroupHops) except = hops == kGivenAwayHops ? ~slots : ~ShardSet{0};
    if (!shared_.subscriptions.choose_for_node(id_, parts.mountpoint, shared->group, shared->filter,
                                               except, random_, match)) {
        metrics_.add(Counter::DropNoSubscriber);
        drops_.add(Undelivered::NoSubscriber, parts.mountpoint, {}, parts.topic);
        return routed;
    }
    if (match.shard >= shared_.shards) {
        // On this node's disk: were its acknowledgement to wait for that node's, all could wait for
        // one another in a circle.
        if (!forward_to_group(message, match, hops + 1, wanted, routed, Keeper::Disk) &&
            wanted.wanted()) {
            routed.reason = mqtt::ReasonCode::QuotaExceeded;
        }
        return routed;
    }
    matches_.shared.push_back(std::move(match));
    answering_ = {wanted};
    spread(message, wanted, false, routed, {hops, except, slots, true});
    return routed;
}

bool Shard::forward_to_group(const mqtt::MessagePtr& message, const routing::SharedMatch& match,
                             int hops, const Reply& reply, session::Routed& routed, Keeper keeper) {
    NodeOutbox* node = node_by_slot_[match.shard];
    const bool kept = message->qos() != QoS::AtMostOnce;
    if (node == nullptr ||
        !(kept ? node->has_room(shared_.store->accepting()) : node->stream.has_room())) {
        drop_for_node(*message, Undelivered::NodeUnreachable);
        return false;
    }
    // The other node is responsible for it when it has it; until then, if that ends, another one.
    auto route =
        std::make_shared<const GroupRoute>(GroupRoute{match.name, static_cast<std::uint8_t>(hops)});
    metrics_.add(Counter::RouterMatchesRemote);
    if (kept) {
        forward_kept(*node, message, std::move(route), reply, routed, keeper);
    } else {
        node->stream.add(message, {reply, std::move(route)});
    }
    return true;
}

void Shard::redispatch_groups(NodeNumber number) {
    NodeOutbox* node = find_node(number);
    if (node == nullptr) return;
    struct Taken {
        mqtt::MessagePtr message;
        Reply reply;
        routing::SharedMatch match;
        std::uint8_t hops;
    };
    std::vector<Taken> taken;
    const ShardSet except = node->slots | shared_.subscriptions.away();
    node->stream.take_out([&](mqtt::MessagePtr& message, Forwarded& forwarded) {
        if (!forwarded.route || forwarded.record.there()) return false;
        const auto shared = mqtt::parse_shared_filter(forwarded.route->group);
        if (!shared) return false;  // for one session
        routing::SharedMatch match;
        if (!shared_.subscriptions.choose_for_node(id_, message->mountpoint(), shared->group,
                                                   shared->filter, except, random_, match)) {
            return false;  // its members get it when it is back
        }
        // What has come back from that node can go to others again.
        const std::uint8_t hops = forwarded.route->hops;
        taken.push_back({std::move(message), forwarded.reply, std::move(match),
                         hops == kGivenAwayHops ? std::uint8_t{0} : hops});
        return true;
    });
    for (Taken& each : taken) {
        take_back(each.message, std::move(each.match), each.reply, {each.hops, except, 0, false});
    }
    if (!node->linked) spool_waiting(*node, true);
}

void Shard::take_back(const mqtt::MessagePtr& message, routing::SharedMatch match,
                      const Reply& reply, const GroupPath& path) {
    session::Routed routed;
    bool taken = true;
    if (match.shard >= shared_.shards) {
        taken = forward_to_group(message, match, path.hops, reply, routed);
    } else {
        matches_.clear();
        matches_.shared.push_back(std::move(match));
        answering_ = {reply};
        spread(message, reply, false, routed, path);
    }
    if (routed.waits == 0) confirm(reply, taken);
}

Shard::NodeMatches Shard::take_node_matches() {
    NodeMatches nodes;
    std::erase_if(matches_.shared, [&](routing::SharedMatch& match) {
        if (match.shard < shared_.shards) return false;
        nodes.groups |= shard_bit(match.shard);
        node_groups_.push_back(std::move(match));
        return true;
    });
    const ShardSet local = shared_.subscriptions.local();
    for (routing::FilterMatch& match : matches_.filters) {
        nodes.some |= match.shards & ~local;
        nodes.keeping |= match.persistent_shards & ~local;
        match.shards &= local;
        match.persistent_shards &= local;
    }
    return nodes;
}

std::optional<Undelivered> Shard::refused_for(ShardSet nodes,
                                              const session::PublishIntent& intent) const {
    std::size_t group = 0;  // the frame names it
    for (const routing::SharedMatch& match : node_groups_)
        group = std::max(group, match.name.size());
    for (; nodes != 0; nodes &= nodes - 1) {
        const NodeOutbox* node = node_by_slot_[static_cast<std::size_t>(std::countr_zero(nodes))];
        if (node == nullptr) continue;
        if (!node->has_room(shared_.store->accepting())) return Undelivered::NodeUnreachable;
        const std::size_t frame = cluster::publish_bound(intent.mountpoint, intent.topic,
                                                         intent.properties, intent.payload);
        if (frame + group > node->longest_frame) return Undelivered::TooLargeForNode;
    }
    return std::nullopt;
}

void Shard::drop_for_node(const mqtt::Message& message, Undelivered reason) {
    metrics_.add(Counter::ClusterBytesDropped, message.footprint());
    metrics_.add(reason == Undelivered::TooLargeForNode ? Counter::DropTooLargeForNode
                                                        : Counter::DropNodeUnreachable);
    drops_.add(reason, message.mountpoint(), {}, message.topic());
}

void Shard::forward(const mqtt::MessagePtr& message, const NodeMatches& nodes, const Reply& reply,
                    session::Routed& routed) {
    ShardSet rest = nodes.some;
    while (rest != 0) {
        NodeOutbox* node = node_by_slot_[static_cast<std::size_t>(std::countr_zero(rest))];
        rest &= rest - 1;
        if (node == nullptr) continue;
        rest &= ~node->slots;
        // Of a message for clean sessions alone nobody promises anything but what their
        // connections do.
        const bool kept = message->qos() != QoS::AtMostOnce && (nodes.keeping & node->slots) != 0;
        // Kept ones that have no room were refused before. One that is not kept may overtake those
        // on disk if it has another QoS [v5 MQTT-4.6.0-5].
        const bool behind = message->qos() != QoS::AtMostOnce && node->spool.behind() > 0;
        if (!kept && (behind || !node->stream.has_room())) {
            drop_for_node(*message, Undelivered::NodeUnreachable);
            continue;
        }
        metrics_.add(Counter::RouterMatchesRemote);
        if (kept) {
            forward_kept(*node, message, nullptr, reply, routed);
        } else {
            node->stream.add(message, {});
        }
    }
}

void Shard::start_node_links(cluster::LinkSettings settings, NodeLinks::Lost lost) {
    node_links_ = std::make_unique<NodeLinks>(*this, settings, std::move(lost));
}

void Shard::add_node(NodeNumber number, NodeOutboxOptions options) {
    if (find_node(number) != nullptr) return;
    if (!shared_.store->keeps_messages()) options.spool = nullptr;
    adopt_spools(*nodes_.emplace_back(std::make_unique<NodeOutbox>(number, std::move(options))));
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
    redispatch_groups(number);
    set_node_slots(number, 0);
    if (node_links_) node_links_->drop(number);
    const auto at = std::find_if(nodes_.begin(), nodes_.end(),
                                 [number](const auto& each) { return each->number == number; });
    if (at == nodes_.end()) return;
    (*at)->stream.clear([this](const Forwarded& was, bool safe) { confirm(was.reply, safe); });
    (*at)->spool.remove_all(writes_, now());
    nodes_.erase(at);
}

void Shard::tell_waiting() const noexcept {
    for (const auto& node : nodes_) {
        if (node->waiting) node->waiting->store(node->stream.bytes(), std::memory_order_relaxed);
    }
}

bool Shard::not_ready_for(ClientAction action) {
    if (!shared_.readiness.refuses(action)) [[likely]]
        return false;
    if (const auto count = shared_.readiness.refused(action, now())) {
        log::warning(
            "{} {} of clients refused: members of the cluster are away, see vmq-admin cluster "
            "show. To allow it meanwhile: vmq-admin set {}=on",
            *count, packet_of(action), setting_of(action));
    }
    return true;
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
