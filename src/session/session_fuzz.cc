// Input := n:u8, n answers, packets. The packets go to a Handshake and then to a Session whose host
// answers with the given bytes; in between, messages are delivered and stored. Whatever happens, a
// client must be able to follow what is sent.
#include "session/session.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "mqtt/encoder.h"
#include "mqtt/topic.h"
#include "session/handshake.h"
#include "session/publish_template.h"
#include "support/packet_text.h"

namespace vmq::session {
namespace {

using mqtt::PacketId;
using mqtt::PacketType;
using mqtt::QoS;
using mqtt::ReasonCode;

/// The bytes that decide what the host answers; zeros when they are used up.
class Answers final {
public:
    explicit Answers(std::string_view bytes) : bytes_(bytes) {}

    std::uint32_t pick(std::uint32_t bound) {
        const auto byte = at_ < bytes_.size() ? static_cast<unsigned char>(bytes_[at_]) : 0U;
        ++at_;
        return byte % bound;
    }
    std::string text() {
        std::string text;
        for (std::uint32_t left = pick(12); left > 0; --left) {
            text.push_back(static_cast<char>(pick(256)));
        }
        return text;
    }

private:
    std::string_view bytes_;
    std::size_t at_ = 0;
};

constexpr std::array<std::string_view, 4> kTopics{"a", "b/c", "$x", "long/topic/name/of/a/hook"};

class FuzzHost final : public Host, public HandshakeHost {
public:
    explicit FuzzHost(Answers& answers) : answers_(answers) {}

    struct Waiting {
        AckTicket ticket;
        unsigned waits;
    };
    std::vector<Waiting> waiting;
    std::set<unsigned> received_qos2;
    std::string held_back;
    std::map<unsigned, QoS> in_flight;
    int closes = 0;

