// The broker's shards in this thread, on simulated time; sockets are pairs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "broker/shard.h"
#include "support/keeping_store.h"

namespace vmq::testing {

/// Connections are accepted by the shards in turn, so that with two of them clients move to their
/// home shard as they do in production. Used from one thread.
class SimulatedBroker final {
public:
    /// Moves bytes of all clients; true if any moved or a stream ended.
    using Exchange = std::function<bool()>;

    /// `store` null: one that is always safe at once.
    explicit SimulatedBroker(std::uint32_t shards,
                             std::unique_ptr<store::MessageStore> store = nullptr,
                             std::size_t max_retained_messages = 0);
    /// One whose store gives back what `records` hold: those of a broker before it, too.
    SimulatedBroker(std::uint32_t shards, KeptRecords& records,
                    std::size_t max_retained_messages = 0, TimePoint now = kStart,
                    store::WallMillis wall = 1'700'000'000'000);
    ~SimulatedBroker();
    static constexpr TimePoint kStart{Millis(1'000'000)};
    SimulatedBroker(const SimulatedBroker&) = delete;
    SimulatedBroker& operator=(const SimulatedBroker&) = delete;

    [[nodiscard]] TimePoint now() const noexcept { return now_; }
    [[nodiscard]] broker::SharedState& shared() noexcept { return shared_; }
    [[nodiscard]] const std::vector<std::unique_ptr<broker::Shard>>& shards() const noexcept {
        return shards_;
    }
    [[nodiscard]] const std::vector<std::unique_ptr<broker::Listener>>& listeners() const noexcept {
        return listeners_;
    }
    /// The listener of this name; made if there is none.
    [[nodiscard]] broker::Listener& listener(const std::string& name);

    /// A connected, non-blocking descriptor: the client's end. The caller owns it.
    [[nodiscard]] Result<int> connect(broker::Listener& listener);
    [[nodiscard]] Result<int> connect(broker::Listener& listener, broker::Shard& accepting);

    /// One turn of one shard. True: it asks for another one at once.
    bool turn(broker::Shard& shard) { return shard.loop().step(shard, now_); }
    /// Turns of all shards until nothing moves any more.
    [[nodiscard]] Result<void> settle(const Exchange& exchange);
    [[nodiscard]] Result<void> advance(Millis time, const Exchange& exchange);
    /// The broker says good-bye to everybody.
    [[nodiscard]] Result<void> shut_down(const Exchange& exchange);

    /// Of the second constructor.
    [[nodiscard]] KeepingStore& keeping_store() noexcept { return *keeping_; }

private:
    void make_shards();

    TimePoint now_;
    broker::SharedState shared_;
    std::vector<std::unique_ptr<broker::Listener>> listeners_;
    std::vector<std::unique_ptr<broker::Shard>> shards_;
    std::size_t next_shard_ = 0;
    KeepingStore* keeping_ = nullptr;
};

}  // namespace vmq::testing
