// What must survive, and when it has: the contract between the queues and whatever keeps them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "store/records.h"

namespace vmq::store {

/// Names a write of one shard for as long as it waits: they are numbered through all batches.
using WritePosition = std::uint64_t;

/// Writes of one shard, in order, between two commits.
class WriteBatch final {
public:
    /// `begin`: position of the first write.
    explicit WriteBatch(WritePosition begin = 1) noexcept : begin_(begin) {}

    template <typename Kind>
    WritePosition add(Kind write) {
        if constexpr (kBoxed<Kind>) {
            writes_.emplace_back(std::make_unique<const Kind>(std::move(write)));
        } else {
            writes_.emplace_back(std::in_place_type<Kind>, std::move(write));
        }
        return end() - 1;
    }
    /// Takes a write out that turned out to be unnecessary. False: it is not here (any more).
    bool cancel(WritePosition position) noexcept {
        if (position < begin_ || position >= end()) return false;
        Write& write = writes_[position - begin_];
        if (std::holds_alternative<std::monostate>(write)) return false;
        write.emplace<std::monostate>();
        ++cancelled_;
        return true;
    }
    /// A message whose writes stand in the batches of several shards, and which must become safe as
    /// one: the batch waits until all of them have been handed over (Message::parts_missing()).
    void join(mqtt::MessagePtr message) { joint_.push_back(std::move(message)); }
    [[nodiscard]] const std::vector<mqtt::MessagePtr>& joint() const noexcept { return joint_; }

    [[nodiscard]] bool empty() const noexcept {
        return writes_.size() == cancelled_ && joint_.empty();
    }
    [[nodiscard]] std::size_t size() const noexcept { return writes_.size() - cancelled_; }
    [[nodiscard]] WritePosition begin() const noexcept { return begin_; }
    [[nodiscard]] WritePosition end() const noexcept { return begin_ + writes_.size(); }
    /// Cancelled ones are std::monostate.
    [[nodiscard]] const std::vector<Write>& writes() const noexcept { return writes_; }

private:
    WritePosition begin_;
    std::size_t cancelled_ = 0;
    std::vector<Write> writes_;
    std::vector<mqtt::MessagePtr> joint_;
};

enum class CommitStatus : std::uint8_t { Safe, Failed };

/// Part of a queue, asked for with load().
struct LoadRequest {
    SessionId session{};
    std::uint64_t from = 0;  // sequences, both inclusive
    std::uint64_t to = 0;
    std::size_t max_count = 0;
    std::size_t max_bytes = 0;  // of messages; the first is returned whatever its size
    bool newest_first = false;
};

/// One store per node, used by all shards. Every shard calls it from its own thread.
class MessageStore {
public:
    virtual ~MessageStore() = default;

    /// Called on the shard that committed, either before commit() returns or in a later turn.
    using Done = std::function<void(CommitStatus)>;

    /// Takes over the batch of `shard`. Batches of one shard become safe in the order of the calls.
    virtual void commit(ShardId shard, WriteBatch batch, Done done) = 0;

    /// Whether everything is safe at once, so that nobody has to wait for a commit.
    [[nodiscard]] virtual bool always_safe() const noexcept { return false; }
    /// Whether it gives messages back: then queues need not keep them in memory.
    [[nodiscard]] virtual bool keeps_messages() const noexcept { return false; }

    /// Called on the shard that asked, in a later turn; empty if nothing was found or on an error.
    using Loaded = std::function<void(std::vector<StoredMessage>)>;
    /// Messages of a queue, as they are after all batches that `shard` committed before. Requires
    /// keeps_messages().
    virtual void load(ShardId shard, LoadRequest request, Loaded loaded);

    /// False while writes fail, for example because the disk is full: nothing new should be taken.
    [[nodiscard]] virtual bool accepting() const noexcept { return true; }
};

}  // namespace vmq::store