    [[nodiscard]] OutputBuffer& output() override { return output_; }
    void close(CloseCause /*cause*/, std::string_view detail) override {
        VMQ_ASSERT(!detail.empty());
        ++closes;
    }
    Answer authorize_register(const RegisterRequest& /*request*/, RegisterGrant& grant,
                              Denial& denial) override {
        const Answer given = answer(denial);
        if (given != Answer::Allowed) return given;
        if (answers_.pick(8) == 1) grant.client_id = "granted";
        if (answers_.pick(8) == 1) grant.session_expiry_s = answers_.pick(256);
        if (answers_.pick(8) == 1) grant.response_information = answers_.text();
        return given;
    }
    AuthAnswer authenticate(std::string_view /*mountpoint*/, std::string_view /*client_id*/,
                            std::optional<std::string_view> /*username*/, std::string_view method,
                            std::string_view data, const mqtt::Properties& properties) override {
        return reauthenticate(method, data, properties);
    }
    AuthAnswer reauthenticate(std::string_view /*method*/, std::string_view /*data*/,
                              const mqtt::Properties& /*properties*/) override {
        AuthAnswer made;
        made.answer = answer(made.denial);
        made.continues = answers_.pick(2) == 1;
        made.data = answers_.text();
        made.reason_string = answers_.text();
        return made;
    }
    Answer authorize_will(const ConnectPlan& /*plan*/, PublishIntent& intent,
                          Denial& denial) override {
        return authorize_publish(intent, denial);
    }
    [[nodiscard]] std::string new_client_id(std::string_view /*mountpoint*/) override {
        return "anon";
    }
    Answer authorize_publish(PublishIntent& intent, Denial& denial) override {
        const Answer given = answer(denial);
        if (given != Answer::Allowed || answers_.pick(4) != 1) return given;
        intent.topic = kTopics[answers_.pick(4)];
        intent.qos = static_cast<QoS>(answers_.pick(3));
        intent.throttle_ms = answers_.pick(3);
        return given;
    }
    Routed route(const PublishIntent& intent, AckTicket ticket) override {
        VMQ_ASSERT(mqtt::is_valid_topic_name(intent.topic));
        Routed routed;
        routed.matched = answers_.pick(2) == 0;
        if (answers_.pick(8) == 1) {
            routed.reason = static_cast<ReasonCode>(128 + answers_.pick(128));
        } else {
            routed.waits = static_cast<std::uint16_t>(answers_.pick(3));
        }
        if (routed.waits > 0) waiting.push_back({ticket, routed.waits});
        return routed;
    }
    [[nodiscard]] bool qos2_remembered(PacketId id) override {
        return received_qos2.contains(static_cast<unsigned>(id));
    }
    [[nodiscard]] std::uint32_t qos2_remember(PacketId id, AckTicket ticket) override {
        VMQ_ASSERT(received_qos2.insert(static_cast<unsigned>(id)).second);
        const auto waits = static_cast<std::uint16_t>(answers_.pick(2));
        if (waits > 0) waiting.push_back({ticket, waits});
        return waits;
    }
    [[nodiscard]] bool unsafe() const noexcept override { return !held_back.empty(); }
    void send_when_safe(mqtt::PacketType /*type*/, mqtt::ReasonCode /*reason*/,
                        std::string packet) override {
        held_back = std::move(packet);
    }
    bool qos2_forget(PacketId id) override {
        return received_qos2.erase(static_cast<unsigned>(id)) > 0;
    }
    [[nodiscard]] std::uint32_t await_published(AckTicket ticket) override {
        const auto waits = static_cast<std::uint16_t>(answers_.pick(3));
        if (waits > 0) waiting.push_back({ticket, waits});
        return waits;
    }
    bool on_puback(PacketId id) override { return in_flight.erase(static_cast<unsigned>(id)) > 0; }
    PubrecAnswer on_pubrec(PacketId id, ReasonCode reason) override {
        if (!in_flight.contains(static_cast<unsigned>(id))) return PubrecAnswer::Unknown;
        return mqtt::is_error(reason) ? PubrecAnswer::Nothing : PubrecAnswer::SendPubrel;
    }
    bool on_pubcomp(PacketId id) override { return on_puback(id); }
    Answer authorize_subscribe(SubscribeIntent& intent, Denial& denial) override {
        const Answer given = answer(denial);
        if (given != Answer::Allowed || answers_.pick(4) != 1) return given;
        intent.entries.resize(answers_.pick(4), {"hook", {}});
        for (std::uint32_t left = answers_.pick(5); left > 0; --left) {
            intent.refusals.push_back(static_cast<ReasonCode>(answers_.pick(256)));
        }
        return given;
    }
    ReasonCode subscribe(const mqtt::SubscribeEntry& entry, std::uint32_t /*id*/) override {
        VMQ_ASSERT(mqtt::is_valid_topic_filter(entry.filter));
        return answers_.pick(4) == 1 ? static_cast<ReasonCode>(128 + answers_.pick(128))
                                     : static_cast<ReasonCode>(entry.options.qos);
    }
    void subscribed(const SubscribeIntent& intent,
                    const std::vector<ReasonCode>& reasons) override {
        VMQ_ASSERT(intent.entries.size() == reasons.size());
    }
    void authorize_unsubscribe(UnsubscribeIntent& intent) override {
        if (answers_.pick(4) == 1) intent.filters.resize(answers_.pick(4), "hook");
        if (answers_.pick(4) == 1) intent.details.reason_string = answers_.text();
        if (answers_.pick(4) == 1)
            intent.details.user_properties.emplace_back("hook", answers_.text());
    }
    bool unsubscribe(std::string_view /*filter*/) override { return answers_.pick(2) == 1; }
    void unsubscribed(const UnsubscribeIntent& /*intent*/) override {}
    void set_session_expiry(std::uint32_t /*seconds*/) override {}
    void discard_will() override {}
    void count_received(mqtt::ProtocolVersion /*version*/, PacketType /*type*/,
                        ReasonCode /*reason*/) override {}
    void count_sent(mqtt::ProtocolVersion /*version*/, PacketType /*type*/,
                    ReasonCode /*reason*/) override {}

private:
    Answer answer(Denial& denial) {
        switch (answers_.pick(6)) {
            case 1:
                return Answer::Pending;
            case 2:
                denial.reason = static_cast<ReasonCode>(answers_.pick(256));
                denial.reason_string = answers_.text();
                denial.server_reference = answers_.text();
                return Answer::Denied;
            default:
                return Answer::Allowed;
        }
    }

    Answers& answers_;
    OutputBuffer output_;
};

/// The client's view: what it has to be told, and what it was told.
class Client final {
public:
    void on_sent_by_client(const mqtt::Frame& frame, mqtt::ProtocolVersion version) {
        switch (frame.type) {
            case PacketType::Publish: {
                mqtt::Publish packet;
                if (!mqtt::decode_publish(frame, version, packet).ok()) return;
                if (packet.qos == QoS::AtLeastOnce) expect(PacketType::Puback, packet.id);
                if (packet.qos == QoS::ExactlyOnce) expect(PacketType::Pubrec, packet.id);
                return;
            }
            case PacketType::Pubrec:
                return expect(PacketType::Pubrel, id_of(frame));
            case PacketType::Pubrel:
                return expect(PacketType::Pubcomp, id_of(frame));
            case PacketType::Subscribe:
                return expect(PacketType::Suback, id_of(frame));
            case PacketType::Unsubscribe:
                return expect(PacketType::Unsuback, id_of(frame));
            case PacketType::Pingreq:
                return expect(PacketType::Pingresp, {});
            default:
                return;
        }
    }
    void expect(PacketType type, PacketId id) { ++expected_[{type, id}]; }

