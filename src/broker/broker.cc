#include "broker/broker.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/log.h"
#include "broker/durable_store.h"
#include "broker/limits.h"
#include "store/memory_store.h"

namespace vmq::broker {
namespace {

std::uint32_t choose_shards(std::uint32_t wanted) {
    // Shards and other nodes of a cluster share the bits of a ShardSet.
    if (wanted == 0) return std::clamp(runtime::core_count(), 1U, kMaxShards - kNodesBeside);
    return std::clamp(wanted, 1U, kMaxShards);
}

}  // namespace

Broker::Broker(BrokerOptions options)
    : options_(std::move(options)),
      shared_(choose_shards(options_.shards), options_.surroundings.entropy(),
              options_.max_retained_messages),
      listeners_(shards_, [this](Shard& shard, std::function<void()> work) {
          if (threads_.empty()) return work();
          boost::asio::post(shard.loop().io(), std::move(work));
      }) {
    shared_.client_seed = options_.surroundings.entropy();
    shared_.hook_timeout = options_.hook_timeout;
    shared_.anonymous_unrestricted = options_.anonymous_unrestricted;
    set_shared_policy(options_.shared_policy);
    set_session_log(options_.log_connections, options_.keepalive_as_warning);
    allow_during_netsplit(options_.during_netsplit);
    shared_.readiness.set_ready(options_.ready);
    shared_.wills_held = !options_.ready;
    if (!options_.login_limits.none()) {
        shared_.login_guard = std::make_unique<LoginGuard>(options_.login_limits);
    }
    shared_.steady_anchor = options_.surroundings.steady_now();
    shared_.wall_anchor = options_.surroundings.wall_now();
    shared_.store = std::make_unique<store::MemoryStore>();
    take_default_settings();
    for (ShardId id = 0; id < shared_.shards; ++id) {
        shards_.push_back(std::make_unique<Shard>(id, shared_, options_.surroundings.entropy(),
                                                  shared_.steady_anchor));
        shared_.peers.push_back(shards_.back().get());
    }
}

Broker::~Broker() {
    stop();
    // Before the shards that its threads would answer; who is still connected has one all the same.
    shared_.store = std::make_unique<store::MemoryStore>();
    shards_.clear();  // before the listeners that their connections count with
}

/// To shards, and to the cluster's thread behind the last of them.
Surroundings::Post Broker::answers() {
    return [this](ShardId shard, std::function<void()> work) {
        if (shard == shared_.shards) {
            return cluster_door_.with([&](const ClusterDoor& door) {
                if (door.post) door.post(std::move(work));
            });
        }
        boost::asio::post(shards_[shard]->loop().io(), std::move(work));
    };
}

Result<void> Broker::open_store() {
    if (options_.surroundings.open_disk) {
        restore(options_.surroundings.open_disk(answers()));
        return {};
    }
    if (options_.store.directory.empty()) return {};
    store::EngineOptions wanted;
    wanted.directory = options_.store.directory;
    if (options_.store.memory_bytes != 0) wanted.memory_bytes = options_.store.memory_bytes;
    wanted.steady_anchor = shared_.steady_anchor;
    wanted.wall_anchor = shared_.wall_anchor;
    auto engine = store::Engine::open(wanted);
    if (!engine) return engine.error();
    for (const std::string& notice : engine.value()->notices()) {
        log::error("message store: {}", notice);
    }
    shared_.boot = engine.value()->boot();
    shared_.client_seed = engine.value()->seed();
    store::Engine& opened = *engine.value();
    auto durable = std::make_unique<DurableStore>(
        std::move(engine).value(),
        [wanted](std::uint64_t leave_out) mutable {
            wanted.leave_out = leave_out;
            return store::Engine::open(wanted);
        },
        shared_.shards + 1, options_.store.durability, answers(),
        [this](ShardId shard) {
            if (shard < shared_.shards) shards_[shard]->on_store_refusing();
        },
        store_metrics_);
    durable_ = durable.get();
    durability_ = durable_->durability();
    shared_.store = std::move(durable);
    return restore(opened);
}

void Broker::serve_cluster(PostToCluster post) {
    cluster_door_.with([&](ClusterDoor& door) {
        door.open = post != nullptr;
        door.post = std::move(post);
    });
}

void Broker::commit_for_cluster(store::WriteBatch batch, store::MessageStore::Done done) {
    cluster_door_.with([&](const ClusterDoor& door) {
        if (!door.open) return;
        if (!shared_.store->always_safe()) {
            return shared_.store->commit(shared_.shards, std::move(batch), std::move(done));
        }
        door.post([done = std::move(done)] { done(store::CommitStatus::Safe); });
    });
}

void Broker::add_plugin(
    const std::function<std::unique_ptr<hooks::Plugin>(ShardId shard)>& make) const {
    std::vector<std::unique_ptr<hooks::Plugin>> plugins;
    for (const auto& shard : shards_) plugins.push_back(make(shard->id()));
    with_chains(
        [&plugins](ShardId shard, hooks::Chain& chain) { chain.add(std::move(plugins[shard])); });
}

void Broker::set_plugin_enabled(hooks::PluginPlace place, bool enabled) const {
    with_chains(
        [place, enabled](ShardId, hooks::Chain& chain) { chain.set_enabled(place, enabled); });
    shards_.front()->shared().revocations.rules_changed();
}

void Broker::with_chains(
    const std::function<void(ShardId shard, hooks::Chain& chain)>& work) const {
    if (threads_.empty()) {
        for (const auto& shard : shards_) work(shard->id(), shard->chain());
        return;
    }
    runtime::run_everywhere(
        shards_.size(),
        [this](std::size_t shard, std::function<void()> part) {
            post(static_cast<ShardId>(shard), std::move(part));
        },
        [&](std::size_t shard) { work(static_cast<ShardId>(shard), shards_[shard]->chain()); });
}

void Broker::post(ShardId shard, std::function<void()> work) const {
    boost::asio::post(shards_[shard]->loop().io(), std::move(work));
}

LostRights Broker::check_rights(ChangedRules rules, bool apply) const {
    if (apply) shards_.front()->shared().revocations.rules_changed();
    const auto check = std::make_shared<RightsCheck>(std::move(rules), apply, shards_.size());
    for (const auto& shard : shards_) {
        if (threads_.empty()) {
            while (!shard->check_rights_some(check)) continue;
            check->shard_done();
        } else {
            post(shard->id(), [&shard = *shard, check] { shard.check_rights(check); });
        }
    }
    return check->wait();
}

void Broker::disconnect_unwelcome(const Unwelcome& unwelcome, const std::string& why) {
    shared_.revocations.add(unwelcome);
    for (const auto& shard : shards_) {
        post(shard->id(),
             [&shard = *shard, unwelcome, why] { shard.disconnect_unwelcome(unwelcome, why); });
    }
}

UnwelcomeSessions Broker::find_unwelcome(const Unwelcome& unwelcome) const {
    std::vector<UnwelcomeSessions> parts(shards_.size());
    runtime::run_everywhere(
        shards_.size(),
        [this](std::size_t shard, std::function<void()> work) {
            post(static_cast<ShardId>(shard), std::move(work));
        },
        [&](std::size_t shard) { parts[shard] = shards_[shard]->find_unwelcome(unwelcome); });
    UnwelcomeSessions all;
    for (UnwelcomeSessions& part : parts) {
        all.count += part.count;
        for (UnwelcomeSession& each : part.named) {
            if (all.named.size() < UnwelcomeSessions::kMaxNamed) {
                all.named.push_back(std::move(each));
            }
        }
    }
    return all;
}

void Broker::change_config(std::vector<hooks::ConfigContext::Entry> entries, bool at_start,
                           std::optional<hooks::PluginPlace> only) const {
    const auto told =
        std::make_shared<const std::vector<hooks::ConfigContext::Entry>>(std::move(entries));
    for (const auto& shard : shards_) {
        const auto tell = [&chain = shard->chain(), told, at_start, only] {
            chain.change_config({at_start, told.get()}, only);
        };
        if (threads_.empty()) {
            tell();
        } else {
            post(shard->id(), tell);
        }
    }
}

bool Broker::set_durability(store::Durability durability) {
    if (durable_ == nullptr || !durable_->set_durability(durability)) return false;
    durability_ = durable_->durability();
    return true;
}

std::optional<store::Durability> Broker::durability() const noexcept { return durability_.load(); }

void Broker::set_shared_policy(routing::SharedPolicy policy) noexcept {
    shared_.subscriptions.set_policy(policy);
}

void Broker::take_default_settings() {
    if (options_.listeners.empty()) return;
    shared_.default_settings =
        std::make_shared<const session::Settings>(options_.listeners.front().settings);
}

void Broker::set_session_log(bool connections, bool keepalive_as_warning) noexcept {
    shared_.session_log.connections.store(connections);
    shared_.session_log.keepalive_as_warning.store(keepalive_as_warning);
}

void Broker::allow_during_netsplit(const NetsplitPermissions& permissions) {
    shared_.readiness.allow(permissions);
}

Result<void> Broker::backup(const std::string& directory) const {
    if (durable_ == nullptr) {
        return Error{ErrorCode::Unavailable, "this broker has no message store on disk"};
    }
    const auto engine = durable_->engine();
    if (!engine) return Error{ErrorCode::Unavailable, "the message store is not open; see the log"};
    return engine->checkpoint(directory);
}

Result<void> Broker::restore(store::Engine& engine) {
    const TimePoint begin = steady_now();
    TimePoint told = begin;
    std::uint64_t sessions = 0;
    std::uint64_t waiting = 0;
    auto read = engine.for_each_session([&](store::StoredSession session) {
        if (session.record.key.mountpoint != store::kOutboxMountpoint) ++sessions;
        waiting += session.queue.count;
        restore(std::move(session));
        if (steady_now() - told < Seconds(2)) return;
        told = steady_now();
        log::info("message store: {} sessions so far", sessions);
    });
    if (!read) return read;
    read = engine.for_each_retained(
        [this](mqtt::MessagePtr message) { shared_.retained.set(std::move(message)); });
    if (!read) return read;
    read = engine.for_each_fact([this](std::string_view key, std::string_view value) {
        stored_facts_.emplace_back(key, value);
    });
    if (!read) return read;
    log::info("message store {}: {} sessions, about {} messages waiting, {} retained, in {} ms",
              options_.store.directory, sessions, waiting, shared_.retained.size(),
              (steady_now() - begin).count());
    return {};
}

void Broker::restore(store::StoredSession session) {
    const store::SessionKey& key = session.record.key;
    // An outbox stays where it was, so that what is added to it comes behind it.
    const ShardId home = key.mountpoint == store::kOutboxMountpoint
                             ? Shard::shard_of(session.id) % shard_count()
                             : shards_.front()->home_of(key.mountpoint, key.client_id);
    shards_[home]->restore(std::move(session));
}

void Broker::restore(Surroundings::Disk disk) {
    shared_.boot = disk.boot;
    shared_.client_seed = disk.client_seed;
    shared_.store = std::move(disk.store);
    for (store::StoredSession& session : disk.sessions) restore(std::move(session));
    for (mqtt::MessagePtr& message : disk.retained) shared_.retained.set(std::move(message));
    stored_facts_ = std::move(disk.facts);
}

Result<void> Broker::start() {
    if (auto opened = open_store(); !opened) return opened;
    if (restored_) restored_();
    if (before_listening_) {
        if (auto ready = before_listening_(); !ready) return ready;
        take_default_settings();
    }
    for (const ListenerOptions& options : options_.listeners) {
        if (auto opened = listeners_.start(options); !opened) {
            return Error{opened.error().code,
                         fmt::format("listener.{}.{}: {}", word_of(options.kind), options.name,
                                     opened.error().detail)};
        }
    }
    shards_.front()->sweep_retained_every(options_.expire_retain_cache > Seconds(0)
                                              ? options_.expire_retain_cache
                                              : kRetainedSweepInterval);
    accepting_.store(true);
    if (!options_.surroundings.threads) return {};
    for (const auto& shard : shards_) {
        threads_.push_back(std::make_unique<runtime::LoopThread>(shard->loop(), *shard));
    }
    tls_watcher_.emplace(options_.tls_watch_interval, [this] {
        listeners_.reload_tls(false);
        return std::nullopt;
    });
    return {};
}

void Broker::stop(Millis patience) {
    if (threads_.empty()) return;
    accepting_.store(false);
    tls_watcher_.reset();
    for (const auto& shard : shards_) {
        boost::asio::post(shard->loop().io(), [&shard = *shard, patience] {
            shard.shut_down(steady_now() + patience);
        });
    }
    threads_.clear();  // joins
    durable_ = nullptr;
    durability_ = std::nullopt;
    cluster_door_.with([](ClusterDoor& door) { door.open = false; });
    shared_.store = std::make_unique<store::MemoryStore>();  // the one before is written out
}

}  // namespace vmq::broker
