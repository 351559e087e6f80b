// The thread of a shard loop.
#pragma once

#include <cstdint>
#include <thread>

#include "runtime/shard_loop.h"

namespace vmq::runtime {

/// Runs `loop` with `handler`, both of which outlive it, until the loop is stopped. Joins when
/// destroyed.
class LoopThread final {
public:
    LoopThread(ShardLoop& loop, TurnHandler& handler)
        : thread_([&loop, &handler] { loop.run(handler); }) {}
    ~LoopThread() { thread_.join(); }
    LoopThread(const LoopThread&) = delete;
    LoopThread& operator=(const LoopThread&) = delete;

private:
    std::thread thread_;
};

/// Cores of this machine, at least 1.
[[nodiscard]] inline std::uint32_t core_count() noexcept {
    const unsigned count = std::thread::hardware_concurrency();
    return count == 0 ? 1 : count;
}

}  // namespace vmq::runtime
