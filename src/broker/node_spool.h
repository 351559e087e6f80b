// NodeSpool: what one shard keeps on disk of its messages for one other node.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "broker/pending_writes.h"
#include "store/records.h"

namespace vmq::broker {

/// A message of a NodeSpool. Session 0: there is none.
struct SpoolRecord {
    store::SessionId session{};
    std::uint64_t sequence = 0;
    std::uint64_t store_id = 0;  // of the message
    std::size_t bytes = 0;       // that it counts for

    [[nodiscard]] bool there() const noexcept { return session != store::SessionId{}; }
};

/// Bytes on disk for one node, of all shards, and how many there may be. Any thread.
struct SpoolSize {
    explicit SpoolSize(std::size_t most_bytes) noexcept : most(most_bytes) {}
    std::atomic<std::size_t> bytes{0};
    const std::size_t most;  // 0: nothing goes to disk
};

/// A queue in the store, as sessions have them. Its first messages may be in the OutboundStream as
/// well; those behind are on disk alone, and are read in order as the stream gets room.
///
/// Owned by the shard's NodeOutbox. Its records are written with those of the shard.
class NodeSpool final {
public:
    /// `size` null: there is no disk.
    explicit NodeSpool(std::shared_ptr<SpoolSize> size) noexcept : size_(std::move(size)) {}
    NodeSpool(const NodeSpool&) = delete;
    NodeSpool& operator=(const NodeSpool&) = delete;
    /// The records stay, their bytes are not counted any more.
    ~NodeSpool();

    [[nodiscard]] bool usable() const noexcept { return size_ && size_->most > 0; }
    [[nodiscard]] bool has_room() const noexcept {
        return usable() && size_->bytes.load(std::memory_order_relaxed) < size_->most;
    }

    /// What an earlier process has left. All of them before the first put().
    void adopt(store::SessionId session, const store::QueueBounds& queue);

    /// Whether put() needs a session to be opened first.
    [[nodiscard]] bool open() const noexcept { return session_ != store::SessionId{}; }
    /// Its records go into this session from now on, whose main record has been written.
    void open(store::SessionId session) noexcept { session_ = session; }
    /// Writes a message, behind all others. `group` is null or, as `hops`, that of a GroupRoute;
    /// hops are stored where messages of sessions have their subscription id. Requires open().
    [[nodiscard]] SpoolRecord put(PendingWrites& writes, const mqtt::MessagePtr& message,
                                  const std::string* group, std::uint8_t hops,
                                  PendingWrites::Ack ack, TimePoint now);
    /// The message is on disk alone: it is one of those behind.
    void leave_behind(const SpoolRecord& record);
    /// It is where it was to go, or nowhere to go.
    void remove(PendingWrites& writes, const SpoolRecord& record, TimePoint now);
    /// Writes that all of it is given up.
    void remove_all(PendingWrites& writes, TimePoint now);

    /// Messages that are on disk alone, as far as is known.
    [[nodiscard]] std::uint64_t behind() const noexcept { return behind_; }
    /// Messages on disk.
    [[nodiscard]] std::uint64_t count() const noexcept { return records_; }

    /// What is to be read now: the next of those behind, not much more than `room` bytes.
    /// on_loaded() answers.
    [[nodiscard]] std::optional<store::LoadRequest> wants_load(TimePoint now, std::size_t room);
    [[nodiscard]] bool loading() const noexcept { return loading_; }
    struct Loaded {
        std::vector<SpoolRecord> records;  // of the messages, in order
        std::uint64_t missing = 0;         // were counted and are not there; after the messages
    };
    [[nodiscard]] Loaded on_loaded(PendingWrites& writes,
                                   const std::vector<store::StoredMessage>& messages,
                                   TimePoint now);
    /// Nothing is read before: what the node could not take is tried again only then.
    void pause_until(TimePoint time) noexcept { paused_until_ = time; }
    [[nodiscard]] TimePoint paused_until() const noexcept { return paused_until_; }

    static constexpr std::size_t kLoadedAtOnce = 512;
    static constexpr std::size_t kBytesLoadedAtOnce = 1 << 20;

private:
    /// Messages behind: sequences from `from` to `to` of a session.
    struct Segment {
        store::SessionId session;
        std::uint64_t from;
        std::uint64_t to;
        std::uint64_t count;  // that are expected there
    };
    /// A session of an earlier process, which goes when it is empty.
    struct Adopted {
        store::SessionId session;
        std::uint64_t unread;  // segments, that of its beginning
        std::uint64_t under_way = 0;
    };

    void count_bytes(std::size_t bytes) noexcept;
    void uncount_bytes(std::size_t bytes) noexcept;
    [[nodiscard]] Adopted* find_adopted(store::SessionId session) noexcept;
    void end_if_empty(PendingWrites& writes, store::SessionId session, TimePoint now);

    const std::shared_ptr<SpoolSize> size_;
    store::SessionId session_{};
    std::uint64_t last_sequence_ = 0;
    std::deque<Segment> segments_;
    std::vector<Adopted> adopted_;
    std::uint64_t behind_ = 0;
    std::uint64_t records_ = 0;
    std::size_t bytes_ = 0;  // of size_
    bool loading_ = false;
    TimePoint paused_until_ = TimePoint::min();
};

}  // namespace vmq::broker
