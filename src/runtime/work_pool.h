// Work for a few threads that share it: any thread puts items in, whichever is free takes the
// oldest.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "runtime/work_queue.h"

namespace vmq::runtime {

/// Bounded: at most `max_waiting` items wait besides those that are being worked on. Unlike a
/// WorkQueue it hands out one item at a time, so that a long one holds nobody up while another
/// thread is free.
template <typename Item>
class WorkPool final {
public:
    using Work = std::function<void(Item&)>;

    /// `work` is called by all `threads` of the pool, at the same time.
    WorkPool(std::size_t threads, std::size_t max_waiting, Work work)
        : max_waiting_(max_waiting), work_(std::move(work)) {
        for (std::size_t i = 0; i < threads; ++i) {
            threads_.push_back(std::make_unique<WorkThread>([this] { run(); }));
        }
    }
    ~WorkPool() { stop(); }
    WorkPool(const WorkPool&) = delete;
    WorkPool& operator=(const WorkPool&) = delete;

    /// Any thread. False: too many wait, or the pool has stopped; `item` is then left as it was.
    [[nodiscard]] bool push(Item& item) {
        {
            const std::lock_guard lock(mutex_);
            if (stopped_ || waiting_.size() >= max_waiting_) return false;
            waiting_.push_back(std::move(item));
        }
        changed_.notify_one();
        return true;
    }

    [[nodiscard]] std::size_t waiting() const {
        const std::lock_guard lock(mutex_);
        return waiting_.size();
    }

    /// Lets what is being worked on finish and forgets what waits. Not called by `work`, and by one
    /// thread at a time; again is no harm.
    void stop() {
        std::deque<Item> forgotten;
        {
            const std::lock_guard lock(mutex_);
            stopped_ = true;
            forgotten.swap(waiting_);
        }
        changed_.notify_all();
        threads_.clear();  // joins
    }

private:
    void run() {
        std::unique_lock lock(mutex_);
        for (;;) {
            changed_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
            if (stopped_) return;
            Item item = std::move(waiting_.front());
            waiting_.pop_front();
            lock.unlock();
            work_(item);
            lock.lock();
        }
    }

    const std::size_t max_waiting_;
    const Work work_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Item> waiting_;
    bool stopped_ = false;
    std::vector<std::unique_ptr<WorkThread>> threads_;
};

}  // namespace vmq::runtime
