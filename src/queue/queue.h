// Queue: what is waiting for one client, connected or not (VerneMQ: vmq_queue).
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ring_buffer.h"
#include "mqtt/types.h"
#include "queue/delivery.h"
#include "queue/inflight_window.h"

namespace vmq::queue {

enum class Order : std::uint8_t { Fifo, Lifo };

/// -1 means unlimited, as in the configuration.
struct Limits {
    std::int64_t max_online_messages = 1000;
    std::int64_t max_offline_messages = 1000;
    Order order = Order::Fifo;
    bool override_max_online_messages = false;
};

/// The backlog, the in-flight window and the received QoS 2 packet ids of one client.
///
/// With a store that keeps messages (`paged`) only a bounded part of the backlog is in memory, the
/// next to be sent; the rest, called the tail, is known by its sequences and fetched when the
/// client takes it: wants_load(), on_loaded(). While the client is away everything stored is in the
/// tail.
///
/// Owned by the client's state on its home shard. Does no I/O and reads no clock: offer() takes a
/// message in, next() says what to send, and send_now() is the way past the backlog. Whatever is
/// discarded comes back to the caller, who counts it and may give it to another member of a shared
/// group.
class Queue final {
public:
    explicit Queue(Limits limits, bool paged = false) noexcept : limits_(limits), paged_(paged) {}
    Queue(Queue&&) noexcept = default;
    Queue& operator=(Queue&&) noexcept = default;

    void set_limits(Limits limits) noexcept { limits_ = limits; }
    [[nodiscard]] const Limits& limits() const noexcept { return limits_; }
    [[nodiscard]] bool online() const noexcept { return online_; }
    /// Messages that may wait now, -1: as many as come.
    [[nodiscard]] std::int64_t limit() const noexcept {
        return online_ ? limits_.max_online_messages : limits_.max_offline_messages;
    }

    /// A connection takes the queue. Returns what max_online_messages has no room for: none with
    /// override_max_online_messages.
    std::vector<Delivery> attach(std::uint16_t window_capacity);
    /// The connection is gone and the session stays. Returns QoS 0 messages and what
    /// max_offline_messages has no room for; with 0 also what was in flight.
    std::vector<Delivery> detach();

    enum class Offered : std::uint8_t {
        Queued,
        QueuedInsteadOfOldest,  // lifo and full: `displaced` holds what was dropped for it
        Full,                   // fifo and full: dropped
        Offline,                // QoS 0 for a client that is away: discarded
        Expired,
    };
    /// What offer() would answer, without taking it.
    [[nodiscard]] Offered judge(const Delivery& delivery, TimePoint now) const noexcept;
    /// Takes `delivery` if the answer is one of the Queued ones. `displaced` has no message if it
    /// was in the tail.
    [[nodiscard]] Offered offer(Delivery& delivery, TimePoint now, Delivery& displaced);

    /// Takes a delivery whatever the limits say: the caller keeps them. Requires a connection.
    void insert(Delivery delivery);

    /// Takes out what has expired. Costs nothing while nothing can have.
    [[nodiscard]] std::vector<Delivery> take_expired(TimePoint now);
    /// The same for a queue without room for another message, so that expired ones keep nobody else
    /// out [v5 MQTT-3.3.2-5].
    [[nodiscard]] std::vector<Delivery> make_room(TimePoint now) {
        return full() ? take_expired(now) : std::vector<Delivery>{};
    }

    /// Whether a message of this QoS may go straight to a connection that can take bytes. QoS 0 may
    /// pass messages that only wait for the window [v5 MQTT-4.9.0-3], but never another QoS 0:
    /// order is kept per topic and QoS [v5 MQTT-4.6.0-6].
    [[nodiscard]] bool ready(mqtt::QoS qos) const noexcept {
        if (!online_) return false;
        return qos == mqtt::QoS::AtMostOnce ? qos0_waiting_ == 0
                                            : backlog_.empty() && !tail_ && window_.can_add();
    }
    /// Registers a delivery that is sent now. Requires ready() and a QoS above 0.
    [[nodiscard]] mqtt::PacketId send_now(Delivery delivery, TimePoint now) {
        return window_.add(std::move(delivery), now).id;
    }

