// Surroundings: what a node takes from the system beside its threads' sockets, handed in so that a
// simulation can be the system.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/entropy.h"
#include "base/ids.h"
#include "cluster/connector.h"
#include "cluster/cookie_key.h"
#include "mqtt/message.h"
#include "store/message_store.h"
#include "store/records.h"

namespace vmq::broker {

/// Copied into the Broker; its functions are called by any thread. As it is made here: the system.
struct Surroundings {
    /// Seeds, and names that nobody may guess or repeat.
    std::function<std::uint64_t()> entropy = vmq::entropy;
    std::function<TimePoint()> steady_now = vmq::steady_now;
    std::function<store::WallMillis()> wall_now = [] {
        return std::chrono::duration_cast<Millis>(
                   std::chrono::system_clock::now().time_since_epoch())
            .count();
    };
    /// How other nodes are dialled; none: by TCP.
    cluster::Connector::OpenSocket open_socket;
    /// Of the cookie; null: made when it is needed, which takes a while on purpose.
    std::shared_ptr<const cluster::CookieKey> cookie_key;
    /// False: no thread is started and no clustering listener opened. Whoever has made the node
    /// gives it turns (Shard::loop(), ClusterService::turn()) and connections.
    bool threads = true;

    using Post = std::function<void(ShardId shard, std::function<void()> work)>;
    /// What is kept, as it is at the start.
    struct Disk {
        std::unique_ptr<store::MessageStore> store;
        std::vector<store::StoredSession> sessions;
        std::vector<mqtt::MessagePtr> retained;
        std::vector<std::pair<std::string, std::string>> facts;
        std::uint32_t boot = 0;
        std::uint64_t client_seed = 0;
    };
    /// In the place of StoreOptions. `post` brings the store's answers to a shard, or to the
    /// cluster's thread as the shard behind the last.
    std::function<Disk(Post post)> open_disk;
};

}  // namespace vmq::broker
