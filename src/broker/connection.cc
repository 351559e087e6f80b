#include "broker/connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "broker/limits.h"
#include "broker/shard.h"
#include "mqtt/topic.h"
#include "session/connack.h"

namespace vmq::broker {

using metrics::Counter;
using metrics::VersionCounter;
using mqtt::PacketId;
using session::CloseCause;
using transport::IoStatus;

namespace {

/// [RFC 6455 7.4.1]
std::uint16_t websocket_code(CloseCause cause) noexcept {
    switch (cause) {
        case CloseCause::ClientDisconnect:
        case CloseCause::ClientDisconnectWithWill:
        case CloseCause::PeerClosed:
            return 1000;  // normal closure
        case CloseCause::ServerShutdown:
            return 1001;  // going away
        case CloseCause::ProtocolError:
            return 1002;
        case CloseCause::PacketTooLarge:
            return 1009;
        default:
            return 1008;  // policy violation
    }
}

}  // namespace

Connection::Connection(Shard& shard, ConnectionNumber number, Listener& listener, int fd,
                       transport::PeerAddress peer, bool over_limit)
    : shard_(shard),
      number_(number),
      accepted_as_(number),
      listener_(listener),
      socket_(shard.loop(), fd, *this),
      peer_(std::move(peer)),
      timer_(this,
             [](void* self, TimePoint now) { static_cast<Connection*>(self)->on_timer(now); }),
      opened_at_(shard.now()),
      received_at_(shard.now()),
      over_limit_(over_limit) {}

Connection::~Connection() {
    closing_ = true;
    count_handshakes();
    if (trace_) trace_->stopped(trace_moment());
    if (!moved_) listener_.leave();
    if (output_) shard_.release_output(std::move(output_));
    if (wire_) shard_.release_output(std::move(wire_));
}

void Connection::open() {
    layers_ = listener_.make_layers(peer_);
    handshake_ =
        std::make_unique<session::Handshake>(*this, listener_.policy, listener_.settings.get());
    count_handshakes();
    arm_timer();
    update_interest();
}

void Connection::adopt(std::unique_ptr<transport::ByteLayers> layers,
                       std::unique_ptr<OutputBuffer> wire) {
    layers_ = std::move(layers);
    wire_ = std::move(wire);
    if (wire_) mark_dirty();
}

void Connection::attach(Client& client, Lane& lane, session::ConnectPlan plan,
                        bool session_present) {
    client_ = &client;
    lane_ = &lane;
    registering_ = false;
    plan_ = std::move(plan);
    plan_.mountpoint = client.mountpoint;
    received_at_ = shard_.now();
    opened_at_ = shard_.now();
    session_.emplace(*this, plan_, shard_.now());
    if (shard_.traces() != nullptr) [[unlikely]] {
        find_traces(traced_client(), plan_.version, true);
    }
    session_->accept(session_present);
    handshake_.reset();
    arm_timer();
    if (!session_->v5() && !lane.queue.window().empty()) schedule_retry();
}

void Connection::begin_registering() {
    registering_ = true;
    arm_timer();
    update_interest();
}

void Connection::refuse_registration(const session::ConnectPlan& plan, mqtt::ReasonCode reason,
                                     std::string_view why) {
    if (closing_) return;
    refusal_logged_ = true;  // by Registrations
    if (session::encode_refusing_connack(plan.version, reason, why, "", plan.maximum_packet_size,
                                         output().bytes())) {
        count_sent(plan.version, mqtt::PacketType::Connack, reason);
    }
    close(CloseCause::Refused, why);
}

void Connection::begin_reading(std::string unread) {
    partial_.clear();
    if (!unread.empty()) process(unread);
    update_interest();
}

bool Connection::writable() const noexcept {
    return !write_waiting_ && !closing_ && unsent() < kOutputHighWater;
}

bool Connection::send(const session::Session::Outgoing& outgoing,
                      session::PublishTemplate* shared) {
    const bool sent = shard_.chain().implements(hooks::Hook::OnDeliver)
                          ? send_as_changed(outgoing, shared)
                          : session_->send_publish(outgoing, shard_.now(), shared);
    if (sent && shard_.watched() && client_ != nullptr) [[unlikely]] {
        const mqtt::Message& message = **outgoing.message;
        shard_.count_sent(*client_, message.topic(), message.payload().size());
    }
    if (outgoing.qos != mqtt::QoS::AtMostOnce && retry_at_ == kNever && !session_->v5()) {
        schedule_retry();
    }
    // A burst larger than the buffer goes out in the middle of the turn.
    if (output_ && output_->size() >= kOutputHighWater) flush();
    return sent;
}

OutputBuffer& Connection::output() {
    if (!output_) output_ = shard_.acquire_output();
    mark_dirty();
    return *output_;
}

OutputBuffer& Connection::wire() {
    if (!wire_) wire_ = shard_.acquire_output();
    mark_dirty();
    return *wire_;
}

void Connection::mark_dirty() {
    if (std::exchange(dirty_, true)) return;
    shard_.mark_dirty(*this);
}

void Connection::wrap() {
    if (!output_ || !layers_) return;
    if (!wire_) wire_ = shard_.acquire_output();
    layers_->send(*output_, *wire_);
    shard_.release_output(std::move(output_));
}

void Connection::flush() {
    if (traces_seen_ != shard_.trace_number()) [[unlikely]]
        notice_traces();
    if (!trace_) [[likely]]
        return write_output();
    trace_sent();
    write_output();
    if (trace_) trace_->keep(output_ ? output_->size() : 0);
}

void Connection::write_output() {
    dirty_ = false;
    if (write_waiting_ || failed_ || held_for_ != 0) return;
    wrap();
    OutputBuffer* const next = outgoing();
    if (next == nullptr) return;
    std::size_t written = 0;
    const IoStatus status = socket_.write(*next, written);
    shard_.metrics().add(Counter::BytesSent, written);
    switch (status) {
        case IoStatus::Ok:
            shard_.release_output(std::move(layers_ ? wire_ : output_));
            drop_done_layers();
            // What came while the buffer was full waits in the queue, and nothing else will ask.
            if (client_ != nullptr && shard_.waits_for(*lane_)) shard_.pump_later(*this);
            return;
        case IoStatus::WouldBlock:
            write_waiting_ = true;
            update_interest();
            return;
        case IoStatus::Closed:
        case IoStatus::Failed:
            failed_ = true;
            shard_.metrics().add(Counter::SocketError);
            close(CloseCause::PeerClosed, "write failed");
            return;
    }
}

bool Connection::may_read() const noexcept {
    if (closing_ || moved_) return draining_;
    if (held_back_ || registering_ || paused_until_ != kNever) return false;
    if (session_ && (session_->state() != session::Session::State::Open || session_->busy())) {
        return false;
    }
    if (handshake_ && handshake_->state() == session::Handshake::State::Parked) return false;
    // A client that asks and does not listen has to listen first.
    return !(write_waiting_ && unsent() >= kOutputHighWater);
}

void Connection::update_interest() {
    if (!moved_ && !failed_) socket_.want(may_read(), write_waiting_);
}

void Connection::on_ready(std::uint8_t events) {
    if (moved_ || failed_) return;
    if ((events & kWritable) != 0 && write_waiting_) on_writable();
    if ((events & kReadable) != 0) {
        on_readable();
    } else if ((events & kBroken) != 0) {  // reset while nobody was reading
        failed_ = true;
        socket_.close();
        shard_.metrics().add(Counter::SocketError);
        return close(CloseCause::PeerClosed, "reset");
    }
    update_interest();
}

void Connection::on_writable() {
    if (traces_seen_ != shard_.trace_number()) [[unlikely]]
        notice_traces();
    write_waiting_ = false;
    flush();
    if (write_waiting_ || closing_) return;
    if (client_ != nullptr) shard_.pump(*client_, *lane_);
    resume_reading();
}

void Connection::on_readable() {
    if (!may_read()) return;
    if (shard_.congested() && !closing_) {
        held_back_ = true;
        return shard_.read_later(*this);
    }
    if (in_handshake_ && !closing_) {
        held_back_ = true;
        return shard_.handshake_later(*this);
    }
    read();
}

void Connection::on_handshake_turn() {
    held_back_ = false;
    if (moved_ || failed_) return;
    if (may_read()) read();
    update_interest();
}

void Connection::count_handshakes() {
    // A PROXY header before it comes with the hello.
    const bool handshake = layers_ && layers_->tls() != nullptr &&
                           layers_->stage() <= transport::ByteLayers::Stage::Tls && !closing_;
    if (std::exchange(in_handshake_, handshake) != handshake) {
        handshake ? listener_.begin_handshake() : listener_.end_handshake();
    }
    const bool authentication =
        handshake_ && !closing_ && handshake_->state() == session::Handshake::State::Parked;
    if (std::exchange(in_authentication_, authentication) != authentication) {
        authentication ? listener_.begin_authentication() : listener_.end_authentication();
    }
}

void Connection::read() {
    const auto buffer = shard_.read_buffer();
    const auto result = socket_.read(buffer);
    switch (result.status) {
        case IoStatus::WouldBlock:
            return;
        case IoStatus::Closed:
        case IoStatus::Failed:
            if (result.status == IoStatus::Failed) {
                failed_ = true;
                shard_.metrics().add(Counter::SocketError);
            }
            if (closing_) {
                failed_ = true;  // the peer is gone: nothing more to wait for
                return;
            }
            return close(CloseCause::PeerClosed,
                         result.status == IoStatus::Closed ? "closed by the client" : "reset");
        case IoStatus::Ok:
            if (closing_) return;  // draining: whatever comes is discarded
            shard_.metrics().add(Counter::BytesReceived, result.size);
            return layers_ ? unwrap({buffer.data(), result.size})
                           : process({buffer.data(), result.size});
    }
}

void Connection::unwrap(std::string_view bytes) {
    using Status = transport::ByteLayers::Status;
    std::string& plain = shard_.plain_buffer();
    plain.clear();
    const std::string_view waited_for = layers_->waiting_for();
    if (!wire_) wire_ = shard_.acquire_output();
    const Status status = layers_->receive(bytes, plain, *wire_);
    if (wire_->empty()) {
        shard_.release_output(std::move(wire_));
    } else {
        mark_dirty();
    }
    if (layers_->waiting_for() != waited_for) on_layer_done();
    VMQ_ASSERT(plain.empty() || !layers_ || layers_->ready());
    if (!plain.empty() && !closing_) process(plain);
    if (moved_ || closing_) return;
    if (status == Status::Ended) {
        layer_ended_ = true;
        close(CloseCause::PeerClosed, "closed by the client");
    } else if (status == Status::Failed) {
        close(CloseCause::ProtocolError, layers_->error());
    }
}

void Connection::on_layer_done() {
    opened_at_ = shard_.now();
    count_handshakes();
    if (layers_->ready()) {
        peer_ = layers_->peer();
        if (const auto& username = layers_->username()) {
            if (!mqtt::is_valid_utf8(*username)) {
                return close(CloseCause::ProtocolError, "the certificate's name is not UTF-8");
            }
            handshake_->set_username(*username);
        }
        drop_done_layers();
    }
    arm_timer();
}

void Connection::drop_done_layers() {
    if (layers_ && layers_->done() && !wire_) layers_.reset();
}

void Connection::resume_reading() {
    held_back_ = false;
    if (!partial_.empty() && may_read()) process({});
    update_interest();
}

void Connection::process(std::string_view bytes) {
    if (partial_.empty()) {
        const std::size_t used = process_frames(bytes);
        if (moved_ || closing_) return;
        partial_.assign(bytes.substr(used));
        return;
    }
    partial_.append(bytes);
    const std::size_t used = process_frames(partial_);
    if (moved_ || closing_) return;
    if (used == partial_.size()) {
        std::string().swap(partial_);  // an idle connection holds no buffer
    } else if (used > 0) {
        partial_.erase(0, used);
    }
}

std::size_t Connection::process_frames(std::string_view bytes) {
    std::size_t used = 0;
    while (used < bytes.size() && may_read()) {
        const mqtt::Frame frame = mqtt::next_frame(bytes.substr(used), max_frame());
        if (frame.status == mqtt::FrameStatus::NeedMore) break;
        if (frame.status != mqtt::FrameStatus::Complete) {
            if (!session_ &&
                handshake_->on_bad_frame(frame) != session::Handshake::State::Refused) {
                break;  // a few bytes more tell how to refuse it
            }
            if (frame.status == mqtt::FrameStatus::TooLarge) {
                count_error(VersionCounter::MqttInvalidMsgSizeError);
            }
            if (session_) {
                session_->on_bad_frame(frame.status);
            } else {
                close(CloseCause::Refused, handshake_->refusal());
            }
            return used;
        }
        received_at_ = shard_.now();
        if (session_) {
            used += frame.size;
            if (traces_seen_ != shard_.trace_number()) [[unlikely]]
                notice_traces();
            if (trace_) [[unlikely]]
                trace_received(frame);
            session_->on_frame(frame, shard_.now());
            continue_after_pause();
            continue;
        }
        used += frame.size;
        if (shard_.traces() != nullptr) [[unlikely]]
            trace_handshake(frame);
        if (!on_handshake_frame(frame)) continue;
        if (shard_.is_home(handshake_->plan())) {
            shard_.attach(*this, std::move(handshake_->plan()));
        } else {
            move_to_home(bytes.substr(used));
        }
    }
    return used;
}

std::uint32_t Connection::max_frame() const noexcept {
    if (session_) return session::max_remaining_length(*plan_.settings);
    return std::min(session::max_remaining_length(*listener_.settings.get()), kMaxConnectSize);
}

void Connection::continue_after_pause() {
    const TimePoint until = session_->take_pause();
    if (until == kNever) return;
    shard_.metrics().add(Counter::PublishThrottled);
    paused_until_ = until;
    arm_timer();
}

bool Connection::on_handshake_frame(const mqtt::Frame& frame) {
    using State = session::Handshake::State;
    if (over_limit_) {
        refuse_connect(frame, mqtt::ReasonCode::QuotaExceeded,
                       "max_connections of the listener reached");
        return false;
    }
    if (frame.type == mqtt::PacketType::Connect && listener_.too_many_authentications()) {
        shard_.metrics().add(Counter::ConnectRefusedBusy);
        refuse_connect(frame, mqtt::ReasonCode::ServerBusy,
                       "max_authentications of the listener reached");
        return false;
    }
    const State state = handshake_->on_frame(frame);
    count_handshakes();
    if (state == State::Refused) {
        close(CloseCause::Refused, handshake_->refusal());
        return false;
    }
    return state == State::Accepted && !turned_away();
}

bool Connection::turned_away() {
    if (!shard_.not_ready_for(ClientAction::Register)) return false;
    handshake_->turn_away(mqtt::ReasonCode::ServerUnavailable, kClusterNotComplete);
    close(CloseCause::Refused, handshake_->refusal());
    return true;
}

void Connection::refuse_connect(const mqtt::Frame& frame, mqtt::ReasonCode reason,
                                std::string_view why) {
    mqtt::Connect packet;
    const auto status = mqtt::decode_connect(frame, packet);
    if (status.ok() && frame.type == mqtt::PacketType::Connect) {
        count_received(packet.version, frame.type, mqtt::ReasonCode::Success);
        if (session::encode_refusing_connack(packet.version, reason, why, "", 0,
                                             output().bytes())) {
            count_sent(packet.version, mqtt::PacketType::Connack, reason);
        }
    }
    close(CloseCause::Refused, why);
}

// GCC 12 looks into alternatives of the variant that are not the one that is sent.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
void Connection::move_to_home(std::string_view unread) {
    auto moved = std::make_unique<MovedConnection>();
    moved->listener = &listener_;
    moved->peer = peer_;
    moved->plan = std::move(handshake_->plan());
    moved->unread.assign(unread);
    const ShardId home = shard_.home_of(moved->plan.mountpoint, moved->plan.client_id);
    // AUTH packets of an enhanced authentication may still wait to be written.
    if (unsent() > 0) flush();
    if (closing_) return;  // the socket is gone
    while (output_ && !output_->empty()) {
        OutputBuffer::Piece piece{};
        (void)output_->gather(&piece, 1);
        moved->unsent.append(piece.data, piece.size);
        output_->consume(piece.size);
    }
    moved->layers = std::move(layers_);
    moved->wire = std::move(wire_);
    moved->fd = socket_.release();
    moved->accepted_as = accepted_as_;
    moved->trace = std::move(trace_);
    moved_ = true;
    closing_ = true;
    count_handshakes();
    session_ended_ = true;
    timer_.stop();
    shard_.mark_closing(*this);
    shard_.send(home, MoveConnection{std::move(moved)});
}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

void Connection::resume_parked() {
    if (closing_ || moved_) return;
    if (session_) {
        if (session_->state() != session::Session::State::Parked) return;
        session_->resume(shard_.now());
        continue_after_pause();
        return resume_reading();
    }
    if (!handshake_ || handshake_->state() != session::Handshake::State::Parked) return;
    const auto state = handshake_->resume();
    count_handshakes();
    switch (state) {
        case session::Handshake::State::Accepted:
            if (turned_away()) return;
            if (!shard_.is_home(handshake_->plan())) return move_to_home(partial_);
            shard_.attach(*this, std::move(handshake_->plan()));
            return resume_reading();
        case session::Handshake::State::Refused:
            return close(CloseCause::Refused, handshake_->refusal());
        default:
            arm_timer();
            return resume_reading();
    }
}

void Connection::close(CloseCause cause, std::string_view detail) {
    if (closing_) return;
    closing_ = true;
    cause_ = cause;
    stop_holding();
    count_handshakes();
    shard_.mark_closing(*this);
    log_close(detail);
    count_close();
}

SessionLog::Who Connection::who() const noexcept {
    if (client_ != nullptr) {
        return {client_->mountpoint, client_->client_id, username(), peer_, listener_};
    }
    const std::string_view id = handshake_ ? handshake_->client_id() : std::string_view();
    return {listener_.policy.mountpoint, id, std::nullopt, peer_, listener_};
}

void Connection::log_close(std::string_view detail) {
    if (refusal_logged_ && cause_ == CloseCause::Refused) return;
    const bool had_session = session_.has_value();
    const Millis lasted = had_session ? shard_.now() - opened_at_ : Millis(0);
    shard_.session_log().closed(who(), {cause_, detail, had_session, lasted}, shard_.now());
}

void Connection::end_session() {
    if (session_ended_) return;
    session_ended_ = true;
    timer_.stop();
    if (client_ == nullptr) return;
    if (session_ && lane_ == &client_->lane) shard_.keep_unsafe(*client_, number_, *session_);
    Client& client = *std::exchange(client_, nullptr);
    Lane& lane = *std::exchange(lane_, nullptr);
    shard_.on_disconnected(client, lane, cause_, std::move(plan_.will));
}

bool Connection::finish() {
    if (!session_ended_) return false;
    if (moved_ || failed_) return true;
    if (draining_) return shard_.now() >= drain_until_;
    if (unsent() > 0) return wait_for_socket();
    if (cause_ == CloseCause::PeerClosed && !layer_ended_) return true;
    if (!part()) return failed_ || wait_for_socket();
    // A client that said good-bye expects nothing; others must be able to read the last packet
    // before the socket is closed under unread input, which would reset the connection.
    if (cause_ == CloseCause::ClientDisconnect && !layers_) return true;
    socket_.shutdown_write();
    draining_ = true;
    drain_until_ = shard_.now() + kCloseTimeout;
    shard_.loop().timers().start(timer_, drain_until_);
    update_interest();
    return false;
}

/// The last packets wait for the socket, but not for ever. True: long enough.
bool Connection::wait_for_socket() {
    if (drain_until_ == kNever) {
        drain_until_ = shard_.now() + kCloseTimeout;
        shard_.loop().timers().start(timer_, drain_until_);
    }
    return shard_.now() >= drain_until_;
}

bool Connection::part() {
    if (!layers_ || std::exchange(parted_, true)) return true;
    // Not by wire(): whoever is marked for a flush must not be destroyed before it.
    if (!wire_) wire_ = shard_.acquire_output();
    layers_->close(websocket_code(cause_), *wire_);
    flush();
    return unsent() == 0;
}

TimePoint Connection::handshake_deadline() const noexcept {
    // CONNECT is there; who is asked about it has a time of its own.
    if (registering_ || handshake_->state() == session::Handshake::State::Parked) return kNever;
    if (layers_ && !layers_->ready()) return opened_at_ + listener_.layer_timeout(layers_->stage());
    return opened_at_ + listener_.settings.get()->mqtt_connect_timeout;
}

void Connection::on_handshake_timeout() {
    if (!layers_ || layers_->ready()) {
        return close(CloseCause::ConnectTimeout, "no CONNECT within mqtt_connect_timeout");
    }
    close(CloseCause::ConnectTimeout,
          fmt::format("no {} within {} ms", layers_->waiting_for(),
                      listener_.layer_timeout(layers_->stage()).count()));
}

void Connection::arm_timer() {
    TimePoint next = kNever;
    if (handshake_) {
        next = handshake_deadline();
    } else if (session_) {
        if (plan_.keep_alive_s > 0) {
            next = received_at_ + Millis(plan_.keep_alive_s * 1500);  // [v5 MQTT-3.1.2-22]
        }
        const auto& settings = *plan_.settings;
        if (settings.max_connection_lifetime_s > 0) {
            next = std::min(next, opened_at_ + Seconds(settings.max_connection_lifetime_s));
        }
        next = std::min(next, retry_at_);
    }
    if (paused_until_ != kNever) next = std::min(next, paused_until_);
    if (late_) next = std::min(next, late_->give_up_at);
    if (next == kNever) {
        timer_.stop();
    } else {
        shard_.loop().timers().start(timer_, next);
    }
}

void Connection::on_timer(TimePoint now) {
    if (closing_) return;  // finish() looks at the time itself
    if (late_ && now >= late_->give_up_at) {
        give_up_waiting();
        if (closing_ || moved_) return;
    }
    if (handshake_) {
        if (now >= handshake_deadline()) return on_handshake_timeout();
    } else if (session_) {
        const auto& settings = *plan_.settings;
        if (plan_.keep_alive_s > 0 && now >= received_at_ + Millis(plan_.keep_alive_s * 1500)) {
            // What it sent while we chose not to read has not been looked at.
            const bool silent = may_read() || (partial_.empty() && !socket_.has_unread());
            if (silent) {  // [v5 MQTT-3.1.2-22] [v3.1.1 MQTT-3.1.2-24]
                return session_->disconnect(mqtt::ReasonCode::KeepAliveTimeout,
                                            CloseCause::KeepAliveTimeout, "keep-alive timeout");
            }
            received_at_ = now;
        }
        if (settings.max_connection_lifetime_s > 0 &&
            now >= opened_at_ + Seconds(settings.max_connection_lifetime_s)) {
            return session_->disconnect(mqtt::ReasonCode::MaximumConnectTime,
                                        CloseCause::MaxLifetime, "max_connection_lifetime reached");
        }
        retry_inflight(now);
    }
    if (paused_until_ != kNever && now >= paused_until_) {
        paused_until_ = kNever;
        resume_reading();
    }
    if (!closing_ && !moved_) arm_timer();
}

}  // namespace vmq::broker
