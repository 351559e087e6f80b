// A value behind a lock, for the little that shards share and change.
#pragma once

#include <mutex>
#include <utility>

namespace vmq::runtime {

/// Any thread, shards too: the work under the lock is short and calls nobody who might wait.
template <typename Value>
class Guarded final {
public:
    Guarded() = default;
    Guarded(const Guarded&) = delete;
    Guarded& operator=(const Guarded&) = delete;

    template <typename Work>
    decltype(auto) with(Work&& work) {
        const std::lock_guard lock(mutex_);
        return std::forward<Work>(work)(value_);
    }
    template <typename Work>
    decltype(auto) with(Work&& work) const {
        const std::lock_guard lock(mutex_);
        return std::forward<Work>(work)(value_);
    }

private:
    mutable std::mutex mutex_;
    Value value_;
};

}  // namespace vmq::runtime
