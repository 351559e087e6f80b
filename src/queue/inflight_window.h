// The sending half of QoS 1 and 2: what one client was sent and has not yet acknowledged.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/ring_buffer.h"
#include "mqtt/types.h"
#include "queue/delivery.h"

namespace vmq::queue {

/// Deliveries in the order in which they were first sent. Outlives connections: after
/// begin_connection() what is still here is sent again, oldest first, before anything new.
///
/// Owned by one Queue and used only on its shard. Does no I/O and reads no clock. At most
/// `capacity` entries are outstanding on a connection, so a client that never acknowledges costs a
/// bounded amount of memory.
class InflightWindow final {
public:
    enum class Stage : std::uint8_t { AwaitPuback, AwaitPubrec, AwaitPubcomp, Done };
    enum class Next : std::uint8_t { SendPubrel, Nothing };

    struct Entry {
        Delivery delivery;  // its message is null once the stage is AwaitPubcomp: the client has it
        TimePoint sent_at;
        std::uint32_t sequence;  // of sending, grows along the window
        mqtt::PacketId id;
        Stage stage;
    };

    InflightWindow() = default;
    InflightWindow(InflightWindow&&) noexcept = default;
    InflightWindow& operator=(InflightWindow&&) noexcept = default;

    /// A new connection: nothing is outstanding on it yet. `capacity` is min(client's Receive
    /// Maximum, receive_max_client) for v5 [v5 MQTT-3.3.4-9] and max_inflight_messages for v3; at
    /// least 1.
    void begin_connection(std::uint16_t capacity) noexcept;

    /// The next entry to send again [v5 MQTT-4.4.0-1] [v3.1.1 MQTT-4.4.0-1]: its PUBLISH with DUP,
    /// or its PUBREL. Null when all were, or when the window is full. Valid until the next call.
    [[nodiscard]] Entry* next_to_resend(TimePoint now) noexcept;

    /// Whether next_to_resend() has entries left, now or when the window has room.
    [[nodiscard]] bool must_resend() const noexcept { return resent_ < entries_.size(); }

    [[nodiscard]] bool can_resend() const noexcept {
        return must_resend() && outstanding_ < capacity_;
    }

    /// Whether a new delivery may be sent now.
    [[nodiscard]] bool can_add() const noexcept {
        return outstanding_ < capacity_ && resent_ == entries_.size() && live_ < kMaxEntries;
    }
    /// The packet id of a stored delivery follows from its sequence, so that after a crash it is
    /// sent again with the same one [v5 MQTT-4.4.0-1] and exactly-once holds [v5 MQTT-4.3.3-10].
    [[nodiscard]] static constexpr mqtt::PacketId id_of(std::uint64_t store_sequence) noexcept {
        return mqtt::PacketId{static_cast<std::uint16_t>((store_sequence - 1) % kMaxEntries + 1)};
    }
    /// Whether the packet id that `delivery` must have is free. Always, unless a client leaves an
    /// exchange open for 65,534 further messages. QoS 1 may have another id.
    [[nodiscard]] bool id_is_free(const Delivery& delivery) const noexcept {
        return delivery.qos != mqtt::QoS::ExactlyOnce || delivery.store_sequence == 0 ||
               !find(id_of(delivery.store_sequence));
    }
    /// Takes `delivery` in and names the packet id to send it with. Requires can_add(),
    /// id_is_free() and a QoS above 0: asking otherwise is a bug of ours, so it aborts. The entry
    /// stays valid until the next call that is not const.
    [[nodiscard]] Entry& add(Delivery delivery, TimePoint now);

    /// The client's answers. An id that is not in flight, or not at that stage, is the client's
    /// mistake: it comes back as an Error and changes nothing. Success hands back the delivery that
    /// is finished with (PUBACK, PUBCOMP, refused PUBREC), so that its record can be deleted.
    [[nodiscard]] Result<Delivery> on_puback(mqtt::PacketId id);
    /// On the way to PUBREL the delivery is handed back too: its payload has served.
    struct PubrecOutcome {
        Next next;
        Delivery delivery;
    };
    [[nodiscard]] Result<PubrecOutcome> on_pubrec(mqtt::PacketId id, mqtt::ReasonCode reason);
    [[nodiscard]] Result<Delivery> on_pubcomp(mqtt::PacketId id);

