// The way of a message: from its publisher's shard to the queues and connections that get it.
#include <bit>
#include <utility>

#include "base/log.h"
#include "broker/limits.h"
#include "broker/session_moves.h"
#include "broker/shard.h"
#include "broker/will_context.h"

namespace vmq::broker {

using metrics::Counter;
using mqtt::QoS;
using queue::Delivery;
using queue::Queue;
using routing::SubscriptionKey;

session::Routed Shard::route(const session::PublishIntent& intent, const Origin& origin) {
    session::Routed routed;
    // The broker's own numbers are nobody's loss.
    const bool own = origin.publisher == 0;
    if (own ? shared_.readiness.refuses(ClientAction::Publish)
            : not_ready_for(ClientAction::Publish)) [[unlikely]] {
        if (!own) count_not_routed(intent, origin, Undelivered::Netsplit);
        routed.not_ready = true;
        routed.reason = mqtt::ReasonCode::UnspecifiedError;
        routed.refusal = kClusterNotComplete;
        return routed;
    }
    matches_.clear();
    shared_.subscriptions.match(id_, intent.mountpoint, intent.topic, random_, matches_);
    routed.matched = !matches_.empty();
    if (!routed.matched && !intent.retain) {
        if (!own) count_not_routed(intent, origin, Undelivered::NoSubscriber);
        return routed;
    }
    node_groups_.clear();
    const NodeMatches nodes = take_node_matches();
    if (refuses(intent.qos, intent.retain)) {
        count_not_routed(intent, origin, Undelivered::StorageFull);
        routed.reason = mqtt::ReasonCode::QuotaExceeded;
        return routed;
    }
    const ShardSet responsible = nodes.keeping | nodes.groups;
    if (intent.qos != QoS::AtMostOnce && responsible != 0) {
        if (const auto why = refused_for(responsible, intent)) {
            count_not_routed(intent, origin, *why);
            routed.reason = mqtt::ReasonCode::QuotaExceeded;
            if (*why == Undelivered::TooLargeForNode) routed.refusal = kTooLargeForNode;
            return routed;
        }
    }

    mqtt::MessageParts parts;
    parts.mountpoint = intent.mountpoint;
    parts.topic = intent.topic;
    parts.payload = intent.payload;
    parts.properties = intent.properties;
    parts.qos = intent.qos;
    parts.retain = intent.retain;
    parts.publisher = origin.publisher;
    if (intent.message_expiry_s) parts.expires_at = now() + Seconds(*intent.message_expiry_s);
    parts.store_id = new_store_id(intent.qos);
    if (nodes.some != 0) parts.origin = new_origin();
    const mqtt::MessagePtr message = mqtt::Message::make(parts);

    const Reply reply = intent.qos != QoS::AtMostOnce ? origin.reply : Reply{};
    answering_ = {reply};
    if (intent.retain) retain(message);
    spread(message, reply, origin.remembered, routed);
    if (nodes.some != 0) forward(message, nodes, reply, routed);
    for (const routing::SharedMatch& match : node_groups_) {
        (void)forward_to_group(message, match, 0, reply, routed);
    }
    return routed;
}

void Shard::spread(const mqtt::MessagePtr& message, const Reply& reply, bool remembered,
                   session::Routed& routed, const GroupPath& path) {
    const bool answer = reply.wanted();
    const auto& none = Reply{};
    std::uint32_t elsewhere = 0;  // shards and members of other shards that get it
    ShardSet addressed = 0;       // shards whose outbox ends with a Deliver of this message
    for (const routing::FilterMatch& match : matches_.filters) {
        if ((match.shards & shard_bit(id_)) != 0) deliver_filter(match.key, message);
        for (ShardSet rest = match.shards & ~shard_bit(id_); rest != 0; rest &= rest - 1) {
            const auto to = static_cast<ShardId>(std::countr_zero(rest));
            if ((addressed & shard_bit(to)) == 0) {
                addressed |= shard_bit(to);
                ++elsewhere;
                send(to, Deliver{message, {}, none});
            }
            auto& deliver = std::get<Deliver>(outboxes_[to].back());
            deliver.filters.push_back(match.key);
            if (answer && !deliver.reply.wanted() &&
                (match.persistent_shards & shard_bit(to)) != 0) {
                deliver.reply = reply;
                ++routed.waits;
            }
        }
    }
    for (const routing::SharedMatch& match : matches_.shared) {
        DeliverShared deliver{message, match.group, match.member, answer ? reply : none};
        deliver.path = path;
        bool sent_on = match.shard != id_;
        if (sent_on) {
            send(match.shard, std::move(deliver));
        } else {
            deliver_shared(deliver);
            sent_on = !deliver.message;  // to a member elsewhere
            if (deliver.forwarded) ++routed.waits;
        }
        if (!sent_on) continue;
        ++elsewhere;  // who will answer
        if (answer) ++routed.waits;
    }
    if (std::exchange(answering_, {}).ack != 0) ++routed.waits;
    // Exactly once also if we die now: the packet id is remembered with all copies, or with none.
    if (remembered && elsewhere > 0) {
        message->begin_parts(elsewhere + 1);
        writes_.join(message);
    }
}

// Several queues may hold it, so that it is stored once for all of them.
std::uint64_t Shard::new_store_id(QoS qos) {
    if (qos == QoS::AtMostOnce || !shared_.store->keeps_messages()) return 0;
    std::size_t receivers = matches_.shared.size();
    for (const routing::FilterMatch& match : matches_.filters) {
        const auto persistent = static_cast<std::size_t>(std::popcount(match.persistent_shards));
        receivers += persistent;
        if (persistent == 1 && (match.persistent_shards & shard_bit(id_)) != 0) {
            receivers += subscribers_.subscribers(match.key).size() - 1;
        } else if (persistent == 1) {
            ++receivers;  // how many there are is known elsewhere
        }
    }
    if (receivers < 2) return 0;
    return std::uint64_t{shared_.boot} << 44U | std::uint64_t{id_} << 38U | ++next_store_id_;
}

std::uint32_t Shard::await_published(const Reply& reply) {
    // Mail and commits keep their order, so what comes behind has seen everything before.
    for (ShardId to = 0; to < shared_.shards; ++to) {
        if (to != id_) send(to, Deliver{nullptr, {}, reply});
    }
    writes_.confirm_when_safe(reply);
    return shared_.shards + mark_nodes(reply);
}

void Shard::handle(Deliver& deliver) {
    if (!deliver.message) return writes_.confirm_when_safe(deliver.reply);
    answering_ = {deliver.reply};
    for (const SubscriptionKey filter : deliver.filters) deliver_filter(filter, deliver.message);
    const bool waits = std::exchange(answering_, {}).ack != 0;
    if (deliver.message->parts_missing() > 0) writes_.join(deliver.message);
    if (!waits) confirm(deliver.reply, true);
}

void Shard::deliver_filter(SubscriptionKey filter, const mqtt::MessagePtr& message) {
    const auto subscribers = subscribers_.subscribers(filter);
    metrics_.add(Counter::RouterMatchesLocal, subscribers.size());
    session::PublishTemplate* shared = nullptr;
    if (subscribers.size() > 1) {
        template_.begin();
        shared = &template_;
    }
    for (const routing::LocalSubscription& entry : subscribers) {
        auto& client = static_cast<Client&>(*entry.subscriber);
        deliver(client, message, entry.options, entry.subscription_id, shared);
    }
}

void Shard::deliver(Client& client, const mqtt::MessagePtr& message,
                    const mqtt::SubscriptionOptions& options, std::uint32_t subscription_id,
                    session::PublishTemplate* shared) {
    // [v5 MQTT-3.8.3-3]
    if (options.no_local && message->publisher() == client.hash) return;
    if (client.move && !moves_->is_first(client, *message)) [[unlikely]]
        return;
    deliver_new(client, message, options, subscription_id, shared);
}

void Shard::deliver_new(Client& client, const mqtt::MessagePtr& message,
                        const mqtt::SubscriptionOptions& options, std::uint32_t subscription_id,
                        session::PublishTemplate* shared) {
    const QoS qos = client.settings->upgrade_outgoing_qos ? options.qos
                                                          : mqtt::min(message->qos(), options.qos);
    const bool retain =
        options.retain_as_published && message->retain();  // [v5 MQTT-3.3.1-12, -13]
    if (client.more.empty()) {
        (void)hand_over(client, client.lane,
                        queue::make_delivery(message, subscription_id, qos, retain), shared);
        return;
    }
    // Several sessions of one client id: each gets a copy, or one of them (queue_deliver_mode).
    if (client.settings->balance_sessions) {
        (void)hand_over(client, choose_lane(client),
                        queue::make_delivery(message, subscription_id, qos, retain), shared);
        return;
    }
    (void)hand_over(client, client.lane,
                    queue::make_delivery(message, subscription_id, qos, retain), shared);
    for (const auto& lane : client.more) {
        (void)hand_over(client, *lane, queue::make_delivery(message, subscription_id, qos, retain),
                        shared);
    }
}

Lane& Shard::choose_lane(Client& client) {
    const auto choice = random_.below(static_cast<std::uint32_t>(client.more.size()) + 1);
    return choice == 0 ? client.lane : *client.more[choice - 1];
}

Shard::Handed Shard::hand_over(Client& client, Lane& lane, Delivery delivery,
                               session::PublishTemplate* shared) {
    metrics_.add(Counter::QueueMessageIn);
    Connection* connection = lane.connection;
    const bool stored = is_stored(client, lane, delivery.qos);
    const bool first_safe = stored && delivery.qos == QoS::ExactlyOnce && durable();
    if (connection != nullptr && !first_safe && lane.queue.ready(delivery.qos) &&
        connection->writable() && !delivery.message->expired(now())) {
        send_now(client, lane, std::move(delivery), shared);
        return Handed::Taken;
    }
    drop_expired(client, lane.queue.make_room(now()));
    switch (lane.queue.judge(delivery, now())) {
        case Queue::Offered::Queued:
        case Queue::Offered::QueuedInsteadOfOldest:
            break;
        case Queue::Offered::Full:
            if (delivery.shared_group != 0) return Handed::Refused;
            count_drop(client, delivery, hooks::DropReason::QueueFull);
            return Handed::Dropped;
        case Queue::Offered::Offline:
            if (delivery.shared_group != 0) return Handed::Refused;
            count_unhandled(client, delivery, Undelivered::ClientOffline);
            return Handed::Dropped;
        case Queue::Offered::Expired:
            count_drop(client, delivery, hooks::DropReason::Expired);
            return Handed::Dropped;
    }
    if (connection == nullptr) tell_offline_message(client, delivery);
    if (stored) {
        delivery.store_sequence = client.next_sequence++;
        if (client.move) [[unlikely]]
            moves_->note_stored(client, delivery);
        store_message(client, delivery, false);
    }
    Delivery displaced;
    if (lane.queue.offer(delivery, now(), displaced) == Queue::Offered::QueuedInsteadOfOldest) {
        count_drop(client, displaced, hooks::DropReason::QueueFull);
        forget(client, displaced);
    }
    watch_level(client, lane);
    if (connection != nullptr && first_safe) writes_.pump_when_safe(connection->number());
    return Handed::Taken;
}

void Shard::watch_level(Client& client, const Lane& lane) {
    const std::int64_t limit = lane.queue.limit();
    if (limit < kLeastWatchedQueue) return;
    const auto level = static_cast<std::int64_t>(lane.queue.backlog_size()) * 100 / limit;
    if (client.nearly_full && level < kQueueLowWater) client.nearly_full = false;
    if (client.nearly_full || level < kQueueHighWater) return;
    client.nearly_full = true;
    metrics_.add(Counter::QueueNearlyFull);
    if (may_report(levels_reported_at_)) {
        if (levels_reported_ > kWatermarkLogs) {
            log::warning("queues of {} more clients became nearly full",
                         levels_reported_ - kWatermarkLogs);
        }
        levels_reported_ = 0;
    }
    if (++levels_reported_ > kWatermarkLogs) return;
    log::warning("client {}: its queue is nearly full, {} of {} messages wait ({})",
                 client.client_id, lane.queue.backlog_size(), limit,
                 lane.queue.online() ? "max_online_messages" : "max_offline_messages");
}

bool Shard::is_stored(const Client& client, const Lane& lane, QoS qos) noexcept {
    return qos != QoS::AtMostOnce && client.persistent() && &lane == &client.lane;
}

hooks::MessageContext Shard::message_context(const Client& client, const Delivery& delivery) const {
    const mqtt::Message& message = *delivery.message;
    hooks::MessageContext context;
    context.subscriber = {client.mountpoint, client.client_id};
    context.qos = delivery.qos;
    context.topic = message.topic();
    context.payload = message.payload();
    context.retain = delivery.retain;
    context.properties = message.properties();
    context.message_expiry_interval = message.seconds_left(now());
    return context;
}

void Shard::tell_offline_message(const Client& client, const Delivery& delivery) {
    if (!chain_.implements(hooks::Hook::OnOfflineMessage)) return;
    chain_.on_offline_message(message_context(client, delivery));
}

void Shard::send_now(Client& client, Lane& lane, Delivery delivery,
                     session::PublishTemplate* shared) {
    Connection& connection = *lane.connection;
    mqtt::PacketId id{};
    const mqtt::MessagePtr* message = &delivery.message;
    const QoS qos = delivery.qos;
    const bool retain = delivery.retain;
    const std::uint32_t subscription_id = delivery.subscription_id;
    if (qos != QoS::AtMostOnce) {
        if (is_stored(client, lane, qos)) {
            delivery.store_sequence = client.next_sequence++;
            store_message(client, delivery, true);
        }
        auto& entry = lane.queue.window().add(std::move(delivery), now());
        id = entry.id;
        message = &entry.delivery.message;
    }
    if (connection.send({message, id, qos, retain, false, subscription_id}, shared)) {
        metrics_.add(Counter::QueueMessageOut);
        return;
    }
    if (qos != QoS::AtMostOnce) delivery = lane.queue.window().withdraw(id);
    count_drop(client, delivery, hooks::DropReason::MaxPacketSizeExceeded);
    forget(client, delivery);
}

void Shard::pump(Client& client, Lane& lane) {
    Connection* connection = lane.connection;
    if (connection == nullptr || connection->closing()) return;
    if (!waits_for(lane) && lane.queue.backlog_size() == 0) return;
    std::vector<Delivery> expired;
    int budget = kPumpBudget;
    while (connection->writable() && budget-- > 0) {
        // PUBREL is sent again when it is safe that there will be no other PUBLISH.
        if (lane.queue.window().must_resend() && client.last_write >= writes_.uncommitted()) {
            writes_.pump_when_safe(connection->number());
            break;
        }
        const auto next = lane.queue.next(now(), expired, writes_.uncommitted());
        if (!next) break;
        if (next->kind == Queue::Outgoing::Kind::Pubrel) {
            connection->session()->send_pubrel(next->id);
            continue;
        }
        const Delivery& delivery = next->delivery();
        if (connection->send({&delivery.message, next->id, delivery.qos, delivery.retain, next->dup,
                              delivery.subscription_id},
                             nullptr)) {
            metrics_.add(Counter::QueueMessageOut);
            continue;
        }
        const Delivery dropped =
            delivery.qos == QoS::AtMostOnce ? delivery : lane.queue.window().withdraw(next->id);
        count_drop(client, dropped, hooks::DropReason::MaxPacketSizeExceeded);
        forget(client, dropped);
    }
    drop_expired(client, expired);
    if (&lane == &client.lane) fetch(client);
    if (budget <= 0) return pump_later(*connection);
    if (lane.retained && !lane.queue.resends()) pump_retained(client, lane);
}

void Shard::drop_expired(Client& client, const std::vector<Delivery>& expired) {
    for (const Delivery& delivery : expired) {
        count_drop(client, delivery, hooks::DropReason::Expired);
        forget(client, delivery);
    }
}

bool Shard::waits_for(const Lane& lane) const noexcept {
    return lane.retained || lane.queue.has_sendable();
}

void Shard::publish_will(const Client& client, const session::StoredWill& will) {
    (void)route(intent_of(will), {client.hash, Reply{}});
    if (!chain_.implements(hooks::Hook::OnPublish)) return;
    chain_.on_publish(will_context(client, will));
}

bool Shard::may_report(TimePoint& last) const noexcept {
    if (now() - last < kReportInterval) return false;
    last = now();
    return true;
}

void Shard::count_not_routed(const session::PublishIntent& intent, const Origin& origin,
                             Undelivered reason) {
    if (reason == Undelivered::StorageFull) metrics_.add(Counter::DropStoreRefused);
    if (reason == Undelivered::NodeUnreachable) metrics_.add(Counter::DropNodeUnreachable);
    if (reason == Undelivered::TooLargeForNode) metrics_.add(Counter::DropTooLargeForNode);
    if (reason == Undelivered::Netsplit) metrics_.add(Counter::DropNetsplit);
    const Connection* publisher = find(origin.reply.connection);
    const Client* client = publisher != nullptr ? publisher->client() : nullptr;
    drops_.add(reason, intent.mountpoint, client != nullptr ? client->client_id : "", intent.topic);
}

void Shard::count_unhandled(const Client& client, const Delivery& delivery, Undelivered reason) {
    metrics_.add(Counter::QueueMessageUnhandled);
    metrics_.add(reason == Undelivered::ClientOffline ? Counter::DropOffline
                                                      : Counter::DropSessionEnded);
    drops_.add(reason, client.mountpoint, client.client_id,
               delivery.message ? delivery.message->topic() : "");
}

void Shard::count_drop(Client& client, const Delivery& delivery, hooks::DropReason reason) {
    Undelivered why = Undelivered::QueueFull;
    switch (reason) {
        case hooks::DropReason::QueueFull:
            metrics_.add(Counter::QueueMessageDrop);
            break;
        case hooks::DropReason::Expired:
            metrics_.add(Counter::QueueMessageExpired);
            why = Undelivered::Expired;
            break;
        case hooks::DropReason::MaxPacketSizeExceeded:
            metrics_.add(Counter::QueueMessageDropMaxPacketSize);
            why = Undelivered::TooLarge;
            break;
    }
    drops_.add(why, client.mountpoint, client.client_id,
               delivery.message ? delivery.message->topic() : "");
    if (chain_.implements(hooks::Hook::OnMessageDrop) && delivery.message) {
        hooks::MessageContext context = message_context(client, delivery);
        context.reason = reason;
        chain_.on_message_drop(context);
    }
    if (reason == hooks::DropReason::Expired) return;
    if (const auto report = drop_log_.add(client.number, client.client_id, reason))
        log_drops(*report);
    if (!drop_timer_.running()) loop_.timers().start(drop_timer_, now() + kReportInterval);
}

void Shard::report_drops() {
    for (const DropLog::Report& report : drop_log_.take_due()) log_drops(report);
    if (drop_log_.active()) loop_.timers().start(drop_timer_, now() + kReportInterval);
}

void Shard::log_drops(const DropLog::Report& report) const {
    const char* why = report.reason == hooks::DropReason::QueueFull
                          ? "queue full (max_online_messages, max_offline_messages)"
                          : "larger than the client's Maximum Packet Size";
    if (report.client_id.empty()) {
        log::warning("{} more messages of other clients dropped, {}", report.messages, why);
    } else {
        log::warning("client {}: dropped {} messages, {}", report.client_id, report.messages, why);
    }
}

}  // namespace vmq::broker
