#include "queue/inflight_window.h"

#include <algorithm>
#include <bitset>
#include <utility>

#include "base/assert.h"

namespace vmq::queue {
namespace {

Error not_found(const char* packet) {
    return {ErrorCode::PacketIdNotFound, std::string(packet) + " for a packet id not in flight"};
}
Error wrong_stage(const char* packet) {
    return {ErrorCode::PacketIdWrongStage,
            std::string(packet) + " at the wrong step of the exchange"};
}

}  // namespace

void InflightWindow::begin_connection(std::uint16_t capacity) noexcept {
    VMQ_ASSERT(capacity > 0);
    capacity_ = capacity;
    outstanding_ = 0;
    resent_ = 0;
}

InflightWindow::Entry* InflightWindow::next_to_resend(TimePoint now) noexcept {
    while (resent_ < entries_.size()) {
        Entry& entry = entries_[resent_];
        if (entry.stage != Stage::Done) {
            if (outstanding_ >= capacity_) return nullptr;
            ++outstanding_;
            ++resent_;
            entry.sent_at = now;
            return &entry;
        }
        ++resent_;
    }
    return nullptr;
}

InflightWindow::Entry& InflightWindow::add(Delivery delivery, TimePoint now) {
    VMQ_ASSERT(can_add());
    VMQ_ASSERT(delivery.qos != mqtt::QoS::AtMostOnce);
    const Stage stage =
        delivery.qos == mqtt::QoS::AtLeastOnce ? Stage::AwaitPuback : Stage::AwaitPubrec;
    const mqtt::PacketId id = choose_id(delivery);
    ++outstanding_;
    ++resent_;
    return push(Entry{std::move(delivery), now, 0, id, stage});
}

InflightWindow::Entry& InflightWindow::push(Entry entry) {
    ++live_;
    entry.sequence = next_sequence_++;
    Entry& placed = entries_.push_back(std::move(entry));
    if (sequence_by_id_) {
        sequence_by_id_->emplace(static_cast<std::uint16_t>(placed.id), placed.sequence);
    } else if (live_ > kSearchedInOrder) {
        index_large_window();
    }
    return placed;
}

mqtt::PacketId InflightWindow::choose_id(const Delivery& delivery) noexcept {
    if (delivery.store_sequence == 0) return next_free_id();
    const mqtt::PacketId id = id_of(delivery.store_sequence);
    free_run_ = 0;  // was found without ids that follow from sequences
    if (!find(id)) return id;
    VMQ_ASSERT(delivery.qos == mqtt::QoS::AtLeastOnce);
    return next_free_id();
}

void InflightWindow::restore_released(std::uint64_t store_sequence) {
    VMQ_ASSERT(outstanding_ == 0);
    Delivery delivery;
    delivery.store_sequence = store_sequence;
    delivery.qos = mqtt::QoS::ExactlyOnce;
    (void)push(
        Entry{std::move(delivery), TimePoint{}, 0, id_of(store_sequence), Stage::AwaitPubcomp});
}

std::vector<Delivery> InflightWindow::take_stored() {
    std::vector<Delivery> taken;
    entries_.retain([&taken](Entry& entry) {
        const bool stored = entry.delivery.store_sequence != 0 && entry.delivery.message;
        if (entry.stage != Stage::Done && stored) taken.push_back(std::move(entry.delivery));
        return entry.stage != Stage::Done && !stored;
    });
    resent_ = 0;
    outstanding_ = 0;
    live_ = static_cast<std::uint32_t>(entries_.size());
    sequence_by_id_.reset();
    if (live_ > kSearchedInOrder) index_large_window();
    return taken;
}

Result<Delivery> InflightWindow::on_puback(mqtt::PacketId id) {
    const auto index = find(id);
    if (!index) return not_found("PUBACK");
    if (entries_[*index].stage != Stage::AwaitPuback) return wrong_stage("PUBACK");
    return finish(*index);
}

Result<InflightWindow::PubrecOutcome> InflightWindow::on_pubrec(mqtt::PacketId id,
                                                                mqtt::ReasonCode reason) {
    const auto index = find(id);
    if (!index) return not_found("PUBREC");
    Entry& entry = entries_[*index];
    // A PUBREC repeated while its PUBCOMP is awaited only asks for the PUBREL again.
    if (entry.stage == Stage::AwaitPubcomp && !mqtt::is_error(reason)) {
        return PubrecOutcome{Next::SendPubrel, {}};
    }
    if (entry.stage != Stage::AwaitPubrec) return wrong_stage("PUBREC");
    // A refusal ends the exchange and frees the id [v5 4.3.3, MQTT-4.3.3-4].
    if (mqtt::is_error(reason)) return PubrecOutcome{Next::Nothing, finish(*index)};
    entry.stage = Stage::AwaitPubcomp;
    Delivery served = entry.delivery;
    entry.delivery.message = nullptr;
    return PubrecOutcome{Next::SendPubrel, std::move(served)};
}

Result<Delivery> InflightWindow::on_pubcomp(mqtt::PacketId id) {
    const auto index = find(id);
    if (!index) return not_found("PUBCOMP");
    if (entries_[*index].stage != Stage::AwaitPubcomp) return wrong_stage("PUBCOMP");
    return finish(*index);
}

InflightWindow::Entry* InflightWindow::find_unstored(const mqtt::MessagePtr& message) noexcept {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        Entry& entry = entries_[i];
        if (entry.delivery.message == message && entry.delivery.store_sequence == 0) return &entry;
    }
    return nullptr;
}

