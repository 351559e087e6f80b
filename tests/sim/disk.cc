#include "sim/disk.h"

#include <algorithm>
#include <utility>

namespace vmq::sim {

/// What the broker has of a Disk.
class Disk::Store final : public store::MessageStore {
public:
    Store(Disk& disk, std::shared_ptr<Process> process)
        : disk_(disk), process_(std::move(process)) {}

    void commit(ShardId shard, store::WriteBatch batch, Done done) override {
        for (const mqtt::MessagePtr& message : batch.joint()) message->part_done();
        add(shard, {std::move(batch), std::move(done), {}, nullptr});
    }
    void load(ShardId shard, store::LoadRequest request, Loaded loaded) override {
        add(shard, {store::WriteBatch{}, nullptr, request, std::move(loaded)});
    }
    [[nodiscard]] bool keeps_messages() const noexcept override { return true; }

private:
    void add(ShardId shard, Item item) {
        if (disk_.process_ != process_) return;  // it is being torn down
        disk_.add(shard, std::make_shared<Item>(std::move(item)));
    }

    Disk& disk_;
    const std::shared_ptr<Process> process_;
};

Disk::Disk(World& world, std::size_t host)
    : world_(world), host_(host), client_seed_(world.random.next()) {}

broker::Surroundings::Disk Disk::open(std::uint32_t shards, broker::Surroundings::Post post,
                                      std::function<void()> touch) {
    process_ = std::make_shared<Process>();
    process_->post = std::move(post);
    process_->touch = std::move(touch);
    process_->waiting.resize(shards + 1);
    records_.begin_process();
    broker::Surroundings::Disk opened;
    opened.store = std::make_unique<Store>(*this, process_);
    opened.sessions = records_.sessions();
    opened.retained = records_.retained();
    opened.facts.assign(records_.facts().begin(), records_.facts().end());
    opened.boot = ++boot_;
    opened.client_seed = client_seed_;
    return opened;
}

void Disk::add(ShardId shard, std::shared_ptr<Item> item) {
    process_->waiting[shard].push_back(std::move(item));
    if (std::exchange(process_->sync_planned, true)) return;
    world_.after(world_.between(0, most_.count()), [this, of = std::weak_ptr(process_)] {
        if (of.lock() == process_ && process_) sync();
    });
}

std::vector<std::pair<ShardId, std::shared_ptr<Disk::Item>>> Disk::take_ready() {
    std::vector<std::pair<ShardId, std::shared_ptr<Item>>> ready;
    for (ShardId shard = 0; shard < process_->waiting.size(); ++shard) {
        auto& items = process_->waiting[shard];
        while (!items.empty()) {
            const auto& joint = items.front()->batch.joint();
            if (std::ranges::any_of(
                    joint, [](const auto& message) { return message->parts_missing() != 0; })) {
                break;
            }
            ready.emplace_back(shard, std::move(items.front()));
            items.pop_front();
        }
    }
    return ready;
}

void Disk::sync() {
    process_->sync_planned = false;
    auto ready = take_ready();
    world_.note("sync", host_, ready.size());
    for (auto& [shard, item] : ready) {
        if (!item->loaded) {
            records_.apply(item->batch);
            process_->post(shard, [stored = item] { stored->done(store::CommitStatus::Safe); });
            continue;
        }
        process_->post(shard, [asked = item, found = records_.load(item->request)]() mutable {
            asked->loaded(std::move(found));
        });
    }
    process_->touch();
}

// A group is written as one, so it is there or not.
void Disk::crash() {
    if (!process_) return;
    const bool written = world_.chance(2);
    world_.note("crash", host_, written ? 1 : 0);
    if (written) {
        for (auto& [shard, item] : take_ready()) {
            if (!item->loaded) records_.apply(item->batch);
        }
    }
    process_.reset();
}

}  // namespace vmq::sim
