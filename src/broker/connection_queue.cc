// Where the session on a connection meets its client's queue and subscriptions.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "broker/connection.h"
#include "broker/limits.h"
#include "broker/shard.h"
#include "mqtt/topic.h"

namespace vmq::broker {

using metrics::VersionCounter;
using mqtt::PacketId;

bool Connection::qos2_remembered(PacketId id) { return lane_->queue.remembers(id); }

std::uint32_t Connection::qos2_remember(PacketId id, session::AckTicket ticket) {
    lane_->queue.remember(id);
    if (!keeps_state()) return 0;
    auto& writes = shard_.writes();
    const auto ack = writes.begin({number_, ticket, shard_.id()});
    client_->last_write = shard_.write(store::PutReceived{client_->session_id, id}, ack);
    return 1;
}

bool Connection::qos2_forget(PacketId id) {
    if (!lane_->queue.forget(id)) return false;
    // The client may use the id for another message once it has PUBCOMP, so the record goes first.
    if (keeps_state())
        client_->last_write = shard_.write(store::DeleteReceived{client_->session_id, id});
    return true;
}

bool Connection::keeps_state() const noexcept {
    return client_->stored() && client_->persistent() && lane_ == &client_->lane &&
           shard_.durable();
}

bool Connection::unsafe() const noexcept {
    return client_->last_write >= shard_.writes().uncommitted() || tells_filters_;
}

void Connection::hold_output() {
    if (!shard_.durable() || !shard_.shared().store->accepting()) return;
    held_for_ = shard_.writes().end();
    shard_.writes().pump_when_safe(number_);
}

void Connection::let_go() {
    if (held_for_ <= shard_.writes().uncommitted()) stop_holding();
}

void Connection::stop_holding() {
    if (std::exchange(held_for_, 0U) == 0) return;
    if (output_ || wire_) mark_dirty();
}

void Connection::send_when_safe(mqtt::PacketType type, mqtt::ReasonCode reason,
                                std::string packet) {
    tells_filters_ = false;
    shard_.writes().when_safe({number_, type, reason, std::move(packet)});
}

void Connection::send_stored(mqtt::PacketType type, mqtt::ReasonCode reason,
                             std::string_view packet) {
    if (closing_ || !session_ || session_->state() == session::Session::State::Closed) return;
    count_sent(session_->version(), type, reason);
    output().bytes() += packet;
}

std::uint32_t Connection::await_published(session::AckTicket ticket) {
    return shard_.await_published({number_, ticket, shard_.id()});
}

bool Connection::on_puback(PacketId id) {
    auto done = lane_->queue.window().on_puback(id);
    if (!done) {
        count_error(VersionCounter::MqttPubackInvalidError);
        return false;
    }
    shard_.forget(*client_, done.value());
    shard_.pump(*client_, *lane_);
    return true;
}

Connection::PubrecAnswer Connection::on_pubrec(PacketId id, mqtt::ReasonCode reason) {
    auto outcome = lane_->queue.window().on_pubrec(id, reason);
    if (!outcome) {
        count_error(VersionCounter::MqttPubrecInvalidError);
        return PubrecAnswer::Unknown;
    }
    const queue::Delivery& delivery = outcome.value().delivery;
    if (outcome.value().next == queue::InflightWindow::Next::SendPubrel) {
        // From now on the client has it: after a crash only PUBREL may be sent again.
        if (delivery.message && delivery.store_sequence != 0) {
            shard_.forget(*client_, delivery);
            if (keeps_state()) {
                client_->last_write =
                    shard_.write(store::PutReleased{client_->session_id, delivery.store_sequence});
            }
        }
        return PubrecAnswer::SendPubrel;
    }
    shard_.forget(*client_, delivery);
    shard_.pump(*client_, *lane_);
    return PubrecAnswer::Nothing;
}

bool Connection::on_pubcomp(PacketId id) {
    auto done = lane_->queue.window().on_pubcomp(id);
    if (!done) {
        count_error(VersionCounter::MqttPubcompInvalidError);
        return false;
    }
    if (done.value().store_sequence != 0 && keeps_state()) {
        (void)shard_.writes().add(
            store::DeleteReleased{client_->session_id, done.value().store_sequence}, true, 0,
            shard_.now());
    }
    shard_.pump(*client_, *lane_);
    return true;
}

mqtt::ReasonCode Connection::subscribe(const mqtt::SubscribeEntry& entry,
                                       std::uint32_t subscription_id) {
    Client& client = *client_;
    auto& subscribers = shard_.subscribers();
    const std::uint32_t most = plan_.settings->max_subscriptions_per_client;
    if (most != 0 && client.subscription_count() >= most &&
        subscribers.find(client, client.mountpoint, entry.filter) == nullptr) {
        if (shard_.may_report(client.quota_reported_at)) {
            log::warning(
                "client {}: subscription refused, max_subscriptions_per_client = {} reached",
                client.client_id, most);
        }
        return mqtt::ReasonCode::QuotaExceeded;
    }
    const auto added = shard_.subscribe(client, entry, subscription_id);
    if (!added) return mqtt::ReasonCode::QuotaExceeded;
    tells_filters_ = shard_.in_company();
    const bool is_new = *added == routing::LocalSubscribers::Added::New;
    // [v5 MQTT-3.3.1-9, -10, -11]; shared subscriptions get no retained messages [v5 4.8.2].
    using mqtt::RetainHandling;
    const bool wants_retained =
        entry.options.retain_handling == RetainHandling::Send ||
        (entry.options.retain_handling == RetainHandling::SendIfNew && is_new);
    if (wants_retained && !mqtt::parse_shared_filter(entry.filter) &&
        shard_.shared().retained.size() > 0) {
        shard_.begin_retained(*lane_, entry, subscription_id);
    }
    return static_cast<mqtt::ReasonCode>(entry.options.qos);
}

bool Connection::unsubscribe(std::string_view filter) {
    return shard_.unsubscribe(*client_, filter);
}

void Connection::set_session_expiry(std::uint32_t seconds) {
    plan_.session_expiry_s = seconds;
    if (client_->more.empty()) client_->session_expiry_s = seconds;
    if (client_->stored()) shard_.store_session(*client_);
}

void Connection::discard_will() { plan_.will.reset(); }

std::string Connection::new_client_id(std::string_view mountpoint) {
    return shard_.new_client_id(mountpoint);
}

void Connection::schedule_retry() {
    const std::uint32_t interval = plan_.settings->retry_interval_ms;
    if (interval == 0) return;
    retry_at_ = shard_.now() + Millis(interval);
    if (!timer_.running() || timer_.deadline() > retry_at_) {
        shard_.loop().timers().start(timer_, retry_at_);
    }
}

void Connection::retry_inflight(TimePoint now) {
    if (now < retry_at_) return;
    const Millis interval(plan_.settings->retry_interval_ms);
    auto& window = lane_->queue.window();
    std::size_t from = 0;
    while (writable()) {
        auto* entry = window.overdue(now - interval, now, from);
        if (entry == nullptr) break;
        if (entry->stage == queue::InflightWindow::Stage::AwaitPubcomp) {
            if (!unsafe()) session_->send_pubrel(entry->id);
            continue;
        }
        const auto& delivery = entry->delivery;
        (void)send({&delivery.message, entry->id, delivery.qos, delivery.retain, true,
                    delivery.subscription_id},
                   nullptr);
    }
    TimePoint oldest = now;
    window.for_each([&oldest](const auto& entry) { oldest = std::min(oldest, entry.sent_at); });
    retry_at_ = window.empty() ? kNever : std::max(oldest + interval, now + kRetryResolution);
}

}  // namespace vmq::broker
