#include "queue/queue.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace vmq::queue {

using mqtt::QoS;

std::vector<Delivery> Queue::attach(std::uint16_t window_capacity) {
    online_ = true;
    window_.begin_connection(window_capacity);
    std::vector<Delivery> dropped;
    if (!limits_.override_max_online_messages) trim(limits_.max_online_messages, dropped);
    return dropped;
}

std::vector<Delivery> Queue::detach() {
    online_ = false;
    std::vector<Delivery> dropped;
    if (qos0_waiting_ > 0) {
        backlog_.retain([&dropped](Delivery& delivery) {
            if (delivery.qos != QoS::AtMostOnce) return true;
            dropped.push_back(std::move(delivery));
            return false;
        });
        qos0_waiting_ = 0;
    }
    if (limits_.max_offline_messages == 0) {
        window_.for_each(
            [&dropped](const InflightWindow::Entry& entry) { dropped.push_back(entry.delivery); });
        window_.clear();
    }
    trim(limits_.max_offline_messages, dropped);
    return dropped;
}

Queue::Offered Queue::offer(Delivery& delivery, TimePoint now, Delivery& displaced) {
    if (delivery.message->expired(now)) return Offered::Expired;
    const bool qos0 = delivery.qos == QoS::AtMostOnce;
    if (!online_ && qos0) return Offered::Offline;
    const bool no_room = full();
    if (no_room && (limits_.order == Order::Fifo || backlog_.empty())) return Offered::Full;
    Offered outcome = Offered::Queued;
    if (no_room) {
        displaced = backlog_.pop_front();
        if (displaced.qos == QoS::AtMostOnce) --qos0_waiting_;
        outcome = Offered::QueuedInsteadOfOldest;
    }
    if (qos0) ++qos0_waiting_;
    earliest_expiry_ = std::min(earliest_expiry_, delivery.message->expires_at());
    backlog_.push_back(std::move(delivery));
    return outcome;
}

std::vector<Delivery> Queue::take_expired(TimePoint now) {
    std::vector<Delivery> expired;
    if (now < earliest_expiry_) return expired;
    earliest_expiry_ = kNever;
    backlog_.retain([&](Delivery& delivery) {
        if (!delivery.message->expired(now)) {
            earliest_expiry_ = std::min(earliest_expiry_, delivery.message->expires_at());
            return true;
        }
        if (delivery.qos == QoS::AtMostOnce) --qos0_waiting_;
        expired.push_back(std::move(delivery));
        return false;
    });
    return expired;
}

std::optional<Queue::Outgoing> Queue::next(TimePoint now, std::vector<Delivery>& expired) {
    if (!online_) return std::nullopt;
    if (InflightWindow::Entry* entry = window_.next_to_resend(now)) {
        if (entry->stage == InflightWindow::Stage::AwaitPubcomp) {
            return Outgoing{Outgoing::Kind::Pubrel, false, entry->id};
        }
        return Outgoing{Outgoing::Kind::Publish, true, entry->id, &entry->delivery};
    }
    const bool lifo = limits_.order == Order::Lifo;
    while (!backlog_.empty()) {
        Delivery& candidate = lifo ? backlog_.back() : backlog_.front();
        const bool qos0 = candidate.qos == QoS::AtMostOnce;
        if (candidate.message->expired(now)) {
            expired.push_back(lifo ? backlog_.pop_back() : backlog_.pop_front());
            if (qos0) --qos0_waiting_;
            continue;
        }
        if (!qos0 && !window_.can_add()) return std::nullopt;
        Delivery delivery = lifo ? backlog_.pop_back() : backlog_.pop_front();
        if (qos0) {
            --qos0_waiting_;
            return Outgoing{Outgoing::Kind::Publish, false, mqtt::PacketId{}, nullptr,
                            std::move(delivery)};
        }
        const InflightWindow::Entry& entry = window_.add(std::move(delivery), now);
        return Outgoing{Outgoing::Kind::Publish, false, entry.id, &entry.delivery};
    }
    return std::nullopt;
}

std::vector<Delivery> Queue::take_shared(
    const std::function<bool(std::uint64_t group)>& other_member) {
    std::vector<Delivery> taken;
    std::vector<mqtt::PacketId> ids;
    window_.for_each([&](const InflightWindow::Entry& entry) {
        if (entry.delivery.shared_group != 0 && entry.stage == InflightWindow::Stage::AwaitPuback &&
            other_member(entry.delivery.shared_group)) {
            ids.push_back(entry.id);
        }
    });
    for (const mqtt::PacketId id : ids) taken.push_back(window_.withdraw(id));
    backlog_.retain([&](Delivery& delivery) {
        if (delivery.shared_group == 0 || !other_member(delivery.shared_group)) return true;
        if (delivery.qos == QoS::AtMostOnce) --qos0_waiting_;
        taken.push_back(std::move(delivery));
        return false;
    });
    return taken;
}

std::vector<Delivery> Queue::clear() {
    std::vector<Delivery> all;
    window_.for_each([&all](const InflightWindow::Entry& entry) { all.push_back(entry.delivery); });
    window_.clear();
    while (!backlog_.empty()) all.push_back(backlog_.pop_front());
    received_.reset();
    qos0_waiting_ = 0;
    return all;
}

void Queue::trim(std::int64_t most, std::vector<Delivery>& dropped) {
    if (most < 0) return;
    while (static_cast<std::int64_t>(backlog_.size()) > most) {
        // fifo keeps the oldest, lifo the youngest.
        Delivery delivery =
            limits_.order == Order::Fifo ? backlog_.pop_back() : backlog_.pop_front();
        if (delivery.qos == QoS::AtMostOnce) --qos0_waiting_;
        dropped.push_back(std::move(delivery));
    }
}

}  // namespace vmq::queue
