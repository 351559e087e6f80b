// Messages for other nodes that wait on disk: the node is away, or memory has no room for them.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "broker/limits.h"
#include "broker/shard.h"

namespace vmq::broker {

using metrics::Counter;
using mqtt::QoS;

namespace {

/// Before a message that a node could not take is sent there again.
constexpr Millis kRefusedPause{1000};

}  // namespace

void Shard::adopt_spools(NodeOutbox& node) {
    std::erase_if(stored_outboxes_, [&](const store::StoredSession& stored) {
        if (stored.record.key.client_id != node.stored_as) return false;
        node.spool.adopt(stored.id, stored.queue);
        spools_used_ = true;
        return true;
    });
}

void Shard::forget_outboxes() {
    for (const store::StoredSession& stored : std::exchange(stored_outboxes_, {})) {
        log::warning("about {} messages for node {} are given up: it is no member any more",
                     stored.queue.count, stored.record.key.client_id);
        (void)writes_.add(store::DeleteSession{stored.id}, true, 0, now());
    }
}

void Shard::open_spool(NodeOutbox& node) {
    if (node.spool.open()) return;
    store::SessionRecord record;
    record.key = {std::string(store::kOutboxMountpoint), node.stored_as};
    record.expiry_interval_s = session::kSessionNeverExpires;
    record.expires_at = store::kWallNever;
    const store::SessionId session = new_session_id();
    (void)write(store::PutSession{session, std::move(record)});
    node.spool.open(session);
    spools_used_ = true;
}

SpoolRecord Shard::put_into_spool(NodeOutbox& node, const mqtt::MessagePtr& message,
                                  const GroupRoute* route, PendingWrites::Ack ack) {
    metrics_.add(Counter::ClusterMessagesSpooled);
    if (route == nullptr) return node.spool.put(writes_, message, nullptr, 0, ack, now());
    return node.spool.put(writes_, message, &route->group, route->hops, ack, now());
}

void Shard::forward_kept(NodeOutbox& node, const mqtt::MessagePtr& message,
                         std::shared_ptr<const GroupRoute> route, const Reply& reply,
                         session::Routed& routed, Keeper keeper) {
    const bool disk = shared_.store->accepting();
    const bool must = node.must_spool(disk);
    const bool may = keeper == Keeper::Disk && disk && node.spool.has_room();
    if (!must && !may) {
        const bool waits = reply.wanted() && keeper == Keeper::Node;
        node.stream.add(message, {waits ? reply : Reply{}, std::move(route), true});
        if (waits) ++routed.waits;
        return;
    }
    if (must) spool_waiting(node, false);
    open_spool(node);
    PendingWrites::Ack ack = 0;
    if (reply.wanted()) {
        ack = writes_.begin(reply);
        ++routed.waits;
    }
    const SpoolRecord record = put_into_spool(node, message, route.get(), ack);
    if (node.spool.behind() == 0 && node.stream.has_room()) {
        node.stream.add(message, {{}, std::move(route), true, record});
    } else {
        node.spool.leave_behind(record);
    }
}

void Shard::spool_waiting(NodeOutbox& node, bool groups) {
    if (!node.spool.usable() || node.spool.behind() > 0 || !shared_.store->accepting()) return;
    (void)node.stream.look_at([&](const mqtt::MessagePtr& message, Forwarded& forwarded) {
        if (!message) {
            if (forwarded.reply.wanted()) {
                writes_.confirm_when_safe(std::exchange(forwarded.reply, {}));
            }
            return true;
        }
        if (!forwarded.kept || forwarded.record.there() || (forwarded.route && !groups)) {
            return true;
        }
        if (!node.spool.has_room()) return false;
        open_spool(node);
        const PendingWrites::Ack ack =
            forwarded.reply.wanted() ? writes_.begin(std::exchange(forwarded.reply, {})) : 0;
        forwarded.record = put_into_spool(node, message, forwarded.route.get(), ack);
        return true;
    });
    loop_.run_again();
}

std::uint32_t Shard::mark_nodes(const Reply& reply) {
    std::uint32_t marks = 0;
    for (const auto& node : nodes_) {
        const bool all_safe =
            node->stream.look_at([](const mqtt::MessagePtr& message, Forwarded& waits) {
                return !message || !waits.kept || waits.record.there();
            });
        if (all_safe) continue;
        node->stream.add_mark({.reply = reply});
        ++marks;
    }
    return marks;
}

void Shard::node_linked(NodeOutbox& node, bool linked) {
    if (node.linked == linked) return;
    node.linked = linked;
    // Messages of groups may find a member elsewhere: redispatch_groups().
    if (!linked) spool_waiting(node, false);
    loop_.run_again();
}

void Shard::on_forwarded(NodeOutbox& node, const Forwarded& was, bool safe) {
    if (!was.record.there()) return confirm(was.reply, safe);
    if (safe) return node.spool.remove(writes_, was.record, now());
    // It could not store it, and its publisher relies on us.
    node.spool.leave_behind(was.record);
    node.spool.pause_until(now() + kRefusedPause);
    loop_.wake_by(node.spool.paused_until());
}

void Shard::on_given_up(NodeOutbox& node, const Forwarded& was) {
    if (was.record.there()) {
        node.spool.remove(writes_, was.record, now());
    } else {
        confirm(was.reply, false);
    }
}

void Shard::load_spools() {
    if (!spools_used_) return;
    for (const auto& node : nodes_) {
        if (!node->linked || !node->stream.has_half_room()) continue;
        const auto request = node->spool.wants_load(now(), node->stream.room());
        if (!request) {
            if (node->spool.behind() > 0 && now() < node->spool.paused_until()) {
                loop_.wake_by(node->spool.paused_until());
            }
            continue;
        }
        hand_over_writes(true);
        shared_.store->load(
            id_, *request,
            [this, number = node->number](std::vector<store::StoredMessage> messages) {
                on_spool_loaded(number, std::move(messages));
            });
    }
}

void Shard::on_spool_loaded(NodeNumber number, std::vector<store::StoredMessage> messages) {
    NodeOutbox* node = find_node(number);
    if (node == nullptr) return;
    const NodeSpool::Loaded loaded = node->spool.on_loaded(writes_, messages, now());
    for (std::size_t i = 0; i < loaded.records.size(); ++i) {
        std::shared_ptr<const GroupRoute> route;
        if (!messages[i].shared_filter.empty()) {
            route = std::make_shared<const GroupRoute>(
                GroupRoute{std::move(messages[i].shared_filter),
                           static_cast<std::uint8_t>(messages[i].subscription_id)});
        }
        node->stream.add(std::move(messages[i].message),
                         {{}, std::move(route), true, loaded.records[i]});
    }
    node->stream.add_gaps(loaded.missing);
    loop_.run_again();
}

}  // namespace vmq::broker
