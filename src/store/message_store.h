// What must survive, and when it has: the contract between the queues and whatever keeps them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "mqtt/message.h"
#include "mqtt/packets.h"

namespace vmq::store {

/// A session as the store names it: it outlives the process, a ClientNumber does not.
struct SessionKey {
    std::string mountpoint;
    std::string client_id;
};

/// One message in one queue. `sequence` orders the queue and is never reused within it.
struct PutMessage {
    ClientNumber client;
    std::uint64_t sequence;
    mqtt::MessagePtr message;
    mqtt::QoS qos;
    bool retain;
    std::uint32_t subscription_id;
};
struct DeleteMessage {
    ClientNumber client;
    std::uint64_t sequence;
};
/// The session exists and its messages are to be kept: names `client` for the records above.
struct PutSession {
    ClientNumber client;
    SessionKey key;
    std::uint32_t expiry_interval_s;
};
struct DeleteSession {
    ClientNumber client;
};

using Write = std::variant<PutMessage, DeleteMessage, PutSession, DeleteSession>;

/// The writes of one turn of one shard's loop, in order.
class WriteBatch final {
public:
    template <typename Kind>
    void add(Kind write) {
        writes_.emplace_back(std::in_place_type<Kind>, std::move(write));
    }
    [[nodiscard]] bool empty() const noexcept { return writes_.empty(); }
    [[nodiscard]] const std::vector<Write>& writes() const noexcept { return writes_; }
    void clear() noexcept { writes_.clear(); }

private:
    std::vector<Write> writes_;
};

enum class CommitStatus : std::uint8_t { Safe, Failed };

/// One store per node, used by all shards. Every shard calls it from its own thread.
class MessageStore {
public:
    virtual ~MessageStore() = default;

    /// Called on the shard that committed, either before commit() returns or in a later turn.
    using Done = std::function<void(CommitStatus)>;

    /// Takes over the batch of `shard`. Batches of one shard become safe in the order of the calls.
    virtual void commit(ShardId shard, WriteBatch batch, Done done) = 0;
};

}  // namespace vmq::store
