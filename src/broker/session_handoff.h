// SessionHandoff: one shard's sessions on their way to the nodes that stay, when this one leaves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "broker/client.h"
#include "broker/node_outbox.h"
#include "runtime/timer_wheel.h"

namespace vmq::broker {

class Shard;

/// Who may take sessions over.
struct HandoffTarget {
    NodeNumber node{};
    std::string name;
};

/// What is left on a shard, and what has gone since begin().
struct HandoffCounts {
    std::size_t connections = 0;
    std::size_t sessions = 0;
    std::uint64_t messages = 0;  // of its sessions; those that move not counted exactly
    std::uint64_t sessions_gone = 0;
    std::uint64_t messages_gone = 0;
};

/// Owned by its shard, used on its thread. Offers each session to the node that is to have it,
/// which registers it there (Registrations::adopt()); the session then moves like one whose client
/// has connected there (SessionMoves). Which node that is follows from the client id and the nodes
/// there are, so that what has begun before a failure goes on to the same one. An offer that comes
/// to nothing is repeated, to the next node in turn.
class SessionHandoff final {
public:
    explicit SessionHandoff(Shard& shard);
    SessionHandoff(const SessionHandoff&) = delete;
    SessionHandoff& operator=(const SessionHandoff&) = delete;

    /// Sends every client away: MQTT 5 is told to use another server [v5 4.13].
    void disconnect_clients();
    /// Gives away all sessions, those that come meanwhile, too, until stop(). Again: to these
    /// nodes.
    void begin(std::vector<HandoffTarget> targets);
    /// What moves goes on.
    void stop();
    [[nodiscard]] bool gives_away(const Client& client) const noexcept {
        return offered_.contains(client.number);
    }
    /// `messages`: they too, which looks at every client.
    [[nodiscard]] HandoffCounts counts(bool messages) const;

    /// Which of `targets`, which is not empty, gets the client at the `attempt`th try, from 0.
    [[nodiscard]] static std::size_t choose(const std::vector<HandoffTarget>& targets,
                                            std::string_view mountpoint, std::string_view client_id,
                                            std::size_t attempt);

private:
    struct Offered {
        TimePoint at{};
        std::size_t attempts = 0;
    };

    void look();
    void offer(const Client& client, Offered& offered);
    /// Nothing has come of it so far.
    [[nodiscard]] bool is_due(const Client& client, const Offered& offered) const;

    Shard& shard_;
    bool running_ = false;
    std::vector<HandoffTarget> targets_;
    std::vector<ClientNumber> next_;                     // the last one comes first
    std::unordered_map<ClientNumber, Offered> offered_;  // still here
    std::uint64_t sessions_gone_ = 0;
    std::uint64_t messages_gone_before_ = 0;  // of the shard's counter, at begin()
    runtime::Timer timer_;
};

}  // namespace vmq::broker
