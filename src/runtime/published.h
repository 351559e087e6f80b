// A value that is replaced now and then and read by all shards.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace vmq::runtime {

/// Any thread may take and replace it. A reader keeps what it took and looks at version(), which
/// costs one load, to learn that there is something newer; the lock is held for as long as it takes
/// to copy a pointer. (std::atomic<std::shared_ptr> of g++ 12 gives its lock back without release
/// order after a load, which ThreadSanitizer rightly calls a race.)
template <typename T>
class Published final {
public:
    explicit Published(std::shared_ptr<T> value = nullptr) : value_(std::move(value)) {}
    Published(const Published&) = delete;
    Published& operator=(const Published&) = delete;

    [[nodiscard]] std::shared_ptr<T> get() const {
        const std::lock_guard lock(mutex_);
        return value_;
    }

    void set(std::shared_ptr<T> value) {
        {
            const std::lock_guard lock(mutex_);
            value_.swap(value);
        }
        // Behind the value: nobody may take the old one for that of the new number.
        version_.fetch_add(1, std::memory_order_release);
    }

    /// Another number after each set(). A value taken after asking is at least as new as the
    /// answer.
    [[nodiscard]] std::uint64_t version() const noexcept {
        return version_.load(std::memory_order_acquire);
    }

private:
    mutable std::mutex mutex_;
    std::shared_ptr<T> value_;
    std::atomic<std::uint64_t> version_{0};
};

}  // namespace vmq::runtime
