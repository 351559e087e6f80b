// QueueReader: messages of a queue, back from the disk. Internal to this folder.
#pragma once

#include <rocksdb/iterator.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "mqtt/message.h"
#include "store/database.h"
#include "store/doomed_sessions.h"
#include "store/message_store.h"
#include "store/record_codec.h"

namespace vmq::store {

/// Shared messages read lately, so that many queues that hold one decode it once. Bounded by their
/// bytes, forgotten in halves. One owner, one thread.
class MessageCache final {
public:
    explicit MessageCache(std::size_t bytes) : half_(bytes / 2) {}

    [[nodiscard]] mqtt::MessagePtr find(std::uint64_t store_id) const;
    void insert(mqtt::MessagePtr message);

private:
    using Map = std::unordered_map<std::uint64_t, mqtt::MessagePtr>;

    const std::size_t half_;
    std::size_t young_bytes_ = 0;
    Map young_;
    Map old_;
};

/// Owned by one Engine. load() belongs to one thread at a time, which need not be the writing one;
/// unreadable() to all.
class QueueReader final {
public:
    QueueReader(const Database& database, const ClockAnchors& clocks, const DoomedSessions& doomed);

    /// See Engine::load(). An error only if the disk does not answer, or damage is such that the
    /// store has to be opened anew.
    [[nodiscard]] Result<std::vector<StoredMessage>> load(const LoadRequest& request);

    /// Records left out so far because they could not be read; those of damaged tables are
    /// Database::messages_lost().
    [[nodiscard]] std::uint64_t unreadable() const noexcept {
        return unreadable_.load(std::memory_order_relaxed);
    }

private:
    class Run;

    void leave_out(SessionId session, std::uint64_t sequence, const char* why);
    [[nodiscard]] bool is_doomed(SessionId session) const;
    [[nodiscard]] rocksdb::Status fetch(const LoadRequest& request,
                                        std::vector<StoredMessage>& messages,
                                        const std::vector<std::size_t>& missing,
                                        const std::vector<std::uint64_t>& store_ids);

    const Database& database_;
    const ClockAnchors clocks_;
    const DoomedSessions& doomed_;
    MessageCache cache_;
    std::set<std::pair<SessionId, std::uint64_t>> told_;  // as lost; bounded
    std::atomic<std::uint64_t> unreadable_{0};
};

}  // namespace vmq::store
