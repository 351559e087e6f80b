// Messages of shared subscriptions: each to one member of the group that has room for it.
#include <utility>

#include "broker/limits.h"
#include "broker/shard.h"
#include "cluster/frame_codec.h"

namespace vmq::broker {

using metrics::Counter;
using mqtt::QoS;
using queue::Delivery;
using routing::Elsewhere;
using routing::SubscriptionKey;

void Shard::handle(DeliverShared& deliver) {
    const Reply reply = deliver.reply;
    answering_ = {reply};
    deliver_shared(deliver);
    const bool waits = std::exchange(answering_, {}).ack != 0;
    if (!deliver.message) return;  // sent on to a member elsewhere, who will answer
    if (deliver.message->parts_missing() > 0) writes_.join(deliver.message);
    if (!waits && !deliver.forwarded) confirm(reply, true);
}

void Shard::deliver_shared(DeliverShared& deliver) {
    const auto found = clients_by_number_.find(deliver.member);
    const routing::OwnSubscription* own =
        found == clients_by_number_.end() ? nullptr : found->second->find(deliver.group);
    if (own == nullptr) {
        deliver.last_chance = false;  // who was to have it back is no member any more
        return choose_again(deliver, deliver.member);
    }
    Client& client = *found->second;
    // [v5 MQTT-3.8.3-3]: of sessions that take turns, no client can ask it of a group of its own.
    if (own->options.no_local && deliver.message->publisher() == client.hash) return;
    const QoS qos = client.settings->upgrade_outgoing_qos
                        ? own->options.qos
                        : mqtt::min(deliver.message->qos(), own->options.qos);
    const bool retain = own->options.retain_as_published && deliver.message->retain();
    metrics_.add(Counter::RouterMatchesLocal);
    Lane& lane = client.more.empty() ? client.lane : choose_lane(client);
    Delivery delivery = queue::make_delivery(deliver.message, own->subscription_id, qos, retain);
    delivery.shared_group = static_cast<std::uint64_t>(deliver.group);
    if (hand_over(client, lane, std::move(delivery), nullptr) == Handed::Refused) {
        choose_again(deliver, client.number);
    }
}

void Shard::choose_again(DeliverShared& deliver, ClientNumber except) {
    routing::SharedMatch match{deliver.group, id_, except, {}};
    deliver.tried.push_back(except);
    const bool other = !deliver.last_chance && deliver.tried.size() < kSharedAttempts &&
                       shared_.subscriptions.choose_other(
                           id_, match, deliver.message->mountpoint(), deliver.message->topic(),
                           deliver.tried, random_, deliver.keeper != ClientNumber{});
    if (!other) return give_back(deliver);
    deliver.member = match.member;
    if (match.shard == id_) return deliver_shared(deliver);
    send(match.shard, std::move(deliver));
}

void Shard::give_back(DeliverShared& deliver) {
    const ClientNumber keeper = std::exchange(deliver.keeper, ClientNumber{});
    if (keeper == ClientNumber{}) {
        if (!send_elsewhere(deliver, Elsewhere::ByPolicy)) drop_shared(deliver);
        return;
    }
    if (send_elsewhere(deliver, Elsewhere::Connected)) return;
    deliver.last_chance = true;
    deliver.member = keeper;
    if (deliver.keeper_shard == id_) return deliver_shared(deliver);
    send(deliver.keeper_shard, std::move(deliver));
}

bool Shard::send_elsewhere(DeliverShared& deliver, Elsewhere which) {
    const mqtt::Message& message = *deliver.message;
    const GroupPath& path = deliver.path;
    const bool back = path.hops == kGivenAwayHops;
    if (back) which = Elsewhere::Back;
    const bool online = which == Elsewhere::Connected;
    if (message.qos() == QoS::AtMostOnce || (path.hops >= kMostGroupHops && !back)) return false;
    const int hops = online ? kGivenAwayHops : path.hops + 1;
    const std::size_t frame = cluster::publish_bound(message.mountpoint(), message.topic(),
                                                     message.properties(), message.payload());
    const bool disk = shared_.store->accepting();
    routing::SharedMatch match{deliver.group, id_, {}, {}};
    for (ShardSet except = back ? ~path.sender : path.except;
         shared_.subscriptions.choose_elsewhere(id_, match, message.mountpoint(), message.topic(),
                                                except, random_, which);) {
        const NodeOutbox* node = node_by_slot_[match.shard];
        except |= node != nullptr ? node->slots : shard_bit(match.shard);
        if (node == nullptr || frame + match.name.size() > node->longest_frame ||
            !node->has_room(disk) || (online && !node->linked)) {
            continue;
        }
        // What was stored here, or has to become safe with other parts, does so on this disk. So
        // does what comes from a node: were its acknowledgement to wait for another node's, all
        // could wait for one another in a circle. Without a disk nobody waits for it.
        const bool here = path.from_node || (message.parts_missing() > 0 && disk &&
                                             (node->must_spool(disk) || node->spool.has_room()));
        // Who has a session that keeps it does not give it away for a place in memory.
        if (online && message.parts_missing() > 0 && !here) continue;
        session::Routed routed;
        if (!forward_to_group(deliver.message, match, hops, deliver.reply, routed,
                              here ? Keeper::Disk : Keeper::Node)) {
            return false;
        }
        deliver.forwarded = routed.waits > 0;
        return true;
    }
    return false;
}

// Nobody had room. The last member that was asked stands for the group, unless it is gone.
void Shard::drop_shared(const DeliverShared& deliver) {
    const auto last = clients_by_number_.find(deliver.member);
    if (last == clients_by_number_.end()) {
        metrics_.add(Counter::QueueMessageUnhandled);
        metrics_.add(Counter::DropSessionEnded);
        return drops_.add(Undelivered::SessionEnded, deliver.message->mountpoint(), {},
                          deliver.message->topic());
    }
    Delivery delivery;
    delivery.message = deliver.message;
    delivery.qos = deliver.message->qos();
    if (delivery.qos == QoS::AtMostOnce && !last->second->online()) {
        return count_unhandled(*last->second, delivery, Undelivered::ClientOffline);
    }
    count_drop(*last->second, delivery, hooks::DropReason::QueueFull);
}

bool Shard::has_other_member(const Client& client, std::uint64_t group) {
    const routing::OwnSubscription* own = client.find(SubscriptionKey{group});
    if (own == nullptr || !own->shared) return false;
    const routing::GroupHandle handle{own->key(), static_cast<routing::SharedGroup*>(own->handle)};
    return shared_.subscriptions.has_other_online(id_, handle, client.number);
}

void Shard::redispatch(Client& from, std::vector<Delivery> deliveries) {
    for (Delivery& delivery : deliveries) {
        const bool stored = delivery.store_sequence != 0 && shared_.store->keeps_messages();
        move_away(from, delivery);
        mqtt::MessagePtr message = std::move(delivery.message);
        if (stored) {
            // Gone here and safe there, or neither: with a counter of parts of its own.
            message = mqtt::Message::make(
                {message->mountpoint(), message->topic(), message->payload(), message->properties(),
                 message->qos(), message->retain(), message->publisher(), message->expires_at()});
            message->begin_parts(2);
            writes_.join(message);
        }
        DeliverShared deliver{message, SubscriptionKey{delivery.shared_group}, from.number,
                              Reply{}};
        if (from.persistent() && delivery.qos != QoS::AtMostOnce &&
            from.find(deliver.group) != nullptr) {
            deliver.keeper = from.number;
            deliver.keeper_shard = id_;
        }
        choose_again(deliver, from.number);
        if (stored && deliver.message) writes_.join(message);  // the other part stayed here
    }
}

}  // namespace vmq::broker
