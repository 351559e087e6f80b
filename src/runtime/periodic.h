// Periodic: something that is done again and again beside the shards, such as looking at files.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "runtime/work_queue.h"

namespace vmq::runtime {

/// Calls `work` on a thread of its own, first after one interval. Destroyed by another thread than
/// its own, after the call under way has ended.
class Periodic final {
public:
    /// Returns how long until the next call if that is to be sooner than the interval.
    using Work = std::function<std::optional<Millis>()>;

    /// 0: never. Below 0 counts as above. `first`: how long until the first call if that is to be
    /// sooner.
    Periodic(Millis interval, Work work, std::optional<Millis> first = std::nullopt)
        : work_(std::move(work)),
          thread_([this, interval, first] { run(magnitude(interval), first); }) {}
    ~Periodic() { intervals_.close(); }
    Periodic(const Periodic&) = delete;
    Periodic& operator=(const Periodic&) = delete;

    /// Counts from now on. Any thread.
    void set_interval(Millis interval) { intervals_.push(magnitude(interval)); }

private:
    static Millis magnitude(Millis interval) noexcept {
        return interval < Millis(0) ? -interval : interval;
    }

    void run(Millis interval, std::optional<Millis> first) {
        constexpr Millis kIdle = std::chrono::hours(1);  // looks at nothing then
        std::vector<Millis> news;
        Millis patience = std::min(interval, first.value_or(interval));
        while (intervals_.take(news, interval == Millis(0) ? kIdle : patience)) {
            patience = interval;
            if (!news.empty()) {
                patience = interval = news.back();
                news.clear();
            } else if (interval != Millis(0)) {
                if (const auto sooner = work_()) patience = std::min(patience, *sooner);
            }
        }
    }

    const Work work_;
    WorkQueue<Millis> intervals_;
    WorkThread thread_;
};

}  // namespace vmq::runtime
