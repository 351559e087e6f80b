// Client: everything the broker keeps for one client id, connected or not.
#pragma once

#include <boost/intrusive/list_hook.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "base/ids.h"
#include "broker/listener.h"
#include "cluster/registrar_codec.h"
#include "mqtt/message.h"
#include "mqtt/packets.h"
#include "queue/queue.h"
#include "routing/local_subscribers.h"
#include "routing/retained_index.h"
#include "runtime/timer_wheel.h"
#include "session/connect_plan.h"

namespace vmq::broker {

class Connection;
class Shard;
struct ClientMove;

/// Names a client across the process and picks its home shard. Clients choose their ids, so a
/// process keys it with a secret `seed`: nobody can fill one shard or one bucket on purpose.
[[nodiscard]] inline std::uint64_t client_hash(std::string_view mountpoint,
                                               std::string_view client_id,
                                               std::uint64_t seed = 0) noexcept {
    return hash_bytes(client_id, hash_bytes(mountpoint, seed));
}

/// Retained messages still to be sent for one SUBSCRIBE: fetched in portions as the client takes
/// them, so that any number of matches costs a bounded amount of memory.
struct RetainedStream {
    mqtt::SubscriptionOptions options;
    std::uint32_t subscription_id;
    routing::RetainedIndex::Cursor cursor;
    std::vector<mqtt::MessagePtr> fetched;  // in reverse, the next one last
    bool interrupted = false;               // since they were fetched: they may have been replaced
};
/// By filter: a client that subscribes again begins again, so there are never more than it has
/// subscriptions.
using RetainedStreams = std::map<std::string, RetainedStream, std::less<>>;

/// One queue with the connection that drains it. A client has one, more only with
/// allow_multiple_sessions.
struct Lane {
    Lane(queue::Limits limits, bool paged) noexcept : queue(limits, paged) {}

    queue::Queue queue;
    Connection* connection = nullptr;
    std::unique_ptr<RetainedStreams> retained;  // of its subscriptions; null: none
};

/// Its place among all clients of its shard, see SessionWalks.
using ClientHook =
    boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>>;

/// Owned by its home shard and used only there. Lives from the first CONNECT until the session ends
/// [v5 3.1.2.11.2].
class Client final : public routing::Subscriber, public ClientHook {
public:
    Client(Shard& shard, ClientNumber number, std::string_view mountpoint,
           std::string_view client_id, queue::Limits limits);
    ~Client();

    [[nodiscard]] bool online() const noexcept {
        return lane.connection != nullptr || !more.empty();
    }
    /// Its session outlives the connection, so its messages are stored.
    [[nodiscard]] bool persistent() const noexcept { return session_expiry_s > 0; }
    [[nodiscard]] bool stored() const noexcept { return session_id != store::SessionId{}; }

    Shard& shard;
    const ClientNumber number;
    const std::uint64_t hash;
    const std::string mountpoint;
    const std::string client_id;
    Lane lane;
    std::vector<std::unique_ptr<Lane>> more;
    std::shared_ptr<const session::Settings> settings;
    std::unique_ptr<session::StoredWill> will;  // delayed, the connection is gone
    /// Where its last connection came in; null: before this process.
    const Listener* listener = nullptr;
    /// The user of a session that lasts, connected or not; null: it has none.
    std::unique_ptr<const std::string> username;
    store::WritePosition last_write = 0;  // of what it changed; its next answer waits for it
    std::uint64_t next_sequence = 1;      // of its records in the store
    std::uint32_t session_expiry_s = 0;
    store::SessionId session_id{};  // under which the store knows it, 0: it does not
    TimePoint created_at{};         // or taken over from an earlier process
    TimePoint quota_reported_at{};
    TimePoint will_at = kNever;
    TimePoint expires_at = kNever;
    cluster::Epoch epoch;              // of its registration in the cluster, 0: none that is known
    std::uint32_t view = 0;            // ClusterPort::view() then
    std::unique_ptr<ClientMove> move;  // its session comes from another node or goes there
    bool nearly_full = false;          // its queue, and the log knows
    runtime::Timer timer;              // the earlier of will_at and expires_at
};

}  // namespace vmq::broker
