// For the few calls that are not a shard's own: one at a time, and on every shard before going on.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "base/clock.h"

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

/// Gives `work` to `post`, which has it run somewhere, and waits until it has given a result,
/// during the call or later. Nothing: it has not within `patience`, and may still, so it owns what
/// it needs.
template <typename T, typename Post>
[[nodiscard]] std::optional<T> ask_later(const Post& post,
                                         std::function<void(std::function<void(T)> give)> work,
                                         Millis patience) {
    struct Reply {
        std::mutex mutex;
        std::condition_variable given;
        std::optional<T> value;
    };
    auto reply = std::make_shared<Reply>();
    post(std::function<void()>([reply, work = std::move(work)] {
        work([reply](T value) {
            {
                const std::lock_guard lock(reply->mutex);
                reply->value = std::move(value);
            }
            reply->given.notify_one();
        });
    }));
    std::unique_lock lock(reply->mutex);
    reply->given.wait_for(lock, patience, [&reply] { return reply->value.has_value(); });
    return std::move(reply->value);
}

/// ask_later() for what gives its result by returning.
template <typename T, typename Post>
[[nodiscard]] std::optional<T> ask(const Post& post, std::function<T()> work, Millis patience) {
    return ask_later<T>(
        post, [work = std::move(work)](const std::function<void(T)>& give) { give(work()); },
        patience);
}

}  // namespace vmq::runtime
