// Threads that stand in for shards, for tests of what answers from a thread of its own.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "runtime/work_queue.h"

namespace vmq::testing {

/// Runs what is posted to a shard on that shard's thread, in order. Joins when destroyed, after
/// running what has been posted by then.
class TestShards final {
public:
    explicit TestShards(ShardId count) {
        for (ShardId id = 0; id < count; ++id) {
            auto& queue = queues_.emplace_back();
            threads_.push_back(std::make_unique<runtime::WorkThread>([&queue, id] {
                current_shard = id;
                std::vector<Work> work;
                while (queue.take(work, Seconds(30))) {
                    for (Work& function : work) function();
                    work.clear();
                }
            }));
        }
    }
    ~TestShards() {
        for (auto& queue : queues_) queue.close();
    }
    TestShards(const TestShards&) = delete;
    TestShards& operator=(const TestShards&) = delete;

    void post(ShardId shard, std::function<void()> work) { queues_[shard].push(std::move(work)); }

    /// The shard whose thread this is.
    static inline thread_local ShardId current_shard = ~ShardId{0};

private:
    using Work = std::function<void()>;

    std::deque<runtime::WorkQueue<Work>> queues_;
    std::vector<std::unique_ptr<runtime::WorkThread>> threads_;
};

}  // namespace vmq::testing
