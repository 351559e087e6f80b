// Broker: the shards, what they share, and their threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "broker/listeners.h"
#include "broker/shard.h"
#include "broker/surroundings.h"
#include "metrics/store_metrics.h"
#include "runtime/guarded.h"
#include "runtime/loop_thread.h"
#include "runtime/periodic.h"
#include "store/engine.h"

namespace vmq::broker {

class DurableStore;

/// Where and how what must survive is kept.
struct StoreOptions {
    std::string directory;  // empty: nowhere, it ends with the process
    store::Durability durability = store::Durability::Os;
    std::size_t memory_bytes = 0;  // of caches and write buffers, 0: a default
};

struct BrokerOptions {
    std::uint32_t shards = 0;               // 0: one per core
    std::size_t max_retained_messages = 0;  // 0: unlimited
    routing::SharedPolicy shared_policy = routing::SharedPolicy::PreferLocal;
    Seconds expire_retain_cache{0};  // how often expired ones are cleared away; 0: as we like
    std::vector<ListenerOptions> listeners;
    Millis tls_watch_interval{10'000};  // how often files of TLS listeners are looked at
    Millis hook_timeout{15'000};        // how long a plugin may take to answer
    LoginLimits login_limits;
    bool anonymous_unrestricted = true;  // see SharedState
    StoreOptions store;
    bool log_connections = true;  // see SessionLogSettings
    bool keepalive_as_warning = true;
    NetsplitPermissions during_netsplit;
    /// False: clients are refused until a ClusterService knows that the cluster is complete.
    bool ready = true;
    Surroundings surroundings;
};

/// One per process. start() and stop() are called from the same thread, once each.
class Broker final {
public:
    explicit Broker(BrokerOptions options);
    ~Broker();
    Broker(const Broker&) = delete;
    Broker& operator=(const Broker&) = delete;

    /// Opens the store and takes over what it holds, opens every listener, then starts the threads.
    /// On an error nothing runs.
    [[nodiscard]] Result<void> start();
    /// Says good-bye to all clients, waits for them up to `patience`, and joins the threads.
    void stop(Millis patience = Seconds(5));

    /// Puts a plugin behind those that are there on every shard, where it has the same place:
    /// `make` is called once for each, on this thread. What the plugins refer to outlives the
    /// Broker. Before start(), or until stop() by one thread at a time that is no shard's.
    void add_plugin(const std::function<std::unique_ptr<hooks::Plugin>(ShardId shard)>& make) const;
    /// Switches a plugin off or on, on every shard before it returns. Threads as add_plugin().
    void set_plugin_enabled(hooks::PluginPlace place, bool enabled) const;
    /// Runs `work` on the shard's thread in a later turn; not at all once that has ended. Any
    /// thread.
    void post(ShardId shard, std::function<void()> work) const;

    /// Called by start() when the sessions of the store are there and nobody can connect yet.
    void on_restored(std::function<void()> work) { restored_ = std::move(work); }
    /// Called by start() after that; if it fails, start() does.
    void before_listening(std::function<Result<void>()> work) {
        before_listening_ = std::move(work);
    }
    /// Changes the listeners that start() is about to open. In before_listening() only.
    void change_listeners(const std::function<void(ListenerOptions&)>& change) {
        for (ListenerOptions& each : options_.listeners) change(each);
    }

    /// Looks at the subscriptions and wills of all sessions, connected or not: what the rules no
    /// longer allow, and no other plugin does, ends; or is only told, without `apply`. Returns when
    /// all shards are through. Any thread but a shard's, from on_restored() to stop().
    LostRights check_rights(ChangedRules rules, bool apply) const;
    /// Ends the connections of sessions with DISCONNECT 0x87. Any thread.
    void disconnect_unwelcome(const Unwelcome& unwelcome, const std::string& why);
    /// Those whom it would be. Any thread but a shard's, between start() and stop().
    [[nodiscard]] UnwelcomeSessions find_unwelcome(const Unwelcome& unwelcome) const;
    /// Tells plugins on all shards, or one of them, that settings have changed. Any thread, until
    /// stop().
    void change_config(std::vector<hooks::ConfigContext::Entry> entries, bool at_start,
                       std::optional<hooks::PluginPlace> only = {}) const;

    /// A consistent copy of the store in a folder that does not exist yet. Any thread, between
    /// start() and stop().
    [[nodiscard]] Result<void> backup(const std::string& directory) const;

    /// What the cluster's thread does with the store, beside the shards: `post` brings answers
    /// there; empty: nobody wants them any more. Between start() and stop().
    using PostToCluster = std::function<void(std::function<void()> work)>;
    void serve_cluster(PostToCluster post);
    /// A batch of its own; the answer comes by `post`. After stop() nothing happens.
    void commit_for_cluster(store::WriteBatch batch, store::MessageStore::Done done);
    /// What the store held of the cluster at the start, once.
    using StoredFacts = std::vector<std::pair<std::string, std::string>>;
    [[nodiscard]] StoredFacts take_stored_facts() { return std::exchange(stored_facts_, {}); }

    /// For what is committed from then on. False: it was so already, or nothing is stored. Any
    /// thread.
    bool set_durability(store::Durability durability);
    /// None: nothing is stored, or no more. Any thread.
    [[nodiscard]] std::optional<store::Durability> durability() const noexcept;

    /// For messages that are published from now on. Any thread.
    void set_shared_policy(routing::SharedPolicy policy) noexcept;

    /// What the log says of clients from now on. Any thread.
    void set_session_log(bool connections, bool keepalive_as_warning) noexcept;

    /// What clients may do from now on while members of the cluster are away. Any thread.
    void allow_during_netsplit(const NetsplitPermissions& permissions);

    /// Where clients can connect; ports as the system chose them. To be changed between start() and
    /// stop() only.
    [[nodiscard]] Listeners& listeners() noexcept { return listeners_; }
    [[nodiscard]] const Listeners& listeners() const noexcept { return listeners_; }
    /// Any thread: between start() and stop().
    [[nodiscard]] bool accepting() const noexcept { return accepting_.load(); }
    [[nodiscard]] std::uint32_t shard_count() const noexcept { return shared_.shards; }
    /// For counters and inspection.
    [[nodiscard]] const std::vector<std::unique_ptr<Shard>>& shards() const noexcept {
        return shards_;
    }
    [[nodiscard]] const SharedState& shared() const noexcept { return shared_; }
    [[nodiscard]] const Surroundings& surroundings() const noexcept {
        return options_.surroundings;
    }
    [[nodiscard]] const metrics::StoreMetrics& store_metrics() const noexcept {
        return store_metrics_;
    }

private:
    [[nodiscard]] Result<void> open_store();
    void take_default_settings();
    void restore(Surroundings::Disk disk);
    void restore(store::StoredSession session);
    [[nodiscard]] Surroundings::Post answers();
    [[nodiscard]] Result<void> restore(store::Engine& engine);
    /// Returns when `work` has been done with every shard's chain.
    void with_chains(const std::function<void(ShardId shard, hooks::Chain& chain)>& work) const;

    BrokerOptions options_;
    metrics::StoreMetrics store_metrics_;
    SharedState shared_;
    std::vector<std::unique_ptr<Shard>> shards_;
    Listeners listeners_;
    std::vector<std::unique_ptr<runtime::LoopThread>> threads_;
    std::function<void()> restored_;
    std::function<Result<void>()> before_listening_;
    StoredFacts stored_facts_;
    struct ClusterDoor {
        bool open = false;
        PostToCluster post;
    };
    runtime::Guarded<ClusterDoor> cluster_door_;
    std::atomic<bool> accepting_{false};
    std::optional<runtime::Periodic> tls_watcher_;  // while the broker runs
    DurableStore* durable_ = nullptr;               // of shared_; null: nothing survives
    std::atomic<std::optional<store::Durability>> durability_{};  // of durable_; any thread
};

}  // namespace vmq::broker
