// A message store whose commits the test completes by hand.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "store/message_store.h"

namespace vmq::testing {

/// What the broker asked to be stored, and what is. Shared by the test and the broker, see
/// StoreProxy. Used from one thread.
class ManualStore final {
public:
    using Record = std::pair<store::SessionId, std::uint64_t>;

    void commit(store::WriteBatch batch, store::MessageStore::Done done) {
        waiting_.push_back({std::move(batch), std::move(done)});
        if (on_commit) on_commit();
        if (automatic) complete();
    }
    /// Answers everything that waits, in order.
    void complete(store::CommitStatus status = store::CommitStatus::Safe) {
        while (!waiting_.empty()) complete_next(status);
    }
    void complete_next(store::CommitStatus status = store::CommitStatus::Safe) {
        Commit commit = std::move(waiting_.front());
        waiting_.erase(waiting_.begin());
        if (status == store::CommitStatus::Safe) {
            for (const store::Write& write : commit.batch.writes()) apply(write);
        }
        commit.done(status);
    }
    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }

    /// Payloads in the store, by client and in order.
    [[nodiscard]] std::vector<std::string> payloads() const {
        std::vector<std::string> all;
        for (const auto& [record, payload] : messages_) all.push_back(payload);
        return all;
    }
    /// "client_id expiry" of every session in the store.
    [[nodiscard]] std::vector<std::string> sessions() const {
        std::vector<std::string> all;
        for (const auto& [client, session] : sessions_) all.push_back(session);
        return all;
    }

    /// Exchanges that wait for PUBCOMP.
    [[nodiscard]] std::size_t released() const noexcept { return released_.size(); }

    bool automatic = false;           // everything is safe at once
    std::function<void()> on_commit;  // a moment in the middle of the end of a turn

private:
    struct Commit {
        store::WriteBatch batch;
        store::MessageStore::Done done;
    };

    void apply(const store::Write& write) {
        if (const auto* put = std::get_if<store::PutMessage>(&write)) {
            messages_[{put->session, put->sequence}] = put->message->payload();
        } else if (const auto* gone = std::get_if<store::DeleteMessage>(&write)) {
            messages_.erase({gone->session, gone->sequence});
        } else if (const auto* released = std::get_if<store::PutReleased>(&write)) {
            released_.insert({released->session, released->sequence});
        } else if (const auto* completed = std::get_if<store::DeleteReleased>(&write)) {
            released_.erase({completed->session, completed->sequence});
        } else if (const auto* boxed = std::get_if<store::Boxed<store::PutSession>>(&write)) {
            sessions_[(*boxed)->session] = (*boxed)->record.key.client_id + " " +
                                           std::to_string((*boxed)->record.expiry_interval_s);
        } else if (const auto* ended = std::get_if<store::DeleteSession>(&write)) {
            sessions_.erase(ended->session);
            std::erase_if(messages_,
                          [&](const auto& each) { return each.first.first == ended->session; });
        }
    }

    std::vector<Commit> waiting_;
    std::map<Record, std::string> messages_;
    std::set<Record> released_;
    std::map<store::SessionId, std::string> sessions_;
};

/// The broker owns this, the test owns the ManualStore.
class StoreProxy final : public store::MessageStore {
public:
    explicit StoreProxy(ManualStore& store) : store_(store) {}
    void commit(ShardId /*shard*/, store::WriteBatch batch, Done done) override {
        store_.commit(std::move(batch), std::move(done));
    }

private:
    ManualStore& store_;
};

}  // namespace vmq::testing
