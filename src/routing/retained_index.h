// The retained messages of all mountpoints: set, replace, delete, look up by filter in portions.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "mqtt/message.h"

namespace vmq::routing {

/// Shared by all shards and the cluster's thread, owned by the broker. Readers take their own lock,
/// writers all.
class RetainedIndex final {
public:
    /// `readers`: threads that read, by number. `limit`: most messages held, 0 for no limit.
    RetainedIndex(std::uint32_t readers, std::size_t limit);
    ~RetainedIndex();
    RetainedIndex(const RetainedIndex&) = delete;
    RetainedIndex& operator=(const RetainedIndex&) = delete;

    enum class Stored : std::uint8_t { New, Replaced, LimitReached };

    /// Keeps `message` as the retained message of its mountpoint and topic [v5 MQTT-3.3.1-5].
    /// With a new topic at the limit nothing changes.
    /// `stamp`, if not null, gets a number that is higher for every later change.
    Stored set(mqtt::MessagePtr message, std::uint64_t* stamp = nullptr);
    /// Removes the retained message [v5 MQTT-3.3.1-6]; false if there was none.
    bool erase(std::string_view mountpoint, std::string_view topic, std::uint64_t* stamp = nullptr);

    /// Such a number for a change that is to be taken for an earlier one than those that follow.
    [[nodiscard]] std::uint64_t take_stamp() noexcept;

    /// Where a look-up stands between two portions: after this topic, in the order of the index.
    struct Cursor {
        std::string last_topic;
        bool started = false;
        bool done = false;
    };

    /// Appends up to `limit` messages whose topic matches `filter` (valid, not shared) and advances
    /// `cursor`; call again until cursor.done. Between calls messages may come and go: one that
    /// stays is delivered exactly once, one that came or went in between may or may not be.
    /// Expired ones are left out. Work per call is bounded by `limit` matches and a fixed number
    /// of visited nodes, so a call may append nothing although the cursor is not done.
    void match(ShardId reader, std::string_view mountpoint, std::string_view filter, TimePoint now,
               std::size_t limit, Cursor& cursor, std::vector<mqtt::MessagePtr>& out) const;

    /// What is retained on this topic, expired or not; null: nothing.
    [[nodiscard]] mqtt::MessagePtr find(ShardId reader, std::string_view mountpoint,
                                        std::string_view topic) const;

    /// The same for every topic of the mountpoint, those that begin with '$' included.
    void list(ShardId reader, std::string_view mountpoint, TimePoint now, std::size_t limit,
              Cursor& cursor, std::vector<mqtt::MessagePtr>& out) const;
    /// The first `limit` mountpoints behind `after` that have retained messages, in order.
    [[nodiscard]] std::vector<std::string> mountpoints(ShardId reader, std::size_t limit,
                                                       const std::string* after) const;

    /// Removes expired messages, looking at no more than `budget` of those with an expiry.
    std::size_t sweep(TimePoint now, std::size_t budget);

    [[nodiscard]] std::size_t size() const noexcept;
    /// Sum of Message::footprint().
    [[nodiscard]] std::size_t bytes() const noexcept;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace vmq::routing
