// What the message store's threads measure.
#pragma once

#include <atomic>
#include <cstdint>

#include "metrics/histogram.h"

namespace vmq::metrics {

/// Each part is written by one thread of the store and may be read by any.
struct StoreMetrics {
    Histogram read;    // loading messages of one queue
    Histogram write;   // writing what all shards had waiting
    Histogram commit;  // from handing a batch over to the answer
    std::atomic<std::uint64_t> bytes_on_disk{0};
    std::atomic<std::uint64_t> memory_bytes{0};  // cache and write buffers
    std::atomic<bool> refusing{false};           // the disk takes no writes
};

}  // namespace vmq::metrics
