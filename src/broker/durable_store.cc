#include "broker/durable_store.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "base/log.h"

namespace vmq::broker {
namespace {

/// How long the commit thread sleeps when there is nothing to do, and before it tries a disk again
/// that has refused.
constexpr Millis kIdle{1000};
constexpr Millis kRetry{200};
/// How long until a store is opened anew again.
constexpr Seconds kReopenAfter{3};
/// How often the size of the store is looked at.
constexpr Seconds kSizesInterval{5};

/// Writes to the part of a queue that a load asks for.
bool touches(const store::WriteBatch& batch, const store::LoadRequest& request) {
    const auto in_it = [&request](const auto& write) {
        using Kind = std::decay_t<decltype(write)>;
        if constexpr (std::is_same_v<Kind, store::PutMessage> ||
                      std::is_same_v<Kind, store::DeleteMessage>) {
            return write.session == request.session && write.sequence >= request.from &&
                   write.sequence <= request.to;
        } else if constexpr (std::is_same_v<Kind, store::DeleteSession>) {
            return write.session == request.session;
        }
        return false;
    };
    return std::any_of(batch.writes().begin(), batch.writes().end(),
                       [&](const store::Write& write) { return store::visit(in_it, write); });
}

}  // namespace

DurableStore::DurableStore(std::unique_ptr<store::Engine> engine, Reopen reopen,
                           std::uint32_t shards, store::Durability durability, Post post,
                           Refusing refusing, metrics::StoreMetrics& metrics)
    : engine_(std::move(engine)),
      reopen_(std::move(reopen)),
      post_(std::move(post)),
      refusing_(std::move(refusing)),
      metrics_(metrics),
      durability_(durability),
      waiting_(shards) {
    reader_.emplace([this] { run_loads(); });
    committer_.emplace([this] { run_commits(); });
}

DurableStore::~DurableStore() {
    incoming_.close();
    committer_.reset();  // joins
    closing_.store(true);
    reads_.close();
    reader_.reset();
    const auto engine = engine_.get();
    if (!engine) return;
    if (const auto flushed = engine->flush(); !flushed) {
        log::error("message store: {}", flushed.error().detail);
    }
}

void DurableStore::commit(ShardId shard, store::WriteBatch batch, Done done) {
    incoming_.push({shard, Commit{std::move(batch), std::move(done), Clock::now()}});
}

void DurableStore::load(ShardId shard, store::LoadRequest request, Loaded loaded) {
    incoming_.push({shard, Load{request, std::move(loaded)}});
}

void DurableStore::run_commits() {
    bool open = true;
    bool reclaiming = false;
    while (open || anything_waits()) {
        open = receive(reclaiming ? Millis(0) : kIdle);
        if (open) (void)working_engine();
        if (open) look_at_sizes();
        Round round = next_round(!open);
        reclaiming = round.empty() && open && reclaim();
        if (round.empty()) continue;
        while (!write(round)) {
            if (!open) {
                log::error(
                    "the message store is closed while its disk refuses writes: what was not "
                    "acknowledged is not kept");
                return;
            }
            open = receive(kRetry);
            pass_loads(round);
        }
        answer(std::move(round));
    }
}

void DurableStore::look_at_sizes() {
    if (steady_now() - sizes_at_ < kSizesInterval) return;
    const auto engine = engine_.get();
    if (!engine) return;
    sizes_at_ = steady_now();
    const auto sizes = engine->sizes();
    metrics_.bytes_on_disk.store(sizes.bytes_on_disk, std::memory_order_relaxed);
    metrics_.memory_bytes.store(sizes.memory_bytes, std::memory_order_relaxed);
}

bool DurableStore::reclaim() {
    const auto engine = engine_.get();
    return engine && engine->reclaim();
}

bool DurableStore::receive(Millis patience) {
    std::vector<Item> fresh;
    const bool open = incoming_.take(fresh, patience);
    for (Item& item : fresh) {
        if (const auto* commit = std::get_if<Commit>(&item.what)) {
            for (const mqtt::MessagePtr& message : commit->batch.joint()) message->part_done();
        }
        waiting_[item.shard].push_back(std::move(item));
    }
    return open;
}

bool DurableStore::anything_waits() const noexcept {
    return std::any_of(waiting_.begin(), waiting_.end(),
                       [](const auto& items) { return !items.empty(); });
}

// A message of several shards is written when the batches of all of them are written together. So a
// batch stays, with everything behind it, while a part is missing or stays itself. Parts are under
// way, and their coming wakes this thread.
std::vector<std::size_t> DurableStore::ready_items() const {
    std::vector<std::size_t> counts;
    for (const auto& items : waiting_) counts.push_back(items.size());
    std::unordered_set<const mqtt::Message*> staying;
    bool changed = true;
    while (changed) {
        changed = false;
        for (ShardId shard = 0; shard < waiting_.size(); ++shard) {
            const auto& items = waiting_[shard];
            for (std::size_t i = 0; i < counts[shard]; ++i) {
                const auto* commit = std::get_if<Commit>(&items[i].what);
                if (commit == nullptr) continue;
                const auto& joint = commit->batch.joint();
                const bool stays =
                    std::any_of(joint.begin(), joint.end(), [&](const mqtt::MessagePtr& message) {
                        return message->parts_missing() > 0 || staying.contains(message.get());
                    });
                if (!stays) continue;
                for (std::size_t rest = i; rest < counts[shard]; ++rest) {
                    const auto* held = std::get_if<Commit>(&items[rest].what);
                    if (held == nullptr) continue;
                    for (const auto& message : held->batch.joint()) staying.insert(message.get());
                }
                counts[shard] = i;
                changed = true;
            }
        }
    }
    return counts;
}

DurableStore::Round DurableStore::next_round(bool closing) {
    Round round;
    const auto counts = ready_items();
    for (ShardId shard = 0; shard < waiting_.size(); ++shard) {
        auto& items = waiting_[shard];
        const std::size_t count = closing ? items.size() : counts[shard];
        for (std::size_t i = 0; i < count; ++i) {
            const bool commit = std::holds_alternative<Commit>(items.front().what);
            (commit ? round.commits : round.loads).push_back(std::move(items.front()));
            items.pop_front();
        }
    }
    return round;
}

bool DurableStore::write(Round& round) {
    std::vector<const store::WriteBatch*> batches;
    for (const Item& item : round.commits) {
        const auto& batch = std::get<Commit>(item.what).batch;
        if (batch.size() > 0) batches.push_back(&batch);
    }
    if (!batches.empty()) {
        const auto begin = Clock::now();
        if (const auto written = write(batches); !written) {
            metrics_.refusing.store(true, std::memory_order_relaxed);
            if (accepting_.exchange(false)) begin_refusing(written.error());
            return false;
        }
        metrics_.write.add(Clock::now() - begin);
    }
    metrics_.refusing.store(false, std::memory_order_relaxed);
    if (!accepting_.exchange(true)) log::notice("message store: writing works again");
    return true;
}

Result<void> DurableStore::write(const std::vector<const store::WriteBatch*>& batches) {
    auto engine = working_engine();
    return engine ? engine.value()->write(batches, durability_.load()) : engine.error();
}

Result<std::shared_ptr<store::Engine>> DurableStore::working_engine() {
    auto engine = engine_.get();
    if (engine && (engine->stuck() || engine->needs_reopening())) {
        if (auto ready = engine->can_be_opened_anew(); !ready) return ready.error();
        if (engine->needs_reopening()) {
            log::notice("message store: it is opened anew to repair the damage");
        }
        failed_write_ = engine->failed_write();
        given_up_ = engine;
        engine_.set(nullptr);
        engine.reset();
    }
    if (!engine) {
        if (auto opened = reopen(); !opened) return opened.error();
        engine = engine_.get();
    }
    return engine;
}

Result<void> DurableStore::reopen() {
    // The reader may be in the middle of a load, or somebody makes a copy.
    if (!given_up_.expired() || steady_now() < reopen_at_) {
        return Error{ErrorCode::Unavailable, "it is being opened anew"};
    }
    reopen_at_ = steady_now() + kReopenAfter;
    auto fresh = reopen_(failed_write_);
    if (!fresh) {
        log::debug("message store: {}", fresh.error().detail);
        return fresh.error();
    }
    failed_write_ = 0;
    for (const std::string& notice : fresh.value()->notices()) {
        log::error("message store: {}", notice);
    }
    engine_.set(std::move(fresh).value());
    return {};
}

void DurableStore::begin_refusing(const Error& error) {
    log::error(
        "message store: {}. QoS 1 and 2 messages for sessions that last are refused until it works "
        "again; QoS 0 goes on",
        error.detail);
    for (ShardId shard = 0; shard < waiting_.size(); ++shard) {
        post_(shard, [this, shard] { refusing_(shard); });
    }
}

/// A load comes after the commits before it, but only those matter that change what it reads.
void DurableStore::pass_loads(Round& round) {
    const auto waits = [&](const Item& item) {
        const auto& request = std::get<Load>(item.what).request;
        const auto in_its_way = [&](const Item& other) {
            const auto* commit = std::get_if<Commit>(&other.what);
            return commit != nullptr && other.shard == item.shard &&
                   touches(commit->batch, request);
        };
        const auto& behind = waiting_[item.shard];
        return std::any_of(round.commits.begin(), round.commits.end(), in_its_way) ||
               std::any_of(behind.begin(), behind.end(), in_its_way);
    };
    const auto pass = [&](auto& items) {
        std::erase_if(items, [&](Item& item) {
            if (!std::holds_alternative<Load>(item.what) || waits(item)) return false;
            reads_.push(std::move(item));
            return true;
        });
    };
    pass(round.loads);
    for (auto& items : waiting_) pass(items);
}

void DurableStore::answer(Round round) {
    std::vector<std::vector<Done>> done(waiting_.size());
    const auto now = Clock::now();
    for (Item& item : round.commits) {
        auto& commit = std::get<Commit>(item.what);
        metrics_.commit.add(now - commit.since);
        done[item.shard].push_back(std::move(commit.done));
    }
    for (ShardId shard = 0; shard < done.size(); ++shard) {
        if (done[shard].empty()) continue;
        post_(shard, [answers = std::move(done[shard])] {
            for (const Done& each : answers) each(store::CommitStatus::Safe);
        });
    }
    for (Item& item : round.loads) reads_.push(std::move(item));
}

void DurableStore::run_loads() {
    std::vector<Item> items;
    while (reads_.take(items, kIdle)) {
        for (Item& item : items) {
            auto& load = std::get<Load>(item.what);
            std::shared_ptr<store::Engine> engine = engine_.get();
            while (!engine && !closing_.load()) {
                runtime::pause(kRetry);
                engine = engine_.get();
            }
            if (!engine) return;
            const auto begin = Clock::now();
            auto messages = engine->load(load.request);
            metrics_.read.add(Clock::now() - begin);
            engine.reset();
            if (!messages) {  // what waits must not be taken for gone: ask again
                if (!read_failed_) log::error("message store: {}", messages.error().detail);
                read_failed_ = true;
                if (closing_.load()) return;
                runtime::pause(kRetry);
                reads_.push(std::move(item));
                continue;
            }
            read_failed_ = false;
            auto found =
                std::make_shared<std::vector<store::StoredMessage>>(std::move(messages).value());
            post_(item.shard,
                  [loaded = std::move(load.loaded), found] { loaded(std::move(*found)); });
        }
        items.clear();
    }
}

}  // namespace vmq::broker
