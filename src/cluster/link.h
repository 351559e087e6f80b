// Link: one connection between two nodes, from its first byte to its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/output_buffer.h"
#include "base/ring_buffer.h"
#include "cluster/frame_codec.h"
#include "cluster/handshake.h"
#include "cluster/link_loop.h"
#include "runtime/timer_wheel.h"
#include "transport/peer_address.h"
#include "transport/stream_socket.h"
#include "transport/tls_session.h"

namespace vmq::cluster {

/// Why a link has ended.
struct LinkEnd {
    enum class Cause : std::uint8_t {
        PeerClosed,
        Silent,  // nothing has arrived for the silence timeout
        HandshakeTimeout,
        RefusedHere,    // in the handshake, or by fail()
        RefusedByPeer,  // at any time
        Tls,
        Socket,
    };
    Cause cause{};
    /// For the log, to follow the peer's name and address: a sentence that says what to do.
    std::string text;
    /// Of the causes Refused...
    std::optional<RefusalCode> refusal;
    /// The peer has proven the cookie: what it says may be acted on.
    bool proven = false;
};

/// Told what happens on a link, on its loop's thread. Outlives it. Every function may call anything
/// of the link; to destroy it see LinkLoop::bury().
class LinkHandler {
public:
    /// Both nodes know who the other is. From here on frames can be sent.
    virtual void on_agreed(Link& link) = 0;
    /// Any frame but the link's own. The body is gone when this returns or releases the link.
    virtual void on_frame(Link& link, const Frame& frame) = 0;
    /// All that had arrived was given to on_frame(): a time to answer it together.
    virtual void on_batch_end(Link& /*link*/) {}
    /// What tell_when_below() asked for.
    virtual void on_room(Link& /*link*/) {}
    /// Once, and not after close() or release(): nothing more will come or be sent.
    virtual void on_end(Link& link, const LinkEnd& end) = 0;

protected:
    ~LinkHandler() = default;
};

/// A link on its way to another loop. Any thread, one at a time; closes the connection if nobody
/// takes it.
struct MovedLink {
    std::unique_ptr<Descriptor> socket;
    std::unique_ptr<transport::TlsSession> tls;  // null: none
    transport::PeerAddress address;
    Hello peer;
    LinkKind kind = LinkKind::Data;
    std::uint16_t shard = 0;
    std::uint16_t version = 0;
    bool initiated = false;
    std::uint32_t longest_frame = 0;  // that is taken
    std::string unread;               // frames that nobody has handled
    OutputBuffer wire;                // on its way, in the middle of a frame
    std::string priority;
    OutputBuffer output;
};

/// Owned by whoever uses it, on one loop's thread; may move to another loop once it is agreed.
///
/// Output is collected and written once at the end of the turn. Behind what is being written,
/// priority goes before output, at the end of a frame.
class Link final : public runtime::ReadyHandler {
public:
    /// An accepted connection.
    struct Accepted {
        int fd = -1;  // taken over
        transport::PeerAddress address;
        std::shared_ptr<const transport::TlsContext> tls;  // null: none
    };
    /// One that was dialled.
    struct Dialled {
        int fd = -1;
        transport::PeerAddress address;
        std::shared_ptr<const transport::TlsClientContext> tls;
        std::string tls_host;  // whom the certificate has to name
        Handshake::Purpose purpose;
    };

    /// `loop`, `handler`, `local` and `key` outlive the link. Nothing is called before start().
    Link(LinkLoop& loop, LinkHandler& handler, const LocalNode& local, const CookieKey& key,
         Accepted accepted, Handshake::Judge judge);
    Link(LinkLoop& loop, LinkHandler& handler, const LocalNode& local, const CookieKey& key,
         Dialled dialled, Handshake::Judge judge);
    /// Goes on with one of another loop; agreed.
    Link(LinkLoop& loop, LinkHandler& handler, MovedLink moved);
    ~Link();
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    /// Starts to read; of a moved link also what had been read.
    void start();

    /// Bytes that are still sent when a link is closed.
    static constexpr std::size_t kLastWords = 256UL * 1024;

    enum class State : std::uint8_t { Greeting, Agreed, Ended, Released };
    [[nodiscard]] State state() const noexcept { return state_; }
    [[nodiscard]] bool open() const noexcept { return state_ == State::Agreed; }
    [[nodiscard]] const transport::PeerAddress& address() const noexcept { return address_; }
    [[nodiscard]] bool has_tls() const noexcept { return tls_ != nullptr; }
    /// This node dialled.
    [[nodiscard]] bool initiated() const noexcept { return initiated_; }
    /// What the peer calls itself, for logs: not proven before the link is agreed, perhaps empty.
    [[nodiscard]] std::string_view peer_name() const noexcept;

    // Once it is agreed.

