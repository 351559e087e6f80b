// The surroundings of a Handshake and a Session, with answers that a test chooses.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "session/handshake.h"
#include "session/host.h"
#include "support/packet_text.h"

namespace vmq::testing {

/// Allows everything and remembers what it was asked, until a script says otherwise.
class ScriptedHost final : public session::Host, public session::HandshakeHost {
public:
    using Answer = session::Answer;
    using Denial = session::Denial;

    // Scripts; empty: allowed.
    std::function<Answer(const session::RegisterRequest&, session::RegisterGrant&, Denial&)>
        on_register;
    std::function<AuthAnswer(std::string_view method, std::string_view data)> on_auth;
    std::function<Answer(session::PublishIntent&, Denial&)> on_publish;
    std::function<Answer(session::SubscribeIntent&, Denial&)> on_subscribe;
    std::function<void(session::UnsubscribeIntent&)> on_unsubscribe;
    std::function<mqtt::ReasonCode(const mqtt::SubscribeEntry&)> subscribe_reason;
    session::Routed routed{true, 0, mqtt::ReasonCode::Success};
    std::set<std::string, std::less<>> subscriptions;
    std::set<unsigned> received_qos2;
    std::uint32_t waits_for_published = 0;
    std::uint32_t waits_for_received = 0;
    bool not_safe_yet = false;
    std::string held_back;         // until it is safe
    std::set<unsigned> in_flight;  // ids that the client may acknowledge

    // What happened.
    std::vector<std::string> calls;
    std::vector<session::AckTicket> tickets;  // of route(), in order
    session::CloseCause close_cause{};
    int closes = 0;
    std::string close_detail;
    int counted_sent = 0;
    std::vector<std::string> counted;  // "> 5 CONNACK success": direction, version, packet, reason

    /// Everything that was sent since the last call, as bytes.
    [[nodiscard]] std::string take_bytes() {
        std::string all;
        std::array<OutputBuffer::Piece, 64> pieces;
        while (!output_.empty()) {
            const std::size_t count = output_.gather(pieces.data(), pieces.size());
            std::size_t size = 0;
            for (std::size_t i = 0; i < count; ++i) {
                all.append(pieces[i].data, pieces[i].size);
                size += pieces[i].size;
            }
            output_.consume(size);
        }
        return all;
    }
    [[nodiscard]] std::vector<std::string> take(mqtt::ProtocolVersion version) {
        return packet_texts(take_bytes(), version);
    }
    [[nodiscard]] std::vector<std::string> take_calls() { return std::exchange(calls, {}); }

    [[nodiscard]] OutputBuffer& output() override { return output_; }
    void close(session::CloseCause cause, std::string_view detail) override {
        ++closes;
        close_cause = cause;
        close_detail = detail;
    }

    Answer authorize_register(const session::RegisterRequest& request,
                              session::RegisterGrant& grant, Denial& denial) override {
        calls.push_back(fmt::format(
            "register {}/{} user={} password={} clean={} v5={} anonymous={}", request.mountpoint,
            request.client_id, request.username.value_or("-"), request.password.value_or("-"),
            request.clean_start, request.v5, request.anonymous_allowed));
        return on_register ? on_register(request, grant, denial) : Answer::Allowed;
    }
    AuthAnswer authenticate(std::string_view mountpoint, std::string_view client_id,
                            std::optional<std::string_view> /*username*/, std::string_view method,
                            std::string_view data,
                            const mqtt::Properties& /*properties*/) override {
        calls.push_back(fmt::format("auth {}/{} {} {}", mountpoint, client_id, method, data));
        return auth_answer(method, data);
    }
    AuthAnswer reauthenticate(std::string_view method, std::string_view data,
                              const mqtt::Properties& /*properties*/) override {
        calls.push_back(fmt::format("reauth {} {}", method, data));
        return auth_answer(method, data);
    }
    Answer authorize_will(const session::ConnectPlan& plan, session::PublishIntent& intent,
                          Denial& denial) override {
        calls.push_back(fmt::format("will {}/{} {} {}", plan.mountpoint, plan.client_id,
                                    intent.topic, intent.payload));
        return on_publish ? on_publish(intent, denial) : Answer::Allowed;
    }
    [[nodiscard]] std::string new_client_id(std::string_view /*mountpoint*/) override {
        return fmt::format("anon-{}", ++new_ids_);
    }

