#include "queue/queue.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace vmq::queue {

using mqtt::QoS;

std::vector<Delivery> Queue::attach(std::uint16_t window_capacity) {
    std::vector<Delivery> dropped;
    if (paged_ && online_) page_out();  // a takeover
    online_ = true;
    window_.begin_connection(window_capacity);
    if (!limits_.override_max_online_messages) trim(limits_.max_online_messages, dropped);
    return dropped;
}

std::vector<Delivery> Queue::detach() {
    online_ = false;
    std::vector<Delivery> dropped;
    if (qos0_waiting_ > 0) {
        backlog_.retain([&](Delivery& delivery) {
            if (delivery.qos != QoS::AtMostOnce) return true;
            backlog_bytes_ -= delivery.message->footprint();
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
    if (paged_) page_out();
    trim(limits_.max_offline_messages, dropped);
    return dropped;
}

// Whatever has a record is left to the store, and comes back in order of sequence with DUP as far
// as it was sent.
void Queue::page_out() {
    if (tail_) tail_->ticket = 0;
    for (const Delivery& delivery : window_.take_stored()) {
        sent_through_ = std::max(sent_through_, delivery.store_sequence);
        push_to_tail(delivery);
    }
    backlog_.retain([&](Delivery& delivery) {
        if (delivery.store_sequence == 0) return true;
        backlog_bytes_ -= delivery.message->footprint();
        push_to_tail(delivery);
        return false;
    });
    sent_for_certain_ = true;
}

/// The end if it is in none.
std::vector<Queue::Tail::Hole>::const_iterator Queue::Tail::hole_of(std::uint64_t sequence) const {
    const auto next = std::partition_point(holes.begin(), holes.end(),
                                           [&](const Hole& hole) { return hole.to < sequence; });
    return next != holes.end() && next->from <= sequence ? next : holes.end();
}

bool Queue::Tail::has(std::uint64_t sequence) const noexcept {
    return sequence >= first && sequence <= last && hole_of(sequence) == holes.end();
}

void Queue::Tail::add(std::uint64_t sequence) {
    if (sequence > last) {
        if (sequence > last + 1) holes.push_back({last + 1, sequence - 1});
        last = sequence;
    } else if (sequence < first) {
        if (sequence < first - 1) holes.insert(holes.begin(), {sequence + 1, first - 1});
        first = sequence;
    } else if (const auto hole = hole_of(sequence); hole != holes.end()) {
        const Hole split = *hole;
        auto at = holes.erase(hole);
        if (split.to > sequence) at = holes.insert(at, {sequence + 1, split.to});
        if (split.from < sequence) holes.insert(at, {split.from, sequence - 1});
    }
}

bool Queue::Tail::close_up() noexcept {
    while (!holes.empty() && holes.back().to >= last) {
        last = std::min(last, holes.back().from - 1);
        holes.pop_back();
    }
    std::erase_if(holes, [this](const Hole& hole) {
        if (hole.from > first) return false;
        first = std::max(first, hole.to + 1);
        return true;
    });
    return first <= last;
}

void Queue::push_to_tail(const Delivery& delivery) {
    const std::uint64_t sequence = delivery.store_sequence;
    if (!tail_) tail_ = std::make_unique<Tail>(Tail{sequence, sequence, 0});
    tail_->add(sequence);
    ++tail_->count;
    const TimePoint expires_at = delivery.message->expires_at();
    if (expires_at == kNever || limit() < 0 || sequence <= sent_through_) return;
    tail_->expiring.emplace_back(expires_at, sequence);
    earliest_expiry_ = std::min(earliest_expiry_, expires_at);
}

void Queue::take_expired_from_tail(TimePoint now, std::vector<Delivery>& expired) {
    const std::size_t before = expired.size();
    std::erase_if(tail_->expiring, [&](const auto& entry) {
        const auto [at, sequence] = entry;
        if (!tail_->has(sequence)) return true;  // has been fetched
        if (at > now) {
            earliest_expiry_ = std::min(earliest_expiry_, at);
            return false;
        }
        Delivery gone;
        gone.qos = QoS::AtLeastOnce;
        gone.store_sequence = sequence;
        expired.push_back(std::move(gone));
        return true;
    });
    const std::size_t taken = expired.size() - before;
    if (taken == 0) return;
    tail_->ticket = 0;  // what is being fetched may hold them
    tail_->count -= std::min<std::uint64_t>(tail_->count, taken);
    if (tail_->count == 0) tail_.reset();
}

Delivery Queue::drop_from_tail(bool newest) noexcept {
    Delivery dropped;
    dropped.qos = QoS::AtLeastOnce;
    dropped.store_sequence = newest ? tail_->last-- : tail_->first++;
    --tail_->count;
    if (!tail_->close_up() || tail_->count == 0) tail_.reset();
    return dropped;
}

void Queue::push(Delivery delivery) {
    if (delivery.qos == QoS::AtMostOnce) ++qos0_waiting_;
    backlog_bytes_ += delivery.message->footprint();
    earliest_expiry_ = std::min(earliest_expiry_, delivery.message->expires_at());
    backlog_.push_back(std::move(delivery));
}

Delivery Queue::pop(bool newest) noexcept {
    Delivery delivery = newest ? backlog_.pop_back() : backlog_.pop_front();
    if (delivery.qos == QoS::AtMostOnce) --qos0_waiting_;
    backlog_bytes_ -= delivery.message->footprint();
    return delivery;
}

Queue::Offered Queue::judge(const Delivery& delivery, TimePoint now) const noexcept {
    if (delivery.message->expired(now)) return Offered::Expired;
    if (!online_ && delivery.qos == QoS::AtMostOnce) return Offered::Offline;
    if (!full()) return Offered::Queued;
    const bool displaces = limits_.order == Order::Lifo && backlog_size() > 0;
    return displaces ? Offered::QueuedInsteadOfOldest : Offered::Full;
}

Queue::Offered Queue::offer(Delivery& delivery, TimePoint now, Delivery& displaced) {
    const Offered outcome = judge(delivery, now);
    if (outcome == Offered::QueuedInsteadOfOldest) {
        displaced = tail_ ? drop_from_tail(false) : pop(false);
    } else if (outcome != Offered::Queued) {
        return outcome;
    }
    take(delivery);
    return outcome;
}

void Queue::insert(Delivery delivery) {
    VMQ_ASSERT(online_);
    take(delivery);
}

void Queue::take(Delivery& delivery) {
    const bool lifo = limits_.order == Order::Lifo;
    const bool stored = paged_ && delivery.store_sequence != 0;
    if (stored && (!online_ || (!lifo && (tail_ || memory_is_full())))) {
        push_to_tail(delivery);
        delivery = {};
        return;
    }
    push(std::move(delivery));
    if (stored && lifo && memory_is_full() && backlog_.front().store_sequence != 0) {
        if (tail_) tail_->ticket = 0;  // what is being fetched is older: ask again
        push_to_tail(pop(false));
    }
}

std::optional<Queue::Load> Queue::wants_load() noexcept {
    if (!online_ || !tail_ || tail_->ticket != 0) return std::nullopt;
    if (backlog_.size() >= kLoadedAtOnce / 2 || backlog_bytes_ >= kBytesLoadedAtOnce / 2) {
        return std::nullopt;
    }
    if (++last_ticket_ == 0) ++last_ticket_;
    tail_->ticket = last_ticket_;
    const bool lifo = limits_.order == Order::Lifo;
    tail_->asked_to = lifo ? tail_->first : tail_->last;
    return Load{tail_->first, tail_->last, lifo, tail_->ticket};
}

void Queue::on_loaded(std::uint32_t ticket, std::vector<Delivery> loaded) {
    if (!tail_ || tail_->ticket != ticket) return;
    tail_->ticket = 0;
    const bool lifo = limits_.order == Order::Lifo;
    // What is no longer in the tail was dropped while it was being fetched.
    const auto in_tail = [this](const Delivery& delivery) {
        return tail_->has(delivery.store_sequence);
    };
    if (loaded.empty()) {  // there is nothing left of what was asked for
        if (lifo || tail_->asked_to >= tail_->last) return tail_.reset();
        tail_->first = tail_->asked_to + 1;
        tail_->count = std::min(tail_->count, tail_->last - tail_->asked_to);
        if (!tail_->close_up()) tail_.reset();
        return;
    }
    const std::uint64_t end = loaded.back().store_sequence;
    std::uint64_t taken = 0;
    if (lifo) {
        // Newest first, and all of them older than what is in the backlog.
        for (Delivery& delivery : loaded) {
            if (!in_tail(delivery)) continue;
            delivery.sent_before = delivery.store_sequence <= sent_through_;
            backlog_bytes_ += delivery.message->footprint();
            earliest_expiry_ = std::min(earliest_expiry_, delivery.message->expires_at());
            backlog_.push_front(std::move(delivery));
            ++taken;
        }
        tail_->last = std::min(tail_->last, end - 1);
    } else {
        for (Delivery& delivery : loaded) {
            if (!in_tail(delivery)) continue;
            delivery.sent_before = delivery.store_sequence <= sent_through_;
            push(std::move(delivery));
            ++taken;
        }
        tail_->first = std::max(tail_->first, end + 1);
    }
    tail_->count -= std::min(tail_->count, taken);
    if (!tail_->close_up()) return tail_.reset();
    // It may have been an estimate.
    tail_->count = std::clamp<std::uint64_t>(tail_->count, 1, tail_->last - tail_->first + 1);
}

void Queue::restore(const store::QueueBounds& bounds, std::uint64_t sent_through, bool certain) {
    sent_through_ = sent_through;
    sent_for_certain_ = certain;
    if (bounds.first != 0) {
        tail_ = std::make_unique<Tail>(Tail{bounds.first, bounds.last, bounds.count});
    }
}

std::vector<Delivery> Queue::take_expired(TimePoint now) {
    std::vector<Delivery> expired;
    if (now < earliest_expiry_) return expired;
    earliest_expiry_ = kNever;
    backlog_.retain([&](Delivery& delivery) {
        if (!is_expired(delivery, now)) {
            if (!delivery.sent_before) {
                earliest_expiry_ = std::min(earliest_expiry_, delivery.message->expires_at());
            }
            return true;
        }
        if (delivery.qos == QoS::AtMostOnce) --qos0_waiting_;
        backlog_bytes_ -= delivery.message->footprint();
        expired.push_back(std::move(delivery));
        return false;
    });
    if (tail_) take_expired_from_tail(now, expired);
    return expired;
}

std::optional<Queue::Outgoing> Queue::next(TimePoint now, std::vector<Delivery>& expired,
                                           store::WritePosition uncommitted) {
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
        if (is_expired(candidate, now)) {
            expired.push_back(pop(lifo));
            continue;
        }
        if (!qos0 && !window_.can_add()) return std::nullopt;
        if (candidate.qos == QoS::ExactlyOnce &&
            (candidate.written_at >= uncommitted || !window_.id_is_free(candidate))) {
            return std::nullopt;
        }
        Delivery delivery = pop(lifo);
        if (qos0) {
            return Outgoing{Outgoing::Kind::Publish, false, mqtt::PacketId{}, nullptr,
                            std::move(delivery)};
        }
        const bool again = delivery.sent_before;
        const InflightWindow::Entry& entry = window_.add(std::move(delivery), now);
        return Outgoing{Outgoing::Kind::Publish, again, entry.id, &entry.delivery};
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
        // The client may have received it already [v5 MQTT-4.8.2-4, MQTT-4.8.2-5].
        if (delivery.qos == QoS::ExactlyOnce && delivery.sent_before) return true;
        if (delivery.qos == QoS::AtMostOnce) --qos0_waiting_;
        backlog_bytes_ -= delivery.message->footprint();
        taken.push_back(std::move(delivery));
        return false;
    });
    return taken;
}

bool Queue::adopt_record(const Delivery& other) {
    Delivery* own = nullptr;
    if (InflightWindow::Entry* entry = window_.find_unstored(other.message)) {
        own = &entry->delivery;
    }
    for (std::size_t i = 0; own == nullptr && i < backlog_.size(); ++i) {
        if (backlog_[i].message == other.message && backlog_[i].store_sequence == 0) {
            own = &backlog_[i];
        }
    }
    if (own == nullptr) return false;
    own->store_sequence = other.store_sequence;
    own->written_at = other.written_at;
    return true;
}

void Queue::visit_lowest(std::size_t count,
                         const std::function<void(const Delivery&, bool sent)>& visit) const {
    std::vector<std::pair<const Delivery*, bool>> found;
    window_.for_each([&found](const InflightWindow::Entry& entry) {
        const Delivery& delivery = entry.delivery;
        if (delivery.message && delivery.store_sequence != 0) found.emplace_back(&delivery, true);
    });
    for (std::size_t i = 0; i < backlog_.size(); ++i) {
        const Delivery& delivery = backlog_[i];
        if (delivery.store_sequence != 0) found.emplace_back(&delivery, delivery.sent_before);
    }
    count = std::min(count, found.size());
    std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(count),
                      found.end(), [](const auto& a, const auto& b) {
                          return a.first->store_sequence < b.first->store_sequence;
                      });
    for (std::size_t i = 0; i < count; ++i) visit(*found[i].first, found[i].second);
}

