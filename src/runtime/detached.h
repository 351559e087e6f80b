// For calls into the system that nobody can break off, such as asking a name server.
#pragma once

#include <functional>
#include <system_error>
#include <thread>
#include <utility>

namespace vmq::runtime {

/// Runs `work` on a thread that nobody waits for, not even the end of the process: `work` owns all
/// it needs, and what it tells others it tells through something that outlives both. False: the
/// system gives no thread.
[[nodiscard]] inline bool run_detached(std::function<void()> work) {
    try {
        std::thread(std::move(work)).detach();
        return true;
    } catch (const std::system_error&) {
        return false;
    }
}

}  // namespace vmq::runtime