    /// Checks everything in `output` and takes it away.
    void receive(OutputBuffer& output, mqtt::ProtocolVersion version, std::uint32_t maximum,
                 std::uint16_t alias_maximum) {
        std::string bytes;
        while (!output.empty()) {
            OutputBuffer::Piece piece;
            VMQ_ASSERT(output.gather(&piece, 1) == 1);
            bytes.append(piece.data, piece.size);
            output.consume(piece.size);
        }
        for (std::string_view rest = bytes; !rest.empty();) {
            VMQ_ASSERT(!over_);
            const auto frame = mqtt::next_frame(rest, kMaxRemainingLength);
            VMQ_ASSERT(frame.status == mqtt::FrameStatus::Complete);
            VMQ_ASSERT(maximum == 0 || frame.size <= maximum);
            VMQ_ASSERT(!testing::packet_text(frame, version).starts_with("BROKEN"));
            receive_packet(frame, version, alias_maximum);
            rest.remove_prefix(frame.size);
        }
    }

    std::string last_topic;  // of the last PUBLISH, its alias resolved

private:
    static PacketId id_of(const mqtt::Frame& frame) {
        if (frame.body.size() < 2) return {};
        return PacketId{static_cast<std::uint16_t>(static_cast<unsigned char>(frame.body[0]) << 8U |
                                                   static_cast<unsigned char>(frame.body[1]))};
    }

    void receive_packet(const mqtt::Frame& frame, mqtt::ProtocolVersion version,
                        std::uint16_t alias_maximum) {
        switch (frame.type) {
            case PacketType::Connack:
                VMQ_ASSERT(!connected_);
                connected_ = true;
                over_ = frame.body[1] != 0;
                return;
            case PacketType::Auth:
                return;
            case PacketType::Disconnect:
                VMQ_ASSERT(connected_);  // [v5 MQTT-3.14.0-1]
                over_ = true;            // [v5 MQTT-3.14.4-1]
                return;
            case PacketType::Publish: {
                mqtt::Publish packet;
                (void)mqtt::decode_server_publish(frame, version, packet);
                VMQ_ASSERT(packet.topic_alias <= alias_maximum);  // [v5 MQTT-3.1.2-26]
                last_topic = packet.topic;
                if (packet.topic_alias == 0) return;
                std::string& known = aliases_[packet.topic_alias];
                if (packet.topic.empty()) last_topic = known;
                VMQ_ASSERT(!last_topic.empty());
                known = last_topic;
                return;
            }
            default: {
                const auto id = frame.type == PacketType::Pingresp ? PacketId{} : id_of(frame);
                VMQ_ASSERT(connected_ && expected_[std::pair(frame.type, id)]-- > 0);
                return;
            }
        }
    }

    std::map<std::pair<PacketType, PacketId>, int> expected_;
    std::map<unsigned, std::string> aliases_;
    bool connected_ = false;
    bool over_ = false;
};

Settings settings_of(Answers& answers) {
    Settings settings;
    settings.topic_alias_max_broker = static_cast<std::uint16_t>(answers.pick(3));
    settings.topic_alias_max_client = static_cast<std::uint16_t>(answers.pick(3));
    settings.receive_max_broker = static_cast<std::uint16_t>(1 + answers.pick(4));
    settings.max_message_rate = answers.pick(3);
    settings.disconnect_on_unauthorized_publish_v3 = answers.pick(2) == 1;
    settings.session_expiry_cap_s = answers.pick(2);
    return settings;
}

class Run final {
public:
    Run(std::string_view answers, std::string_view packets)
        : answers_(answers), packets_(packets), host_(answers_) {
        policy_.allowed_protocol_versions = {3, 4, 5, 131, 132};
    }

