// SharedState: what the shards of one broker have in common.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "broker/cluster_picture.h"
#include "broker/cluster_port.h"
#include "broker/late_messages.h"
#include "broker/limits.h"
#include "broker/login_guard.h"
#include "broker/readiness.h"
#include "broker/rights.h"
#include "broker/session_log.h"
#include "broker/untold_retained.h"
#include "metrics/counters.h"
#include "routing/retained_index.h"
#include "routing/subscription_index.h"
#include "runtime/guarded.h"
#include "session/settings.h"
#include "store/message_store.h"

namespace vmq::broker {

/// What all shards share. Owned by the Broker, outlives them.
struct SharedState {
    explicit SharedState(std::uint32_t shard_count, std::uint64_t seed, std::size_t retained_limit)
        : shards(shard_count),
          subscriptions(shard_count, seed),
          retained(shard_count + 1, retained_limit) {}

    const std::uint32_t shards;
    std::uint64_t client_seed = 0;  // of client_hash(); set before the first client
    routing::SubscriptionIndex subscriptions;
    routing::RetainedIndex retained;  // its last reader is the cluster's thread
    UntoldRetained untold_retained;
    std::unique_ptr<store::MessageStore> store;
    std::uint32_t boot = 0;  // of the store: makes the ids given out unique
    /// One moment on both clocks, for deadlines that outlive the process.
    TimePoint steady_anchor{};
    store::WallMillis wall_anchor = 0;
    /// How long a plugin may take to answer; it is then as if it had no opinion.
    Millis hook_timeout{15'000};
    std::unique_ptr<LoginGuard> login_guard;  // null: no limits
    Revocations revocations;
    /// Where no plugin decides about publishing or subscribing, anonymous clients may do it. Only
    /// if nobody has asked for such a plugin: one that is missing must not open anything.
    bool anonymous_unrestricted = true;
    SessionLogSettings session_log;
    /// How long writes wait for being taken back; simulations choose it.
    Millis lazy_write_delay = kLazyWriteDelay;
    /// Of sessions an earlier process left behind or moved here, until their clients are back.
    std::shared_ptr<const session::Settings> default_settings =
        std::make_shared<const session::Settings>();
    std::atomic<ClusterPort*> cluster{nullptr};  // null: none
    metrics::ShardMetrics cluster_metrics;       // of the cluster's thread
    runtime::Guarded<ClusterPicture> cluster_picture;
    Readiness readiness;
    LateMessages late_messages;
    /// Other nodes have not said yet whether they have published the wills of an earlier process.
    std::atomic<bool> wills_held{false};
    std::vector<class Shard*> peers;  // by ShardId; complete before the first thread starts
    /// While the broker stops: shards without connections, and whether all are and nothing is under
    /// way between them.
    std::atomic<std::uint32_t> drained{0};
    std::atomic<bool> quiet{false};
};

}  // namespace vmq::broker
