// What operators may know of a running node, and what they may do to its sessions.
#pragma once

#include <array>
#include <cstddef>
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
#include "broker/drop_ledger.h"
#include "broker/session_picture.h"
#include "metrics/counters.h"
#include "mqtt/message.h"
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
    std::optional<std::uint32_t> max_connections;  // none: unlimited
};

struct NodeSnapshot {
    std::string node;
    std::string version;
    Millis uptime{0};
    std::uint64_t connections = 0;
    std::uint64_t clients = 0;  // with a session, connected or not
    std::uint64_t subscriptions = 0;
    std::uint64_t retained_messages = 0;
    std::uint64_t retained_bytes = 0;
    std::vector<ListenerSnapshot> listeners;
    std::array<std::uint64_t, metrics::kCounters> counters{};
    /// By metrics::Direction, then MQTT 3 or 5, then packet type.
    std::array<std::array<std::array<std::uint64_t, 16>, 2>, 2> packets{};

    [[nodiscard]] std::uint64_t counter(metrics::Counter which) const noexcept {
        return counters[static_cast<std::size_t>(which)];
    }
    [[nodiscard]] std::uint64_t packet(metrics::Direction direction, bool v5,
                                       unsigned packet_type) const noexcept {
        return packets[static_cast<std::size_t>(direction)][v5 ? 1 : 0][packet_type & 15U];
    }
};

/// Answers on any thread, without waiting for a shard and without making one wait: it reads
/// atomics. `broker` has been started and outlives it; the uptime counts from its making.
class Inspector final {
public:
    Inspector(const Broker& broker, std::string node, std::string version);

    /// Each number is right at some moment of the call, all of them together at none.
    [[nodiscard]] NodeSnapshot snapshot() const;

private:
    const Broker& broker_;
    const std::string node_;
    const std::string version_;
    const TimePoint start_;
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

/// What operators may do to sessions. Any thread but a shard's; `broker` has been started. An error
/// means that the shard has not answered within `patience`: it may still do what was asked.
///
/// Ends every connection of the client, MQTT 5 ones with Administrative action (0x98); with
/// `cleanup` its subscriptions and messages go, too. False: there is no such client.
[[nodiscard]] Result<bool> disconnect_session(const Broker& broker, std::string mountpoint,
                                              std::string client_id, bool cleanup, Millis patience);
/// False: there is no such client or subscription. `tell_plugins`: on_topic_unsubscribed is called.
[[nodiscard]] Result<bool> unsubscribe_session(const Broker& broker, std::string mountpoint,
                                               std::string client_id, std::string filter,
                                               bool tell_plugins, Millis patience);

}  // namespace vmq::broker
