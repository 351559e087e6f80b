// Session: the MQTT state machine of one connection after CONNECT (VerneMQ: vmq_mqtt_fsm).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ring_buffer.h"
#include "mqtt/decoder.h"
#include "mqtt/message.h"
#include "mqtt/packets.h"
#include "session/connect_plan.h"
#include "session/host.h"
#include "session/rate_limit.h"
#include "session/topic_aliases.h"

namespace vmq::session {

class PublishTemplate;

/// Packets in, effects out (through Host). Owned by one connection, used on that connection's home
/// shard only; lives from the accepted CONNECT to the end of the connection. Does no I/O and reads
/// no clock.
class Session final {
public:
    /// `plan` outlives the session.
    Session(Host& host, const ConnectPlan& plan, TimePoint now);
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    /// Sends CONNACK with Success [v5 MQTT-3.2.0-1]. Closes if the client accepts none.
    void accept(bool session_present);

    enum class State : std::uint8_t {
        Open,
        Parked,  // a hook thinks: hand in nothing until resume()
        Closed,
    };
    [[nodiscard]] State state() const noexcept { return state_; }

    /// Handles one complete packet. Requires state Open.
    void on_frame(const mqtt::Frame& frame, TimePoint now);
    /// A frame that cannot be taken: malformed or too large. Closes.
    void on_bad_frame(mqtt::FrameStatus status);
    /// The pending answer has come: handles the parked packet. Requires state Parked.
    void resume(TimePoint now);
    /// One of the places that the message behind `ticket` went to has it safe. After the last one
    /// its acknowledgement goes out, in order. An error means that it could not be stored.
    void on_safe(AckTicket ticket, mqtt::ReasonCode reason = mqtt::ReasonCode::Success);
    /// The same when nothing can be answered any more.
    void note_safe(AckTicket ticket, mqtt::ReasonCode reason);
    /// Calls visit(ticket, id, waits) for each QoS 2 message whose on_safe() is still to come.
    template <typename Visit>
    void for_each_unsafe(Visit visit) const {
        for (std::size_t i = 0; i < acks_.size(); ++i) {
            const PendingAck& ack = acks_[i];
            if (ack.qos != mqtt::QoS::ExactlyOnce || ack.repeated || ack.waits == 0) continue;
            if (mqtt::is_error(ack.reason)) continue;
            visit(static_cast<AckTicket>(first_ticket_ + i), ack.id, ack.waits);
        }
    }

    /// So many acknowledgements wait for the store that nothing more should be read.
    [[nodiscard]] bool busy() const noexcept { return acks_.size() >= kMaxPendingAcks; }

    /// Reads must not go on before this moment (max_message_rate, throttle), or kNever if they may.
    /// Asking takes the answer away.
    [[nodiscard]] TimePoint take_pause() noexcept;

    /// What send_publish() sends.
    struct Outgoing {
        const mqtt::MessagePtr* message;
        mqtt::PacketId id;  // 0 for QoS 0
        mqtt::QoS qos;
        bool retain;
        bool dup;
        std::uint32_t subscription_id;  // 0: none
    };
    /// Encodes a PUBLISH to the client. False if it exceeds the client's Maximum Packet Size
    /// [v5 MQTT-3.1.2-24]: then nothing was sent and nothing changed. `shared`: encodings of the
    /// same message for other clients, null for a message with one receiver.
    [[nodiscard]] bool send_publish(const Outgoing& outgoing, TimePoint now,
                                    PublishTemplate* shared);
    void send_pubrel(mqtt::PacketId id);

    /// Ends the connection from our side: v5 gets a DISCONNECT with `reason`, v3 is closed.
    void disconnect(mqtt::ReasonCode reason, CloseCause cause, std::string_view detail);

    /// For those who look at packets; null: none were used.
    [[nodiscard]] const TopicAliases* aliases() const noexcept { return aliases_.get(); }
    [[nodiscard]] mqtt::ProtocolVersion version() const noexcept { return version_; }
    [[nodiscard]] bool v5() const noexcept { return version_ == mqtt::ProtocolVersion::V5; }

private:
    static constexpr std::size_t kMaxPendingAcks = 1000;

