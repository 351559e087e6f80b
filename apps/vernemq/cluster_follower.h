// ClusterFollower: applies on this node what the cluster says of settings and API keys.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "admin/api_key_store.h"
#include "base/result.h"
#include "broker/cluster_service.h"
#include "runtime/coordination.h"
#include "runtime/work_queue.h"
#include "vernemq/cluster_keys.h"
#include "vernemq/live_config.h"

namespace vmq::launcher {

/// Has a thread of its own once started: files are read and written, which the cluster's thread
/// must not wait for. Made, started and destroyed by the main thread; what it refers to outlives
/// it.
class ClusterFollower final {
public:
    ClusterFollower(LiveConfig& config, admin::ApiKeyStore& keys)
        : config_(config), store_(keys), keys_(keys) {}
    ~ClusterFollower() { stop(); }
    ClusterFollower(const ClusterFollower&) = delete;
    ClusterFollower& operator=(const ClusterFollower&) = delete;

    /// For ClusterOptions::on_shared_facts. What is told first, during
    /// ClusterService::prepare(), is applied at once, the rest on the thread.
    void on_changes(std::vector<broker::SharedFact> changes);
    /// From now on keys that are made or deleted here are told to `cluster`.
    void start(broker::ClusterService& cluster);
    /// Nothing more is told to the cluster, which may go, nor applied. Before Broker::stop().
    void stop();

    // Any thread but a shard's and the cluster's, between start() and stop().

    /// Sets, or with no value takes back, a setting on all nodes. It is in force here when this
    /// returns.
    [[nodiscard]] Result<void> set_everywhere(const std::string& key,
                                              const std::optional<std::string>& value);

private:
    struct Item {
        std::vector<broker::SharedFact> changes;
        std::shared_ptr<runtime::Countdown> done = nullptr;
    };

    void apply(const std::vector<broker::SharedFact>& changes);
    void tell_keys();
    void run();

    LiveConfig& config_;
    admin::ApiKeyStore& store_;
    ClusterKeys keys_;
    runtime::OneAtATime telling_;
    broker::ClusterService* cluster_ = nullptr;
    bool has_begun_ = false;  // of the caller of on_changes()
    runtime::WorkQueue<Item> queue_;
    std::optional<runtime::WorkThread> thread_;
};

}  // namespace vmq::launcher