    Answer authorize_publish(session::PublishIntent& intent, Denial& denial) override {
        calls.push_back(fmt::format("authorize {}", intent.topic));
        return on_publish ? on_publish(intent, denial) : Answer::Allowed;
    }
    session::Routed route(const session::PublishIntent& intent,
                          session::AckTicket ticket) override {
        calls.push_back(fmt::format("route {} {} q{}{}", intent.topic, intent.payload,
                                    static_cast<unsigned>(intent.qos),
                                    intent.retain ? " retain" : ""));
        tickets.push_back(ticket);
        return routed;
    }
    [[nodiscard]] bool qos2_remembered(mqtt::PacketId id) override {
        return received_qos2.contains(static_cast<unsigned>(id));
    }
    [[nodiscard]] std::uint32_t qos2_remember(mqtt::PacketId id,
                                              session::AckTicket /*ticket*/) override {
        received_qos2.insert(static_cast<unsigned>(id));
        return waits_for_received;
    }
    [[nodiscard]] bool unsafe() const noexcept override { return not_safe_yet; }
    void send_when_safe(mqtt::PacketType /*type*/, mqtt::ReasonCode /*reason*/,
                        std::string packet) override {
        held_back += packet;
    }
    bool qos2_forget(mqtt::PacketId id) override {
        return received_qos2.erase(static_cast<unsigned>(id)) > 0;
    }
    [[nodiscard]] std::uint32_t await_published(session::AckTicket ticket) override {
        tickets.push_back(ticket);
        return waits_for_published;
    }
    bool on_puback(mqtt::PacketId id) override { return acknowledged("puback", id); }
    PubrecAnswer on_pubrec(mqtt::PacketId id, mqtt::ReasonCode reason) override {
        calls.push_back(fmt::format("pubrec {} {:#04x}", static_cast<unsigned>(id),
                                    static_cast<unsigned>(reason)));
        if (!in_flight.contains(static_cast<unsigned>(id))) return PubrecAnswer::Unknown;
        return mqtt::is_error(reason) ? PubrecAnswer::Nothing : PubrecAnswer::SendPubrel;
    }
    bool on_pubcomp(mqtt::PacketId id) override { return acknowledged("pubcomp", id); }

    Answer authorize_subscribe(session::SubscribeIntent& intent, Denial& denial) override {
        return on_subscribe ? on_subscribe(intent, denial) : Answer::Allowed;
    }
    mqtt::ReasonCode subscribe(const mqtt::SubscribeEntry& entry,
                               std::uint32_t subscription_id) override {
        calls.push_back(fmt::format(
            "subscribe {} q{}{}{}{}", entry.filter, static_cast<unsigned>(entry.options.qos),
            entry.options.no_local ? " no_local" : "",
            entry.options.retain_as_published ? " as_published" : "",
            subscription_id != 0 ? fmt::format(" id={}", subscription_id) : std::string()));
        if (subscribe_reason) return subscribe_reason(entry);
        subscriptions.emplace(entry.filter);
        return static_cast<mqtt::ReasonCode>(entry.options.qos);
    }
    void subscribed(const session::SubscribeIntent& intent,
                    const std::vector<mqtt::ReasonCode>& reasons) override {
        calls.push_back(fmt::format("subscribed {}/{}", reasons.size(), intent.entries.size()));
    }
    void authorize_unsubscribe(session::UnsubscribeIntent& intent) override {
        if (on_unsubscribe) on_unsubscribe(intent);
    }
    bool unsubscribe(std::string_view filter) override {
        calls.push_back(fmt::format("unsubscribe {}", filter));
        return subscriptions.erase(std::string(filter)) > 0;
    }
    void unsubscribed(const session::UnsubscribeIntent& intent) override {
        calls.push_back(fmt::format("unsubscribed {}", intent.filters.size()));
    }
    void set_session_expiry(std::uint32_t seconds) override {
        calls.push_back(fmt::format("expiry {}", seconds));
    }
    void discard_will() override { calls.emplace_back("discard will"); }
    void count_received(mqtt::ProtocolVersion version, mqtt::PacketType type,
                        mqtt::ReasonCode reason) override {
        counted.push_back(counted_text("<", version, type, reason));
    }
    void count_sent(mqtt::ProtocolVersion version, mqtt::PacketType type,
                    mqtt::ReasonCode reason) override {
        ++counted_sent;
        counted.push_back(counted_text(">", version, type, reason));
    }

private:
    static std::string counted_text(const char* direction, mqtt::ProtocolVersion version,
                                    mqtt::PacketType type, mqtt::ReasonCode reason) {
        return fmt::format("{} {} {} {}", direction, static_cast<unsigned>(version),
                           mqtt::packet_name(type), mqtt::reason_name(reason));
    }
    AuthAnswer auth_answer(std::string_view method, std::string_view data) {
        if (on_auth) return on_auth(method, data);
        AuthAnswer answer;
        answer.answer = Answer::Allowed;
        return answer;
    }
    bool acknowledged(std::string_view what, mqtt::PacketId id) {
        calls.push_back(fmt::format("{} {}", what, static_cast<unsigned>(id)));
        return in_flight.erase(static_cast<unsigned>(id)) > 0;
    }

    OutputBuffer output_;
    int new_ids_ = 0;
};

}  // namespace vmq::testing
