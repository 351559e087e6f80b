// What operators may know of a running node: a picture of its numbers at one moment.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "metrics/snapshot.h"
#include "metrics/table.h"
#include "mqtt/types.h"
#include "runtime/coordination.h"

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
    metrics::Numbers numbers;
    /// By shard, how many percent of the time it has worked lately.
    std::vector<std::uint32_t> utilization;

    [[nodiscard]] std::uint64_t counter(metrics::Counter which) const noexcept {
        return numbers.totals.get(which);
    }
    /// PUBLISH packets of all versions.
    [[nodiscard]] std::uint64_t publishes(metrics::Direction direction) const noexcept {
        constexpr auto kPublish = static_cast<std::uint8_t>(mqtt::PacketType::Publish);
        return numbers.totals.get(metrics::PacketKind{direction, false, kPublish}) +
               numbers.totals.get(metrics::PacketKind{direction, true, kPublish});
    }
};

/// The series of the table (metrics/table.h), and those of which there is one per shard and per
/// listener.
[[nodiscard]] metrics::Snapshot metrics_of(const NodeSnapshot& node);
/// What the hooks of plugins were asked, answered and took, added to `snapshot`. Those that were
/// never called are left out. Any thread, once the plugins have been added.
void add_hook_metrics(const Broker& broker, metrics::Snapshot& snapshot);
/// One series for each, added to `snapshot`.
void add_listener_metrics(const std::vector<ListenerSnapshot>& listeners,
                          metrics::Snapshot& snapshot);

/// Answers on any thread, without waiting for a shard and without making one wait: it reads
/// atomics. `broker` has been started and outlives it; the uptime counts from its making.
class Inspector final {
public:
    Inspector(const Broker& broker, std::string node, std::string version);

    /// Each number is right at some moment of the call, all of them together at none.
    [[nodiscard]] NodeSnapshot snapshot() const;

private:
    /// How much the shards had worked when that was last looked at.
    struct Work {
        TimePoint at;
        std::vector<std::uint64_t> busy_us;
        std::vector<std::uint32_t> percent;
    };
    [[nodiscard]] std::vector<std::uint32_t> utilization() const;

    const Broker& broker_;
    const std::string node_;
    const std::string version_;
    const TimePoint start_;
    runtime::OneAtATime looking_;
    mutable Work work_;  // of who holds looking_
};

}  // namespace vmq::broker
