// The broker's counters: one writer per shard, summed when somebody looks.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace vmq::metrics {

/// Names are VerneMQ's in lower snake case (counters.cc); those after QueueMessageUnhandled are
/// ours.
enum class Counter : std::uint8_t {
    SocketOpen,
    SocketClose,
    SocketCloseTimeout,
    SocketError,
    BytesReceived,
    BytesSent,
    QueueSetup,
    QueueTeardown,
    QueueMessageIn,
    QueueMessageOut,
    QueueMessageDrop,       // queue full
    QueueMessageExpired,    // message expiry passed before delivery
    QueueMessageUnhandled,  // discarded at clean start, QoS 0 to an offline client, clean-up
    RouterMatchesLocal,
    ClientKeepaliveExpired,
    ClientExpired,
    MqttPublishAuthError,
    MqttSubscribeAuthError,
    MqttInvalidMsgSizeError,
    MqttPubackInvalidError,
    MqttPubrecInvalidError,
    MqttPubcompInvalidError,
    QueueMessageDropMaxPacketSize,  // larger than the client's Maximum Packet Size
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
    Count,
};

enum class Direction : std::uint8_t { Received, Sent };

[[nodiscard]] std::string_view counter_name(Counter counter) noexcept;
[[nodiscard]] std::string_view counter_description(Counter counter) noexcept;

inline constexpr std::size_t kCounters = static_cast<std::size_t>(Counter::Count);

/// Counters of one shard. Only that shard adds; any thread may read. Never reset: readers subtract.
class ShardMetrics final {
public:
    void add(Counter counter, std::uint64_t amount = 1) noexcept {
        bump(counters_[static_cast<std::size_t>(counter)], amount);
    }
    /// `packet_type` is MQTT's number, 1 to 15; `v5` chooses the mqtt_version label "5" or "4".
    void add_packet(Direction direction, bool v5, unsigned packet_type,
                    std::uint64_t amount = 1) noexcept {
        bump(packets_[static_cast<std::size_t>(direction)][v5 ? 1 : 0][packet_type & 15U], amount);
    }

    [[nodiscard]] std::uint64_t get(Counter counter) const noexcept {
        return counters_[static_cast<std::size_t>(counter)].load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t packets(Direction direction, bool v5,
                                        unsigned packet_type) const noexcept {
        return packets_[static_cast<std::size_t>(direction)][v5 ? 1 : 0][packet_type & 15U].load(
            std::memory_order_relaxed);
    }

private:
    using Cell = std::atomic<std::uint64_t>;
    // A single writer needs no read-modify-write instruction.
    static void bump(Cell& cell, std::uint64_t amount) noexcept {
        cell.store(cell.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    }

    std::array<Cell, kCounters> counters_{};
    std::array<std::array<std::array<Cell, 16>, 2>, 2> packets_{};
};

/// Sum over shards at one moment.
[[nodiscard]] std::uint64_t total(std::span<const ShardMetrics* const> shards,
                                  Counter counter) noexcept;

}  // namespace vmq::metrics