    [[nodiscard]] const Hello& peer() const noexcept { return peer_; }
    [[nodiscard]] LinkKind kind() const noexcept { return kind_; }
    [[nodiscard]] std::uint16_t shard() const noexcept { return shard_; }
    [[nodiscard]] std::uint16_t version() const noexcept { return version_; }
    /// Of the last heartbeat; nothing before one has come back.
    [[nodiscard]] std::optional<Millis> round_trip() const noexcept { return round_trip_; }

    /// For whole frames, none longer than peer().longest_frame: at each call all that stands there
    /// is taken for complete. After the end what is written is forgotten.
    [[nodiscard]] OutputBuffer& output();
    /// For few small frames that must not wait.
    [[nodiscard]] std::string& priority();
    /// Bytes that wait to be taken by the system: who sends without looking at it grows without
    /// bound.
    [[nodiscard]] std::size_t unsent() const noexcept {
        return wire_.size() + priority_.size() + output_.size();
    }
    /// on_room() is called, once, when unsent() has fallen to `bytes` or is there already.
    void tell_when_below(std::size_t bytes);

    /// Frames are left with the peer; heartbeats as well, so it is not taken for silent meanwhile.
    void pause_reading();
    void resume_reading();

    /// Skips a frame that on_frame() does not know if it may be skipped, or fails.
    void on_unknown(const Frame& frame);
    /// The peer did what it must not: ends the link, tells it, and calls on_end(). `what`: to
    /// follow its name.
    void fail(std::string_view what);
    /// Ends the link, telling the peer why. What waits goes before that if it is little
    /// (kLastWords) and the peer takes it soon, and is lost otherwise. on_end() is not called.
    void close(const Refusal& why);
    /// Gives everything up for another loop. Requires open().
    [[nodiscard]] MovedLink release();

    void on_ready(std::uint8_t events) override;

private:
    friend class LinkLoop;

    Link(LinkLoop& loop, LinkHandler& handler, int fd, transport::PeerAddress address,
         std::uint32_t longest_frame);

    /// Before the link is agreed.
    struct Greeting {
        const LocalNode& local;
        const CookieKey& key;
        Handshake::Judge judge;
        std::optional<Handshake::Purpose> purpose;  // of who initiates
        std::optional<Handshake> handshake{};       // once the layer below is ready
        bool heard = false;
        bool speaks_tls = false;  // where none is expected
    };

    void read();
    void receive(std::string_view bytes);
    void receive_records(std::string_view bytes);
    void read_frames(std::string_view bytes);
    void drain();
    void handle(const Frame& frame);
    void greet();
    void on_greeting(const Frame& frame);
    void on_unreadable(std::string why);
    void agree();
    void on_heartbeat(const Frame& frame);
    [[nodiscard]] bool may_read() const noexcept {
        return (state_ == State::Greeting || state_ == State::Agreed) && !paused_;
    }

    void mark_dirty();
    void note_frames();
    [[nodiscard]] bool may_send() const noexcept {
        return tls_ == nullptr || tls_->handshake_done();
    }
    /// At the end of the turn.
    void flush_marked();
    void flush();
    [[nodiscard]] bool load();
    [[nodiscard]] bool wrap(OutputBuffer& plain);
    void shed_memory();
    void tell_room();
    void update_interest();

    [[nodiscard]] Millis heartbeat_interval() const noexcept;
    void on_timer(TimePoint now);
    void arm_timer(TimePoint now);
    [[nodiscard]] std::string_view waits_for() const noexcept;

    void refuse(const Refusal& refusal, bool with_output);
    void end(const LinkEnd& why);
    void shut(bool with_last_words);

    LinkLoop& loop_;
    LinkHandler& handler_;
    transport::StreamSocket socket_;
    transport::PeerAddress address_;
    std::unique_ptr<transport::TlsSession> tls_;
    std::unique_ptr<Greeting> greeting_;
    FrameReader reader_;
    Hello peer_;
    std::uint32_t longest_frame_;
    LinkKind kind_ = LinkKind::Control;
    std::uint16_t shard_ = 0;
    std::uint16_t version_ = 0;
    bool initiated_ = false;
    State state_ = State::Greeting;

    OutputBuffer wire_;  // what is written next: whole frames, records of TLS
    std::string priority_;
    OutputBuffer output_;
    RingBuffer<std::size_t> slices_;  // of output_, each ends with a frame
    std::size_t sliced_ = 0;          // bytes in them
    std::optional<std::size_t> room_at_;
    bool dirty_ = false;
    bool blocked_ = false;  // the socket takes nothing
    bool paused_ = false;
    bool draining_ = false;

    runtime::Timer timer_;
    TimePoint started_;
    TimePoint heard_at_;
    TimePoint beat_at_;  // next heartbeat
    std::optional<Millis> round_trip_;
};

}  // namespace vmq::cluster