Delivery InflightWindow::withdraw(mqtt::PacketId id) {
    const auto index = find(id);
    VMQ_ASSERT(index.has_value());
    return finish(*index);
}

InflightWindow::Entry* InflightWindow::overdue(TimePoint deadline, TimePoint now,
                                               std::size_t& from) noexcept {
    while (from < resent_) {
        Entry& entry = entries_[from++];
        if (entry.stage == Stage::Done || entry.sent_at > deadline) continue;
        entry.sent_at = now;
        return &entry;
    }
    return nullptr;
}

void InflightWindow::clear() noexcept {
    entries_.clear();
    resent_ = 0;
    live_ = 0;
    outstanding_ = 0;
    sequence_by_id_.reset();
}

void InflightWindow::index_large_window() {
    sequence_by_id_ = std::make_unique<SequenceById>();
    for_each([this](const Entry& entry) {
        sequence_by_id_->emplace(static_cast<std::uint16_t>(entry.id), entry.sequence);
    });
}

std::optional<std::size_t> InflightWindow::place_of(std::uint32_t sequence) const noexcept {
    const std::uint32_t first = entries_.front().sequence;
    std::size_t low = 0;
    std::size_t high = entries_.size();
    while (low < high) {
        const std::size_t middle = (low + high) / 2;
        if (entries_[middle].sequence - first < sequence - first) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == entries_.size() || entries_[low].sequence != sequence) return std::nullopt;
    return low;
}

bool InflightWindow::is_live(std::size_t index, mqtt::PacketId id) const noexcept {
    return index < entries_.size() && entries_[index].id == id &&
           entries_[index].stage != Stage::Done;
}

std::optional<std::size_t> InflightWindow::find(mqtt::PacketId id) const noexcept {
    if (entries_.empty()) return std::nullopt;
    // Ids are handed out in order, so the distance from the oldest nearly always is the place; from
    // the youngest if the oldest stayed behind or the ids wrapped.
    const auto wanted = static_cast<std::uint16_t>(id);
    const auto oldest = static_cast<std::uint16_t>(entries_.front().id);
    const auto youngest = static_cast<std::uint16_t>(entries_.back().id);
    const std::size_t guess = static_cast<std::uint16_t>(wanted - oldest);
    if (is_live(guess, id)) return guess;
    const std::size_t behind = static_cast<std::uint16_t>(youngest - wanted);
    const std::size_t second_guess = entries_.size() - 1 - behind;
    if (is_live(second_guess, id)) return second_guess;
    if (sequence_by_id_) {
        const auto known = sequence_by_id_->find(wanted);
        if (known == sequence_by_id_->end()) return std::nullopt;
        return place_of(known->second);
    }
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        if (is_live(i, id)) return i;
    }
    return std::nullopt;
}

mqtt::PacketId InflightWindow::next_free_id() noexcept {
    if (free_run_ == 0) find_free_run();
    --free_run_;
    last_id_ = following(last_id_);
    return mqtt::PacketId{last_id_};
}

// Only ids up to the last one become used and used ones only become free, so a run of free ids
// stays free until it is used up: mostly once in 65,535 messages. Every session looks at its first
// message, so that must not cost a walk over all ids.
void InflightWindow::find_free_run() noexcept {
    if (sequence_by_id_) {
        while (sequence_by_id_->contains(following(last_id_))) last_id_ = following(last_id_);
        free_run_ = 1;
        return;
    }
    std::size_t run = kMaxEntries;
    for_each([&](const Entry& entry) {
        const auto id = static_cast<std::size_t>(entry.id);
        run = std::min(run, (id + kMaxEntries - last_id_ - 1) % kMaxEntries);
    });
    if (run == 0) {  // the next one is in use
        std::bitset<kMaxEntries + 1> used;
        for_each([&used](const Entry& entry) { used.set(static_cast<std::uint16_t>(entry.id)); });
        while (used.test(following(last_id_))) last_id_ = following(last_id_);
        for (auto id = following(last_id_); run < kMaxEntries && !used.test(id);
             id = following(id)) {
            ++run;
        }
    }
    free_run_ = static_cast<std::uint16_t>(run);
}

Delivery InflightWindow::finish(std::size_t index) noexcept {
    Entry& entry = entries_[index];
    Delivery delivery = std::move(entry.delivery);
    entry.delivery = {};
    entry.stage = Stage::Done;
    --live_;
    if (sequence_by_id_) sequence_by_id_->erase(static_cast<std::uint16_t>(entry.id));
    if (live_ == 0) sequence_by_id_.reset();
    if (index < resent_) --outstanding_;
    while (!entries_.empty() && entries_.front().stage == Stage::Done) {
        (void)entries_.pop_front();
        if (resent_ > 0) --resent_;
    }
    // One that is never acknowledged must not keep all the finished ones behind it.
    if (entries_.size() > 2 * std::size_t{live_} + kFinishedKept) drop_finished();
    return delivery;
}

void InflightWindow::drop_finished() noexcept {
    std::size_t at = 0;
    std::size_t resent = 0;
    entries_.retain([&](const Entry& entry) {
        const bool keep = entry.stage != Stage::Done;
        if (at++ < resent_ && keep) ++resent;
        return keep;
    });
    resent_ = resent;
}

}  // namespace vmq::queue