    struct Outgoing {
        enum class Kind : std::uint8_t { Publish, Pubrel };
        Kind kind;
        bool dup;
        mqtt::PacketId id;  // 0 for QoS 0
        /// For Publish. Valid until the queue changes.
        [[nodiscard]] const Delivery& delivery() const noexcept {
            return inflight != nullptr ? *inflight : qos0;
        }
        const Delivery* inflight = nullptr;  // in the window
        Delivery qos0 = {};                  // taken out of the backlog
    };
    /// The next packet to send, in-flight ones of an earlier connection first. Nothing if the queue
    /// is empty or the window is full. Expired messages are appended to `expired`.
    /// What is QoS 2 and was written at `uncommitted` or later must wait until that is safe: a
    /// client that had it before a crash would take the next message with its packet id for the
    /// same one.
    [[nodiscard]] std::optional<Outgoing> next(TimePoint now, std::vector<Delivery>& expired,
                                               store::WritePosition uncommitted = kAllCommitted);
    static constexpr store::WritePosition kAllCommitted = ~0ULL;

    /// Whether next() would have something for a connection that can take bytes.
    [[nodiscard]] bool has_sendable() const noexcept {
        return window_.can_resend() ||
               (!backlog_.empty() && (qos0_waiting_ > 0 || window_.can_add()));
    }
    /// What an earlier connection was sent is not all sent again yet; nothing new goes before it.
    [[nodiscard]] bool resends() const noexcept {
        return window_.must_resend() || (tail_ && tail_->first <= sent_through_) ||
               (!backlog_.empty() && backlog_.front().sent_before);
    }
    /// Messages that wait, the tail included.
    [[nodiscard]] std::size_t backlog_size() const noexcept {
        return backlog_.size() + (tail_ ? static_cast<std::size_t>(tail_->count) : 0);
    }

    /// Part of the tail to be fetched now, or nothing. Counts as asked for until on_loaded().
    struct Load {
        std::uint64_t from;  // sequences, both inclusive
        std::uint64_t to;
        bool newest_first;
        std::uint32_t ticket;
    };
    [[nodiscard]] std::optional<Load> wants_load() noexcept;
    /// The answer, in the order asked for. `ticket`: of the Load; one that is no longer waited for
    /// is ignored.
    void on_loaded(std::uint32_t ticket, std::vector<Delivery> loaded);
    /// The queue as an earlier process left it. Before the first connection.
    /// `certain`: up to `sent_through` everything was sent, otherwise it may have been.
    void restore(const store::QueueBounds& bounds, std::uint64_t sent_through, bool certain);
    /// Stored messages up to this sequence have been sent, perhaps.
    [[nodiscard]] std::uint64_t sent_through() const noexcept { return sent_through_; }
    static constexpr std::size_t kLoadedAtOnce = 1000;
    static constexpr std::size_t kBytesLoadedAtOnce = 256 * 1024;

    /// For operators: calls `visit(delivery, sent)` with up to `count` messages that are in memory,
    /// from `place` on (0: the first), those in flight before those that wait; `sent`: perhaps, to
    /// this client. Returns the place to go on from, or nothing behind the last. Places shift as
    /// the queue moves.
    template <typename Visit>
    std::optional<std::size_t> visit_in_memory(std::size_t place, std::size_t count,
                                               Visit visit) const {
        const std::size_t in_window = window_.remembered();
        const std::size_t all = in_window + backlog_.size();
        for (; place < all; ++place) {
            if (count-- == 0) return place;
            if (place >= in_window) {
                const Delivery& delivery = backlog_[place - in_window];
                visit(delivery, delivery.sent_before);
            } else if (const Delivery& delivery = window_.entry(place).delivery; delivery.message) {
                visit(delivery, true);
            }
        }
        return std::nullopt;
    }
    /// Sequences, both inclusive, between which the messages of the tail are. What is in memory may
    /// have one of them, too.
    struct StoredRange {
        std::uint64_t from;
        std::uint64_t to;
    };
    [[nodiscard]] std::optional<StoredRange> stored_range() const noexcept {
        if (!tail_) return std::nullopt;
        return StoredRange{tail_->first, tail_->last};
    }

    [[nodiscard]] InflightWindow& window() noexcept { return window_; }
    [[nodiscard]] const InflightWindow& window() const noexcept { return window_; }

    /// QoS 2 packet ids received from the client and not yet released [v5 MQTT-4.3.3-10].
    [[nodiscard]] bool remembers(mqtt::PacketId id) const noexcept {
        return received_ && received_->contains(static_cast<std::uint16_t>(id));
    }
    void remember(mqtt::PacketId id) {
        if (!received_) received_ = std::make_unique<ReceivedIds>();
        received_->insert(static_cast<std::uint16_t>(id));
    }
    bool forget(mqtt::PacketId id) {
        return received_ && received_->erase(static_cast<std::uint16_t>(id)) > 0;
    }
    [[nodiscard]] std::size_t received_count() const noexcept {
        return received_ ? received_->size() : 0;
    }

