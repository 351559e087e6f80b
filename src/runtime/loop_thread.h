// The thread of a shard loop.
#pragma once

#include <pthread.h>

#include <cstdint>
#include <string>
#include <thread>
#include <utility>

#include "runtime/shard_loop.h"

namespace vmq::runtime {

/// Runs `loop` with `handler`, both of which outlive it, until the loop is stopped. Joins when
/// destroyed. `top -H` calls it `name`, or shard-N.
class LoopThread final {
public:
    LoopThread(ShardLoop& loop, TurnHandler& handler, std::string name = {})
        : thread_([&loop, &handler, name = std::move(name)] {
              const std::string shown = name.empty() ? "shard-" + std::to_string(loop.id()) : name;
              ::pthread_setname_np(::pthread_self(), shown.c_str());
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
