// DurableStore: the store on disk as the shards see it. One thread commits for all of them, one
// reads.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "metrics/store_metrics.h"
#include "runtime/published.h"
#include "runtime/work_queue.h"
#include "store/engine.h"
#include "store/message_store.h"

namespace vmq::broker {

/// Batches of all shards that have come by the time the disk is free are written together. When the
/// disk refuses, they wait and are tried again, and accepting() is false meanwhile.
///
/// Owned by the broker. commit() and load() are called by the shards, from their threads.
class DurableStore final : public store::MessageStore {
public:
    /// Runs a function on a shard's thread, in a later turn of its loop.
    using Post = std::function<void(ShardId shard, std::function<void()> work)>;

    /// Opens the store anew, after the one before was closed; see EngineOptions::leave_out.
    using Reopen = std::function<Result<std::unique_ptr<store::Engine>>(std::uint64_t leave_out)>;

    /// Called on a shard's thread when the disk begins to refuse.
    using Refusing = std::function<void(ShardId shard)>;

    /// `metrics` outlives it.
    DurableStore(std::unique_ptr<store::Engine> engine, Reopen reopen, std::uint32_t shards,
                 store::Durability durability, Post post, Refusing refusing,
                 metrics::StoreMetrics& metrics);
    /// Writes what has been committed, and puts it on the disk. The answers go nowhere.
    ~DurableStore() override;

    void commit(ShardId shard, store::WriteBatch batch, Done done) override;
    void load(ShardId shard, store::LoadRequest request, Loaded loaded) override;
    [[nodiscard]] bool keeps_messages() const noexcept override { return true; }
    [[nodiscard]] bool accepting() const noexcept override {
        return accepting_.load(std::memory_order_relaxed);
    }

    /// From any thread; holds for what is committed from then on. False: it was so already.
    bool set_durability(store::Durability durability) noexcept {
        return durability_.exchange(durability) != durability;
    }
    [[nodiscard]] store::Durability durability() const noexcept { return durability_.load(); }
    /// Null for a moment while a store that failed is opened anew. Any thread.
    [[nodiscard]] std::shared_ptr<const store::Engine> engine() const { return engine_.get(); }

private:
    using Clock = std::chrono::steady_clock;  // finer than that of the shards

    struct Commit {
        store::WriteBatch batch;
        Done done;
        Clock::time_point since;
    };
    struct Load {
        store::LoadRequest request;
        Loaded loaded;
    };
    struct Item {
        ShardId shard;
        std::variant<Commit, Load> what;
    };
    /// What is written together, and the answers.
    struct Round {
        std::vector<Item> commits;
        std::vector<Item> loads;  // that wait only for these commits

        [[nodiscard]] bool empty() const noexcept { return commits.empty() && loads.empty(); }
    };

    void run_commits();
    void run_loads();
    bool reclaim();
    /// Takes what has come. False: nothing more will.
    bool receive(Millis patience);
    /// By shard, how many of the items that wait can be done now.
    [[nodiscard]] std::vector<std::size_t> ready_items() const;
    [[nodiscard]] Round next_round(bool closing);
    /// False: the disk refused, and the round is still to be written.
    bool write(Round& round);
    [[nodiscard]] Result<void> write(const std::vector<const store::WriteBatch*>& batches);
    /// The engine, or another one if it is stuck or damage keeps it from answering.
    [[nodiscard]] Result<std::shared_ptr<store::Engine>> working_engine();
    [[nodiscard]] Result<void> reopen();
    void begin_refusing(const Error& error);
    /// While the disk refuses: lets those loads through that do not need what waits to be written.
    void pass_loads(Round& round);
    void answer(Round round);
    [[nodiscard]] bool anything_waits() const noexcept;
    void look_at_sizes();

    runtime::Published<store::Engine> engine_;
    Reopen reopen_;
    Post post_;
    Refusing refusing_;
    metrics::StoreMetrics& metrics_;
    std::atomic<store::Durability> durability_;
    std::atomic<bool> accepting_{true};
    std::atomic<bool> closing_{false};
    bool read_failed_ = false;  // the reader's: has been logged
    // The commit thread's, while an engine is replaced.
    std::weak_ptr<const store::Engine> given_up_;
    TimePoint reopen_at_{};
    std::uint64_t failed_write_ = 0;
    TimePoint sizes_at_{};
    std::vector<std::deque<Item>> waiting_;  // by shard; the commit thread's
    runtime::WorkQueue<Item> incoming_;
    runtime::WorkQueue<Item> reads_;
    std::optional<runtime::WorkThread> reader_;
    std::optional<runtime::WorkThread> committer_;
};

}  // namespace vmq::broker
