// What operators may know of a running node.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "broker/cluster_picture.h"
#include "broker/drop_ledger.h"
#include "broker/session_picture.h"
#include "metrics/snapshot.h"
#include "metrics/table.h"
#include "mqtt/message.h"
#include "mqtt/types.h"
#include "runtime/coordination.h"
#include "runtime/work_queue.h"

namespace vmq::broker {

class Broker;

struct ListenerSnapshot {
    std::string type;  // "mqtt", "http"
    std::string name;
    std::string address;
    std::uint16_t port = 0;
    std::string mountpoint;
    bool running = false;
    std::uint32_t connections = 0;
    std::uint64_t accepted = 0;                    // since it was opened
    std::optional<std::uint32_t> max_connections;  // none: unlimited
    /// When the first of its certificates expires; none: it has none.
    std::optional<std::chrono::system_clock::time_point> certificate_expires;
};

struct NodeSnapshot {
    std::string node;
    std::string version;
    Millis uptime{0};
    std::uint64_t connections = 0;
    std::uint64_t clients = 0;  // with a session, connected or not
    std::uint64_t subscriptions = 0;
    std::uint64_t filters = 0;       // of this node and the others
    std::uint64_t router_bytes = 0;  // of filters and subscriptions
    std::uint64_t retained_messages = 0;
    std::uint64_t retained_bytes = 0;
    std::vector<ListenerSnapshot> listeners;
    metrics::Numbers numbers;
    /// By shard, how many percent of the time it has worked lately.
    std::vector<std::uint32_t> utilization;
    std::string durability;  // as the setting is written; empty: nothing is stored
    ClusterPicture cluster;

    [[nodiscard]] std::uint64_t counter(metrics::Counter which) const noexcept {
        return numbers.totals.get(which);
    }
    /// PUBLISH packets of all versions.
    [[nodiscard]] std::uint64_t publishes(metrics::Direction direction) const noexcept {
        constexpr auto kPublish = static_cast<std::uint8_t>(mqtt::PacketType::Publish);
        return numbers.totals.get(metrics::PacketKind{direction, false, kPublish}) +
               numbers.totals.get(metrics::PacketKind{direction, true, kPublish});
    }
};

/// The series of the table (metrics/table.h), and those of which there is one per shard and per
/// listener.
[[nodiscard]] metrics::Snapshot metrics_of(const NodeSnapshot& node);
/// What the hooks of plugins were asked, answered and took, added to `snapshot`. Those that were
/// never called are left out. Any thread, once the plugins have been added.
void add_hook_metrics(const Broker& broker, metrics::Snapshot& snapshot);
/// One series for each, added to `snapshot`.
void add_listener_metrics(const std::vector<ListenerSnapshot>& listeners,
                          metrics::Snapshot& snapshot);

/// Answers on any thread, without waiting for a shard and without making one wait: it reads
/// atomics. `broker` has been started and outlives it; the uptime counts from its making.
class Inspector final {
public:
    Inspector(const Broker& broker, std::string node, std::string version);

    /// Each number is right at some moment of the call, all of them together at none.
    [[nodiscard]] NodeSnapshot snapshot() const;

private:
    /// How much the shards had worked when that was last looked at.
    struct Work {
        TimePoint at;
        std::vector<std::uint64_t> busy_us;
        std::vector<std::uint32_t> percent;
    };
    [[nodiscard]] std::vector<std::uint32_t> utilization() const;

    const Broker& broker_;
    const std::string node_;
    const std::string version_;
    const TimePoint start_;
    runtime::OneAtATime looking_;
    mutable Work work_;  // of who holds looking_
};

/// Reads sessions, from the one shard that knows if a client id and a mountpoint are asked for,
/// from all of them at once otherwise. No shard works for it longer than a slice of a millisecond
/// in a turn, and none has more than one portion ready that was not taken.
///
/// Used by one thread, which is no shard's. `broker` has been started and outlives it.
class SessionReader final {
public:
    SessionReader(const Broker& broker, SessionQuestion question);
    ~SessionReader();
    SessionReader(const SessionReader&) = delete;
    SessionReader& operator=(const SessionReader&) = delete;

    /// The next sessions, of some shard. Empty: there are no more, or no shard has answered within
    /// `patience`; silent() and refused() tell.
    [[nodiscard]] std::vector<SessionPicture> next(Millis patience);
    /// Shards that have not told everything yet.
    [[nodiscard]] const std::vector<ShardId>& silent() const noexcept { return waited_for_; }
    /// Shards that are asked too many questions by others and have told nothing.
    [[nodiscard]] const std::vector<ShardId>& refused() const noexcept { return refused_; }

private:
    using Answers = runtime::WorkQueue<SessionPortion>;

    void on_portion(SessionPortion portion);

    const Broker& broker_;
    const WalkNumber number_;
    std::shared_ptr<Answers> answers_;  // shared with what is under way to the shards
    std::vector<ShardId> waited_for_;
    std::vector<ShardId> refused_;
    std::vector<SessionPortion> taken_;
    std::deque<std::vector<SessionPicture>> ready_;
};

/// Reads retained messages, in the order of the index. Used as SessionReader is.
class RetainedReader final {
public:
    /// `filter`: a valid one that is not shared, or nothing for all topics.
    RetainedReader(const Broker& broker, std::string mountpoint, std::optional<std::string> filter);
    ~RetainedReader();
    RetainedReader(const RetainedReader&) = delete;
    RetainedReader& operator=(const RetainedReader&) = delete;

    [[nodiscard]] bool done() const noexcept;
    /// Some more, perhaps none although it is not done. An error: no answer within `patience`, and
    /// it must not be asked again.
    [[nodiscard]] Result<std::vector<mqtt::MessagePtr>> next(Millis patience);

private:
    struct State;

    const Broker& broker_;
    std::shared_ptr<State> state_;
};

/// What was not delivered, as far as shards have answered within `patience`.
struct DropAnswer {
    DropPicture drops;
    std::vector<ShardId> silent;  // shards whose part is missing
};
[[nodiscard]] DropAnswer read_drops(const Broker& broker, Millis patience);

/// Mountpoints that have retained messages, `limit` of them behind `after` (null: from the first).
[[nodiscard]] Result<std::vector<std::string>> retained_mountpoints(const Broker& broker,
                                                                    std::size_t limit,
                                                                    const std::string* after,
                                                                    Millis patience);

}  // namespace vmq::broker
