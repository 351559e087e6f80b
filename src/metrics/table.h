// The table of metrics: name, type, labels and description of each, and where its number is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "metrics/counters.h"
#include "metrics/snapshot.h"

namespace vmq::metrics {

/// Numbers that nobody counts: they are read when somebody asks.
enum class Reading : std::uint8_t {
    QueueProcesses,
    SessionsOffline,
    RouterSubscriptions,
    RouterFilters,
    RouterMemory,
    RetainMessages,
    RetainMemory,
    ActiveMqttConnections,
    ActiveMqttwsConnections,
    TotalActiveConnections,
    StoreBytesOnDisk,
    StoreMemory,
    StoreRefusing,
    SystemContextSwitches,
    SystemRuntime,
    SystemWallclock,
    SystemUtilization,
    VmMemoryTotal,
    ClusterReady,
    ClusterNodes,
    ClusterNodesRunning,
    ClusterWaitingBytes,
    ClusterSpooledBytes,
    ClusterWills,
    Count,
};
inline constexpr std::size_t kReadings = static_cast<std::size_t>(Reading::Count);

/// Everything the rows of the table refer to, at one moment.
struct Numbers {
    Totals totals;
    std::array<std::uint64_t, kReadings> readings{};
    HistogramValue shard_turn;     // work of one turn of a shard's loop
    HistogramValue storage_read;   // loading messages of one queue
    HistogramValue storage_write;  // writing what all shards had waiting
    HistogramValue store_commit;   // from handing a batch over to the answer

    [[nodiscard]] std::uint64_t& operator[](Reading reading) noexcept {
        return readings[static_cast<std::size_t>(reading)];
    }
    [[nodiscard]] std::uint64_t operator[](Reading reading) const noexcept {
        return readings[static_cast<std::size_t>(reading)];
    }
};

/// Every series of the table with its value; all are always there.
[[nodiscard]] Snapshot series_of(const Numbers& numbers);

}  // namespace vmq::metrics
