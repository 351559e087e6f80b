// For the few calls that are not a shard's own: one at a time, and on every shard before going on.
#pragma once

#include <cstddef>
#include <functional>
#include <latch>
#include <mutex>
#include <utility>

namespace vmq::runtime {

/// Lets calls from any thread through one after the other. Never on a shard's thread.
class OneAtATime final {
public:
    /// Holds others off as long as the result lives.
    [[nodiscard]] std::unique_lock<std::mutex> enter() const { return std::unique_lock(mutex_); }

private:
    mutable std::mutex mutex_;
};

/// Somebody waits until a number of things have been done elsewhere.
class Countdown final {
public:
    explicit Countdown(std::size_t count) : left_(static_cast<std::ptrdiff_t>(count)) {}

    /// Any thread.
    void done() { left_.count_down(); }
    /// Never on a shard's thread. Sees everything that happened before each done().
    void wait() const { left_.wait(); }

private:
    std::latch left_;
};

/// Gives work(0) to work(count - 1) to `post`, which has each run somewhere, and returns when all
/// have been run.
template <typename Post, typename Work>
void run_everywhere(std::size_t count, const Post& post, const Work& work) {
    std::latch done(static_cast<std::ptrdiff_t>(count));
    for (std::size_t i = 0; i < count; ++i) {
        post(i, std::function<void()>([&work, &done, i] {
                 work(i);
                 done.count_down();
             }));
    }
    done.wait();
}

}  // namespace vmq::runtime
