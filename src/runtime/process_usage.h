// What the operating system says about this process.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace vmq::runtime {

struct ProcessUsage {
    std::uint64_t context_switches = 0;  // of all threads, wanted or not
    Millis cpu_time{0};                  // of all threads, user and system
    std::uint64_t resident_bytes = 0;    // 0: not known
};

/// Any thread.
[[nodiscard]] ProcessUsage process_usage();

}  // namespace vmq::runtime
