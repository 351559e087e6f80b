// What the store keeps, as values: the words that the broker and the store share.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "mqtt/message.h"
#include "mqtt/packets.h"

namespace vmq::store {

/// Names a stored session for as long as the store exists. Never reused; 0: none.
enum class SessionId : std::uint64_t {};

/// Milliseconds of the wall clock since 1970, for deadlines that outlive the process; 0: none.
using WallMillis = std::int64_t;
inline constexpr WallMillis kWallNever = std::numeric_limits<WallMillis>::max();

/// A session as clients know it.
struct SessionKey {
    std::string mountpoint;
    std::string client_id;
};

/// Stands for the mountpoint of a queue that is no client's: messages for another node of the
/// cluster, which the client id names. No mountpoint has such a name.
inline constexpr std::string_view kOutboxMountpoint{"\0outbox", 7};

/// A will that waits for its delay, or for the connection to break.
struct StoredWill {
    std::string mountpoint;
    std::string topic;
    std::string payload;
    std::string properties;  // encoded, those forwarded unaltered
    std::optional<std::uint32_t> message_expiry_s;
    std::uint32_t delay_s = 0;
    WallMillis due_at = 0;  // 0: the client was connected
    mqtt::QoS qos = mqtt::QoS::AtMostOnce;
    bool retain = false;

    bool operator==(const StoredWill&) const = default;
};

/// The main record of a session.
struct SessionRecord {
    SessionKey key;
    std::uint32_t expiry_interval_s = 0;
    WallMillis expires_at = 0;  // 0: connected; kWallNever: away, and it never expires
    /// Messages up to this sequence may have been sent before: they are sent again with DUP.
    std::uint64_t sent_through = 0;
    std::optional<std::string> username;
    std::optional<StoredWill> will;
};

/// The session exists, and this is its main record. Names `session` for all records below.
struct PutSession {
    SessionId session;
    SessionRecord record;
};
/// The session with everything that belongs to it.
struct DeleteSession {
    SessionId session;
};
struct PutSubscription {
    SessionId session;
    std::string filter;  // may be "$share/GROUP/FILTER"
    mqtt::SubscriptionOptions options;
    std::uint32_t subscription_id;  // 0: none
};
struct DeleteSubscription {
    SessionId session;
    std::string filter;
};

/// One message in one queue. `sequence` orders the queue and is never reused within it, so a record
/// is written and deleted at most once. A message whose store_id() is not 0 is stored once for all
/// queues that hold it, one with 0 within its only queue's record.
struct PutMessage {
    SessionId session;
    std::uint64_t sequence;
    mqtt::MessagePtr message;
    std::unique_ptr<const std::string>
        shared_filter;              // "$share/GROUP/FILTER" it came through, or null
    std::uint32_t subscription_id;  // 0: none
    mqtt::QoS qos;
    bool retain;
};
struct DeleteMessage {
    SessionId session;
    std::uint64_t sequence;
    std::uint64_t store_id;  // of the message; kUnknownStoreId: look it up in the record
};
inline constexpr std::uint64_t kUnknownStoreId = ~0ULL;

/// The client has message `sequence` (QoS 2, PUBREC) and has not said PUBCOMP: the payload has
/// served, PUBREL is still to be sent again.
struct PutReleased {
    SessionId session;
    std::uint64_t sequence;
};
struct DeleteReleased {
    SessionId session;
    std::uint64_t sequence;
};
/// A QoS 2 packet id received from the client and not yet released by it.
struct PutReceived {
    SessionId session;
    mqtt::PacketId id;
};
struct DeleteReceived {
    SessionId session;
    mqtt::PacketId id;
};

/// `stamp` orders changes of one topic by different shards: a later change of the index has a
/// higher one, and one that arrives behind a higher one is ignored.
struct PutRetained {
    mqtt::MessagePtr message;
    std::uint64_t stamp;
};
struct DeleteRetained {
    std::string mountpoint;
    std::string topic;
    std::uint64_t stamp;
};

/// What the nodes of a cluster know together (src/cluster): only the cluster reads the bytes. The
/// key is not empty.
struct PutFact {
    std::string key;
    std::string value;
};
struct DeleteFact {
    std::string key;
};
/// All facts whose keys begin with this, which is not empty.
struct DeleteFacts {
    std::string prefix;
};

/// Messages are by far the most, so what is larger does not make every write as large.
template <typename Kind>
using Boxed = std::unique_ptr<const Kind>;

/// One write; std::monostate: taken back.
using Write =
    std::variant<std::monostate, PutMessage, DeleteMessage, Boxed<PutSession>, DeleteSession,
                 PutSubscription, DeleteSubscription, PutReleased, DeleteReleased, PutReceived,
                 DeleteReceived, PutRetained, Boxed<DeleteRetained>, Boxed<PutFact>,
                 Boxed<DeleteFact>, Boxed<DeleteFacts>>;
static_assert(sizeof(Write) <= 72);

template <typename Kind>
inline constexpr bool kBoxed =
    std::is_same_v<Kind, PutSession> || std::is_same_v<Kind, DeleteRetained> ||
    std::is_same_v<Kind, PutFact> || std::is_same_v<Kind, DeleteFact> ||
    std::is_same_v<Kind, DeleteFacts>;

/// Calls `visitor` with the record itself, boxed or not.
template <typename Visitor>
decltype(auto) visit(Visitor&& visitor, const Write& write) {
    return std::visit(
        [&visitor](const auto& kind) -> decltype(auto) {
            using Kind = std::remove_cvref_t<decltype(kind)>;
            if constexpr (std::is_same_v<Kind, Boxed<PutSession>> ||
                          std::is_same_v<Kind, Boxed<DeleteRetained>> ||
                          std::is_same_v<Kind, Boxed<PutFact>> ||
                          std::is_same_v<Kind, Boxed<DeleteFact>> ||
                          std::is_same_v<Kind, Boxed<DeleteFacts>>) {
                return visitor(*kind);
            } else {
                return visitor(kind);
            }
        },
        write);
}

/// What is read back.
struct StoredSubscription {
    std::string filter;
    mqtt::SubscriptionOptions options;
    std::uint32_t subscription_id = 0;
};
struct StoredMessage {
    std::uint64_t sequence = 0;
    mqtt::MessagePtr message;
    std::string shared_filter;  // empty: it came through none
    std::uint32_t subscription_id = 0;
    mqtt::QoS qos = mqtt::QoS::AtMostOnce;
    bool retain = false;
};
struct QueueBounds {
    std::uint64_t first = 0;  // 0: the queue is empty
    std::uint64_t last = 0;
    std::uint64_t count = 0;  // at least as many as there are
};
/// A session with everything but its messages.
struct StoredSession {
    SessionId id{};
    SessionRecord record;
    std::vector<StoredSubscription> subscriptions;
    std::vector<mqtt::PacketId> received;  // PutReceived
    std::vector<std::uint64_t> released;   // PutReleased, ascending
    QueueBounds queue;
};

}  // namespace vmq::store
