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
/// How long one RocksDB may refuse before another is opened in its place.
constexpr Seconds kReplaceAfter{3};

}  // namespace

DurableStore::DurableStore(std::unique_ptr<store::Engine> engine, Reopen reopen,
                           std::uint32_t shards, store::Durability durability, Post post)
    : engine_(std::move(engine)),
      reopen_(std::move(reopen)),
      post_(std::move(post)),
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
    const auto engine = engine_.load();
    if (!engine) return;
    if (const auto flushed = engine->flush(); !flushed) {
        log::error("message store: {}", flushed.error().detail);
    }
}

void DurableStore::commit(ShardId shard, store::WriteBatch batch, Done done) {
    incoming_.push({shard, Commit{std::move(batch), std::move(done)}});
}

void DurableStore::load(ShardId shard, store::LoadRequest request, Loaded loaded) {
    incoming_.push({shard, Load{request, std::move(loaded)}});
}

void DurableStore::run_commits() {
    bool open = true;
    bool reclaiming = false;
    while (open || anything_waits()) {
        open = receive(reclaiming ? Millis(0) : kIdle);
        if (open) replace_damaged_engine();
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
        }
        answer(std::move(round));
    }
}

bool DurableStore::reclaim() {
    const auto engine = engine_.load();
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
        const auto engine = engine_.load();
        const auto written = engine ? engine->write(batches, durability_.load())
                                    : Result<void>(Error{ErrorCode::Unavailable, "not open"});
        if (!written) {
            if (accepting_.exchange(false)) {
                refused_since_ = steady_now();
                log::error(
                    "message store: {}. QoS 1 and 2 messages for sessions that last are "
                    "refused until it works again; QoS 0 goes on",
                    written.error().detail);
            } else if (steady_now() - refused_since_ >= kReplaceAfter) {
                refused_since_ = steady_now();
                replace_engine();
            }
            return false;
        }
    }
    if (!accepting_.exchange(true)) log::notice("message store: writing works again");
    return true;
}

void DurableStore::replace_engine() {
    engine_.store(nullptr);  // closed when the reader lets go of it, too
    auto fresh = reopen_();
    if (!fresh) return log::debug("message store: {}", fresh.error().detail);
    for (const std::string& notice : fresh.value()->notices()) {
        log::error("message store: {}", notice);
    }
    engine_.store(std::move(fresh).value());
}

/// Opening repairs what keeps the reader from answering.
void DurableStore::replace_damaged_engine() {
    const TimePoint now = steady_now();
    if (now - replaced_at_ < kReplaceAfter) return;
    if (auto engine = engine_.load()) {
        if (!engine->needs_reopening()) return;
        log::notice("message store: it is opened anew to repair the damage");
    }
    replaced_at_ = now;
    replace_engine();
}

void DurableStore::answer(Round round) {
    std::vector<std::vector<Done>> done(waiting_.size());
    for (Item& item : round.commits) {
        done[item.shard].push_back(std::move(std::get<Commit>(item.what).done));
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
            std::shared_ptr<store::Engine> engine = engine_.load();
            while (!engine && !closing_.load()) {
                runtime::pause(kRetry);
                engine = engine_.load();
            }
            if (!engine) return;
            auto messages = engine->load(load.request);
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
