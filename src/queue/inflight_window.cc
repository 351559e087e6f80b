#include "queue/inflight_window.h"

#include <utility>

#include "base/assert.h"

namespace vmq::queue {
namespace {

Error not_found(const char* packet) {
    return {ErrorCode::PacketIdNotFound, std::string(packet) + " for a packet id not in flight"};
}
Error wrong_stage(const char* packet) {
    return {ErrorCode::PacketIdWrongStage, std::string(packet) + " at the wrong step of the exchange"};
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
    const mqtt::PacketId id = next_free_id();
    ++live_;
    ++outstanding_;
    ++resent_;
    return entries_.push_back(Entry{std::move(delivery), now, id, stage});
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
    entry.delivery.message = nullptr;
    return PubrecOutcome{Next::SendPubrel, {}};
}

Result<Delivery> InflightWindow::on_pubcomp(mqtt::PacketId id) {
    const auto index = find(id);
    if (!index) return not_found("PUBCOMP");
    if (entries_[*index].stage != Stage::AwaitPubcomp) return wrong_stage("PUBCOMP");
    return finish(*index);
}

Delivery InflightWindow::withdraw(mqtt::PacketId id) {
    const auto index = find(id);
    VMQ_ASSERT(index.has_value());
    return finish(*index);
}

InflightWindow::Entry* InflightWindow::overdue(TimePoint deadline, TimePoint now) noexcept {
    for (std::size_t i = 0; i < resent_; ++i) {
        Entry& entry = entries_[i];
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
}

std::optional<std::size_t> InflightWindow::find(mqtt::PacketId id) const noexcept {
    if (entries_.empty()) return std::nullopt;
    // Ids are handed out in order, so the distance from the oldest one nearly always is the place.
    const auto first = static_cast<std::uint16_t>(entries_.front().id);
    const auto guess = static_cast<std::uint16_t>(static_cast<std::uint16_t>(id) - first);
    if (guess < entries_.size() && entries_[guess].id == id) {
        if (entries_[guess].stage != Stage::Done) return guess;
        // A finished entry may share its id with a younger one after the ids wrapped.
    }
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        if (entries_[i].id == id && entries_[i].stage != Stage::Done) return i;
    }
    return std::nullopt;
}

mqtt::PacketId InflightWindow::next_free_id() noexcept {
    while (true) {
        last_id_ = static_cast<std::uint16_t>(last_id_ == kMaxEntries ? 1 : last_id_ + 1);
        const mqtt::PacketId id{last_id_};
        if (entries_.empty()) return id;
        // Between the oldest and the youngest id lie all that are in use; outside none is.
        const auto oldest = static_cast<std::uint16_t>(entries_.front().id);
        const auto youngest = static_cast<std::uint16_t>(entries_.back().id);
        const auto span = static_cast<std::uint16_t>(youngest - oldest);
        if (static_cast<std::uint16_t>(last_id_ - oldest) > span) return id;
        if (!find(id)) return id;
    }
}

Delivery InflightWindow::finish(std::size_t index) noexcept {
    Entry& entry = entries_[index];
    Delivery delivery = std::move(entry.delivery);
    entry.delivery = {};
    entry.stage = Stage::Done;
    --live_;
    if (index < resent_) --outstanding_;
    while (!entries_.empty() && entries_.front().stage == Stage::Done) {
        (void)entries_.pop_front();
        if (resent_ > 0) --resent_;
    }
    return delivery;
}

}  // namespace vmq::queue
