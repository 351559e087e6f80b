#include "broker/shard.h"

#include <utility>

#include "base/log.h"
#include "broker/limits.h"
#include "broker/registrations.h"
#include "broker/session_handoff.h"
#include "broker/session_moves.h"

namespace vmq::broker {

using metrics::Counter;

Shard::Shard(ShardId id, SharedState& shared, std::uint64_t seed, TimePoint start)
    : id_(id),
      shared_(shared),
      loop_(id, start),
      random_(seed),
      subscribers_(id, shared.subscriptions),
      read_buffer_(kReadBufferSize),
      registrations_(std::make_unique<Registrations>(*this)),
      moves_(std::make_unique<SessionMoves>(*this)),
      handoff_(std::make_unique<SessionHandoff>(*this)),
      last_origin_(random_.next() << 40U),
      outboxes_(shared.shards),
      session_log_(shared.session_log) {
    loop_.measure_turns(metrics_.turn());
    for (ShardId from = 0; from < shared.shards; ++from) {
        mailboxes_.push_back(std::make_unique<runtime::Mailbox<ShardMessage>>());
    }
}

Shard::~Shard() {
    // Timers and sockets go before the loop they belong to.
    acceptors_.clear();
    node_links_.reset();
    for (auto& [number, connection] : connections_) connection->end_session();
    connections_.clear();
    clients_by_number_.clear();
    clients_.clear();
}

void Shard::listen(Listener& listener, int fd) {
    acceptors_[&listener] = std::make_unique<transport::Acceptor>(
        loop_, fd,
        [this, &listener](int accepted, transport::PeerAddress peer) {
            on_accept(listener, accepted, std::move(peer));
        },
        [this, &listener] {
            if (!listener.too_many_handshakes()) return Millis::zero();
            metrics_.add(Counter::TlsAcceptPaused);
            return kAcceptPause;
        });
}

void Shard::stop_listening(const Listener& listener) { acceptors_.erase(&listener); }

template <typename Which>
std::size_t Shard::disconnect_where(Which which, mqtt::ReasonCode reason, session::CloseCause cause,
                                    std::string_view why) {
    std::vector<ConnectionNumber> numbers;
    for (const auto& [number, connection] : connections_) {
        if (!connection->closing() && which(*connection)) numbers.push_back(number);
    }
    for (const ConnectionNumber number : numbers) {
        Connection* connection = find(number);
        if (connection == nullptr || connection->closing()) continue;
        if (auto* session = connection->session()) {
            session->disconnect(reason, cause, why);
        } else {
            connection->close(session::CloseCause::PeerClosed, why);
        }
    }
    loop_.run_again();
    return numbers.size();
}

void Shard::disconnect_unwelcome(const Unwelcome& unwelcome, std::string_view why) {
    const std::size_t count = disconnect_where(
        [&unwelcome](const Connection& connection) {
            const session::ConnectPlan& plan = connection.plan();
            return connection.client() != nullptr && plan.username &&
                   unwelcome(*plan.username, plan.authenticated_by);
        },
        mqtt::ReasonCode::NotAuthorized, session::CloseCause::NotAuthorized, why);
    metrics_.add(Counter::SessionsRevoked, count);
}

UnwelcomeSessions Shard::find_unwelcome(const Unwelcome& unwelcome) const {
    UnwelcomeSessions found;
    for (const auto& [number, connection] : connections_) {
        const session::ConnectPlan& plan = connection->plan();
        if (connection->client() == nullptr || connection->closing() || !plan.username ||
            !unwelcome(*plan.username, plan.authenticated_by)) {
            continue;
        }
        ++found.count;
        if (found.named.size() < UnwelcomeSessions::kMaxNamed) {
            found.named.push_back({plan.mountpoint, plan.client_id, *plan.username});
        }
    }
    return found;
}

void Shard::disconnect_all(const Listener* listener) {
    (void)disconnect_where(
        [listener](const Connection& connection) { return &connection.listener() == listener; },
        mqtt::ReasonCode::AdministrativeAction, session::CloseCause::AdministrativeAction,
        "listener stopped");
}

void Shard::sweep_retained_every(Millis interval) {
    sweep_interval_ = interval;
    loop_.timers().start(sweep_timer_, loop_.now() + interval);
}

void Shard::sweep_retained() {
    // In portions, because the other shards cannot look anything up meanwhile.
    const bool more = shared_.retained.sweep(now(), kRetainedSweep) == kRetainedSweep;
    loop_.timers().start(sweep_timer_,
                         now() + (more ? runtime::TimerWheel::kTick : sweep_interval_));
}

ConnectionNumber Shard::next_connection() noexcept {
    return ConnectionNumber{++next_number_ << 8U | id_};
}

void Shard::on_accept(Listener& listener, int fd, transport::PeerAddress peer) {
    metrics_.add(Counter::SocketOpen);
    const bool room = listener.enter();
    if (!room) metrics_.add(Counter::SocketRefusedMaxConnections);
    const ConnectionNumber number = next_connection();
    auto connection =
        std::make_unique<Connection>(*this, number, listener, fd, std::move(peer), !room);
    Connection& opened = *connection;
    connections_.emplace(number, std::move(connection));
    if (listener.flooded()) {
        opened.close(session::CloseCause::PeerClosed,
                     "too many connections to refuse each politely");
        return;
    }
    opened.open();
}

void Shard::start_session_log_timer() {
    loop_.timers().start(session_log_timer_, now() + Seconds(1));
}

void Shard::report_session_log() {
    session_log_.report(now());
    if (session_log_.active()) start_session_log_timer();
}

Connection* Shard::find(ConnectionNumber number) noexcept {
    const auto found = connections_.find(number);
    return found == connections_.end() ? nullptr : found->second.get();
}

void Shard::shut_down(TimePoint deadline) {
    shutting_down_ = true;
    mail_.published_sent.store(mail_.sent);
    shutdown_deadline_ = deadline;
    loop_.timers().start(shutdown_timer_, deadline);
    for (const auto& [listener, acceptor] : acceptors_) acceptor->close();
    if (node_links_) node_links_->stop_receiving();
    (void)disconnect_where([](const Connection&) { return true; },  // [v5 3.14.2.1]
                           mqtt::ReasonCode::ServerShuttingDown,
                           session::CloseCause::ServerShutdown, "broker shutting down");
}

void Shard::run_handshakes() {
    using FineClock = std::chrono::steady_clock;  // finer than that of the loop
    const auto end = FineClock::now() + kHandshakeSlice;
    while (const auto number = handshakes_.pop()) {
        Connection* connection = find(*number);
        if (connection == nullptr) continue;
        connection->on_handshake_turn();
        if (FineClock::now() >= end) break;
    }
    if (!handshakes_.empty()) loop_.run_again();
}

std::unique_ptr<OutputBuffer> Shard::acquire_output() {
    if (spare_outputs_.empty()) return std::make_unique<OutputBuffer>();
    auto output = std::move(spare_outputs_.back());
    spare_outputs_.pop_back();
    return output;
}

void Shard::release_output(std::unique_ptr<OutputBuffer> output) {
    if (spare_outputs_.size() >= kSpareOutputs || output->capacity() > kSpareOutputSize) return;
    output->clear();
    spare_outputs_.push_back(std::move(output));
}

void Shard::on_mail() {
    if (!mail_waiting_.load(std::memory_order_relaxed)) return;
    // Cleared before looking: mail that arrives meanwhile raises it again.
    mail_waiting_.exchange(false, std::memory_order_acq_rel);
    for (const auto& mailbox : mailboxes_) {
        mailbox->take(inbox_);
        mail_.taken += inbox_.size();
        for (ShardMessage& message : inbox_) {
            std::visit([this](auto& content) { handle(content); }, message);
        }
    }
    inbox_.clear();
}

void Shard::on_turn_end() {
    if (!pump_later_.empty()) {
        for (const ConnectionNumber number : std::exchange(pump_later_, {})) {
            Connection* connection = find(number);
            if (connection != nullptr && connection->client() != nullptr) {
                pump(*connection->client(), connection->lane());
            }
        }
        if (!pump_later_.empty()) loop_.run_again();
    }
    if (!handshakes_.empty()) run_handshakes();
    for (std::size_t i = 0; i < closing_.size(); ++i) closing_[i]->end_session();
    session_walks_.run();
    commit();
    session_walks_.load();
    hand_over_outboxes();
    flush_dirty();
    close_finished();
    if (node_links_) node_links_->on_turn_end();
    subscription_count_.store(subscribers_.subscription_count(), std::memory_order_relaxed);
    connection_count_.store(connections_.size(), std::memory_order_relaxed);
    client_count_.store(clients_.size(), std::memory_order_relaxed);
    if (shutting_down_) finish_shutdown();
}

void Shard::finish_shutdown() {
    if (now() >= shutdown_deadline_) return loop_.stop();
    if (drained_ != connections_.empty()) {
        drained_ = !drained_;
        shared_.drained.fetch_add(drained_ ? 1U : ~0U);
    }
    for (const auto& outbox : outboxes_) {
        if (!outbox.empty()) return;
    }
    if (!drained_ || !writes_.idle() || (node_links_ && node_links_->busy())) return;
    mail_.published_taken.store(mail_.taken);
    if (!shared_.quiet.load()) {
        if (!all_quiet()) return;  // the last one to become so tells the others
        shared_.quiet.store(true);
        for (Shard* peer : shared_.peers) peer->notify();
    }
    loop_.stop();
}

// What was taken only grows up to what was sent. If the sum of the first, read before, is the sum
// of the second, read after, then between the two readings nothing was under way; and with nobody
// connected nobody sends anything.
bool Shard::all_quiet() const noexcept {
    std::uint64_t taken = 0;
    std::uint64_t sent = 0;
    for (const Shard* peer : shared_.peers) taken += peer->mail_.published_taken.load();
    if (shared_.drained.load() != shared_.shards) return false;
    for (const Shard* peer : shared_.peers) sent += peer->mail_.published_sent.load();
    return taken == sent;
}

void Shard::hand_over_outboxes() {
    bool full = false;
    if (shutting_down_) mail_.published_sent.store(mail_.sent);
    for (ShardId to = 0; to < shared_.shards; ++to) {
        auto& outbox = outboxes_[to];
        if (outbox.empty()) continue;
        const std::size_t count = outbox.size();
        Shard& peer = *shared_.peers[to];
        if (peer.post_box(id_).hand_over(outbox)) {
            metrics_.add(Counter::ShardMessagesSent, count);
            peer.notify();
        } else {
            full = true;
            peer.notify();
        }
    }
    if (full) {
        if (!congested_) metrics_.add(Counter::ShardReadsPaused);
        congested_ = true;
        loop_.run_again();
        return;
    }
    if (!congested_) return;
    congested_ = false;
    for (const ConnectionNumber number : std::exchange(read_later_, {})) {
        if (Connection* connection = find(number)) connection->resume_reading();
    }
}

void Shard::flush_dirty() {
    // Flushing may pump further messages into buffers: those are flushed in the same pass.
    for (std::size_t i = 0; i < dirty_.size(); ++i) dirty_[i]->flush();
    dirty_.clear();
}

void Shard::close_finished() {
    // Ending a session publishes wills, which may close further connections.
    for (std::size_t i = 0; i < closing_.size(); ++i) closing_[i]->end_session();
    if (!dirty_.empty()) flush_dirty();
    std::erase_if(closing_, [this](Connection* connection) {
        if (!connection->finish()) return false;
        if (!connection->moved()) metrics_.add(Counter::SocketClose);
        connections_.erase(connection->number());
        return true;
    });
    for (const Connection* connection : closing_) {
        if (!connection->session_ended()) loop_.run_again();
    }
    // What was produced after its place in the turn must not wait for something unrelated.
    bool more = writes_.urgent() || !pump_later_.empty() || !fetches_.empty();
    for (const auto& outbox : outboxes_) more = more || !outbox.empty();
    if (more) loop_.run_again();
}

void Shard::handle(Confirm& confirm) {
    if ((static_cast<std::uint64_t>(confirm.connection) & kInboxBit) != 0) {
        if (node_links_) node_links_->settle(confirm.connection, confirm.ticket, confirm.safe);
        return;
    }
    if ((static_cast<std::uint64_t>(confirm.connection) & kMoveBit) != 0) {
        const auto number = static_cast<std::uint64_t>(confirm.connection) & ~kMoveBit;
        return moves_->stored(ClientNumber{number}, confirm.ticket, confirm.safe);
    }
    Connection* connection = find(confirm.connection);
    if (connection == nullptr || connection->session_ended()) return settle_unsafe(confirm);
    if (connection->session() == nullptr) return;
    const auto reason = confirm.safe ? mqtt::ReasonCode::Success : mqtt::ReasonCode::QuotaExceeded;
    if (connection->closing()) return connection->session()->note_safe(confirm.ticket, reason);
    const bool was_busy = connection->session()->busy();
    connection->session()->on_safe(confirm.ticket, reason);
    if (was_busy) connection->resume_reading();
}

void Shard::handle(DeliverSession& deliver) {
    if (!moves_->deliver_late(deliver)) confirm(deliver.reply, true);
}

void Shard::handle(MoveMail& mail) {
    moves_->on_mail(NodeNumber{mail.node}, mail.answer, *mail.body);
}

void Shard::handle(FenceMail& mail) {
    if (mail.passed) return moves_->fence_passed(mail.ticket);
    moves_->fence_progresses(mail.ticket);
}

void Shard::handle(MoveConnection& move) {
    const auto moved = std::move(move.moved);
    const ConnectionNumber number = next_connection();
    auto made = std::make_unique<Connection>(*this, number, *moved->listener, moved->fd,
                                             std::move(moved->peer), false);
    Connection& connection = *made;
    connections_.emplace(number, std::move(made));
    if (shutting_down_) {
        return connection.close(session::CloseCause::PeerClosed, "broker shutting down");
    }
    connection.adopt(std::move(moved->layers), std::move(moved->wire));
    if (!moved->unsent.empty()) connection.output().bytes() += moved->unsent;
    connection.adopt_trace(moved->accepted_as, std::move(moved->trace));
    attach(connection, std::move(moved->plan));
    connection.begin_reading(std::move(moved->unread));
}

}  // namespace vmq::broker
