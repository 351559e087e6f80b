// The broker's counters: one writer per shard, summed when somebody looks.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "metrics/histogram.h"

namespace vmq::metrics {

/// Names, labels and descriptions stand in table.cc.
enum class Counter : std::uint8_t {
    SocketOpen,
    SocketClose,
    SocketCloseTimeout,
    SocketError,
    BytesReceived,
    BytesSent,
    QueueSetup,
    QueueInitializedFromStorage,
    QueueTeardown,
    QueueMessageIn,
    QueueMessageOut,
    QueueMessageDrop,       // queue full
    QueueMessageExpired,    // message expiry passed before delivery
    QueueMessageUnhandled,  // the sum of DropOffline and DropSessionEnded
    RouterMatchesLocal,
    RouterMatchesRemote,
    ClusterBytesReceived,
    ClusterBytesSent,
    ClusterBytesDropped,
    ClusterMessagesSpooled,       // for other nodes, to disk
    ClusterMessagesLate,          // came for sessions that had gone to another node
    ClusterLateForgotten,         // sessions whose late messages would be lost: too many
    ClusterRegistrations,         // clients let in after other nodes were asked
    ClusterRegistrationsRefused,  // because one did not answer
    ClusterSessionsMovedIn,       // from other nodes, with their queues
    ClusterSessionsMovedOut,
    ClusterMessagesMovedIn,
    ClusterMessagesMovedOut,
    ClusterWillsPublished,  // of clients of nodes that are gone
    ClusterWillsRefused,    // of other nodes' clients: no room to know them
    ClientExpired,
    QueueMessageDropMaxPacketSize,  // larger than the client's Maximum Packet Size
    DropOffline,                    // QoS 0 for a session whose client is away
    DropSessionEnded,               // waited for a session that has ended
    DropNoSubscriber,               // published, and nobody subscribes
    DropStoreRefused,               // the store takes nothing: published and refused
    DropNodeUnreachable,            // too much waits for another node
    DropTooLargeForNode,            // longer than another node takes
    DropNetsplit,                   // published while members of the cluster were away
    NetsplitDetected,
    NetsplitResolved,
    ClusterSubscribeTimeout,  // SUBACKs that waited for other nodes in vain
    SocketRefusedMaxConnections,
    TlsAcceptPaused,
    ConnectRefusedBusy,
    SessionTakenOver,
    SessionProtocolError,
    PublishThrottled,  // reads paused by max_message_rate
    RetainLimitReached,
    ShardMessagesSent,
    ShardReadsPaused,      // a mailbox was full: reads waited
    SubscriptionsRevoked,  // no longer allowed by the rules of now
    LoginFailed,           // refused by a plugin, or by none granted
    LoginBlocked,          // refused unheard after too many that failed
    SessionsRevoked,       // whose password has changed or is gone
    QueueNearlyFull,       // a queue reached the level at which the log warns
    WillsRevoked,          // that the rules no longer allow
    Count,
};

/// Counted apart for MQTT 3 and MQTT 5.
enum class VersionCounter : std::uint8_t {
    ClientKeepaliveExpired,
    MqttPublishAuthError,
    MqttSubscribeAuthError,
    MqttInvalidMsgSizeError,
    MqttPubackInvalidError,
    MqttPubrecInvalidError,
    MqttPubcompInvalidError,
    MqttPublishError,  // these three: refused because of a netsplit
    MqttSubscribeError,
    MqttUnsubscribeError,
    Count,
};

enum class Direction : std::uint8_t { Received, Sent };

/// A kind of packet. `type` is MQTT's number, 1 to 15. `code` is the MQTT 5 reason code, of a
/// CONNACK of MQTT 3 the return code; 0 for packets that have none.
struct PacketKind {
    Direction direction;
    bool v5;  // chooses the label mqtt_version "5" or "4"
    std::uint8_t type;
    std::uint8_t code = 0;
};

inline constexpr std::size_t kCounters = static_cast<std::size_t>(Counter::Count);
inline constexpr std::size_t kVersionCounters = static_cast<std::size_t>(VersionCounter::Count);
inline constexpr std::size_t kPacketTypes = 16;
/// One more than the largest [v5 2.4]; a larger one, which no packet may carry, counts as the last.
inline constexpr std::size_t kReasonCodes = 0xA3;
inline constexpr std::size_t kReturnCodes = 6;  // of MQTT 3, only CONNACK has one

/// Where a number stands among all of them. What every message counts is close together: packets
/// without a code or with code 0 come before those with another one.
namespace cell {

inline constexpr std::size_t kVersioned = kCounters;
inline constexpr std::size_t kPackets = kVersioned + 2 * kVersionCounters;
inline constexpr std::size_t kReturned = kPackets + 4 * kPacketTypes;
inline constexpr std::size_t kCoded = kReturned + kReturnCodes;
inline constexpr std::size_t kEnd = kCoded + 2 * kPacketTypes * kReasonCodes;

[[nodiscard]] constexpr std::size_t of(Counter counter) noexcept {
    return static_cast<std::size_t>(counter);
}
[[nodiscard]] constexpr std::size_t of(VersionCounter counter, bool v5) noexcept {
    return kVersioned + 2 * static_cast<std::size_t>(counter) + (v5 ? 1 : 0);
}
[[nodiscard]] constexpr std::size_t of(PacketKind kind) noexcept {
    const std::size_t direction = static_cast<std::size_t>(kind.direction);
    const std::size_t type = kind.type % kPacketTypes;
    const std::size_t code = kind.code;
    if (code == 0) return kPackets + (2 * direction + (kind.v5 ? 1 : 0)) * kPacketTypes + type;
    if (!kind.v5) return kReturned + (code < kReturnCodes ? code : kReturnCodes - 1);
    return kCoded + (direction * kPacketTypes + type) * kReasonCodes +
           (code < kReasonCodes ? code : kReasonCodes - 1);
}

}  // namespace cell

/// Numbers added up over shards.
struct Totals {
    std::array<std::uint64_t, cell::kEnd> cells{};

