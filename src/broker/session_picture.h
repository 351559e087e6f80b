// What operators may know of a session: a picture of one moment, in memory of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "mqtt/message.h"
#include "mqtt/packets.h"
#include "mqtt/types.h"
#include "store/records.h"

namespace vmq::broker {

struct ConnectionPicture {
    std::uint64_t number = 0;  // unique in the process
    std::optional<std::string> username;
    std::string peer_host;
    std::uint16_t peer_port = 0;
    mqtt::ProtocolVersion version = mqtt::ProtocolVersion::V311;
    bool bridge = false;
    bool clean_start = true;
    std::uint16_t keep_alive_s = 0;
    std::size_t waiting_acks = 0;
    std::size_t queued = 0;
    store::WallMillis since = 0;
};

struct SubscriptionPicture {
    std::string filter;  // as it was subscribed, "$share/GROUP/FILTER" if shared
    mqtt::SubscriptionOptions options;
};

struct QueuedMessagePicture {
    mqtt::MessagePtr message;
    std::uint64_t sequence = 0;  // of its record in the store, 0: only in memory
    mqtt::QoS qos = mqtt::QoS::AtMostOnce;
    bool sent_before = false;  // perhaps
};

struct SessionPicture {
    std::uint64_t number = 0;  // unique in the process
    std::string mountpoint;
    std::string client_id;
    std::size_t offline_queued = 0;  // messages that wait for a client that is away
    store::WallMillis since = 0;     // since when there is a queue
    std::uint32_t expiry_interval_s = 0;
    std::size_t subscription_count = 0;
    bool balanced = false;                       // queue_deliver_mode = balance
    std::vector<ConnectionPicture> connections;  // none: offline
    std::vector<SubscriptionPicture> subscriptions;
    std::vector<QueuedMessagePicture> messages;
};

/// Which sessions, and what of them.
struct SessionQuestion {
    std::optional<std::string> mountpoint;  // nothing: all
    std::optional<std::string> client_id;   // nothing: all
    bool subscriptions = false;
    bool messages = false;
};

/// Some of the sessions of a shard. One with many subscriptions or messages comes as several
/// pictures, each with some of them.
struct SessionPortion {
    ShardId shard = 0;
    std::vector<SessionPicture> sessions;
    bool last = false;
    bool refused = false;  // too many questions at once; it is the last, too
};

/// Names a question in the process.
enum class WalkNumber : std::uint64_t {};

}  // namespace vmq::broker
