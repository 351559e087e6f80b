// A lock for what all shards read all the time and seldom change: a reader takes only its own
// shard's mutex, which nobody else touches; a writer takes all of them.
#pragma once

#include <memory>
#include <mutex>

#include "base/ids.h"

namespace vmq {

/// Lives as long as the data it guards. Every shard calls shared() with its own id only.
class ShardedMutex final {
public:
    explicit ShardedMutex(std::uint32_t shards)
        : shards_(shards), mutexes_(std::make_unique<Slot[]>(shards)) {}

    [[nodiscard]] std::unique_lock<std::mutex> shared(ShardId shard) const {
        return std::unique_lock(mutexes_[shard].mutex);
    }

    /// Excludes every reader and every other writer. Must not be taken while holding shared().
    class Exclusive final {
    public:
        explicit Exclusive(const ShardedMutex& owner) : owner_(owner) {
            for (ShardId shard = 0; shard < owner_.shards_; ++shard) {
                owner_.mutexes_[shard].mutex.lock();
            }
        }
        ~Exclusive() {
            for (ShardId shard = owner_.shards_; shard > 0; --shard) {
                owner_.mutexes_[shard - 1].mutex.unlock();
            }
        }
        Exclusive(const Exclusive&) = delete;
        Exclusive& operator=(const Exclusive&) = delete;

    private:
        const ShardedMutex& owner_;
    };

private:
    struct alignas(64) Slot {
        std::mutex mutex;
    };

    const std::uint32_t shards_;
    std::unique_ptr<Slot[]> mutexes_;
};

}  // namespace vmq
