// Random writes, loads, crashes and restarts of an Engine against a model of a few maps.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "store/engine_fixture.h"
#include "store/random_records.h"

namespace vmq::store {
namespace {

using test::same;

struct ModelMessage {
    mqtt::MessagePtr message;
    std::string shared_filter;
    std::uint32_t subscription_id = 0;
    mqtt::QoS qos{};
    bool retain = false;
};

struct ModelSession {
    SessionRecord record;
    std::map<std::string, std::pair<mqtt::SubscriptionOptions, std::uint32_t>> subscriptions;
    std::set<mqtt::PacketId> received;
    std::set<std::uint64_t> released;
    std::map<std::uint64_t, ModelMessage> queue;
    std::uint64_t next_sequence = 1;
};

class EngineModel : public test::EngineTest {
protected:
    void run(std::uint64_t seed, int rounds) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        test::RandomRecords random(seed);
        random_ = &random;
        open();
        for (int round = 0; round < rounds && !HasFailure(); ++round) {
            one_write();
            if (random.below(4) == 0) (void)engine_->reclaim();
            if (random.below(8) == 0) compare_some_queue();
            if (random.below(40) == 0) {
                ASSERT_TRUE(engine_->flush());
            }
            if (random.below(60) == 0) {
                if (random.flip()) reclaim_all();
                open();
                compare();
            }
        }
        open();
        compare();
        reclaim_all();
        expect_consistent();
    }

private:
    void one_write() {
        std::vector<WriteBatch> batches(1 + random_->below(3));
        for (WriteBatch& batch : batches) {
            for (std::uint32_t i = random_->below(12); i > 0; --i) one_change(batch);
        }
        std::vector<const WriteBatch*> pointers;
        for (const WriteBatch& batch : batches) pointers.push_back(&batch);
        const auto durability = static_cast<Durability>(random_->below(2));
        const auto written = engine_->write(pointers, durability);
        ASSERT_TRUE(written) << written.error().detail;
    }

    void one_change(WriteBatch& batch) {
        if (sessions_.empty() || random_->below(30) == 0) return add_session(batch);
        auto at = sessions_.begin();
        std::advance(at, random_->below(static_cast<std::uint32_t>(sessions_.size())));
        auto& [id, session] = *at;
        switch (random_->below(14)) {
            case 0:
                session.record = random_->session();
                batch.add(PutSession{id, session.record});
                break;
            case 1:
                put_subscription(batch, id, session);
                break;
            case 2:
                if (session.subscriptions.empty()) break;
                batch.add(DeleteSubscription{id, session.subscriptions.begin()->first});
                session.subscriptions.erase(session.subscriptions.begin());
                break;
            case 3:
                toggle_received(batch, id, session);
                break;
            case 4:
                toggle_released(batch, id, session);
                break;
            case 5:
                change_retained(batch);
                break;
            case 6:
                if (random_->below(6) != 0) break;
                batch.add(DeleteSession{id});
                sessions_.erase(at);
                break;
            case 7:
            case 8:
            case 9:
                delete_message(batch, id, session);
                break;
            case 10:
                put_for_many(batch);
                break;
            default:
                put_message(batch, id, session, random_->message(0));
                break;
        }
    }

    void add_session(WriteBatch& batch) {
        ModelSession session;
        session.record = random_->session();
        batch.add(PutSession{SessionId{next_session_}, session.record});
        sessions_.emplace(SessionId{next_session_}, std::move(session));
        next_session_ += 1 + random_->below(300);
    }

    void put_subscription(WriteBatch& batch, SessionId id, ModelSession& session) {
        const std::string filter = random_->text(3);
        const auto options = random_->options();
        const std::uint32_t number = random_->below(100);
        batch.add(PutSubscription{id, filter, options, number});
        session.subscriptions[filter] = {options, number};
    }

    void toggle_received(WriteBatch& batch, SessionId id, ModelSession& session) {
        const mqtt::PacketId packet{static_cast<std::uint16_t>(1 + random_->below(20))};
        if (session.received.erase(packet) != 0) {
            batch.add(DeleteReceived{id, packet});
        } else {
            batch.add(PutReceived{id, packet});
            session.received.insert(packet);
        }
    }

    void toggle_released(WriteBatch& batch, SessionId id, ModelSession& session) {
        const std::uint64_t sequence = 1 + random_->below(20);
        if (session.released.erase(sequence) != 0) {
            batch.add(DeleteReleased{id, sequence});
        } else {
            batch.add(PutReleased{id, sequence});
            session.released.insert(sequence);
        }
    }

    void change_retained(WriteBatch& batch) {
        const std::string topic = "t" + random_->text(1);
        ++stamp_;
        if (random_->flip()) {
            const auto message = mqtt::Message::make({.topic = topic, .payload = random_->text(9)});
            batch.add(PutRetained{message, stamp_});
            retained_[topic] = message;
        } else {
            batch.add(DeleteRetained{"", topic, stamp_});
            retained_.erase(topic);
        }
        // What happened before arrives behind it.
        if (random_->flip()) batch.add(DeleteRetained{"", topic, stamp_ - 1});
    }