    [[nodiscard]] std::uint64_t get(Counter counter) const noexcept {
        return cells[cell::of(counter)];
    }
    [[nodiscard]] std::uint64_t get(VersionCounter counter, bool v5) const noexcept {
        return cells[cell::of(counter, v5)];
    }
    [[nodiscard]] std::uint64_t get(PacketKind kind) const noexcept {
        return cells[cell::of(kind)];
    }
};

/// Counters of one shard. Only that shard adds; any thread may read. Never reset: readers subtract.
class ShardMetrics final {
public:
    void add(Counter counter, std::uint64_t amount = 1) noexcept {
        bump(cells_[cell::of(counter)], amount);
    }
    void add(VersionCounter counter, bool v5) noexcept { bump(cells_[cell::of(counter, v5)], 1); }
    void add(PacketKind kind) noexcept { bump(cells_[cell::of(kind)], 1); }
    /// How long a turn of the loop has worked, without its sleep.
    [[nodiscard]] Histogram& turn() noexcept { return turn_; }
    [[nodiscard]] const Histogram& turn() const noexcept { return turn_; }

    [[nodiscard]] std::uint64_t get(Counter counter) const noexcept {
        return read(cell::of(counter));
    }
    [[nodiscard]] std::uint64_t get(VersionCounter counter, bool v5) const noexcept {
        return read(cell::of(counter, v5));
    }
    [[nodiscard]] std::uint64_t get(PacketKind kind) const noexcept { return read(cell::of(kind)); }
    void add_to(Totals& totals) const noexcept;

private:
    using Cell = std::atomic<std::uint64_t>;
    // A single writer needs no read-modify-write instruction.
    static void bump(Cell& cell, std::uint64_t amount) noexcept {
        cell.store(cell.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t read(std::size_t index) const noexcept {
        return cells_[index].load(std::memory_order_relaxed);
    }

    std::array<Cell, cell::kEnd> cells_{};
    Histogram turn_;
};

}  // namespace vmq::metrics
