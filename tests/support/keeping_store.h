// A message store in memory that gives back what it was given, also to a broker made after a
// "crash".
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "store/message_store.h"

namespace vmq::testing {

/// What is safe. Owned by the test, so that it outlives brokers. Used from one thread.
class KeptRecords final {
public:
    void apply(const store::WriteBatch& batch);
    [[nodiscard]] std::vector<store::StoredMessage> load(const store::LoadRequest& request) const;
    [[nodiscard]] std::vector<store::StoredSession> sessions() const;
    [[nodiscard]] std::vector<mqtt::MessagePtr> retained() const;
    [[nodiscard]] const std::map<std::string, std::string>& facts() const noexcept {
        return facts_;
    }
    [[nodiscard]] std::size_t messages() const noexcept;
    /// What follows is another process's: its stamps have nothing to do with those before.
    void begin_process();
    /// Records written so far, those deleted again included.
    [[nodiscard]] std::uint64_t written() const noexcept { return written_; }

private:
    struct Session {
        store::SessionRecord record;
        std::map<std::string, store::StoredSubscription> subscriptions;
        std::map<std::uint64_t, store::StoredMessage> messages;
        std::set<std::uint64_t> released;
        std::set<mqtt::PacketId> received;
    };
    void apply(const store::Write& write);

    std::map<store::SessionId, Session> sessions_;
    struct Retained {
        std::uint64_t stamp = 0;
        mqtt::MessagePtr message;  // null: deleted
    };
    void set_retained(std::pair<std::string, std::string> key, Retained change);
    std::map<std::pair<std::string, std::string>, Retained> retained_;
    std::map<std::string, std::string> facts_;
    std::uint64_t written_ = 0;
};

/// Owned by a broker. Batches become safe when the shard takes its next turn, or when release()
/// says so.
class KeepingStore final : public store::MessageStore {
public:
    using Post = std::function<void(ShardId shard, std::function<void()> work)>;

    KeepingStore(KeptRecords& records, std::uint32_t shards, Post post)
        : records_(records), post_(std::move(post)), waiting_(shards) {}

    void commit(ShardId shard, store::WriteBatch batch, Done done) override;
    void load(ShardId shard, store::LoadRequest request, Loaded loaded) override;
    [[nodiscard]] bool keeps_messages() const noexcept override { return true; }
    [[nodiscard]] bool accepting() const noexcept override { return takes; }

    /// While held nothing becomes safe.
    void hold() noexcept { held_ = true; }
    void release() {
        held_ = false;
        work();
    }
    bool takes = true;

private:
    struct Item {
        store::WriteBatch batch;
        Done done;
        store::LoadRequest request;
        Loaded loaded;  // null: a commit
    };
    void work();

    KeptRecords& records_;
    Post post_;
    std::vector<std::deque<std::shared_ptr<Item>>> waiting_;  // by shard
    bool held_ = false;
};

}  // namespace vmq::testing