    /// Puts an exchange back that an earlier process had brought to PUBREC: its PUBREL is sent on
    /// the next connection. Before the first connection.
    void restore_released(std::uint64_t store_sequence);

    /// Takes out what has a stored record and no PUBREC yet: it is sent again from the store.
    /// Requires that nothing is outstanding, so between connections.
    std::vector<Delivery> take_stored();

    /// An entry of this message without a record, or null.
    [[nodiscard]] Entry* find_unstored(const mqtt::MessagePtr& message) noexcept;

    /// Gives a slot back without an answer of the client: the packet was never sent.
    Delivery withdraw(mqtt::PacketId id);

    /// The oldest entry sent before `deadline` and still unanswered, marked as sent at `now`.
    /// `from`: where to look on, 0 at first; it is advanced, so that a pass is linear. The window
    /// must not change during a pass.
    [[nodiscard]] Entry* overdue(TimePoint deadline, TimePoint now, std::size_t& from) noexcept;

    [[nodiscard]] std::size_t size() const noexcept { return live_; }
    [[nodiscard]] bool empty() const noexcept { return live_ == 0; }
    [[nodiscard]] std::size_t outstanding() const noexcept { return outstanding_; }
    /// Entries that take memory: the live ones and finished ones between them.
    [[nodiscard]] std::size_t remembered() const noexcept { return entries_.size(); }

    /// Requires place < remembered(); the entry may be a finished one.
    [[nodiscard]] const Entry& entry(std::size_t place) const noexcept { return entries_[place]; }

    /// Calls `visit` with every live entry, oldest first.
    template <typename Visit>
    void for_each(Visit visit) const {
        for (std::size_t i = 0; i < entries_.size(); ++i) {
            if (entries_[i].stage != Stage::Done) visit(entries_[i]);
        }
    }
    /// Empties the window, for a session that ends.
    void clear() noexcept;

private:
    static constexpr std::size_t kMaxEntries = 65'535;

    static constexpr std::size_t kFinishedKept = 32;  // however few are live
    static constexpr std::size_t kSearchedInOrder = 64;

    using SequenceById = boost::unordered_flat_map<std::uint16_t, std::uint32_t>;

    [[nodiscard]] static std::uint16_t following(std::uint16_t id) noexcept {
        return static_cast<std::uint16_t>(id == kMaxEntries ? 1 : id + 1);
    }
    [[nodiscard]] bool is_live(std::size_t index, mqtt::PacketId id) const noexcept;
    [[nodiscard]] std::optional<std::size_t> find(mqtt::PacketId id) const noexcept;
    [[nodiscard]] mqtt::PacketId next_free_id() noexcept;
    [[nodiscard]] mqtt::PacketId choose_id(const Delivery& delivery) noexcept;
    Entry& push(Entry entry);
    void find_free_run() noexcept;
    void index_large_window();
    [[nodiscard]] std::optional<std::size_t> place_of(std::uint32_t sequence) const noexcept;
    Delivery finish(std::size_t index) noexcept;
    void drop_finished() noexcept;

    RingBuffer<Entry> entries_;  // in sending order; finished ones inside wait for the front
    // With more live entries than are searched in order; a client chooses which ids it names.
    std::unique_ptr<SequenceById> sequence_by_id_;
    std::size_t resent_ = 0;  // entries before this one were sent on the current connection
    std::uint32_t next_sequence_ = 0;
    std::uint32_t live_ = 0;
    std::uint32_t outstanding_ = 0;
    std::uint16_t capacity_ = 1;
    std::uint16_t last_id_ = 0;
    std::uint16_t free_run_ = 0;  // so many ids after the last one are not in use
};

}  // namespace vmq::queue
