// PUBLISH in both directions: from the client to the router, and from its queue to the client.
#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "mqtt/encoder.h"
#include "mqtt/topic.h"
#include "session/publish_template.h"
#include "session/refusal.h"
#include "session/session.h"

namespace vmq::session {

using mqtt::PacketId;
using mqtt::PacketType;
using mqtt::ProtocolVersion;
using mqtt::QoS;
using mqtt::ReasonCode;

namespace {

/// Payloads from this size on are referenced in the output instead of copied.
constexpr std::size_t kReferencedPayload = 16 * 1024;

/// Whether the packet could be expressed at all: a message at the protocol's limit may have come
/// with a shorter header than it has to leave with.
bool within_protocol_limit(std::size_t topic, std::size_t properties, std::size_t payload) {
    constexpr std::size_t kLengthsAndId = 2 + 2 + 4;
    return topic + properties + payload + kLengthsAndId <= kMaxRemainingLength;
}

}  // namespace

void Session::on_publish(const mqtt::Frame& frame, TimePoint now) {
    mqtt::Publish packet;
    const auto status = mqtt::decode_publish(frame, version_, packet);
    if (!status.ok()) return fail(status.reason, status.what);
    if (packet.qos > plan_.capabilities.maximum_qos) {  // [v5 3.2.2.3.4]
        return fail(ReasonCode::QoSNotSupported, "QoS above the announced maximum");
    }
    if (packet.retain && !plan_.capabilities.retain) {  // [v5 3.2.2.3.5]
        return fail(ReasonCode::RetainNotSupported, "RETAIN although it is not available");
    }
    if (packet.topic_alias != 0 && !resolve_alias(packet)) return;
    if (mqtt::level_count(packet.topic) > plan_.settings->topic_max_depth) {
        return fail(ReasonCode::TopicNameInvalid, "topic has more levels than topic_max_depth");
    }
    if (packet.qos == QoS::ExactlyOnce && host_.qos2_remembered(packet.id)) {
        // The same message again [v5 MQTT-4.3.3-10] [v3.1.1 MQTT-4.3.3-2]. While its first PUBREC
        // waits for the store, that one is the answer.
        for (std::size_t i = 0; i < acks_.size(); ++i) {
            if (acks_[i].id == packet.id && acks_[i].qos == QoS::ExactlyOnce) return;
        }
        // It came on an earlier connection, and may still be on its way to where it is kept.
        acknowledge(packet.id, packet.qos, ReasonCode::Success,
                    host_.await_published(next_ticket()));
        if (!acks_.empty()) acks_.back().repeated = true;
        return;
    }
    if (!within_receive_maximum(packet)) return;
    if (packet.topic.front() == '$') {  // the server's own names [v5 4.7.2]
        Denial denial;
        denial.reason_string = "clients may not publish to topics that begin with $";
        return refuse_publish(packet, denial);
    }

    PublishIntent intent;
    intent.mountpoint = plan_.mountpoint;
    intent.topic = packet.topic;
    intent.payload = packet.payload;
    std::string properties;
    if (packet.has_forwarded_properties) {
        mqtt::append_forwarded_properties(packet.raw_properties, properties);
        intent.properties = properties;
    }
    intent.message_expiry_s = packet.message_expiry_interval;
    intent.qos = packet.qos;
    intent.retain = packet.retain;
    Denial denial;
    switch (host_.authorize_publish(intent, denial)) {
        case Answer::Pending:
            return park(frame);
        case Answer::Denied:
            return refuse_publish(packet, denial);
        case Answer::Allowed:
            break;
    }
    Millis pause = rate_.take(now);
    if (intent.throttle_ms > 0) pause = std::max(pause, Millis(intent.throttle_ms));
    if (pause > Millis::zero()) pause_until_ = now + pause;

    const AckTicket ticket = next_ticket();
    const Routed routed = host_.route(intent, ticket);
    if (packet.qos == QoS::AtMostOnce) {
        // Its ticket has a meaning all the same when a hook raised the QoS of the message.
        if (routed.waits > 0) acknowledge(packet.id, packet.qos, ReasonCode::Success, routed.waits);
        return;
    }
    ReasonCode reason = routed.reason;
    if (reason == ReasonCode::Success && !routed.matched)
        reason = ReasonCode::NoMatchingSubscribers;
    if (routed.not_ready) {  // VerneMQ's codes
        reason = packet.qos == QoS::AtLeastOnce ? ReasonCode::ImplementationSpecificError
                                                : ReasonCode::UnspecifiedError;
    }
    if (mqtt::is_error(reason)) {
        denial = Denial{reason, std::string(routed.refusal), {}};
        if (!v5()) return;  // MQTT 3 has no way to refuse: the client will send it again
        return refuse_publish(packet, denial);
    }
    std::uint32_t waits = routed.waits;
    if (packet.qos == QoS::ExactlyOnce) {
        waits += host_.qos2_remember(packet.id, ticket);
        ++qos2_unreleased_;
    }
    acknowledge(packet.id, packet.qos, reason, waits);
}

bool Session::resolve_alias(mqtt::Publish& packet) {
    // [v5 MQTT-3.3.2-9]
    if (packet.topic_alias > plan_.settings->topic_alias_max_client) {
        fail(ReasonCode::TopicAliasInvalid, "topic alias above the announced maximum");
        return false;
    }
    if (!aliases_) aliases_ = std::make_unique<TopicAliases>();
    if (!packet.topic.empty()) {
        aliases_->set_received(packet.topic_alias, packet.topic);
        return true;
    }
    packet.topic = aliases_->received(packet.topic_alias);
    if (!packet.topic.empty()) return true;
    fail(ReasonCode::ProtocolError, "topic alias that was never set on this connection");
    return false;
}

bool Session::within_receive_maximum(const mqtt::Publish& packet) {
    if (!v5() || packet.qos == QoS::AtMostOnce) return true;
    if (qos1_unacknowledged_ + qos2_unreleased_ < plan_.settings->receive_max_broker) return true;
    // [v5 3.3.4]
    disconnect(ReasonCode::ReceiveMaximumExceeded, CloseCause::ProtocolError,
               "more unacknowledged publishes than the receive maximum");
    return false;
}

void Session::refuse_publish(const mqtt::Publish& packet, const Denial& denial) {
    if (v5()) {
        if (packet.qos == QoS::AtMostOnce) return;
        const auto type = packet.qos == QoS::AtLeastOnce ? PacketType::Puback : PacketType::Pubrec;
        const ReasonCode reason = refusal_in(type, denial.reason);
        if (acks_.empty()) return send_ack(type, packet.id, reason, denial.reason_string);
        return acknowledge(packet.id, packet.qos, reason);
    }
    // [v3.1.1 MQTT-3.3.5-2]: acknowledge as if all were well, or close. VerneMQ closes 3.1.1
    // clients, and 3.1 clients if told to; topics of the server are acknowledged and dropped.
    const bool reserved_topic = packet.topic.front() == '$';
    if (!reserved_topic && (version_ == ProtocolVersion::V311 ||
                            plan_.settings->disconnect_on_unauthorized_publish_v3)) {
        state_ = State::Closed;
        return host_.close(CloseCause::NotAuthorized, "publish not authorized");
    }
    if (packet.qos != QoS::AtMostOnce) acknowledge(packet.id, packet.qos, ReasonCode::Success);
}

void Session::acknowledge(PacketId id, QoS qos, ReasonCode reason, std::uint32_t waits) {
    const auto type = qos == QoS::AtLeastOnce ? PacketType::Puback : PacketType::Pubrec;
    if (acks_.empty() && waits == 0) return send_ack(type, id, reason);
    if (qos == QoS::AtLeastOnce) ++qos1_unacknowledged_;
    acks_.push_back(PendingAck{id, qos, reason, waits});
}

void Session::note_safe(AckTicket ticket, ReasonCode reason) {
    const auto index = static_cast<AckTicket>(ticket - first_ticket_);
    if (index >= acks_.size()) return;
    PendingAck& ack = acks_[index];
    if (ack.waits > 0) --ack.waits;
    if (mqtt::is_error(reason) && !mqtt::is_error(ack.reason)) {
        ack.reason = refusal_in(PacketType::Puback, reason);
        if (ack.qos == QoS::ExactlyOnce && host_.qos2_forget(ack.id)) --qos2_unreleased_;
    }
}

void Session::on_safe(AckTicket ticket, ReasonCode reason) {
    note_safe(ticket, reason);
    while (!acks_.empty() && acks_.front().waits == 0) {
        PendingAck done = acks_.pop_front();
        ++first_ticket_;
        // Where it was to be kept has refused it since, see Shard::keep_unsafe().
        if (done.repeated && !mqtt::is_error(done.reason) && !host_.qos2_remembered(done.id)) {
            done.reason = refusal_in(PacketType::Puback, ReasonCode::QuotaExceeded);
            if (qos2_unreleased_ > 0) --qos2_unreleased_;
        }
        if (done.qos == QoS::AtMostOnce) continue;
        if (done.qos == QoS::AtLeastOnce) --qos1_unacknowledged_;
        if (!v5() && mqtt::is_error(done.reason)) continue;  // no acknowledgement: see on_publish
        send_ack(done.qos == QoS::AtLeastOnce ? PacketType::Puback : PacketType::Pubrec, done.id,
                 done.reason);
    }
}

bool Session::send_publish(const Outgoing& outgoing, TimePoint now, PublishTemplate* shared) {
    if (state_ == State::Closed) return true;  // stays in flight for the next connection
    const mqtt::Message& message = **outgoing.message;
    const bool plain = !v5() || (plan_.topic_alias_maximum == 0 && outgoing.subscription_id == 0 &&
                                 message.expires_at() == kNever);
    if (!plain) return send_publish_with_properties(outgoing, now);
    const std::string_view properties = v5() ? message.properties() : std::string_view();
    if (shared == nullptr || outgoing.dup ||
        properties.size() + message.payload().size() >= kReferencedPayload) {
        return send_publish_plain(outgoing, message.topic(), properties);
    }
    const auto& encoding = shared->encoding(message, v5(), outgoing.qos, outgoing.retain);
    if (!fits(encoding.bytes.size())) return false;
    std::string& out = host_.output().bytes();
    const std::size_t at = out.size();
    out += encoding.bytes;
    if (outgoing.qos != QoS::AtMostOnce) {
        const auto id = static_cast<std::uint16_t>(outgoing.id);
        out[at + encoding.id_at] = static_cast<char>(id >> 8U);
        out[at + encoding.id_at + 1] = static_cast<char>(id & 0xFFU);
    }
    host_.count_sent(version_, PacketType::Publish, ReasonCode::Success);
    return true;
}

bool Session::send_publish_plain(const Outgoing& outgoing, std::string_view topic,
                                 std::string_view properties) {
    const mqtt::Message& message = **outgoing.message;
    mqtt::Publish packet;
    packet.topic = topic;
    packet.payload = message.payload();
    if (!within_protocol_limit(topic.size(), properties.size(), packet.payload.size()))
        return false;
    packet.qos = outgoing.qos;
    packet.id = outgoing.id;
    packet.dup = outgoing.dup;
    packet.retain = outgoing.retain;
    OutputBuffer& output = host_.output();
    std::string& out = output.bytes();
    const std::size_t before = out.size();
    const bool referenced = packet.payload.size() >= kReferencedPayload;
    if (referenced) {
        mqtt::encode_publish_header(packet, version_, properties, out);
    } else {
        mqtt::encode_publish(packet, version_, properties, out);
    }
    if (!fits(out.size() - before + (referenced ? packet.payload.size() : 0))) {
        out.resize(before);
        return false;
    }
    if (referenced) {
        output.append_reference(packet.payload,
                                std::make_shared<const mqtt::MessagePtr>(*outgoing.message));
    }
    host_.count_sent(version_, PacketType::Publish, ReasonCode::Success);
    return true;
}

bool Session::send_publish_with_properties(const Outgoing& outgoing, TimePoint now) {
    const std::string_view topic = (*outgoing.message)->topic();
    if (plan_.topic_alias_maximum != 0) {
        if (!aliases_) aliases_ = std::make_unique<TopicAliases>();
        const std::uint16_t known = aliases_->sent(topic);
        const std::uint16_t alias =
            known != 0 ? known : aliases_->next_free(plan_.topic_alias_maximum);
        // A known alias stands for the topic.
        if (alias != 0 && send_publish_plain(outgoing, known != 0 ? std::string_view() : topic,
                                             publish_properties(outgoing, now, alias))) {
            if (known == 0) aliases_->set_sent(topic, alias);
            return true;
        }
    }
    // All aliases are taken, or the property just makes the packet too large.
    return send_publish_plain(outgoing, topic, publish_properties(outgoing, now, 0));
}

std::string Session::publish_properties(const Outgoing& outgoing, TimePoint now,
                                        std::uint16_t alias) const {
    const mqtt::Message& message = **outgoing.message;
    mqtt::Properties properties;
    if (const auto left = message.seconds_left(now)) {  // [v5 MQTT-3.3.2-6]
        properties.message_expiry_interval = *left;
        properties.set(mqtt::Property::MessageExpiryInterval);
    }
    if (alias != 0) {
        properties.topic_alias = alias;
        properties.set(mqtt::Property::TopicAlias);
    }
    if (outgoing.subscription_id != 0) {  // [v5 MQTT-3.3.4-3]
        properties.subscription_identifiers.push_back(outgoing.subscription_id);
        properties.set(mqtt::Property::SubscriptionIdentifier);
    }
    std::string encoded;
    mqtt::append_properties(properties, encoded);
    encoded += message.properties();
    return encoded;
}

}  // namespace vmq::session