    /// Takes out what came through those shared groups for which `other_member` says that somebody
    /// else can have it: waiting messages and QoS 1 ones without PUBACK [v5 4.8.2]. QoS 2 exchanges
    /// that have begun belong to this client [v5 MQTT-4.8.2-4, -5].
    std::vector<Delivery> take_shared(const std::function<bool(std::uint64_t group)>& other_member);

    /// Another session of the same client had this copy and its record: the copy here gets the
    /// record. False if there is none.
    bool adopt_record(const Delivery& other);

    // A session that moves between nodes. Without a connection.
    /// What is in memory, waiting or unacknowledged, and has a record: calls visit(delivery, sent)
    /// with the `count` of lowest sequence, in order.
    void visit_lowest(std::size_t count,
                      const std::function<void(const Delivery&, bool sent)>& visit) const;
    /// Takes that out up to this sequence: the new node has it.
    void drop_from_memory(std::uint64_t through);
    /// The same for the tail, of which `count` messages have gone.
    void drop_tail_through(std::uint64_t through, std::uint64_t count) noexcept;
    /// Takes in what the earlier node had, in its place by sequence, whatever the limits say.
    void take_over(Delivery delivery);
    /// Messages up to this sequence have been sent by the earlier node, perhaps.
    void set_sent_through(std::uint64_t sequence) noexcept { sent_through_ = sequence; }
    void take_over_released(std::uint64_t sequence);
    template <typename Visit>
    void for_each_received(Visit visit) const {
        if (!received_) return;
        for (const std::uint16_t id : *received_) visit(id);
    }

    /// Takes everything out, for a session that ends.
    std::vector<Delivery> clear();

private:
    using ReceivedIds = boost::unordered_flat_set<std::uint16_t>;

    [[nodiscard]] bool full() const noexcept {
        const std::int64_t most = limit();
        return most >= 0 && static_cast<std::int64_t>(backlog_size()) >= most;
    }
    /// Stored messages behind (fifo) or before (lifo) those in the backlog.
    struct Tail {
        std::uint64_t first;  // nothing of the tail is outside first..last
        std::uint64_t last;
        std::uint64_t count;         // at least as many as there are
        std::uint64_t asked_to = 0;  // end of the part that is being fetched
        std::uint32_t ticket = 0;    // 0: nothing is being fetched
        /// Of what expires and came since the process started, if the queue has a limit: so that
        /// expired ones make room without being read.
        std::vector<std::pair<TimePoint, std::uint64_t>> expiring = {};
        /// Within first..last, but not of the tail: what was gone or in flight when it grew past
        /// it, as a retained message is that did not wait behind it. Both inclusive, in order.
        struct Hole {
            std::uint64_t from;
            std::uint64_t to;
        };
        std::vector<Hole> holes = {};

        [[nodiscard]] bool has(std::uint64_t sequence) const noexcept;
        void add(std::uint64_t sequence);
        /// No hole is at an end. False: nothing is left.
        [[nodiscard]] bool close_up() noexcept;

    private:
        [[nodiscard]] std::vector<Hole>::const_iterator hole_of(std::uint64_t sequence) const;
    };
    /// An exchange that has begun is brought to its end even if the message expires.
    [[nodiscard]] bool is_expired(const Delivery& delivery, TimePoint now) const noexcept {
        return delivery.message->expired(now) && !(delivery.sent_before && sent_for_certain_);
    }

    void trim(std::int64_t most, std::vector<Delivery>& dropped);
    void push_to_tail(const Delivery& delivery);
    void take_expired_from_tail(TimePoint now, std::vector<Delivery>& expired);
    [[nodiscard]] Delivery drop_from_tail(bool newest) noexcept;
    void page_out();
    [[nodiscard]] bool memory_is_full() const noexcept {
        return backlog_.size() >= kLoadedAtOnce || backlog_bytes_ >= kBytesLoadedAtOnce;
    }
    void take(Delivery& delivery);
    void push(Delivery delivery);
    Delivery pop(bool newest) noexcept;

    RingBuffer<Delivery> backlog_;
    std::unique_ptr<Tail> tail_;  // null: everything that waits is in the backlog
    InflightWindow window_;
    std::unique_ptr<ReceivedIds> received_;  // null until the client publishes with QoS 2
    Limits limits_;
    TimePoint earliest_expiry_ = kNever;  // nothing in the backlog expires before
    std::uint64_t sent_through_ = 0;
    std::size_t backlog_bytes_ = 0;
    std::uint32_t qos0_waiting_ = 0;
    std::uint32_t last_ticket_ = 0;
    bool paged_;
    bool sent_for_certain_ = true;
    bool online_ = false;
};

}  // namespace vmq::queue
