// An immutable value that one thread replaces as a whole while others use it.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

namespace vmq::runtime {

/// Any thread. Who holds a value keeps it alive; the last one frees it. A lock for the time of
/// copying a pointer: libstdc++ 12's std::atomic<std::shared_ptr> releases its own without ordering
/// the read before it, which is a race on paper and to ThreadSanitizer.
template <typename T>
class Published final {
public:
    using Pointer = std::shared_ptr<const T>;

    explicit Published(Pointer value) : value_(std::move(value)) {}
    Published(const Published&) = delete;
    Published& operator=(const Published&) = delete;

    [[nodiscard]] Pointer load() const {
        const std::lock_guard lock(mutex_);
        return value_;
    }
    void store(Pointer value) {
        const std::lock_guard lock(mutex_);
        value_.swap(value);  // the old one is freed by `value`, after the lock
    }

private:
    mutable std::mutex mutex_;
    Pointer value_;
};

}  // namespace vmq::runtime
