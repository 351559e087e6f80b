#include "support/keeping_store.h"

#include <algorithm>
#include <variant>

namespace vmq::testing {
namespace {

template <typename... Kinds>
struct Overloaded : Kinds... {
    using Kinds::operator()...;
};

}  // namespace

void KeptRecords::apply(const store::WriteBatch& batch) {
    for (const store::Write& write : batch.writes()) apply(write);
}

void KeptRecords::apply(const store::Write& write) {
    if (!std::holds_alternative<std::monostate>(write)) ++written_;
    store::visit(
        Overloaded{
            [](const std::monostate&) {},
            [this](const store::PutMessage& put) {
                sessions_[put.session].messages[put.sequence] = {
                    put.sequence,        put.message, put.shared_filter ? *put.shared_filter : "",
                    put.subscription_id, put.qos,     put.retain};
            },
            [this](const store::DeleteMessage& gone) {
                sessions_[gone.session].messages.erase(gone.sequence);
            },
            [this](const store::PutSession& put) { sessions_[put.session].record = put.record; },
            [this](const store::DeleteSession& gone) { sessions_.erase(gone.session); },
            [this](const store::PutSubscription& put) {
                sessions_[put.session].subscriptions[put.filter] = {put.filter, put.options,
                                                                    put.subscription_id};
            },
            [this](const store::DeleteSubscription& gone) {
                sessions_[gone.session].subscriptions.erase(gone.filter);
            },
            [this](const store::PutReleased& put) {
                sessions_[put.session].released.insert(put.sequence);
            },
            [this](const store::DeleteReleased& gone) {
                sessions_[gone.session].released.erase(gone.sequence);
            },
            [this](const store::PutReceived& put) {
                sessions_[put.session].received.insert(put.id);
            },
            [this](const store::DeleteReceived& gone) {
                sessions_[gone.session].received.erase(gone.id);
            },
            [this](const store::PutRetained& put) {
                set_retained(
                    {std::string(put.message->mountpoint()), std::string(put.message->topic())},
                    {put.stamp, put.message});
            },
            [this](const store::DeleteRetained& gone) {
                set_retained({gone.mountpoint, gone.topic}, {gone.stamp, nullptr});
            },
            [this](const store::PutFact& put) { facts_[put.key] = put.value; },
            [this](const store::DeleteFact& gone) { facts_.erase(gone.key); },
            [this](const store::DeleteFacts& gone) {
                std::erase_if(facts_, [&gone](const auto& each) {
                    return each.first.starts_with(gone.prefix);
                });
            },
        },
        write);
}

void KeptRecords::set_retained(std::pair<std::string, std::string> key, Retained change) {
    Retained& now = retained_[std::move(key)];
    if (change.stamp >= now.stamp) now = std::move(change);
}

void KeptRecords::begin_process() {
    for (auto& [topic, each] : retained_) each.stamp = 0;
}

std::vector<store::StoredMessage> KeptRecords::load(const store::LoadRequest& request) const {
    std::vector<store::StoredMessage> found;
    const auto session = sessions_.find(request.session);
    if (session == sessions_.end()) return found;
    for (const auto& [sequence, message] : session->second.messages) {
        if (sequence >= request.from && sequence <= request.to) found.push_back(message);
    }
    if (request.newest_first) std::reverse(found.begin(), found.end());
    if (found.size() > request.max_count) found.resize(request.max_count);
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
        bytes += found[i].message->footprint();
        if (i == 0 || bytes <= request.max_bytes) continue;
        found.resize(i);
        break;
    }
    return found;
}

std::vector<store::StoredSession> KeptRecords::sessions() const {
    std::vector<store::StoredSession> all;
    for (const auto& [id, session] : sessions_) {
        store::StoredSession stored;
        stored.id = id;
        stored.record = session.record;
        for (const auto& [filter, subscription] : session.subscriptions) {
            stored.subscriptions.push_back(subscription);
        }
        stored.received.assign(session.received.begin(), session.received.end());
        stored.released.assign(session.released.begin(), session.released.end());
        if (!session.messages.empty()) {
            stored.queue = {session.messages.begin()->first, session.messages.rbegin()->first,
                            session.messages.size()};
        }
        all.push_back(std::move(stored));
    }
    return all;
}

std::vector<mqtt::MessagePtr> KeptRecords::retained() const {
    std::vector<mqtt::MessagePtr> all;
    for (const auto& [topic, each] : retained_) {
        if (each.message) all.push_back(each.message);
    }
    return all;
}

std::size_t KeptRecords::messages() const noexcept {
    std::size_t count = 0;
    for (const auto& [id, session] : sessions_) count += session.messages.size();
    return count;
}

void KeepingStore::commit(ShardId shard, store::WriteBatch batch, Done done) {
    for (const mqtt::MessagePtr& message : batch.joint()) message->part_done();
    waiting_[shard].push_back(
        std::make_shared<Item>(Item{std::move(batch), std::move(done), {}, nullptr}));
    work();
}

void KeepingStore::load(ShardId shard, store::LoadRequest request, Loaded loaded) {
    waiting_[shard].push_back(
        std::make_shared<Item>(Item{store::WriteBatch{}, nullptr, request, std::move(loaded)}));
    work();
}

void KeepingStore::work() {
    if (held_) return;
    for (ShardId shard = 0; shard < waiting_.size(); ++shard) {
        auto& items = waiting_[shard];
        while (!items.empty()) {
            const auto item = items.front();
            const auto& joint = item->batch.joint();
            const bool ready = std::all_of(joint.begin(), joint.end(), [](const auto& message) {
                return message->parts_missing() == 0;
            });
            if (!ready) break;
            items.pop_front();
            if (!item->loaded) {
                records_.apply(item->batch);
                post_(shard, [item] { item->done(store::CommitStatus::Safe); });
                continue;
            }
            post_(shard, [item, found = records_.load(item->request)]() mutable {
                item->loaded(std::move(found));
            });
        }
    }
}

}  // namespace vmq::testing
