// Whether all shards still take their turns: what systemd's watchdog wants to hear.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "runtime/periodic.h"

namespace vmq::launcher {

/// Asks every shard for a sign of life again and again, and says so as long as all of them give it.
/// One that is late for a look may only be busy; it is silent when it has not answered by the next.
/// A shard that hangs is asked once; when it goes on, so does the watchdog.
///
/// look() is called by one thread; answers come on the threads of the shards, also after the end of
/// this object.
class ShardPulse final {
public:
    /// Runs the second argument on a shard's thread; may be called by look()'s thread.
    using Post = std::function<void(ShardId, std::function<void()>)>;

    ShardPulse(std::uint32_t shards, Post post);

    /// Whether no shard is silent. Asks those that have answered.
    [[nodiscard]] bool look();

    /// Of the last look().
    [[nodiscard]] const std::vector<ShardId>& silent() const noexcept { return silent_; }

private:
    const Post post_;
    std::vector<std::shared_ptr<std::atomic<bool>>> answered_;  // by shard
    std::vector<int> missed_;                                   // looks without an answer, by shard
    std::vector<ShardId> silent_;
};

/// Tells systemd four times within `limit` that all is well, from a thread of its own, while it is
/// so. Logs which shards do not answer. Destroyed before the broker stops.
class Watchdog final {
public:
    Watchdog(Millis limit, std::uint32_t shards, ShardPulse::Post post,
             std::function<void()> all_is_well);
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

private:
    void look();

    const Millis limit_;
    ShardPulse pulse_;
    const std::function<void()> all_is_well_;
    bool well_ = true;
    runtime::Periodic thread_;
};

}  // namespace vmq::launcher