    void delete_message(WriteBatch& batch, SessionId id, ModelSession& session) {
        if (session.queue.empty()) return;
        auto at = session.queue.begin();
        if (random_->below(4) == 0) {
            std::advance(at, random_->below(static_cast<std::uint32_t>(session.queue.size())));
        }
        const std::uint64_t store_id = at->second.message->store_id();
        batch.add(
            DeleteMessage{id, at->first, random_->below(3) == 0 ? kUnknownStoreId : store_id});
        session.queue.erase(at);
    }

    /// A shared message into some queues; some of them are messages that were there before.
    void put_for_many(WriteBatch& batch) {
        if (shared_.size() < 10 || random_->flip()) {
            shared_.push_back(random_->message(++next_store_id_));
        }
        const auto& message = shared_[shared_.size() - 1 - random_->below(10) % shared_.size()];
        for (auto& [id, session] : sessions_) {
            if (random_->below(3) == 0) put_message(batch, id, session, message);
        }
    }

    void put_message(WriteBatch& batch, SessionId id, ModelSession& session,
                     const mqtt::MessagePtr& message) {
        session.next_sequence += 1 + random_->below(3);
        PutMessage put = random_->put(id, session.next_sequence, message);
        session.queue[session.next_sequence] = {message,
                                                put.shared_filter ? *put.shared_filter : "",
                                                put.subscription_id, put.qos, put.retain};
        batch.add(std::move(put));
    }

    void compare_queue(SessionId id, const std::map<std::uint64_t, ModelMessage>& queue) {
        const auto loaded = load(static_cast<std::uint64_t>(id));
        ASSERT_EQ(loaded.size(), queue.size());
        auto expected = queue.begin();
        for (const StoredMessage& each : loaded) {
            ASSERT_EQ(each.sequence, expected->first);
            const ModelMessage& model = expected->second;
            EXPECT_TRUE(same(*each.message, *model.message));
            EXPECT_EQ(each.shared_filter, model.shared_filter);
            EXPECT_EQ(each.subscription_id, model.subscription_id);
            EXPECT_EQ(each.qos, model.qos);
            EXPECT_EQ(each.retain, model.retain);
            ++expected;
        }
    }

    void compare_some_queue() {
        if (sessions_.empty()) return;
        auto at = sessions_.begin();
        std::advance(at, random_->below(static_cast<std::uint32_t>(sessions_.size())));
        compare_queue(at->first, at->second.queue);
    }

    void compare() {
        const auto all = sessions();
        ASSERT_EQ(all.size(), sessions_.size());
        for (const StoredSession& each : all) {
            const auto found = sessions_.find(each.id);
            ASSERT_NE(found, sessions_.end());
            compare_session(each, found->second);
            compare_queue(each.id, found->second.queue);
        }
        std::map<std::string, mqtt::MessagePtr> retained;
        ASSERT_TRUE(engine_->for_each_retained([&](mqtt::MessagePtr each) {
            const std::string topic(each->topic());
            retained[topic] = std::move(each);
        }));
        ASSERT_EQ(retained.size(), retained_.size());
        for (const auto& [topic, message] : retained_) {
            ASSERT_TRUE(retained.contains(topic));
            EXPECT_TRUE(same(*retained[topic], *message));
        }
    }

    static void compare_session(const StoredSession& each, const ModelSession& model) {
        EXPECT_TRUE(same(each.record, model.record));
        ASSERT_EQ(each.subscriptions.size(), model.subscriptions.size());
        for (const StoredSubscription& subscription : each.subscriptions) {
            const auto found = model.subscriptions.find(subscription.filter);
            ASSERT_NE(found, model.subscriptions.end());
            EXPECT_EQ(subscription.options, found->second.first);
            EXPECT_EQ(subscription.subscription_id, found->second.second);
        }
        EXPECT_EQ(std::set(each.received.begin(), each.received.end()), model.received);
        EXPECT_EQ(std::set(each.released.begin(), each.released.end()), model.released);
        EXPECT_TRUE(std::is_sorted(each.released.begin(), each.released.end()));
        if (model.queue.empty()) {
            EXPECT_EQ(each.queue.first, 0U);
            EXPECT_EQ(each.queue.count, 0U);
        } else {
            EXPECT_EQ(each.queue.first, model.queue.begin()->first);
            EXPECT_EQ(each.queue.last, model.queue.rbegin()->first);
            EXPECT_GE(each.queue.count, model.queue.size());
        }
    }

    test::RandomRecords* random_ = nullptr;
    std::map<SessionId, ModelSession> sessions_;
    std::map<std::string, mqtt::MessagePtr> retained_;
    std::vector<mqtt::MessagePtr> shared_;
    std::uint64_t next_session_ = 1;
    std::uint64_t next_store_id_ = 0;
    std::uint64_t stamp_ = 1;
};

TEST_F(EngineModel, RandomChangesAndRestartsGiveWhatTheModelHolds) {
    run(std::random_device{}(), 900);
}

TEST_F(EngineModel, TheSameWithAKnownSeed) { run(42, 900); }

}  // namespace
}  // namespace vmq::store
