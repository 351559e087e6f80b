// Disk: what a simulated node keeps, and what of it survives a crash.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/surroundings.h"
#include "sim/world.h"
#include "store/message_store.h"
#include "support/keeping_store.h"

namespace vmq::sim {

/// Outlives the processes that use it one after the other. Writes are synced together, after a
/// time; only then they are said to be safe. At a crash some of those that were not synced may be
/// there, in order, and the last one is there as a whole or not at all.
class Disk final {
public:
    Disk(World& world, std::size_t host);
    Disk(const Disk&) = delete;
    Disk& operator=(const Disk&) = delete;

    /// For a process that starts. `touch`: something has been posted to it.
    [[nodiscard]] broker::Surroundings::Disk open(std::uint32_t shards,
                                                  broker::Surroundings::Post post,
                                                  std::function<void()> touch);
    /// The process has ended. Before its Broker goes.
    void crash();
    /// How long a sync takes at most.
    void set_slowness(Millis most) noexcept { most_ = most; }

    [[nodiscard]] const testing::KeptRecords& records() const noexcept { return records_; }

private:
    class Store;
    struct Item {
        store::WriteBatch batch;
        store::MessageStore::Done done;
        store::LoadRequest request;
        store::MessageStore::Loaded loaded;  // null: a commit
    };
    /// Of one process.
    struct Process {
        broker::Surroundings::Post post;
        std::function<void()> touch;
        std::vector<std::deque<std::shared_ptr<Item>>> waiting;  // by shard
        bool sync_planned = false;
    };

    void add(ShardId shard, std::shared_ptr<Item> item);
    void sync();
    /// What can be synced now, with its shard; those of one group in one piece.
    [[nodiscard]] std::vector<std::pair<ShardId, std::shared_ptr<Item>>> take_ready();

    World& world_;
    const std::size_t host_;
    testing::KeptRecords records_;
    std::shared_ptr<Process> process_;  // null: none runs
    std::uint32_t boot_ = 0;
    const std::uint64_t client_seed_;
    Millis most_{3};
};

}  // namespace vmq::sim
