// A store that keeps nothing: the queues in memory are all there is, as with `durability = memory`.
#pragma once

#include "store/message_store.h"

namespace vmq::store {

/// Stateless, so it may be shared by all shards.
class MemoryStore final : public MessageStore {
public:
    [[nodiscard]] bool always_safe() const noexcept override { return true; }
    /// Reports Safe before it returns.
    void commit(ShardId shard, WriteBatch batch, Done done) override;
};

}  // namespace vmq::store
