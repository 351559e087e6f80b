#include "cluster/link.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/rand.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace vmq::cluster {

using metrics::Counter;
using transport::IoStatus;
using Cause = LinkEnd::Cause;

namespace {

/// Reads of one link in one turn, so that the others are served in between.
constexpr int kReadsPerTurn = 4;
/// How much is put on its way at once: what is urgent waits for no more than this, and for the end
/// of a frame.
constexpr std::size_t kSlice = 64UL * 1024;
/// What the system may hold without having sent it, for the same reason.
constexpr int kUnsentInSystem = 128 * 1024;
/// A peer that asks and does not read gets no more answers to its heartbeats.
constexpr std::size_t kMostPriority = 64UL * 1024;
/// Memory that an empty buffer keeps.
constexpr std::size_t kMostKeptByBuffer = 256UL * 1024;

Nonce random_nonce() {
    Nonce nonce;
    VMQ_ASSERT(RAND_bytes(nonce.data(), static_cast<int>(nonce.size())) == 1);
    return nonce;
}

/// On the loopback of tests, or another kind of socket, some of it does not apply: no harm.
void set_options(int fd) noexcept {
    const int on = 1;
    (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentInSystem,
                       sizeof kUnsentInSystem);
}

std::uint64_t millis_of(TimePoint time) noexcept {
    return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

bool begins_like_tls(std::string_view bytes) noexcept { return bytes.starts_with("\x16\x03"); }

}  // namespace

// --- Beginning ---

Link::Link(LinkLoop& loop, LinkHandler& handler, int fd, transport::PeerAddress address,
           std::uint32_t longest_frame)
    : loop_(loop),
      handler_(handler),
      socket_(loop.loop(), fd, *this),
      address_(std::move(address)),
      reader_(kLongestHandshakeFrame),
      longest_frame_(longest_frame),
      timer_(this, [](void* self, TimePoint now) { static_cast<Link*>(self)->on_timer(now); }),
      started_(loop.loop().now()),
      heard_at_(started_),
      beat_at_(started_) {
    set_options(fd);
}

Link::Link(LinkLoop& loop, LinkHandler& handler, const LocalNode& local, const CookieKey& key,
           Accepted accepted, Handshake::Judge judge)
    : Link(loop, handler, accepted.fd, std::move(accepted.address), local.longest_frame) {
    greeting_ = std::make_unique<Greeting>(local, key, std::move(judge), std::nullopt);
    if (accepted.tls) tls_ = std::make_unique<transport::TlsSession>(std::move(accepted.tls));
}

Link::Link(LinkLoop& loop, LinkHandler& handler, const LocalNode& local, const CookieKey& key,
           Dialled dialled, Handshake::Judge judge)
    : Link(loop, handler, dialled.fd, std::move(dialled.address), local.longest_frame) {
    initiated_ = true;
    greeting_ =
        std::make_unique<Greeting>(local, key, std::move(judge), std::move(dialled.purpose));
    if (dialled.tls) {
        tls_ = std::make_unique<transport::TlsSession>(std::move(dialled.tls), dialled.tls_host,
                                                       wire_);
    }
}

Link::Link(LinkLoop& loop, LinkHandler& handler, MovedLink moved)
    : Link(loop, handler, moved.socket->release(), std::move(moved.address), moved.longest_frame) {
    tls_ = std::move(moved.tls);
    peer_ = std::move(moved.peer);
    kind_ = moved.kind;
    shard_ = moved.shard;
    version_ = moved.version;
    initiated_ = moved.initiated;
    reader_.set_longest(longest_frame_);
    reader_.add(moved.unread);
    reader_.keep();
    wire_ = std::move(moved.wire);
    priority_ = std::move(moved.priority);
    output_ = std::move(moved.output);
    state_ = State::Agreed;
}

Link::~Link() { loop_.forget(*this); }

void Link::start() {
    arm_timer(loop_.loop().now());
    if (greeting_ && tls_ == nullptr) greet();
    mark_dirty();
    update_interest();
    if (open()) drain();
}

/// The layer below is ready: says who we are, or waits for the other to say it.
void Link::greet() {
    Handshake::Connection connection;
    connection.nonce = random_nonce();
    if (tls_) connection.channel_binding = tls_->channel_binding();
    connection.judge = std::move(greeting_->judge);
    if (greeting_->purpose) {
        greeting_->handshake.emplace(greeting_->local, greeting_->key, std::move(connection),
                                     *greeting_->purpose, output_.bytes());
        mark_dirty();
    } else {
        greeting_->handshake.emplace(greeting_->local, greeting_->key, std::move(connection));
    }
}

std::string_view Link::peer_name() const noexcept {
    if (!greeting_) return peer_.node;
    return greeting_->handshake ? greeting_->handshake->peer_name() : std::string_view();
}

// --- Reading ---

void Link::on_ready(std::uint8_t events) {
    if (state_ == State::Ended || state_ == State::Released) return;
    if ((events & kWritable) != 0) {
        blocked_ = false;
        flush();
    }
    if (may_read()) {
        if ((events & (kReadable | kBroken)) != 0) read();
    } else if (paused_ && (events & kBroken) != 0) {
        end({Cause::Socket, "the connection was broken", std::nullopt});
    }
}

void Link::read() {
    for (int i = 0; i < kReadsPerTurn && may_read(); ++i) {
        const std::span<char> buffer = loop_.read_buffer();
        const transport::ReadResult result = socket_.read(buffer);
        switch (result.status) {
            case IoStatus::Ok:
                break;
            case IoStatus::WouldBlock:
                return;
            case IoStatus::Closed:
                return end({Cause::PeerClosed,
                            greeting_ ? "it closed the connection before both knew each other: "
                                        "see its log"
                                      : "it closed the connection",
                            std::nullopt});
            case IoStatus::Failed:
                return end({Cause::Socket, "the connection was broken", std::nullopt});
        }
        loop_.metrics().add(Counter::ClusterBytesReceived, result.size);
        heard_at_ = loop_.loop().now();
        receive({buffer.data(), result.size});
        if (result.size < buffer.size()) return;
    }
}

void Link::receive(std::string_view bytes) {
    if (tls_) {
        receive_records(bytes);
    } else {
        read_frames(bytes);
    }
}

void Link::receive_records(std::string_view bytes) {
    std::string plain;
    const transport::TlsSession::Status status = tls_->receive(bytes, plain, wire_);
    if (!wire_.empty()) mark_dirty();
    if (greeting_ && !greeting_->handshake && tls_->handshake_done() &&
        status != transport::TlsSession::Status::Failed) {
        greet();
    }
    if (!plain.empty() && (!greeting_ || greeting_->handshake)) read_frames(plain);
    if (state_ != State::Greeting && state_ != State::Agreed) return;
    if (status == transport::TlsSession::Status::Failed) {
        end({Cause::Tls, "TLS: " + tls_->error(), std::nullopt});
    } else if (status == transport::TlsSession::Status::PeerClosed) {
        end({Cause::PeerClosed, "it closed the connection", std::nullopt});
    }
}

void Link::read_frames(std::string_view bytes) {
    if (greeting_ && !greeting_->heard) {
        greeting_->heard = true;
        greeting_->speaks_tls = begins_like_tls(bytes);
    }
    reader_.add(bytes);
    drain();
}

/// Handles the frames that are there, unless somebody further up the stack does.
void Link::drain() {
    if (draining_) return;
    draining_ = true;
    Frame frame;
    FrameReader::Status status = FrameReader::Status::Complete;
    while (may_read() && status == FrameReader::Status::Complete) {
        status = reader_.next(frame);
        if (status == FrameReader::Status::Complete) handle(frame);
    }
    draining_ = false;
    if (state_ == State::Ended || state_ == State::Released) return;
    if (status == FrameReader::Status::TooLong || status == FrameReader::Status::Empty) {
        return on_unreadable(reader_.error());
    }
    reader_.keep();
    if (open()) handler_.on_batch_end(*this);
}

void Link::handle(const Frame& frame) {
    if (greeting_) return on_greeting(frame);
    switch (frame.type) {
        case FrameType::Heartbeat:
        case FrameType::HeartbeatReply:
            return on_heartbeat(frame);
        case FrameType::Refused: {
            Refusal refusal;
            if (!decode_refused(frame.body, refusal)) return fail("sent an unreadable refusal");
            return end({Cause::RefusedByPeer, refusal.text, refusal.code, true});
        }
        default:
            return handler_.on_frame(*this, frame);
    }
}

void Link::on_heartbeat(const Frame& frame) {
    std::uint64_t time = 0;
    if (!decode_heartbeat(frame.body, time)) return fail("sent an unreadable heartbeat");
    const std::uint64_t now = millis_of(loop_.loop().now());
    if (frame.type == FrameType::HeartbeatReply) {
        if (time <= now) round_trip_ = Millis(now - time);
        return;
    }
    if (priority_.size() < kMostPriority) {
        append_heartbeat(FrameType::HeartbeatReply, time, priority());
    }
    if (initiated_) return;
    // Its heartbeats and our replies show both that the other is there: ours are for when they
    // stop.
    const Millis interval = heartbeat_interval();
    beat_at_ = loop_.loop().now() +
               std::min(interval * 3 / 2, std::max(interval, loop_.settings().silence_timeout / 2));
    arm_timer(loop_.loop().now());
}

void Link::on_unknown(const Frame& frame) {
    if (is_ignorable(frame.type)) return;
    fail(fmt::format("sent a frame of the unknown type {}", static_cast<unsigned>(frame.type)));
}

void Link::pause_reading() {
    paused_ = true;
    if (open()) update_interest();
}

void Link::resume_reading() {
    if (!std::exchange(paused_, false) || !open()) return;
    heard_at_ = loop_.loop().now();
    update_interest();
    drain();
}

// --- The handshake ---

void Link::on_greeting(const Frame& frame) {
    Handshake& handshake = *greeting_->handshake;
    const Handshake::Status status = handshake.receive(frame, output_.bytes());
    mark_dirty();
    switch (status) {
        case Handshake::Status::Running:
            return;
        case Handshake::Status::Agreed:
            return agree();
        case Handshake::Status::RefusedHere:
            return end({Cause::RefusedHere, handshake.refusal().text, handshake.refusal().code,
                        handshake.peer_is_proven()});
        case Handshake::Status::RefusedByPeer:
            return end({Cause::RefusedByPeer, handshake.refusal().text, handshake.refusal().code,
                        handshake.peer_is_proven()});
    }
}

void Link::agree() {
    const Handshake& handshake = *greeting_->handshake;
    peer_ = handshake.peer();
    version_ = handshake.version();
    kind_ = handshake.kind();
    shard_ = handshake.shard();
    greeting_.reset();
    reader_.set_longest(longest_frame_);
    state_ = State::Agreed;
    // Heartbeats go before what is in the output, and must not go before the handshake's last
    // words.
    OutputBuffer last_words;
    std::swap(last_words, output_);
    if (!wrap(last_words)) return;
    heard_at_ = beat_at_ = loop_.loop().now();
    arm_timer(heard_at_);
    handler_.on_agreed(*this);
}

void Link::on_unreadable(std::string why) {
    if (!greeting_) return fail(why);
    const std::string_view hint =
        greeting_->speaks_tls
            ? "it speaks TLS, which is not expected here: use listener.vmqs at both ends"
            : "it is no vernemq node, or of a version that cannot be understood";
    if (greeting_->handshake && greeting_->handshake->status() == Handshake::Status::Running) {
        (void)greeting_->handshake->refuse(
            {RefusalCode::Protocol, fmt::format("{}: {}", greeting_->local.name, hint)},
            output_.bytes());
    }
    end({Cause::RefusedHere, fmt::format("it {}: {}", why, hint), RefusalCode::Protocol});
}

// --- Writing ---

void Link::mark_dirty() {
    if (std::exchange(dirty_, true)) return;
    loop_.mark_dirty(*this);
}

OutputBuffer& Link::output() {
    if (open()) {
        note_frames();
        mark_dirty();
    } else {
        output_.clear();
    }
    return output_;
}

std::string& Link::priority() {
    if (open()) {
        mark_dirty();
    } else {
        priority_.clear();
    }
    return priority_;
}

/// What stands in the output ends with a frame.
void Link::note_frames() {
    const std::size_t more = output_.size() - sliced_;
    if (more < kSlice) return;
    slices_.push_back(more);
    sliced_ += more;
}

void Link::tell_when_below(std::size_t bytes) {
    room_at_ = bytes;
    mark_dirty();
}

void Link::flush_marked() {
    dirty_ = false;
    flush();
}

void Link::flush() {
    if (state_ == State::Ended || state_ == State::Released) return;
    while (!blocked_) {
        if (wire_.empty() && !load()) break;
        std::size_t written = 0;
        const IoStatus status = socket_.write(wire_, written);
        loop_.metrics().add(Counter::ClusterBytesSent, written);
        if (status == IoStatus::Failed) {
            return end({Cause::Socket, "the connection was broken", std::nullopt});
        }
        blocked_ = status == IoStatus::WouldBlock;
    }
    if (state_ == State::Ended) return;
    shed_memory();
    update_interest();
    tell_room();
}

/// Puts what is next on its way. False: there is nothing, or it may not be sent yet.
bool Link::load() {
    if (!may_send()) return false;
    note_frames();
    const std::size_t size = slices_.empty() ? output_.size() : slices_.front();
    if (priority_.empty() && size == 0) return false;
    if (!slices_.empty()) sliced_ -= slices_.pop_front();
    OutputBuffer plain;
    plain.bytes().swap(priority_);
    if (!plain.empty() || size != output_.size()) {
        plain.take(output_, size);
    } else {
        std::swap(plain, output_);
    }
    return wrap(plain);
}

/// Through the layer below to the wire.
bool Link::wrap(OutputBuffer& plain) {
    if (tls_ == nullptr) {
        if (wire_.empty()) {
            std::swap(wire_, plain);
        } else {
            wire_.take(plain);
        }
        return true;
    }
    if (tls_->send(plain, wire_)) return true;
    end({Cause::Tls, "TLS: " + tls_->error(), std::nullopt});
    return false;
}

void Link::shed_memory() {
    for (OutputBuffer* buffer : {&output_, &wire_}) {
        if (!buffer->empty() || buffer->capacity() <= kMostKeptByBuffer) continue;
        OutputBuffer fresh;
        std::swap(*buffer, fresh);
    }
}

void Link::tell_room() {
    if (!open() || !room_at_ || unsent() > *room_at_) return;
    room_at_.reset();
    handler_.on_room(*this);
}

void Link::update_interest() { socket_.want(may_read(), blocked_); }

// --- Time ---

Millis Link::heartbeat_interval() const noexcept {
    const LinkSettings& settings = loop_.settings();
    if (kind_ == LinkKind::Control) return settings.heartbeat_interval;
    // There is one for each shard and peer, and the control link hears more often whether the peer
    // is there. Two beats may still be late before the silence is too long.
    return std::max(settings.heartbeat_interval,
                    std::min(settings.heartbeat_interval * 2, settings.silence_timeout / 3));
}

void Link::on_timer(TimePoint now) {
    const LinkSettings& settings = loop_.settings();
    if (greeting_) {
        return end({Cause::HandshakeTimeout,
                    fmt::format("{} did not come within {} ms: see its log, and whether it is "
                                "overloaded",
                                waits_for(), settings.handshake_timeout.count()),
                    std::nullopt});
    }
    if (!paused_ && now - heard_at_ >= settings.silence_timeout) {
        return end({Cause::Silent,
                    fmt::format("nothing was heard of it for {} ms", (now - heard_at_).count()),
                    std::nullopt});
    }
    if (now >= beat_at_) {
        if (priority_.size() < kMostPriority) {
            append_heartbeat(FrameType::Heartbeat, millis_of(now), priority());
        }
        // All links of a loop at once: one wake-up instead of one for each.
        const Millis interval = heartbeat_interval();
        beat_at_ = now + interval - now.time_since_epoch() % interval;
    }
    arm_timer(now);
}

void Link::arm_timer(TimePoint now) {
    const LinkSettings& settings = loop_.settings();
    TimePoint deadline = started_ + settings.handshake_timeout;
    if (!greeting_) deadline = beat_at_;
    if (!greeting_ && !paused_) deadline = std::min(deadline, heard_at_ + settings.silence_timeout);
    loop_.loop().timers().start(timer_, std::max(now, deadline));
}

std::string_view Link::waits_for() const noexcept {
    if (!greeting_->handshake) return "the TLS handshake";
    return greeting_->handshake->peer_name().empty() ? "its greeting" : "its proof or welcome";
}

// --- End ---

void Link::fail(std::string_view what) {
    if (greeting_ || !open()) return;
    const Refusal refusal{RefusalCode::Protocol, fmt::format("{} {}", peer_.node, what)};
    refuse(refusal, false);
    state_ = State::Ended;
    handler_.on_end(*this, {Cause::RefusedHere, refusal.text, refusal.code, true});
}

void Link::close(const Refusal& why) {
    if (state_ != State::Greeting && state_ != State::Agreed) return;
    refuse(why, unsent() <= kLastWords);
    state_ = State::Ended;
}

/// Says it to the peer, if that can be, and closes.
void Link::refuse(const Refusal& refusal, bool with_output) {
    if (!greeting_) {
        if (!with_output) {
            output_.clear();
            priority_.clear();
        }
        append_refused(refusal, output_.bytes());
        return shut(true);
    }
    const bool running =
        greeting_->handshake && greeting_->handshake->status() == Handshake::Status::Running;
    if (running) (void)greeting_->handshake->refuse(refusal, output_.bytes());
    shut(running);
}

void Link::end(const LinkEnd& why) {
    if (state_ == State::Ended || state_ == State::Released) return;
    // A TLS alert that says why stands in what goes over the wire.
    shut(why.cause == Cause::RefusedHere || why.cause == Cause::Tls);
    state_ = State::Ended;
    handler_.on_end(*this, why);
}

/// What is in the output by now are the last words.
void Link::shut(bool with_last_words) {
    timer_.stop();
    if (!with_last_words) return socket_.close();
    slices_.clear();
    sliced_ = 0;
    OutputBuffer words;
    words.bytes().swap(priority_);
    words.take(output_);
    if (tls_ == nullptr) {
        wire_.take(words);
    } else if (tls_->status() == transport::TlsSession::Status::Open) {
        (void)tls_->send(words, wire_);
        tls_->close(wire_);
    }
    OutputBuffer rest;
    std::swap(rest, wire_);
    loop_.part(socket_.release(), std::move(rest));
}

MovedLink Link::release() {
    VMQ_ASSERT(open());
    timer_.stop();
    state_ = State::Released;
    MovedLink moved;
    moved.socket = std::make_unique<Descriptor>(socket_.release());
    moved.tls = std::move(tls_);
    moved.address = address_;
    moved.peer = peer_;
    moved.kind = kind_;
    moved.shard = shard_;
    moved.version = version_;
    moved.initiated = initiated_;
    moved.longest_frame = longest_frame_;
    moved.unread = reader_.take_rest();
    std::swap(moved.wire, wire_);
    moved.priority.swap(priority_);
    std::swap(moved.output, output_);
    return moved;
}

}  // namespace vmq::cluster
