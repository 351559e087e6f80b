// Watches on the busiest clients and topics of all shards.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/result.h"
#include "broker/activity.h"

namespace vmq::broker {

class Broker;

/// Names a watch.
enum class WatchNumber : std::uint64_t {};

/// While there is one, shards count; without any they do not. Any thread but a shard's; `broker`
/// has been started and outlives it, and it outlives the watches that it has started.
class ActivityWatches final {
public:
    /// Watches at a time: each counts for itself.
    static constexpr std::size_t kMaxWatches = 4;

    explicit ActivityWatches(const Broker& broker) : broker_(broker) {}
    ActivityWatches(const ActivityWatches&) = delete;
    ActivityWatches& operator=(const ActivityWatches&) = delete;

    /// Ends when it is destroyed. Used by one thread; no call waits for a shard.
    class Watch final {
    public:
        Watch(ActivityWatches& watches, WatchNumber number);
        ~Watch();
        Watch(const Watch&) = delete;
        Watch& operator=(const Watch&) = delete;

        /// Asks the shards for what they have counted since the last time.
        void ask();
        /// What those have counted who have answered so far to the last ask().
        struct Answer {
            ActivityPicture picture;
            std::size_t missing = 0;  // shards that have not
        };
        [[nodiscard]] Answer answer() const;

    private:
        struct Answers;

        ActivityWatches& watches_;
        const WatchNumber number_;
        std::shared_ptr<Answers> answers_;  // shared with what is under way to the shards
    };

    /// An error: there are too many.
    [[nodiscard]] Result<std::unique_ptr<Watch>> start();

private:
    const Broker& broker_;
    std::atomic<std::size_t> count_{0};
    std::atomic<std::uint64_t> last_number_{0};
};

}  // namespace vmq::broker