    struct PendingAck {
        mqtt::PacketId id;
        mqtt::QoS qos;  // AtMostOnce: a hook raised the QoS of the message, no packet answers it
        mqtt::ReasonCode reason;
        std::uint32_t waits;    // answers still to come before it may be sent
        bool repeated = false;  // the message came on an earlier connection
    };
    struct Parked {
        mqtt::PacketType type;
        std::uint8_t flags;
        std::string body;
    };

    void on_publish(const mqtt::Frame& frame, TimePoint now);
    void refuse_publish(const mqtt::Publish& packet, const Denial& denial);
    bool resolve_alias(mqtt::Publish& packet);
    bool within_receive_maximum(const mqtt::Publish& packet);
    void on_ack(const mqtt::Frame& frame);
    void on_subscribe(const mqtt::Frame& frame);
    void on_unsubscribe(const mqtt::Frame& frame);
    /// False: it does not fit, the session has ended.
    bool send_unsuback(mqtt::Unsuback& reply, const mqtt::AckDetails& details);
    void add_details(const mqtt::AckDetails& details, mqtt::Properties& to) const;
    void on_disconnect(const mqtt::Frame& frame);
    void on_auth(const mqtt::Frame& frame);
    void reauthenticate(const mqtt::Frame& frame, const mqtt::Auth& packet);

    void acknowledge(mqtt::PacketId id, mqtt::QoS qos, mqtt::ReasonCode reason,
                     std::uint32_t waits = 0);
    void send_ack(mqtt::PacketType type, mqtt::PacketId id, mqtt::ReasonCode reason,
                  std::string_view reason_string = {});
    void encode_ack(mqtt::PacketType type, mqtt::PacketId id, mqtt::ReasonCode reason,
                    std::string_view reason_string, std::string& out) const;
    /// send_ack() for what the client may rely on after a crash of ours.
    void answer_safely(mqtt::PacketType type, mqtt::PacketId id, mqtt::ReasonCode reason);
    void park(const mqtt::Frame& frame);
    void fail(mqtt::ReasonCode reason, std::string_view what);
    /// What has to be answered and cannot be told within the client's limit ends the connection.
    void fail_to_answer();
    /// Names the next acknowledgement.
    [[nodiscard]] AckTicket next_ticket() const noexcept {
        return static_cast<AckTicket>(first_ticket_ + acks_.size());
    }
    [[nodiscard]] bool fits(std::size_t packet_size) const noexcept;
    /// Appends `packet` to the output, when what it tells is safe, unless it is larger than the
    /// client accepts.
    bool answer_if_fits(mqtt::PacketType type, std::string packet);
    /// Appends `packet` to the output unless it is larger than the client accepts.
    bool send_if_fits(mqtt::PacketType type, mqtt::ReasonCode reason, const std::string& packet);
    [[nodiscard]] std::string publish_properties(const Outgoing& outgoing, TimePoint now,
                                                 std::uint16_t alias) const;
    bool send_publish_plain(const Outgoing& outgoing, std::string_view topic,
                            std::string_view properties);
    bool send_publish_with_properties(const Outgoing& outgoing, TimePoint now);

    Host& host_;
    const ConnectPlan& plan_;
    const mqtt::ProtocolVersion version_;
    State state_ = State::Open;
    bool reauthenticating_ = false;
    RateLimit rate_;
    TimePoint pause_until_ = kNever;
    RingBuffer<PendingAck> acks_;  // in the order of their PUBLISH [v5 MQTT-4.6.0-2, -3]
    AckTicket first_ticket_ = 0;   // names acks_[0]
    std::uint32_t qos1_unacknowledged_ = 0;
    std::uint32_t qos2_unreleased_ = 0;
    std::unique_ptr<TopicAliases> aliases_;
    std::unique_ptr<Parked> parked_;
};

}  // namespace vmq::session
