// Retained messages: set and deleted by clients and operators, sent to who subscribes.
#include <utility>

#include "base/log.h"
#include "broker/limits.h"
#include "broker/shard.h"
#include "broker/untold_deletion.h"

namespace vmq::broker {

using metrics::Counter;
using mqtt::QoS;
using queue::Delivery;

void Shard::retain(const mqtt::MessagePtr& message) {
    std::uint64_t stamp = 0;
    const bool untold = begin_retained_change(message->mountpoint(), message->topic());
    const auto write = [this](auto record) {
        if (!durable()) return;
        if (answering_.reply.wanted() && answering_.ack == 0) {
            answering_.ack = writes_.begin(answering_.reply);
        }
        const bool lazy = !answering_.reply.wanted();
        (void)writes_.add(std::move(record), lazy, answering_.ack, now());
    };
    if (message->payload().empty()) {  // [v5 MQTT-3.3.1-6]
        const bool erased = shared_.retained.erase(message->mountpoint(), message->topic(), &stamp);
        // One that is gone here may still be stored: who took it away did perhaps not wait, or it
        // is another node's and was not retained here for this one.
        if (erased || answering_.reply.wanted() || untold) {
            write(store::DeleteRetained{std::string(message->mountpoint()),
                                        std::string(message->topic()), stamp});
            if (in_company()) {
                write(untold_deletion(message->mountpoint(), message->topic(), wall(now())));
            }
        }
        return end_retained_change(message->mountpoint(), message->topic(), untold, true);
    }
    const auto stored = shared_.retained.set(message, &stamp);  // [v5 MQTT-3.3.1-5]
    if (stored != routing::RetainedIndex::Stored::LimitReached) {
        write(store::PutRetained{message, stamp});
        return end_retained_change(message->mountpoint(), message->topic(), untold, true);
    }
    end_retained_change(message->mountpoint(), message->topic(), untold, false);
    metrics_.add(Counter::RetainLimitReached);
    if (!may_report(retained_reported_at_)) return;
    log::warning("retained message on {} not kept: max_retained_messages reached",
                 message->topic());
}

bool Shard::begin_retained_change(std::string_view mountpoint, std::string_view topic) {
    if (!in_company()) return false;
    shared_.untold_retained.begin(mountpoint, topic, shared_.retained);
    return true;
}

void Shard::end_retained_change(std::string_view mountpoint, std::string_view topic, bool untold,
                                bool changed) {
    if (!untold && !begin_retained_change(mountpoint, topic)) return;
    shared_.cluster.load()->on_retained_change(mountpoint, topic, changed);
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
    const bool first_safe = qos == QoS::ExactlyOnce && is_stored(client, lane, qos) && durable();
    if (first_safe && lane.queue.backlog_size() >= kRetainedBatch) return false;
    if (stream.options.no_local && message->publisher() == client.hash) {
        stream.fetched.pop_back();
        return true;
    }
    // RETAIN is set on what a subscription brings in [v5 MQTT-3.3.1-8].
    Delivery delivery = queue::make_delivery(std::move(message), stream.subscription_id, qos, true);
    stream.fetched.pop_back();
    metrics_.add(Counter::QueueMessageIn);
    if (delivery.message->expired(now())) {
        count_drop(client, delivery, hooks::DropReason::Expired);
        return true;
    }
    if (!first_safe) {
        send_now(client, lane, std::move(delivery), nullptr);
        return true;
    }
    delivery.store_sequence = client.next_sequence++;
    store_message(client, delivery, false);
    lane.queue.insert(std::move(delivery));
    writes_.pump_when_safe(lane.connection->number());
    return true;
}

bool Shard::delete_retained(std::string_view mountpoint, std::string_view topic) {
    std::uint64_t stamp = 0;
    const bool untold = begin_retained_change(mountpoint, topic);
    if (!shared_.retained.erase(mountpoint, topic, &stamp)) {
        if (untold) end_retained_change(mountpoint, topic, untold, false);
        return false;
    }
    if (durable()) {
        (void)writes_.add(store::DeleteRetained{std::string(mountpoint), std::string(topic), stamp},
                          true, 0, now());
        if (in_company()) {
            (void)writes_.add(untold_deletion(mountpoint, topic, wall(now())), true, 0, now());
        }
    }
    end_retained_change(mountpoint, topic, untold, true);
    loop_.run_again();
    return true;
}

}  // namespace vmq::broker
