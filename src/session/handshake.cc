#include "session/handshake.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "mqtt/encoder.h"
#include "mqtt/topic.h"
#include "session/connack.h"
#include "session/refusal.h"

namespace vmq::session {

using mqtt::PacketType;
using mqtt::Property;
using mqtt::ProtocolVersion;
using mqtt::ReasonCode;

namespace {

mqtt::Frame frame_of(PacketType type, std::string_view body) {
    mqtt::Frame frame;
    frame.status = mqtt::FrameStatus::Complete;
    frame.type = type;
    frame.body = body;
    return frame;
}

std::uint8_t level_of(const mqtt::Connect& packet) {
    const auto level = static_cast<std::uint8_t>(packet.version);
    return packet.bridge ? static_cast<std::uint8_t>(level | 0x80U) : level;
}

}  // namespace

Handshake::Handshake(HandshakeHost& host, const ListenerPolicy& policy,
                     std::shared_ptr<const Settings> settings)
    : host_(host), policy_(policy) {
    plan_.settings = std::move(settings);
    plan_.mountpoint = policy.mountpoint;
}

Handshake::State Handshake::on_frame(const mqtt::Frame& frame) {
    VMQ_ASSERT(state_ == State::AwaitConnect || state_ == State::AwaitAuth);
    if (state_ == State::AwaitAuth) return on_auth(frame);
    if (frame.type != PacketType::Connect) {  // [v5 MQTT-3.1.0-1] [v3.1.1 MQTT-3.1.0-1]
        return refuse_silently(ReasonCode::ProtocolError, "the first packet is not CONNECT");
    }
    if (frame.flags != 0) {  // [v3.1.1 MQTT-2.2.2-2] [v5 MQTT-2.1.3-1]
        return refuse_silently(ReasonCode::MalformedPacket,
                               "CONNECT with reserved flags in its fixed header");
    }
    connect_body_.assign(frame.body);
    return on_connect();
}

Handshake::State Handshake::on_bad_frame(const mqtt::Frame& frame) {
    if (frame.status != mqtt::FrameStatus::TooLarge) {
        return refuse_silently(ReasonCode::MalformedPacket, "malformed fixed header");
    }
    constexpr std::string_view kWhy = "packet larger than a client may send before CONNACK";
    if (state_ == State::AwaitConnect && frame.type == PacketType::Connect && frame.flags == 0) {
        if (frame.body.size() < mqtt::kVersionBytes) return state_;
        if (mqtt::begins_like_v5(frame.body)) version_ = plan_.version = ProtocolVersion::V5;
    }
    // [v5 MQTT-3.1.4-1]: only MQTT 5 has a code for it.
    return version_ == ProtocolVersion::V5 ? refuse(ReasonCode::PacketTooLarge, kWhy)
                                           : refuse_silently(ReasonCode::PacketTooLarge, kWhy);
}

Handshake::State Handshake::resume() {
    VMQ_ASSERT(state_ == State::Parked);
    return go_on();
}

Handshake::State Handshake::turn_away(ReasonCode reason, std::string_view why) {
    VMQ_ASSERT(state_ == State::Accepted);
    Denial details;
    details.reason_string.assign(why);
    return refuse(reason, why, &details);
}

Handshake::State Handshake::on_connect() {
    mqtt::Connect packet;
    const auto status = mqtt::decode_connect(frame_of(PacketType::Connect, connect_body_), packet);
    version_ = packet.version;
    plan_.version = packet.version;
    plan_.bridge = packet.bridge;
    plan_.maximum_packet_size = packet.properties.has(Property::MaximumPacketSize)
                                    ? packet.properties.maximum_packet_size
                                    : 0;
    host_.count_received(version_, PacketType::Connect, ReasonCode::Success);
    if (!status.ok()) {
        // [v3.1.1 MQTT-3.1.4-1]: only an unsupported level is worth a return code.
        const bool told = version_ == ProtocolVersion::V5 ||
                          status.reason == ReasonCode::UnsupportedProtocolVersion;
        return told ? refuse(status.reason, status.what)
                    : refuse_silently(status.reason, status.what);
    }
    plan_.clean_start = packet.clean_start;
    plan_.request_problem_information = packet.properties.request_problem_information != 0;
    plan_.request_response_information = packet.properties.request_response_information != 0;
    if (proven_username_) {
        plan_.username = *proven_username_;
    } else if (packet.username) {
        plan_.username = std::string(*packet.username);
    }
    if (!check_version(packet) || !choose_client_id(packet)) return state_;
    return go_on(packet);
}

Handshake::State Handshake::go_on() {
    mqtt::Connect packet;
    const auto status = mqtt::decode_connect(frame_of(PacketType::Connect, connect_body_), packet);
    VMQ_ASSERT(status.ok());
    return go_on(packet);
}

Handshake::State Handshake::go_on(const mqtt::Connect& packet) {
    if (step_ == Step::Authenticate) {
        if (!authenticate(packet)) return state_;
        step_ = Step::Register;
    }
    if (step_ == Step::Register) {
        if (!authorize(packet)) return state_;
        apply_limits(packet);
        step_ = Step::Will;
    }
    if (!authorize_will(packet)) return state_;
    connect_body_ = {};
    auth_data_.reset();
    return state_ = State::Accepted;
}

bool Handshake::check_version(const mqtt::Connect& packet) {
    const auto& allowed = policy_.allowed_protocol_versions;
    if (std::find(allowed.begin(), allowed.end(), level_of(packet)) != allowed.end()) return true;
    refuse(ReasonCode::UnsupportedProtocolVersion,
           "protocol version not in allowed_protocol_versions of the listener");
    return false;
}

bool Handshake::choose_client_id(const mqtt::Connect& packet) {
    if (packet.client_id.size() > plan_.settings->max_client_id_size) {
        refuse(ReasonCode::ClientIdentifierNotValid, "client id longer than max_client_id_size");
        return false;
    }
    if (!packet.client_id.empty()) {
        plan_.client_id.assign(packet.client_id);
        return true;
    }
    // [v3.1.1 MQTT-3.1.3-7, -8]; MQTT 3.1 has no empty client ids at all.
    if (version_ == ProtocolVersion::V31 ||
        (version_ == ProtocolVersion::V311 && !packet.clean_start)) {
        refuse(ReasonCode::ClientIdentifierNotValid,
               "empty client id without a clean session (or with MQTT 3.1)");
        return false;
    }
    plan_.client_id = host_.new_client_id(plan_.mountpoint);  // [v5 MQTT-3.1.3-6]
    plan_.assigned_client_id = true;                          // [v3.1.1 MQTT-3.1.3-6]
    return true;
}

bool Handshake::authenticate(const mqtt::Connect& packet) {
    if (!packet.properties.has(Property::AuthenticationMethod)) return true;
    extras().authentication_method.assign(packet.properties.authentication_method);
    const std::string_view data =
        auth_data_ ? std::string_view(*auth_data_) : packet.properties.authentication_data;
    return apply_auth_answer(host_.authenticate(plan_.mountpoint, plan_.client_id, plan_.username,
                                                extras().authentication_method, data,
                                                packet.properties));
}

bool Handshake::apply_auth_answer(const Host::AuthAnswer& answer) {
    if (answer.answer == Answer::Pending) {
        state_ = State::Parked;
        return false;
    }
    if (answer.answer == Answer::Denied) {  // [v5 MQTT-4.12.0-1]
        refuse(answer.denial.reason, "enhanced authentication refused", &answer.denial);
        return false;
    }
    if (answer.continues) {
        mqtt::Auth packet;
        packet.reason = ReasonCode::ContinueAuthentication;  // [v5 MQTT-4.12.0-2]
        packet.properties.authentication_method = extras().authentication_method;
        packet.properties.set(Property::AuthenticationMethod);
        set_binary(packet.properties, Property::AuthenticationData,
                   packet.properties.authentication_data, answer.data);
        std::string bytes;
        mqtt::encode_auth(packet, bytes);
        if (plan_.maximum_packet_size != 0 && bytes.size() > plan_.maximum_packet_size) {
            // [v5 MQTT-3.1.2-24]
            refuse(ReasonCode::PacketTooLarge, "AUTH larger than the client's Maximum Packet Size");
            return false;
        }
        host_.output().bytes() += bytes;
        host_.count_sent(version_, PacketType::Auth, packet.reason);
        state_ = State::AwaitAuth;
        return false;
    }
    extras().authentication_data = answer.data;
    extras().reason_string = answer.reason_string;
    return true;
}

ConnackExtras& Handshake::extras() {
    if (!plan_.extras) plan_.extras = std::make_unique<ConnackExtras>();
    return *plan_.extras;
}

Handshake::State Handshake::on_auth(const mqtt::Frame& frame) {
    if (frame.type == PacketType::Disconnect) {
        return refuse_silently(ReasonCode::Success, "client disconnected during authentication");
    }
    mqtt::Auth packet;
    // [v5 MQTT-3.1.2-30]: nothing but AUTH and DISCONNECT before CONNACK.
    if (frame.type != PacketType::Auth) {
        return refuse(ReasonCode::ProtocolError, "a packet other than AUTH during authentication");
    }
    const auto status = mqtt::decode_auth(frame, packet);
    if (!status.ok()) return refuse(status.reason, status.what);
    host_.count_received(version_, PacketType::Auth, packet.reason);
    if (packet.reason != ReasonCode::ContinueAuthentication ||
        packet.properties.authentication_method != extras().authentication_method) {
        return refuse(ReasonCode::ProtocolError, "AUTH with another method or reason");
    }
    auth_data_ = std::string(packet.properties.authentication_data);
    return go_on();
}

bool Handshake::authorize(const mqtt::Connect& packet) {
    RegisterRequest request;
    request.mountpoint = plan_.mountpoint;
    request.client_id = plan_.client_id;
    request.username = plan_.username;
    request.password = packet.password;
    request.clean_start = packet.clean_start;
    request.v5 = version_ == ProtocolVersion::V5;
    request.anonymous_allowed = plan_.settings->allow_anonymous;
    request.properties = request.v5 ? &packet.properties : nullptr;
    RegisterGrant grant;
    Denial denial;
    switch (host_.authorize_register(request, grant, denial)) {
        case Answer::Pending:
            state_ = State::Parked;
            return false;
        case Answer::Denied:
            refuse(denial.reason, "not authorized to connect", &denial);
            return false;
        case Answer::Allowed:
            break;
    }
    plan_.anonymous_allowed = plan_.settings->allow_anonymous;
    plan_.authenticated_by = grant.authenticated_by;
    plan_.accepted_at = grant.accepted_at;
    if (grant.client_id) plan_.client_id = std::move(*grant.client_id);
    if (grant.mountpoint) plan_.mountpoint = std::move(*grant.mountpoint);
    if (grant.username) plan_.username = std::move(*grant.username);
    if (grant.clean_start) plan_.clean_start = *grant.clean_start;
    if (grant.settings) plan_.settings = std::move(grant.settings);
    if (!grant.response_information.empty()) {
        extras().response_information = std::move(grant.response_information);
    }
    if (request.v5) {
        plan_.capabilities = grant.capabilities;
        plan_.request_problem_information =
            grant.request_problem_information.value_or(plan_.request_problem_information);
        std::uint32_t& limit = plan_.maximum_packet_size;
        const std::uint32_t bound = grant.maximum_packet_size;
        if (bound != 0) limit = limit == 0 ? bound : std::min(limit, bound);
    }
    const std::uint32_t asked = packet.properties.has(Property::SessionExpiryInterval)
                                    ? packet.properties.session_expiry_interval
                                    : 0;
    plan_.session_expiry_s = grant.session_expiry_s.value_or(asked);
    plan_.session_expiry_overridden = plan_.session_expiry_s != asked;
    return true;
}

void Handshake::apply_limits(const mqtt::Connect& packet) {
    const Settings& settings = *plan_.settings;
    plan_.keep_alive_s = packet.keep_alive;
    if (version_ != ProtocolVersion::V5) {
        const auto expiry = settings.persistent_client_expiration_s.value_or(kSessionNeverExpires);
        plan_.session_expiry_s =
            plan_.clean_start
                ? 0
                : static_cast<std::uint32_t>(std::min<std::uint64_t>(expiry, kSessionNeverExpires));
        plan_.session_expiry_overridden = false;
        plan_.receive_maximum =
            settings.max_inflight_messages == 0 ? 65'535 : settings.max_inflight_messages;
        plan_.topic_alias_maximum = 0;
        return;
    }
    if (settings.session_expiry_cap_s != 0 &&
        plan_.session_expiry_s > settings.session_expiry_cap_s) {
        plan_.session_expiry_s = settings.session_expiry_cap_s;
        plan_.session_expiry_overridden = true;
    }
    if (settings.keep_alive_cap_s != 0 &&
        (plan_.keep_alive_s == 0 || plan_.keep_alive_s > settings.keep_alive_cap_s)) {
        plan_.keep_alive_s =
            static_cast<std::uint16_t>(std::min<std::uint32_t>(settings.keep_alive_cap_s, 65'535));
        plan_.keep_alive_overridden = true;
    }
    const mqtt::Properties& properties = packet.properties;
    const std::uint16_t receive_maximum = properties.has(Property::ReceiveMaximum)
                                              ? properties.receive_maximum
                                              : std::uint16_t{65'535};
    plan_.receive_maximum = std::min(receive_maximum, settings.receive_max_client);
    const std::uint16_t aliases = properties.has(Property::TopicAliasMaximum)
                                      ? properties.topic_alias_maximum
                                      : std::uint16_t{0};  // [v5 MQTT-3.1.2-27]
    plan_.topic_alias_maximum = std::min(aliases, settings.topic_alias_max_broker);
}

bool Handshake::authorize_will(const mqtt::Connect& packet) {
    if (!packet.will) return true;
    if (mqtt::level_count(packet.will->topic) > plan_.settings->topic_max_depth) {
        refuse(ReasonCode::TopicNameInvalid, "will topic has more levels than topic_max_depth");
        return false;
    }
    if (packet.will->topic.front() == '$') {
        refuse(ReasonCode::NotAuthorized, "will topic begins with $");
        return false;
    }
    if (packet.will->qos > plan_.capabilities.maximum_qos) {  // [v5 MQTT-3.2.2-12]
        refuse(ReasonCode::QoSNotSupported, "will QoS above the Maximum QoS of the client");
        return false;
    }
    if (packet.will->retain && !plan_.capabilities.retain) {  // [v5 MQTT-3.2.2-13]
        refuse(ReasonCode::RetainNotSupported, "retained will of a client that may not retain");
        return false;
    }
    store_will(*packet.will);
    PublishIntent intent;
    intent.mountpoint = plan_.mountpoint;
    intent.topic = plan_.will->topic;
    intent.payload = plan_.will->payload;
    intent.properties = plan_.will->properties;
    intent.message_expiry_s = plan_.will->message_expiry_s;
    intent.qos = plan_.will->qos;
    intent.retain = plan_.will->retain;
    Denial denial;
    switch (host_.authorize_will(plan_, intent, denial)) {
        case Answer::Pending:
            state_ = State::Parked;
            return false;
        case Answer::Denied:
            denial.reason = ReasonCode::NotAuthorized;
            refuse(ReasonCode::NotAuthorized, "will not authorized", &denial);
            return false;
        case Answer::Allowed:
            break;
    }
    auto granted = std::make_unique<StoredWill>(StoredWill{
        std::string(intent.mountpoint), std::string(intent.topic), std::string(intent.payload),
        std::string(intent.properties), intent.message_expiry_s, plan_.will->delay_s, intent.qos,
        intent.retain, version_ == ProtocolVersion::V5, plan_.username, intent.allowed_by,
        intent.rules});
    plan_.will = std::move(granted);
    return true;
}

void Handshake::store_will(const mqtt::Will& will) {
    auto made = std::make_unique<StoredWill>();
    StoredWill& stored = *made;
    stored.mountpoint = plan_.mountpoint;
    stored.topic.assign(will.topic);
    stored.payload.assign(will.payload);
    mqtt::append_forwarded_properties(will.raw_properties, stored.properties);
    if (will.properties.has(Property::MessageExpiryInterval)) {
        stored.message_expiry_s = will.properties.message_expiry_interval;
    }
    if (will.properties.has(Property::WillDelayInterval)) {
        stored.delay_s = will.properties.will_delay_interval;
    }
    stored.qos = will.qos;
    stored.retain = will.retain;
    plan_.will = std::move(made);
}

Handshake::State Handshake::refuse(ReasonCode reason, std::string_view why, const Denial* denial) {
    static const Denial kNoDetails;
    const Denial& details = denial != nullptr ? *denial : kNoDetails;
    reason = refusal_in(PacketType::Connack, reason);
    if (encode_refusing_connack(version_, reason, details.reason_string, details.server_reference,
                                plan_.maximum_packet_size, host_.output().bytes())) {
        host_.count_sent(version_, PacketType::Connack, reason);
    }
    return refuse_silently(reason, why);
}

Handshake::State Handshake::refuse_silently(ReasonCode reason, std::string_view why) {
    refusal_.assign(why);
    refusal_reason_ = reason;
    return state_ = State::Refused;
}

}  // namespace vmq::session
