// Connection: a socket, the protocol on it, and the client it belongs to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/output_buffer.h"
#include "broker/client.h"
#include "broker/connection_trace.h"
#include "broker/listener.h"
#include "broker/session_log.h"
#include "broker/shard_message.h"
#include "hooks/chain.h"
#include "hooks/split_decision.h"
#include "metrics/counters.h"
#include "runtime/timer_wheel.h"
#include "session/handshake.h"
#include "session/host.h"
#include "session/session.h"
#include "transport/byte_layers.h"
#include "transport/stream_socket.h"

namespace vmq::broker {

class Shard;

/// Owned by one shard, used on its thread. Lives from accept to the last byte; when its client's
/// home is another shard, what it consists of moves there once and a new Connection is made of it.
class Connection final : public session::Host,
                         public session::HandshakeHost,
                         public runtime::ReadyHandler {
public:
    /// A fresh connection, before CONNECT. `over_limit`: it is only here to be refused.
    Connection(Shard& shard, ConnectionNumber number, Listener& listener, int fd,
               transport::PeerAddress peer, bool over_limit);
    ~Connection() override;
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Starts to read.
    void open();
    /// Goes on with the layers of the connection it was before it moved; `wire`: what they have not
    /// written yet, or null.
    void adopt(std::unique_ptr<transport::ByteLayers> layers, std::unique_ptr<OutputBuffer> wire);
    /// The same with its number there, and with what traces it. After its unsent output is here.
    void adopt_trace(ConnectionNumber accepted_as, std::unique_ptr<ConnectionTrace> trace);
    /// Becomes the connection of `client`: sends CONNACK and handles `unread`.
    void attach(Client& client, Lane& lane, session::ConnectPlan plan, bool session_present);
    /// Its CONNECT was accepted, and other nodes are asked whether they have the client: nothing is
    /// read until Shard::let_in(), or this.
    void begin_registering();
    void refuse_registration(const session::ConnectPlan& plan, mqtt::ReasonCode reason,
                             std::string_view why);
    /// Handles bytes that came behind the CONNECT, then reads on.
    void begin_reading(std::string unread);

    [[nodiscard]] ConnectionNumber number() const noexcept { return number_; }
    [[nodiscard]] Client* client() const noexcept { return client_; }
    /// Requires client().
    [[nodiscard]] Lane& lane() const noexcept { return *lane_; }
    void use_lane(Lane& lane) noexcept { lane_ = &lane; }
    [[nodiscard]] bool moved() const noexcept { return moved_; }
    [[nodiscard]] session::Session* session() noexcept { return session_ ? &*session_ : nullptr; }
    [[nodiscard]] const session::ConnectPlan& plan() const noexcept { return plan_; }
    [[nodiscard]] const transport::PeerAddress& peer() const noexcept { return peer_; }
    [[nodiscard]] Listener& listener() const noexcept { return listener_; }
    /// For the log; as far as it is known.
    [[nodiscard]] SessionLog::Who who() const noexcept;
    /// When its CONNECT was accepted. Requires client().
    [[nodiscard]] TimePoint connected_at() const noexcept { return opened_at_; }

    /// Can take packets now: nothing waits for the socket and not too much for the end of the turn.
    [[nodiscard]] bool writable() const noexcept;
    /// Sends one message. False: it exceeds the client's Maximum Packet Size.
    [[nodiscard]] bool send(const session::Session::Outgoing& outgoing,
                            session::PublishTemplate* shared);

    /// Writes what there is; called by the shard at the end of the turn.
    void flush();
    /// The shard reads again after a pause for all.
    void resume_reading();
    /// Ends the session part of a closing connection: will, expiry, queue. Idempotent.
    void end_session();
    /// After end_session(): sends the rest and closes. True: nothing is left, destroy it.
    [[nodiscard]] bool finish();
    [[nodiscard]] bool session_ended() const noexcept { return session_ended_; }
    [[nodiscard]] bool closing() const noexcept { return closing_; }
    [[nodiscard]] session::CloseCause cause() const noexcept { return cause_; }

    /// Holds everything back until what was written up to now is safe: CONNACK tells of a session.
    void hold_output();
    /// What was held back may leave, if that is so.
    void let_go();
    /// It leaves in any case.
    void stop_holding();
    /// A packet that has waited for the store. Nothing happens once the session is closed.
    void send_stored(mqtt::PacketType type, mqtt::ReasonCode reason, std::string_view packet);

    /// A turn of its TLS handshake, when the shard has time for it.
    void on_handshake_turn();

    /// What stands for VerneMQ's process id in traces, for the life of the connection: "<0.17>".
    [[nodiscard]] std::string trace_pid() const;
    /// A trace has begun; true: it wants this connection. Requires client().
    bool begin_trace(const Trace& trace);

    void on_ready(std::uint8_t events) override;

    // session::Host and session::HandshakeHost.
    [[nodiscard]] OutputBuffer& output() override;
    void close(session::CloseCause cause, std::string_view detail) override;
    session::Answer authorize_publish(session::PublishIntent& intent,
                                      session::Denial& denial) override;
    session::Routed route(const session::PublishIntent& intent, session::AckTicket ticket) override;
    [[nodiscard]] bool qos2_remembered(mqtt::PacketId id) override;
    [[nodiscard]] std::uint32_t qos2_remember(mqtt::PacketId id,
                                              session::AckTicket ticket) override;
    bool qos2_forget(mqtt::PacketId id) override;
    [[nodiscard]] std::uint32_t await_published(session::AckTicket ticket) override;
    bool on_puback(mqtt::PacketId id) override;
    PubrecAnswer on_pubrec(mqtt::PacketId id, mqtt::ReasonCode reason) override;
    bool on_pubcomp(mqtt::PacketId id) override;
    session::Answer authorize_subscribe(session::SubscribeIntent& intent,
                                        session::Denial& denial) override;
    mqtt::ReasonCode subscribe(const mqtt::SubscribeEntry& entry,
                               std::uint32_t subscription_id) override;
    void subscribed(const session::SubscribeIntent& intent,
                    const std::vector<mqtt::ReasonCode>& reasons) override;
    void authorize_unsubscribe(session::UnsubscribeIntent& intent) override;
    bool unsubscribe(std::string_view filter) override;
    void unsubscribed(const session::UnsubscribeIntent& intent) override;
    [[nodiscard]] bool unsafe() const noexcept override;
    void send_when_safe(mqtt::PacketType type, mqtt::ReasonCode reason,
                        std::string packet) override;
    void set_session_expiry(std::uint32_t seconds) override;
    void discard_will() override;
    AuthAnswer reauthenticate(std::string_view method, std::string_view data,
                              const mqtt::Properties& properties) override;
    void count_received(mqtt::ProtocolVersion version, mqtt::PacketType type,
                        mqtt::ReasonCode reason) override;
    void count_sent(mqtt::ProtocolVersion version, mqtt::PacketType type,
                    mqtt::ReasonCode reason) override;
    session::Answer authorize_register(const session::RegisterRequest& request,
                                       session::RegisterGrant& grant,
                                       session::Denial& denial) override;
    AuthAnswer authenticate(std::string_view mountpoint, std::string_view client_id,
                            std::optional<std::string_view> username, std::string_view method,
                            std::string_view data, const mqtt::Properties& properties) override;
    session::Answer authorize_will(const session::ConnectPlan& plan, session::PublishIntent& intent,
                                   session::Denial& denial) override;
    [[nodiscard]] std::string new_client_id(std::string_view mountpoint) override;

private:
    /// Answers of hooks that came late, kept until the packet that asked is handled again.
    template <typename Verdict>
    struct Late {
        std::optional<Verdict> verdict;
        std::size_t next = 0;  // place in the chain to go on from
    };
    struct LateAnswers {
        // Who is waited for, until when, and where to note that the next one is to be asked.
        hooks::Hook waiting = hooks::Hook::Count;
        std::size_t waits_for = 0;
        TimePoint give_up_at = kNever;
        std::size_t* next = nullptr;
        bool gave_up = false;  // on one that did not answer in time
        Late<hooks::RegisterVerdict> on_register;
        Late<hooks::AuthVerdict> on_auth;
        Late<hooks::PublishVerdict> on_publish;
        Late<hooks::SubscribeVerdict> on_subscribe;
        /// Some filters of the SUBSCRIBE are decided, one more plugin is asked about the others.
        std::optional<hooks::SplitDecision> split;
        std::uint64_t split_rules = 0;  // Revocations::rules() when that began
    };
    /// What a hook put in place of the client's words; the views of intents point into it.
    struct Rewritten {
        hooks::PublishModifiers publish;
        std::vector<hooks::SubscribeVerdict::Topic> topics;
        std::vector<std::string> filters;
    };
    /// What the client does with QoS 2 is stored.
    [[nodiscard]] bool keeps_state() const noexcept;
    [[nodiscard]] Rewritten& rewritten();
    template <typename Verdict>
    auto late_answer(Late<Verdict> LateAnswers::* slot);
    /// Takes away a late verdict, or says with which plugin to go on.
    template <typename Verdict>
    std::optional<Verdict> take_late(Late<Verdict> LateAnswers::* slot, std::size_t& first);
    /// Takes a late verdict, or asks `chain(done, route)`; nothing: pending.
    template <typename Verdict, typename Context, typename Ask>
    std::optional<Verdict> ask(hooks::Hook hook, Late<Verdict> LateAnswers::* slot,
                               const Context& context, Ask chain);
    template <typename Verdict, typename Ask>
    std::optional<Verdict> ask_chain(hooks::Hook hook, Late<Verdict> LateAnswers::* slot,
                                     hooks::Route route, Ask chain);
    [[nodiscard]] LateAnswers& late_answers();
    /// The plugin that is waited for has had its time.
    void give_up_waiting();
    /// Null: all there are.
    [[nodiscard]] const hooks::PluginOrder* plugins_for(hooks::Hook hook) const noexcept;
    /// No plugin implements `hook` for this listener.
    [[nodiscard]] bool nobody_decides(hooks::Hook hook) const noexcept;
    /// Nor has anybody asked for one: whoever is let in without a password may do it.
    [[nodiscard]] bool anonymous_may(hooks::Hook hook) const noexcept;
    /// Too many logins have failed, see LoginGuard.
    [[nodiscard]] bool is_blocked(std::string_view username, session::Denial& denial);
    void count_failed_login(mqtt::ReasonCode reason, std::string_view username);
    /// The verdict of all plugins about the filters of one SUBSCRIBE; nothing: pending.
    [[nodiscard]] std::optional<hooks::SubscribeVerdict> ask_about_filters(
        const session::SubscribeIntent& intent);
    session::Answer apply(hooks::PublishVerdict verdict, session::PublishIntent& intent,
                          session::Denial& denial);
    [[nodiscard]] hooks::SubscriberId subscriber_id() const noexcept;
    [[nodiscard]] std::optional<std::string_view> username() const noexcept;
    [[nodiscard]] hooks::PublishContext publish_context(const session::PublishIntent& intent) const;
    /// send() with what on_deliver makes of the message.
    bool send_as_changed(const session::Session::Outgoing& outgoing,
                         session::PublishTemplate* shared);

    // Traces, see connection_trace.h; the first is all that a connection pays while there are none.
    void notice_traces();
    void find_traces(const TracedClient& client, mqtt::ProtocolVersion version, bool tell_found);
    [[nodiscard]] TracedClient traced_client() const;
    [[nodiscard]] TraceMoment trace_moment() const noexcept;
    void trace_handshake(const mqtt::Frame& frame);
    void trace_received(const mqtt::Frame& frame);
    void trace_sent();
    void write_output();

    void update_interest();
    void on_readable();
    void on_writable();
    /// Bytes of the socket, on their way through the layers.
    void unwrap(std::string_view bytes);
    void on_layer_done();
    void read();
    /// Counts what is under way of the listener's budgets.
    void count_handshakes();
    /// What was produced, on its way through the layers.
    void wrap();
    [[nodiscard]] OutputBuffer& wire();
    /// What goes to the socket next, or null.
    [[nodiscard]] OutputBuffer* outgoing() noexcept {
        return layers_ ? wire_.get() : output_.get();
    }
    [[nodiscard]] std::size_t unsent() const noexcept {
        return (output_ ? output_->size() : 0) + (wire_ ? wire_->size() : 0);
    }
    void mark_dirty();
    void drop_done_layers();
    /// Says good-bye in the layers, once. False: the socket has not taken it yet.
    bool part();
    bool wait_for_socket();
    void process(std::string_view bytes);
    /// Handles complete packets at the front of `bytes`; returns how many bytes they were.
    std::size_t process_frames(std::string_view bytes);
    [[nodiscard]] std::uint32_t max_frame() const noexcept;
    bool on_handshake_frame(const mqtt::Frame& frame);
    /// Who was accepted is refused after all, because members of the cluster are away.
    bool turned_away();
    session::Answer ask_to_subscribe(session::SubscribeIntent& intent, session::Denial& denial);
    void refuse_connect(const mqtt::Frame& frame, mqtt::ReasonCode reason, std::string_view why);
    void move_to_home(std::string_view unread);
    void resume_parked();
    void continue_after_pause();
    [[nodiscard]] bool may_read() const noexcept;
    /// Until when the next step before the session is to be done.
    [[nodiscard]] TimePoint handshake_deadline() const noexcept;
    void on_handshake_timeout();
    void arm_timer();
    void on_timer(TimePoint now);
    void schedule_retry();
    void retry_inflight(TimePoint now);
    void log_close(std::string_view detail);
    void log_refused_subscription(std::string_view filter, mqtt::ReasonCode reason);
    /// A plugin has said no, or nobody has said yes.
    void log_refused_login(const session::RegisterRequest& request,
                           const hooks::RegisterVerdict& verdict, const session::Denial& denial);
    void count_close();
    void count_error(metrics::VersionCounter counter);

    Shard& shard_;
    const ConnectionNumber number_;
    ConnectionNumber accepted_as_;  // on the shard where it came in
    Listener& listener_;
    transport::StreamSocket socket_;
    transport::PeerAddress peer_;
    Client* client_ = nullptr;
    Lane* lane_ = nullptr;
    std::unique_ptr<OutputBuffer> output_;           // null while there is nothing to write
    std::unique_ptr<transport::ByteLayers> layers_;  // null: plain MQTT over the socket
    std::unique_ptr<OutputBuffer> wire_;             // what the layers made; null: nothing
    std::unique_ptr<session::Handshake> handshake_;
    std::optional<session::Session> session_;
    session::ConnectPlan plan_;
    std::string partial_;  // an incomplete packet, or what a pause holds back
    std::unique_ptr<LateAnswers> late_;
    std::uint32_t asked_ = 0;  // questions to hooks so far
    std::unique_ptr<Rewritten> rewritten_;
    std::unique_ptr<ConnectionTrace> trace_;  // null: nobody traces it
    std::uint32_t traces_seen_ = 0;           // the shard's list that this follows from
    runtime::Timer timer_;
    TimePoint opened_at_;  // when the step under way began
    TimePoint received_at_;
    TimePoint paused_until_ = kNever;  // kNever: not paused
    TimePoint retry_at_ = kNever;      // when packets in flight are looked at, MQTT 3 only
    TimePoint drain_until_ = kNever;
    session::CloseCause cause_ = session::CloseCause::PeerClosed;
    bool over_limit_;
    store::WritePosition held_for_ = 0;  // output waits for the write before this position
    bool dirty_ = false;                 // in the shard's list of connections to flush
    bool tells_filters_ = false;         // its SUBACK waits until other nodes know
    bool held_back_ = false;             // the shard reads from nobody for the moment
    bool write_waiting_ = false;         // the socket is full
    bool registering_ = false;           // see begin_registering()
    bool closing_ = false;
    bool session_ended_ = false;
    bool in_handshake_ = false;       // of TLS, counted at the listener
    bool in_authentication_ = false;  // a plugin is asked, counted at the listener
    bool layer_ended_ = false;        // by the client: it still reads
    bool parted_ = false;             // the layers have said good-bye
    bool refusal_logged_ = false;     // why CONNECT was refused
    bool draining_ = false;           // our side is shut down, waiting for the peer's
    bool moved_ = false;              // the descriptor went to another shard
    bool failed_ = false;             // the socket is beyond use
};

}  // namespace vmq::broker
