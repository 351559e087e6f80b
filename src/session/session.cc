#include "session/session.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "mqtt/encoder.h"
#include "mqtt/topic.h"
#include "session/connack.h"
#include "session/refusal.h"

namespace vmq::session {

using mqtt::PacketId;
using mqtt::PacketType;
using mqtt::ProtocolVersion;
using mqtt::QoS;
using mqtt::ReasonCode;

namespace {

/// Counted by their reason, so after they have been decoded.
bool has_reason(PacketType type) noexcept {
    switch (type) {
        case PacketType::Puback:
        case PacketType::Pubrec:
        case PacketType::Pubrel:
        case PacketType::Pubcomp:
        case PacketType::Disconnect:
        case PacketType::Auth:
            return true;
        default:
            return false;
    }
}

}  // namespace

Session::Session(Host& host, const ConnectPlan& plan, TimePoint now)
    : host_(host),
      plan_(plan),
      version_(plan.version),
      rate_(plan.settings->max_message_rate, now) {}

void Session::accept(bool session_present) {
    if (!encode_accepting_connack(plan_, session_present, host_.output().bytes())) {
        state_ = State::Closed;
        return host_.close(CloseCause::PacketTooLarge,
                           "CONNACK larger than the client's Maximum Packet Size");
    }
    host_.count_sent(version_, PacketType::Connack, ReasonCode::Success);
}

void Session::on_frame(const mqtt::Frame& frame, TimePoint now) {
    VMQ_ASSERT(state_ == State::Open);
    if (!has_reason(frame.type)) {
        host_.count_received(version_, frame.type, ReasonCode::Success);
    }
    switch (frame.type) {
        case PacketType::Publish:
            return on_publish(frame, now);
        case PacketType::Puback:
        case PacketType::Pubrec:
        case PacketType::Pubrel:
        case PacketType::Pubcomp:
            return on_ack(frame);
        case PacketType::Subscribe:
            return on_subscribe(frame);
        case PacketType::Unsubscribe:
            return on_unsubscribe(frame);
        case PacketType::Pingreq: {
            const auto status = mqtt::decode_pingreq(frame, version_);
            if (!status.ok()) return fail(status.reason, status.what);
            mqtt::encode_pingresp(host_.output().bytes());  // [v5 MQTT-3.12.4-1]
            return host_.count_sent(version_, PacketType::Pingresp, ReasonCode::Success);
        }
        case PacketType::Disconnect:
            return on_disconnect(frame);
        case PacketType::Auth:
            return on_auth(frame);
        case PacketType::Connect:  // [v5 MQTT-3.1.0-2] [v3.1.1 MQTT-3.1.0-2]
            return fail(ReasonCode::ProtocolError, "second CONNECT");
        case PacketType::Connack:
        case PacketType::Suback:
        case PacketType::Unsuback:
        case PacketType::Pingresp:
            break;
    }
    fail(ReasonCode::ProtocolError, "packet type that only a server sends");
}

void Session::on_bad_frame(mqtt::FrameStatus status) {
    if (status == mqtt::FrameStatus::TooLarge) {
        return disconnect(ReasonCode::PacketTooLarge, CloseCause::PacketTooLarge,
                          "packet larger than max_message_size");
    }
    fail(ReasonCode::MalformedPacket, "malformed fixed header");
}

void Session::resume(TimePoint now) {
    VMQ_ASSERT(state_ == State::Parked);
    state_ = State::Open;
    const std::unique_ptr<Parked> parked = std::move(parked_);
    mqtt::Frame frame;
    frame.status = mqtt::FrameStatus::Complete;
    frame.type = parked->type;
    frame.flags = parked->flags;
    frame.body = parked->body;
    switch (frame.type) {
        case PacketType::Publish:
            return on_publish(frame, now);
        case PacketType::Subscribe:
            return on_subscribe(frame);
        case PacketType::Auth: {
            mqtt::Auth packet;
            const auto status = mqtt::decode_auth(frame, packet);
            VMQ_ASSERT(status.ok());
            return reauthenticate(frame, packet);
        }
        default:
            VMQ_ASSERT(false);
    }
}

void Session::park(const mqtt::Frame& frame) {
    parked_ = std::make_unique<Parked>(Parked{frame.type, frame.flags, std::string(frame.body)});
    state_ = State::Parked;
}

TimePoint Session::take_pause() noexcept { return std::exchange(pause_until_, kNever); }

void Session::on_ack(const mqtt::Frame& frame) {
    mqtt::Ack packet;
    const auto status = mqtt::decode_ack(frame, version_, packet);
    if (!status.ok()) return fail(status.reason, status.what);
    host_.count_received(version_, frame.type, packet.reason);
    switch (frame.type) {
        case PacketType::Puback:
            (void)host_.on_puback(packet.id);
            return;
        case PacketType::Pubcomp:
            (void)host_.on_pubcomp(packet.id);
            return;
        case PacketType::Pubrec: {
            const auto answer = host_.on_pubrec(packet.id, packet.reason);
            if (answer == Host::PubrecAnswer::Nothing) return;
            // An unknown id still gets its PUBREL so that the client can end the exchange
            // [v5 4.3.3, 3.6.2.1].
            const bool known = answer == Host::PubrecAnswer::SendPubrel;
            if (!known && mqtt::is_error(packet.reason)) return;
            return answer_safely(
                PacketType::Pubrel, packet.id,
                known ? ReasonCode::Success : ReasonCode::PacketIdentifierNotFound);
        }
        case PacketType::Pubrel: {
            const bool known = host_.qos2_forget(packet.id);
            if (known && qos2_unreleased_ > 0) --qos2_unreleased_;
            // [v5 MQTT-4.3.3-11] [v3.1.1 MQTT-4.3.3-2]
            return answer_safely(
                PacketType::Pubcomp, packet.id,
                known ? ReasonCode::Success : ReasonCode::PacketIdentifierNotFound);
        }
        default:
            VMQ_ASSERT(false);
    }
}

void Session::on_disconnect(const mqtt::Frame& frame) {
    mqtt::Disconnect packet;
    const auto status = mqtt::decode_disconnect(frame, version_, packet);
    if (!status.ok()) return fail(status.reason, status.what);
    host_.count_received(version_, frame.type, packet.reason);
    if (packet.properties.has(mqtt::Property::SessionExpiryInterval)) {
        // A session that ends with its connection cannot be prolonged [v5 3.14.2.2.2].
        if (plan_.session_expiry_s == 0 && packet.properties.session_expiry_interval != 0) {
            return fail(ReasonCode::ProtocolError,
                        "DISCONNECT sets a session expiry although CONNECT had none");
        }
        std::uint32_t seconds = packet.properties.session_expiry_interval;
        const std::uint32_t cap = plan_.settings->session_expiry_cap_s;
        if (cap != 0) seconds = std::min(seconds, cap);
        host_.set_session_expiry(seconds);
    }
    state_ = State::Closed;
    if (packet.reason == ReasonCode::Success) {  // [v5 MQTT-3.14.4-3] [v3.1.1 MQTT-3.14.4-3]
        host_.discard_will();
        return host_.close(CloseCause::ClientDisconnect, "client disconnected");
    }
    host_.close(CloseCause::ClientDisconnectWithWill, mqtt::reason_name(packet.reason));
}

void Session::on_auth(const mqtt::Frame& frame) {
    if (!v5()) return fail(ReasonCode::ProtocolError, "packet type 15 is reserved in MQTT 3");
    mqtt::Auth packet;
    const auto status = mqtt::decode_auth(frame, packet);
    if (!status.ok()) return fail(status.reason, status.what);
    host_.count_received(version_, frame.type, packet.reason);
    reauthenticate(frame, packet);
}

void Session::reauthenticate(const mqtt::Frame& frame, const mqtt::Auth& packet) {
    const std::string_view method = packet.properties.authentication_method;
    // [v5 MQTT-4.12.0-7, MQTT-4.12.1-1]
    if (!plan_.extras || plan_.extras->authentication_method.empty()) {
        return fail(ReasonCode::ProtocolError,
                    "AUTH on a connection without enhanced authentication");
    }
    if (method != plan_.extras->authentication_method) {
        return disconnect(ReasonCode::BadAuthenticationMethod, CloseCause::NotAuthorized,
                          "AUTH with another authentication method");
    }
    const bool continues = packet.reason == ReasonCode::ContinueAuthentication;
    if (continues != reauthenticating_) {
        return fail(ReasonCode::ProtocolError, "AUTH out of turn");
    }
    Host::AuthAnswer answer =
        host_.reauthenticate(method, packet.properties.authentication_data, packet.properties);
    if (answer.answer == Answer::Pending) return park(frame);
    if (answer.answer == Answer::Denied) {
        return disconnect(refusal_in(PacketType::Disconnect, answer.denial.reason),
                          CloseCause::NotAuthorized, "re-authentication failed");
    }
    reauthenticating_ = answer.continues;
    mqtt::Auth reply;
    reply.reason = answer.continues ? ReasonCode::ContinueAuthentication : ReasonCode::Success;
    reply.properties.authentication_method = method;
    reply.properties.set(mqtt::Property::AuthenticationMethod);
    set_binary(reply.properties, mqtt::Property::AuthenticationData,
               reply.properties.authentication_data, answer.data);
    std::string bytes;
    mqtt::encode_auth(reply, bytes);
    if (!send_if_fits(PacketType::Auth, reply.reason, bytes)) fail_to_answer();
}

void Session::send_ack(PacketType type, PacketId id, ReasonCode reason,
                       std::string_view reason_string) {
    if (state_ == State::Closed) return;  // [v5 MQTT-3.14.4-1]
    host_.count_sent(version_, type, reason);
    encode_ack(type, id, reason, reason_string, host_.output().bytes());
}

void Session::answer_safely(PacketType type, PacketId id, ReasonCode reason) {
    if (!host_.unsafe()) return send_ack(type, id, reason);
    std::string packet;
    encode_ack(type, id, reason, {}, packet);
    host_.send_when_safe(type, reason, std::move(packet));
}

void Session::encode_ack(PacketType type, PacketId id, ReasonCode reason,
                         std::string_view reason_string, std::string& out) const {
    if (!v5() || reason == ReasonCode::Success) {
        mqtt::encode_simple_ack(type, id, out);
        return;
    }
    mqtt::Ack packet;
    packet.id = id;
    packet.reason = reason;
    // [v5 MQTT-3.1.2-29]: no reason strings for clients that asked for none.
    if (plan_.request_problem_information) {
        set_text(packet.properties, mqtt::Property::ReasonString, packet.properties.reason_string,
                 reason_string);
    }
    const std::size_t before = out.size();
    mqtt::encode_ack(type, packet, version_, out);
    if (!fits(out.size() - before) && !reason_string.empty()) {
        // [v5 MQTT-3.4.2-2]: leave the text out rather than exceed the client's limit.
        out.resize(before);
        packet.properties = {};
        mqtt::encode_ack(type, packet, version_, out);
    }
}

bool Session::answer_if_fits(PacketType type, std::string packet) {
    if (!host_.unsafe()) return send_if_fits(type, ReasonCode::Success, packet);
    if (!fits(packet.size())) return false;
    host_.send_when_safe(type, ReasonCode::Success, std::move(packet));
    return true;
}

void Session::send_pubrel(PacketId id) { send_ack(PacketType::Pubrel, id, ReasonCode::Success); }

void Session::fail_to_answer() {
    disconnect(ReasonCode::PacketTooLarge, CloseCause::PacketTooLarge,
               "the answer is larger than the client's Maximum Packet Size");
}

void Session::fail(ReasonCode reason, std::string_view what) {
    disconnect(reason, CloseCause::ProtocolError, what);
}

void Session::disconnect(ReasonCode reason, CloseCause cause, std::string_view detail) {
    if (state_ == State::Closed) return;
    state_ = State::Closed;
    if (v5()) {  // [v5 MQTT-4.13.1-1]; a v3 server just closes
        mqtt::Disconnect packet;
        packet.reason = reason;
        const bool told = cause == CloseCause::ProtocolError || cause == CloseCause::PacketTooLarge;
        if (told && plan_.request_problem_information) {
            packet.properties.reason_string = detail;
            packet.properties.set(mqtt::Property::ReasonString);
        }
        std::string bytes;
        mqtt::encode_disconnect(packet, version_, bytes);
        if (!fits(bytes.size())) {
            bytes.clear();
            packet.properties = {};
            mqtt::encode_disconnect(packet, version_, bytes);
        }
        (void)send_if_fits(PacketType::Disconnect, reason, bytes);
    }
    host_.close(cause, detail);
}

bool Session::fits(std::size_t packet_size) const noexcept {
    return plan_.maximum_packet_size == 0 || packet_size <= plan_.maximum_packet_size;
}

bool Session::send_if_fits(PacketType type, ReasonCode reason, const std::string& packet) {
    if (!fits(packet.size())) return false;
    host_.output().bytes() += packet;
    host_.count_sent(version_, type, reason);
    return true;
}

}  // namespace vmq::session
