// Work for a thread of its own: any thread puts items in, one takes them out, and may wait for
// them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <iterator>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace vmq::runtime {

/// Not bounded: whoever puts items in limits what is under way. Outlives the threads that use it.
template <typename Item>
class WorkQueue final {
public:
    void push(Item item) {
        {
            const std::lock_guard lock(mutex_);
            items_.push_back(std::move(item));
        }
        changed_.notify_one();
    }

    /// No more items will come; whoever waits is woken. What is there can still be taken.
    void close() {
        {
            const std::lock_guard lock(mutex_);
            closed_ = true;
        }
        changed_.notify_all();
    }

    /// Appends everything, oldest first, after waiting for something up to `patience`. False:
    /// closed and empty.
    bool take(std::vector<Item>& out, Millis patience) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, patience, [this] { return closed_ || !items_.empty(); });
        const bool open = !closed_ || !items_.empty();
        out.insert(out.end(), std::make_move_iterator(items_.begin()),
                   std::make_move_iterator(items_.end()));
        items_.clear();
        return open;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Item> items_;
    bool closed_ = false;
};

/// For threads that have nothing else to do.
inline void pause(Millis time) { std::this_thread::sleep_for(time); }

/// Runs `work` on a thread of its own; joins when destroyed.
class WorkThread final {
public:
    explicit WorkThread(std::function<void()> work) : thread_(std::move(work)) {}
    ~WorkThread() { thread_.join(); }
    WorkThread(const WorkThread&) = delete;
    WorkThread& operator=(const WorkThread&) = delete;

private:
    std::thread thread_;
};

}  // namespace vmq::runtime
