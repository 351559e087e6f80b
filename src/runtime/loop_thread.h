// The thread of a shard loop.
#pragma once

#include <pthread.h>

#include <cstdint>
#include <string>
#include <thread>

#include "runtime/shard_loop.h"

namespace vmq::runtime {

/// Runs `loop` with `handler`, both of which outlive it, until the loop is stopped. Joins when
/// destroyed. `top -H` calls it shard-N.
class LoopThread final {
public:
    LoopThread(ShardLoop& loop, TurnHandler& handler)
        : thread_([&loop, &handler] {
              ::pthread_setname_np(::pthread_self(),
                                   ("shard-" + std::to_string(loop.id())).c_str());
              loop.run(handler);
          }) {}
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