    void all() {
        const auto settings = std::make_shared<const Settings>(settings_of(answers_));
        Handshake handshake(host_, policy_, settings);
        if (!connect(handshake)) return;
        plan_ = std::move(handshake.plan());
        Session session(host_, plan_, now_);
        session.accept(answers_.pick(2) == 1);
        receive(session);
        while (session.state() != Session::State::Closed && step(session)) {
        }
        for (int i = 0; i < 4; ++i) on_the_side(session);
        if (session.state() != Session::State::Closed) {
            session.disconnect(ReasonCode::ServerShuttingDown, CloseCause::ServerShutdown, "bye");
            receive(session);
        }
    }

private:
    /// The next packet, or nothing when there is none.
    std::optional<mqtt::Frame> take_frame() {
        const auto frame = mqtt::next_frame(packets_, 100'000);
        if (frame.status == mqtt::FrameStatus::NeedMore) return std::nullopt;
        packets_.remove_prefix(frame.size);
        return frame;
    }

    bool connect(Handshake& handshake) {
        using State = Handshake::State;
        for (int parked = 0; parked < 100;) {
            const State state = handshake.state();
            if (state == State::Accepted) return true;
            if (state == State::Refused) return false;
            if (state == State::Parked) {
                ++parked;
                handshake.resume();
            } else {
                const auto frame = take_frame();
                if (!frame) return false;
                if (frame->status == mqtt::FrameStatus::Complete) {
                    handshake.on_frame(*frame);
                } else if (handshake.on_bad_frame(*frame) != State::Refused) {
                    return false;  // it would wait for more
                }
            }
            client_.receive(host_.output(), handshake.plan().version,
                            handshake.plan().maximum_packet_size, 0);
        }
        return false;
    }

    bool step(Session& session) {
        now_ += Millis(answers_.pick(200));
        if (answers_.pick(3) == 1) on_the_side(session);
        if (session.state() == Session::State::Closed) return false;
        if (session.state() == Session::State::Parked) {
            if (++resumed_ > 100) return false;
            session.resume(now_);
        } else {
            const auto frame = take_frame();
            if (!frame) return false;
            if (frame->status == mqtt::FrameStatus::Complete) {
                client_.on_sent_by_client(*frame, plan_.version);
                session.on_frame(*frame, now_);
            } else {
                session.on_bad_frame(frame->status);
            }
        }
        (void)session.take_pause();
        receive(session);
        return true;
    }

    /// What other clients and the store do meanwhile.
    void on_the_side(Session& session) {
        if (!host_.waiting.empty() && answers_.pick(2) == 0) {
            const auto at = answers_.pick(static_cast<std::uint32_t>(host_.waiting.size()));
            const auto each = host_.waiting.begin() + at;
            session.on_safe(each->ticket, answers_.pick(4) == 1
                                              ? static_cast<ReasonCode>(128 + answers_.pick(128))
                                              : ReasonCode::Success);
            if (--each->waits == 0) host_.waiting.erase(each);
        } else {
            deliver(session);
        }
        receive(session);
    }

    void deliver(Session& session) {
        const std::string payload(answers_.pick(2) == 0 ? answers_.pick(64) : 20'000, 'x');
        mqtt::MessageParts parts;
        parts.topic = kTopics[answers_.pick(4)];
        parts.payload = payload;
        if (answers_.pick(2) == 1) parts.expires_at = now_ + Millis(answers_.pick(256));
        const auto message = mqtt::Message::make(parts);
        const auto qos = static_cast<QoS>(answers_.pick(3));
        const unsigned id = qos == QoS::AtMostOnce ? 0 : ++last_id_;
        template_.begin();
        PublishTemplate* shared = answers_.pick(2) == 0 ? &template_ : nullptr;
        const bool was_open = session.state() != Session::State::Closed;
        const bool sent = session.send_publish(
            {&message, PacketId{static_cast<std::uint16_t>(id)}, qos, answers_.pick(2) == 1,
             id != 0 && answers_.pick(2) == 1, answers_.pick(2) * 200},
            now_, shared);
        VMQ_ASSERT(sent || host_.output().empty());
        if (!sent || !was_open) return;
        VMQ_ASSERT(!host_.output().empty());
        receive(session);
        VMQ_ASSERT(client_.last_topic == parts.topic);
        if (id != 0) host_.in_flight[id] = qos;
        if (qos == QoS::ExactlyOnce && answers_.pick(4) == 1) {
            client_.expect(PacketType::Pubrel, PacketId{static_cast<std::uint16_t>(id)});
            session.send_pubrel(PacketId{static_cast<std::uint16_t>(id)});
        }
    }

    void receive(const Session& session) {
        VMQ_ASSERT(host_.closes == (session.state() == Session::State::Closed ? 1 : 0));
        if (told_closed_) VMQ_ASSERT(host_.output().empty());
        told_closed_ = session.state() == Session::State::Closed;
        client_.receive(host_.output(), plan_.version, plan_.maximum_packet_size,
                        plan_.topic_alias_maximum);
    }

    Answers answers_;
    std::string_view packets_;
    FuzzHost host_;
    ListenerPolicy policy_;
    ConnectPlan plan_;
    Client client_;
    PublishTemplate template_;
    TimePoint now_{Millis{1'000'000}};
    unsigned last_id_ = 0;
    int resumed_ = 0;
    bool told_closed_ = false;
};

}  // namespace
}  // namespace vmq::session

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const std::size_t answers = std::min<std::size_t>(data[0], size - 1);
    vmq::session::Run(input.substr(1, answers), input.substr(1 + answers)).all();
    return 0;
}
