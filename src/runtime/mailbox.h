// Batches of messages from one shard to another.
#pragma once

#include <cstddef>
#include <iterator>
#include <mutex>
#include <utility>
#include <vector>

namespace vmq::runtime {

/// One producer shard, one consumer shard. The producer collects during a turn and hands over at
/// its end; the consumer takes everything at once. Bounded: what does not fit stays with the
/// producer, who stops reading from its clients until it does. Nothing is ever dropped.
template <typename Message>
class Mailbox final {
public:
    /// Messages that may wait for the consumer. A batch is taken whole while there is room at all.
    static constexpr std::size_t kCapacity = 16'384;

    /// Called by the producer: moves `batch` over and leaves it empty, or leaves it as it is and
    /// answers false when the mailbox is full.
    [[nodiscard]] bool hand_over(std::vector<Message>& batch) {
        const std::lock_guard lock(mutex_);
        if (waiting_.size() >= kCapacity) return false;
        if (waiting_.empty()) {
            waiting_.swap(batch);
        } else {
            waiting_.insert(waiting_.end(), std::make_move_iterator(batch.begin()),
                            std::make_move_iterator(batch.end()));
        }
        batch.clear();
        return true;
    }

    /// Called by the consumer: everything that waits, oldest first, replaces `out`.
    void take(std::vector<Message>& out) {
        out.clear();
        const std::lock_guard lock(mutex_);
        waiting_.swap(out);
    }

    [[nodiscard]] bool empty() const {
        const std::lock_guard lock(mutex_);
        return waiting_.empty();
    }

private:
    mutable std::mutex mutex_;
    std::vector<Message> waiting_;
};

}  // namespace vmq::runtime