void Queue::drop_from_memory(std::uint64_t through) {
    const auto gone = [through](const Delivery& delivery) {
        return delivery.message && delivery.store_sequence != 0 &&
               delivery.store_sequence <= through;
    };
    std::vector<mqtt::PacketId> ids;
    window_.for_each([&](const InflightWindow::Entry& entry) {
        if (gone(entry.delivery)) ids.push_back(entry.id);
    });
    for (const mqtt::PacketId id : ids) (void)window_.withdraw(id);
    backlog_.retain([&](Delivery& delivery) {
        if (!gone(delivery)) return true;
        if (delivery.qos == QoS::AtMostOnce) --qos0_waiting_;
        backlog_bytes_ -= delivery.message->footprint();
        return false;
    });
}

void Queue::drop_tail_through(std::uint64_t through, std::uint64_t count) noexcept {
    if (!tail_) return;
    tail_->first = std::max(tail_->first, through + 1);
    tail_->count -= std::min(tail_->count, count);
    if (!tail_->close_up()) return tail_.reset();
    tail_->count = std::max<std::uint64_t>(tail_->count, 1);  // it may have been an estimate
}

void Queue::take_over(Delivery delivery) {
    VMQ_ASSERT(!online_);
    if (paged_ && delivery.store_sequence != 0) return push_to_tail(delivery);
    // What has come since the session is here stays behind it.
    std::vector<Delivery> later;
    while (!backlog_.empty() && backlog_.back().store_sequence > delivery.store_sequence) {
        later.push_back(pop(true));
    }
    push(std::move(delivery));
    for (auto each = later.rbegin(); each != later.rend(); ++each) push(std::move(*each));
}

void Queue::take_over_released(std::uint64_t sequence) {
    VMQ_ASSERT(!online_);
    window_.begin_connection(1);  // what the last one had outstanding is over
    window_.restore_released(sequence);
}

std::vector<Delivery> Queue::clear() {
    std::vector<Delivery> all;
    window_.for_each([&all](const InflightWindow::Entry& entry) { all.push_back(entry.delivery); });
    window_.clear();
    while (!backlog_.empty()) all.push_back(pop(false));
    received_.reset();
    tail_.reset();
    return all;
}

void Queue::trim(std::int64_t most, std::vector<Delivery>& dropped) {
    if (most < 0) return;
    // fifo keeps the oldest, lifo the youngest.
    const bool newest = limits_.order == Order::Fifo;
    while (static_cast<std::int64_t>(backlog_size()) > most) {
        // The tail is at the end that goes: behind the others with fifo, before them with lifo.
        dropped.push_back(tail_ ? drop_from_tail(newest) : pop(newest));
    }
}

}  // namespace vmq::queue
