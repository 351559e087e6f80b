// The way of a message: from its publisher's shard to the queues and connections that get it.
#include <bit>
#include <utility>

#include "base/log.h"
#include "broker/limits.h"
#include "broker/shard.h"

namespace vmq::broker {

using metrics::Counter;
using mqtt::QoS;
using queue::Delivery;
using queue::Queue;
using routing::SubscriptionKey;

session::Routed Shard::route(const session::PublishIntent& intent, const Origin& origin) {
    session::Routed routed;
    matches_.clear();
    shared_.subscriptions.match(id_, intent.mountpoint, intent.topic, random_, matches_);
    routed.matched = !matches_.empty();
    if (!routed.matched && !intent.retain) return routed;

    mqtt::MessageParts parts;
    parts.mountpoint = intent.mountpoint;
    parts.topic = intent.topic;
    parts.payload = intent.payload;
    parts.properties = intent.properties;
    parts.qos = intent.qos;
    parts.retain = intent.retain;
    parts.publisher = origin.publisher;
    if (intent.message_expiry_s) parts.expires_at = now() + Seconds(*intent.message_expiry_s);
    const mqtt::MessagePtr message = mqtt::Message::make(parts);

    if (intent.retain) retain(message);
    const bool answer = intent.qos != QoS::AtMostOnce && origin.reply.wanted();
    const auto& none = Reply{};
    bool stored_here = false;
    ShardSet addressed = 0;  // shards whose outbox ends with a Deliver of this message
    for (const routing::FilterMatch& match : matches_.filters) {
        if ((match.shards & shard_bit(id_)) != 0) {
            stored_here = deliver_filter(match.key, message) || stored_here;
        }
        for (ShardSet rest = match.shards & ~shard_bit(id_); rest != 0; rest &= rest - 1) {
            const auto to = static_cast<ShardId>(std::countr_zero(rest));
            if ((addressed & shard_bit(to)) == 0) {
                addressed |= shard_bit(to);
                send(to, Deliver{message, {}, none});
            }
            auto& deliver = std::get<Deliver>(outboxes_[to].back());
            deliver.filters.push_back(match.key);
            if (answer && !deliver.reply.wanted() &&
                (match.persistent_shards & shard_bit(to)) != 0) {
                deliver.reply = origin.reply;
                ++routed.waits;
            }
        }
    }
    for (const routing::SharedMatch& match : matches_.shared) {
        DeliverShared deliver{message, match.group, match.member, answer ? origin.reply : none};
        if (match.shard == id_) {
            stored_here = deliver_shared(deliver) || stored_here;
            const bool sent_on = !deliver.message;  // to a member elsewhere, who will answer
            if (sent_on && answer) ++routed.waits;
            continue;
        }
        if (answer) ++routed.waits;
        send(match.shard, std::move(deliver));
    }
    if (answer && stored_here) {
        commit_waiters_.push_back(origin.reply);
        ++routed.waits;
    }
    return routed;
}

std::uint32_t Shard::await_published(const Reply& reply) {
    // Mail and commits keep their order, so what comes behind has seen everything before.
    for (ShardId to = 0; to < shared_.shards; ++to) {
        if (to != id_) send(to, Deliver{nullptr, {}, reply});
    }
    commit_waiters_.push_back(reply);
    return shared_.shards;
}

void Shard::retain(const mqtt::MessagePtr& message) {
    if (message->payload().empty()) {  // [v5 MQTT-3.3.1-6]
        shared_.retained.erase(message->mountpoint(), message->topic());
        return;
    }
    const auto stored = shared_.retained.set(message);  // [v5 MQTT-3.3.1-5]
    if (stored != routing::RetainedIndex::Stored::LimitReached) return;
    metrics_.add(Counter::RetainLimitReached);
    if (!may_report(retained_reported_at_)) return;
    log::warning("retained message on {} not kept: max_retained_messages reached",
                 message->topic());
}

void Shard::handle(Deliver& deliver) {
    bool stored = !deliver.message;
    for (const SubscriptionKey filter : deliver.filters) {
        stored = deliver_filter(filter, deliver.message) || stored;
    }
    if (!deliver.reply.wanted()) return;
    if (stored) {
        commit_waiters_.push_back(deliver.reply);
    } else {
        confirm(deliver.reply, true);
    }
}

void Shard::handle(DeliverShared& deliver) {
    const Reply reply = deliver.reply;
    if (deliver_shared(deliver)) {
        if (reply.wanted()) commit_waiters_.push_back(reply);
    } else if (reply.wanted() && deliver.message) {
        confirm(reply, true);
    }
}

bool Shard::deliver_filter(SubscriptionKey filter, const mqtt::MessagePtr& message) {
    const auto subscribers = subscribers_.subscribers(filter);
    metrics_.add(Counter::RouterMatchesLocal, subscribers.size());
    session::PublishTemplate* shared = nullptr;
    if (subscribers.size() > 1) {
        template_.begin();
        shared = &template_;
    }
    bool stored = false;
    for (const routing::LocalSubscription& entry : subscribers) {
        auto& client = static_cast<Client&>(*entry.subscriber);
        stored = deliver(client, message, entry.options, entry.subscription_id, shared) || stored;
    }
    return stored;
}

bool Shard::deliver(Client& client, const mqtt::MessagePtr& message,
                    const mqtt::SubscriptionOptions& options, std::uint32_t subscription_id,
                    session::PublishTemplate* shared) {
    // [v5 MQTT-3.8.3-3]
    if (options.no_local && message->publisher() == client.hash) return false;
    const QoS qos = client.settings->upgrade_outgoing_qos ? options.qos
                                                          : mqtt::min(message->qos(), options.qos);
    const bool retain =
        options.retain_as_published && message->retain();  // [v5 MQTT-3.3.1-12, -13]
    const bool stored = qos != QoS::AtMostOnce && client.persistent();
    if (client.more.empty()) {
        (void)hand_over(client, client.lane, {message, 0, 0, subscription_id, qos, retain}, shared);
        return stored;
    }
    // Several sessions of one client id: each gets a copy, or one of them (queue_deliver_mode).
    if (client.settings->balance_sessions) {
        (void)hand_over(client, choose_lane(client), {message, 0, 0, subscription_id, qos, retain},
                        shared);
        return stored;
    }
    (void)hand_over(client, client.lane, {message, 0, 0, subscription_id, qos, retain}, shared);
    for (const auto& lane : client.more) {
        (void)hand_over(client, *lane, {message, 0, 0, subscription_id, qos, retain}, shared);
    }
    return stored;
}

Lane& Shard::choose_lane(Client& client) {
    const auto choice = random_.below(static_cast<std::uint32_t>(client.more.size()) + 1);
    return choice == 0 ? client.lane : *client.more[choice - 1];
}

Shard::Handed Shard::hand_over(Client& client, Lane& lane, Delivery delivery,
                               session::PublishTemplate* shared) {
    metrics_.add(Counter::QueueMessageIn);
    Connection* connection = lane.connection;
    if (connection != nullptr && lane.queue.ready(delivery.qos) && connection->writable() &&
        !delivery.message->expired(now())) {
        send_now(client, lane, std::move(delivery), shared);
        return Handed::Taken;
    }
    Delivery displaced;
    if (delivery.qos != QoS::AtMostOnce && client.persistent()) {
        delivery.store_sequence = client.next_sequence++;
    }
    const Delivery record = delivery.store_sequence != 0 ? delivery : Delivery{};
    drop_expired(client, lane.queue.make_room(now()));
    switch (lane.queue.offer(delivery, now(), displaced)) {
        case Queue::Offered::Queued:
            break;
        case Queue::Offered::QueuedInsteadOfOldest:
            count_drop(client, displaced, hooks::DropReason::QueueFull);
            forget(client, displaced);
            break;
        case Queue::Offered::Full:
            if (delivery.shared_group != 0) return Handed::Refused;
            count_drop(client, delivery, hooks::DropReason::QueueFull);
            return Handed::Dropped;
        case Queue::Offered::Offline:
            if (delivery.shared_group != 0) return Handed::Refused;
            count_unhandled(1);
            return Handed::Dropped;
        case Queue::Offered::Expired:
            count_drop(client, delivery, hooks::DropReason::Expired);
            return Handed::Dropped;
    }
    if (record.message) store_message(client, record);
    if (connection == nullptr && chain_.implements(hooks::Hook::OnOfflineMessage) &&
        record.message) {
        chain_.on_offline_message({{client.mountpoint, client.client_id},
                                   record.qos,
                                   record.message->topic(),
                                   record.message->payload(),
                                   record.retain,
                                   hooks::DropReason::QueueFull});
    }
    return Handed::Taken;
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
        if (client.persistent()) {
            delivery.store_sequence = client.next_sequence++;
            store_message(client, delivery);
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
        const auto next = lane.queue.next(now(), expired);
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
    if (budget <= 0) return pump_later(*connection);
    if (lane.retained) pump_retained(client, lane);
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

void Shard::begin_retained(Lane& lane, const mqtt::SubscribeEntry& entry,
                           std::uint32_t subscription_id) {
    if (!lane.retained) lane.retained = std::make_unique<RetainedStreams>();
    lane.retained->insert_or_assign(std::string(entry.filter),
                                    RetainedStream{entry.options, subscription_id, {}, {}});
}

void Shard::end_retained(Lane& lane, std::string_view filter) {
    if (!lane.retained) return;
    const auto found = lane.retained->find(filter);
    if (found != lane.retained->end()) lane.retained->erase(found);
    if (lane.retained->empty()) lane.retained.reset();
}

void Shard::pump_retained(Client& client, Lane& lane) {
    Connection& connection = *lane.connection;
    std::vector<mqtt::MessagePtr> found;
    int budget = kPumpBudget;
    if (lane.retained) lane.retained->begin()->second.interrupted = true;
    while (lane.retained) {
        auto& [filter, stream] = *lane.retained->begin();
        while (!stream.fetched.empty() && connection.writable() && budget-- > 0) {
            if (!send_retained(client, lane, stream)) return;
        }
        if (!connection.writable()) return;
        if (budget <= 0) return pump_later(connection);
        if (stream.cursor.done) {
            lane.retained->erase(lane.retained->begin());
            if (lane.retained->empty()) lane.retained.reset();
            continue;
        }
        budget -= kRetainedLookupCost;
        found.clear();
        shared_.retained.match(id_, client.mountpoint, filter, now(), kRetainedBatch, stream.cursor,
                               found);
        stream.fetched.assign(found.rbegin(), found.rend());
        stream.interrupted = false;
    }
}

mqtt::MessagePtr Shard::retained_now(const mqtt::Message& message) {
    std::vector<mqtt::MessagePtr> found;
    routing::RetainedIndex::Cursor cursor;
    while (found.empty() && !cursor.done) {
        shared_.retained.match(id_, message.mountpoint(), message.topic(), now(), 1, cursor, found);
    }
    return found.empty() ? nullptr : std::move(found.front());
}

bool Shard::send_retained(Client& client, Lane& lane, RetainedStream& stream) {
    mqtt::MessagePtr message = stream.fetched.back();
    // The client may have got a newer one meanwhile, which an older one must not follow.
    if (stream.interrupted) message = retained_now(*message);
    if (!message) {
        stream.fetched.pop_back();
        return true;
    }
    const QoS qos = client.settings->upgrade_outgoing_qos
                        ? stream.options.qos
                        : mqtt::min(message->qos(), stream.options.qos);
    // The window may be full: the stream goes on with the next acknowledgement.
    if (qos != QoS::AtMostOnce && !lane.queue.window().can_add()) return false;
    if (stream.options.no_local && message->publisher() == client.hash) {
        stream.fetched.pop_back();
        return true;
    }
    // RETAIN is set on what a subscription brings in [v5 MQTT-3.3.1-8].
    Delivery delivery{std::move(message), 0, 0, stream.subscription_id, qos, true};
    stream.fetched.pop_back();
    metrics_.add(Counter::QueueMessageIn);
    if (delivery.message->expired(now())) {
        count_drop(client, delivery, hooks::DropReason::Expired);
        return true;
    }
    send_now(client, lane, std::move(delivery), nullptr);
    return true;
}

bool Shard::deliver_shared(DeliverShared& deliver) {
    const auto found = clients_by_number_.find(deliver.member);
    if (found == clients_by_number_.end()) return choose_again(deliver, deliver.member);
    Client& client = *found->second;
    const routing::OwnSubscription* own = client.find(deliver.group);
    if (own == nullptr) return choose_again(deliver, client.number);
    const QoS qos = client.settings->upgrade_outgoing_qos
                        ? own->options.qos
                        : mqtt::min(deliver.message->qos(), own->options.qos);
    const bool retain = own->options.retain_as_published && deliver.message->retain();
    metrics_.add(Counter::RouterMatchesLocal);
    Lane& lane = client.more.empty() ? client.lane : choose_lane(client);
    const Delivery delivery{
        deliver.message, static_cast<std::uint64_t>(deliver.group), 0, own->subscription_id, qos,
        retain};
    switch (hand_over(client, lane, delivery, nullptr)) {
        case Handed::Taken:
            return qos != QoS::AtMostOnce && client.persistent();
        case Handed::Dropped:
            return false;
        case Handed::Refused:
            break;
    }
    return choose_again(deliver, client.number);
}

bool Shard::choose_again(DeliverShared& deliver, ClientNumber except) {
    routing::SharedMatch match{deliver.group, id_, except};
    deliver.tried.push_back(except);
    const bool other =
        !deliver.last_chance && deliver.tried.size() < kSharedAttempts &&
        shared_.subscriptions.choose_other(id_, match, deliver.message->mountpoint(),
                                           deliver.message->topic(), deliver.tried, random_);
    if (!other) return give_back(deliver);
    deliver.member = match.member;
    if (match.shard == id_) return deliver_shared(deliver);
    send(match.shard, std::move(deliver));
    return false;
}

bool Shard::give_back(DeliverShared& deliver) {
    const ClientNumber keeper = std::exchange(deliver.keeper, ClientNumber{});
    if (keeper == ClientNumber{}) {
        drop_shared(deliver);
        return false;
    }
    deliver.last_chance = true;
    deliver.member = keeper;
    if (deliver.keeper_shard == id_) return deliver_shared(deliver);
    send(deliver.keeper_shard, std::move(deliver));
    return false;
}

// Nobody had room. The last member that was asked stands for the group, unless it is gone.
void Shard::drop_shared(const DeliverShared& deliver) {
    const auto last = clients_by_number_.find(deliver.member);
    if (last == clients_by_number_.end()) return count_unhandled(1);
    Delivery delivery;
    delivery.message = deliver.message;
    delivery.qos = deliver.message->qos();
    if (delivery.qos == QoS::AtMostOnce && !last->second->online()) return count_unhandled(1);
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
        forget(from, delivery);
        DeliverShared deliver{delivery.message, SubscriptionKey{delivery.shared_group}, from.number,
                              Reply{}};
        if (from.persistent() && delivery.qos != QoS::AtMostOnce) {
            deliver.keeper = from.number;
            deliver.keeper_shard = id_;
        }
        (void)choose_again(deliver, from.number);
    }
}

void Shard::publish_will(const Client& client, const session::StoredWill& will) {
    session::PublishIntent intent;
    intent.mountpoint = will.mountpoint;
    intent.topic = will.topic;
    intent.payload = will.payload;
    intent.properties = will.properties;
    intent.message_expiry_s = will.message_expiry_s;
    intent.qos = will.qos;
    intent.retain = will.retain;  // [v5 MQTT-3.1.2-14, -15]
    (void)route(intent, {client.hash, Reply{}});
    if (!chain_.implements(hooks::Hook::OnPublish)) return;
    hooks::PublishContext context;
    context.subscriber = {client.mountpoint, client.client_id};
    if (will.username) context.username = *will.username;
    context.v5 = will.v5;
    context.message_expiry_interval = will.message_expiry_s;
    context.qos = will.qos;
    context.topic = will.topic;
    context.payload = will.payload;
    context.retain = will.retain;
    context.properties = will.properties;
    chain_.on_publish(context);
}

void Shard::store_message(Client& client, const Delivery& delivery) {
    batch_.add(store::PutMessage{client.number, delivery.store_sequence, delivery.message,
                                 delivery.qos, delivery.retain, delivery.subscription_id});
}

void Shard::forget(Client& client, const Delivery& delivery) {
    if (delivery.store_sequence == 0) return;
    batch_.add(store::DeleteMessage{client.number, delivery.store_sequence});
}

bool Shard::may_report(TimePoint& last) const noexcept {
    if (now() - last < kReportInterval) return false;
    last = now();
    return true;
}

void Shard::count_drop(Client& client, const Delivery& delivery, hooks::DropReason reason) {
    switch (reason) {
        case hooks::DropReason::QueueFull:
            metrics_.add(Counter::QueueMessageDrop);
            break;
        case hooks::DropReason::Expired:
            metrics_.add(Counter::QueueMessageExpired);
            break;
        case hooks::DropReason::MaxPacketSizeExceeded:
            metrics_.add(Counter::QueueMessageDropMaxPacketSize);
            break;
    }
    if (chain_.implements(hooks::Hook::OnMessageDrop) && delivery.message) {
        chain_.on_message_drop({{client.mountpoint, client.client_id},
                                delivery.qos,
                                delivery.message->topic(),
                                delivery.message->payload(),
                                delivery.retain,
                                reason});
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
