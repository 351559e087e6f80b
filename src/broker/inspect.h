// What operators may know of a running node: a picture of its numbers at one moment.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "metrics/counters.h"
#include "runtime/published.h"

namespace vmq::broker {

class Broker;

struct ListenerSnapshot {
    std::string type;  // "mqtt", "http"
    std::string name;
    std::string address;
    std::uint16_t port = 0;
    std::string mountpoint;
    bool running = false;
    std::uint32_t connections = 0;
    std::uint64_t accepted = 0;                    // since it was opened
    std::optional<std::uint32_t> max_connections;  // none: unlimited
};

struct NodeSnapshot {
    std::string node;
    std::string version;
    Millis uptime{0};
    std::uint64_t connections = 0;
    std::uint64_t clients = 0;  // with a session, connected or not
    std::uint64_t subscriptions = 0;
    std::uint64_t retained_messages = 0;
    std::uint64_t retained_bytes = 0;
    std::vector<ListenerSnapshot> listeners;
    std::array<std::uint64_t, metrics::kCounters> counters{};
    /// By metrics::Direction, then MQTT 3 or 5, then packet type.
    std::array<std::array<std::array<std::uint64_t, 16>, 2>, 2> packets{};

    [[nodiscard]] std::uint64_t counter(metrics::Counter which) const noexcept {
        return counters[static_cast<std::size_t>(which)];
    }
    [[nodiscard]] std::uint64_t packet(metrics::Direction direction, bool v5,
                                       unsigned packet_type) const noexcept {
        return packets[static_cast<std::size_t>(direction)][v5 ? 1 : 0][packet_type & 15U];
    }
};

/// Answers on any thread, without waiting for a shard and without making one wait: it reads
/// atomics. `broker` has been started and outlives it; the uptime counts from its making.
class Inspector final {
public:
    Inspector(const Broker& broker, std::string node, std::string version);

    /// Each number is right at some moment of the call, all of them together at none.
    [[nodiscard]] NodeSnapshot snapshot() const;
    /// Counters begin again at 0 in snapshots taken from now on.
    void reset_counters();

private:
    /// What the shards have counted in all.
    [[nodiscard]] NodeSnapshot counted() const;

    const Broker& broker_;
    const std::string node_;
    const std::string version_;
    const TimePoint start_;
    runtime::Published<const NodeSnapshot> base_;  // counted before the last reset; null: nothing
};

}  // namespace vmq::broker
