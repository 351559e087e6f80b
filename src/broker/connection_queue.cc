// Where the session on a connection meets its client's queue and subscriptions.
#include "base/log.h"
#include "broker/connection.h"
#include "broker/shard.h"
#include "mqtt/topic.h"

namespace vmq::broker {

using metrics::Counter;
using mqtt::PacketId;

bool Connection::qos2_remembered(PacketId id) { return lane_->queue.remembers(id); }

void Connection::qos2_remember(PacketId id) { lane_->queue.remember(id); }

bool Connection::qos2_forget(PacketId id) { return lane_->queue.forget(id); }

std::uint32_t Connection::await_published(session::AckTicket ticket) {
    return shard_.await_published({number_, ticket, shard_.id()});
}

bool Connection::on_puback(PacketId id) {
    auto done = lane_->queue.window().on_puback(id);
    if (!done) {
        shard_.metrics().add(Counter::MqttPubackInvalidError);
        return false;
    }
    shard_.forget(*client_, done.value());
    shard_.pump(*client_, *lane_);
    return true;
}

Connection::PubrecAnswer Connection::on_pubrec(PacketId id, mqtt::ReasonCode reason) {
    auto outcome = lane_->queue.window().on_pubrec(id, reason);
    if (!outcome) {
        shard_.metrics().add(Counter::MqttPubrecInvalidError);
        return PubrecAnswer::Unknown;
    }
    if (outcome.value().next == queue::InflightWindow::Next::SendPubrel) {
        return PubrecAnswer::SendPubrel;
    }
    shard_.forget(*client_, outcome.value().delivery);
    shard_.pump(*client_, *lane_);
    return PubrecAnswer::Nothing;
}

bool Connection::on_pubcomp(PacketId id) {
    auto done = lane_->queue.window().on_pubcomp(id);
    if (!done) {
        shard_.metrics().add(Counter::MqttPubcompInvalidError);
        return false;
    }
    shard_.forget(*client_, done.value());
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
    const auto added =
        subscribers.subscribe(client, client.number, client.mountpoint, entry.filter, entry.options,
                              subscription_id, client.persistent(), true);
    const bool is_new = added == routing::LocalSubscribers::Added::New;
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
    Client& client = *client_;
    shard_.end_retained(client.lane, filter);
    for (const auto& lane : client.more) shard_.end_retained(*lane, filter);
    return shard_.subscribers().unsubscribe(client, client.number, client.mountpoint, filter);
}

void Connection::set_session_expiry(std::uint32_t seconds) {
    plan_.session_expiry_s = seconds;
    if (client_->more.empty()) client_->session_expiry_s = seconds;
    if (client_->stored) shard_.store_session(*client_);
}

void Connection::discard_will() { plan_.will.reset(); }

std::string Connection::new_client_id(std::string_view mountpoint) {
    return shard_.new_client_id(mountpoint);
}

}  // namespace vmq::broker
