// A queue that leaves its messages to a store, against the plainest model of one: a map of records.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/random.h"
#include "queue/queue.h"
#include "support/messages.h"

namespace vmq::queue {
namespace {

using mqtt::QoS;
using mqtt::ReasonCode;
using Kind = Queue::Outgoing::Kind;

class PagingModel final {
public:
    PagingModel(std::uint64_t seed, Order order)
        : random_(seed), lifo_(order == Order::Lifo), queue_(limits(order), true) {}

    void step() {
        now_ += Millis(random_.below(3));
        if (!online_ && random_.below(8) == 0) return attach();
        switch (random_.below(60)) {
            case 0:
                return detach();
            case 1:
                return crash();
            case 2:
            case 3:
            case 4:
            case 5:
                return answer();
            case 6:
                return forget_all(queue_.take_expired(now_));
            case 7:
            case 8:
                return send_past();
            default:
                break;
        }
        switch (random_.below(3)) {
            case 0:
                return offer();
            case 1:
                return next();
            default:
                return acknowledge();
        }
    }

    /// The client takes everything: nothing may be left behind in the store.
    void drain() {
        if (!online_) attach();
        for (int round = 0; round < 20'000; ++round) {
            if (records_.empty() && queue_.backlog_size() == 0) return;
            ask();
            answer();
            next();
            while (!flight_.empty() && !::testing::Test::HasFatalFailure()) acknowledge();
        }
        FAIL() << records_.size() << " records are never sent, the queue knows of "
               << queue_.backlog_size();
    }

private:
    struct InFlight {
        mqtt::PacketId id;
        std::uint64_t sequence;
        QoS qos;
        bool released = false;
    };

    Limits limits(Order order) {
        Limits chosen;
        chosen.max_offline_messages = random_.below(2) == 0 ? -1 : 40;
        chosen.max_online_messages = random_.below(2) == 0 ? -1 : 60;
        chosen.order = order;
        return chosen;
    }

    void forget_all(const std::vector<Delivery>& gone) {
        for (const Delivery& delivery : gone) {
            if (delivery.store_sequence != 0) records_.erase(delivery.store_sequence);
        }
    }

    void attach() {
        online_ = true;
        last_sent_ = 0;
        forget_all(queue_.attach(static_cast<std::uint16_t>(1 + random_.below(60))));
        ask();
    }
    void detach() {
        if (!online_) return;
        online_ = false;
        std::erase_if(flight_, [](const InFlight& each) { return !each.released; });
        forget_all(queue_.detach());
        load_.reset();
    }
    /// Another process begins with what the store holds.
    void crash() {
        online_ = false;
        load_.reset();
        Queue fresh(queue_.limits(), true);
        std::set<std::uint64_t> released;
        for (const InFlight& each : flight_) {
            if (each.released) released.insert(each.sequence);
        }
        for (const std::uint64_t sequence : released) fresh.window().restore_released(sequence);
        std::erase_if(flight_, [](const InFlight& each) { return !each.released; });
        store::QueueBounds bounds;
        if (!records_.empty()) {
            bounds.first = records_.begin()->first;
            bounds.last = records_.rbegin()->first;
            bounds.count = bounds.last - bounds.first + 1;
        }
        fresh.restore(bounds, bounds.last, false);
        queue_ = std::move(fresh);
    }

    void offer() {
        Delivery delivery;
        const bool expires = random_.below(8) == 0;
        delivery.message =
            testing::message("x", expires ? now_ + Millis(1 + random_.below(30)) : kNever);
        delivery.qos = random_.below(2) == 0 ? QoS::AtLeastOnce : QoS::ExactlyOnce;
        forget_all(queue_.make_room(now_));
        const auto judged = queue_.judge(delivery, now_);
        if (judged != Queue::Offered::Queued && judged != Queue::Offered::QueuedInsteadOfOldest) {
            return;
        }
        delivery.store_sequence = ++last_sequence_;
        records_[last_sequence_] = delivery;
        Delivery displaced;
        ASSERT_EQ(queue_.offer(delivery, now_, displaced), judged);
        if (judged == Queue::Offered::QueuedInsteadOfOldest) {
            records_.erase(displaced.store_sequence);
        }
        ask();
    }

    /// A retained message goes to its subscriber without waiting for what is in the queue.
    void send_past() {
        if (!online_ || queue_.resends() || !queue_.window().can_add()) return;
        Delivery delivery;
        delivery.message = testing::message("x");
        delivery.qos = QoS::AtLeastOnce;
        delivery.store_sequence = ++last_sequence_;
        records_[last_sequence_] = delivery;
        const auto& entry = queue_.window().add(std::move(delivery), now_);
        flight_.push_back({entry.id, last_sequence_, QoS::AtLeastOnce});
    }

    void ask() {
        if (load_) return;
        load_ = queue_.wants_load();
        read_.reset();
        if (load_ && random_.below(2) == 0) read();
    }
    /// The store reads at some moment between the question and the answer.
    void read() {
        read_.emplace();
        for (const auto& [sequence, delivery] : records_) {
            if (sequence >= load_->from && sequence <= load_->to) read_->push_back(delivery);
        }
        if (load_->newest_first) std::reverse(read_->begin(), read_->end());
    }
    void answer() {
        if (!load_) return ask();
        if (!read_) read();
        std::vector<Delivery> found = std::move(*read_);
        const std::size_t most = 1 + random_.below(20);
        if (found.size() > most) found.resize(most);
        queue_.on_loaded(load_->ticket, std::move(found));
        load_.reset();
        ask();
    }

    void next() {
        std::vector<Delivery> expired;
        const auto outgoing = queue_.next(now_, expired);
        forget_all(expired);
        ask();
        if (!outgoing || outgoing->kind == Kind::Pubrel) return;
        const Delivery& delivery = outgoing->delivery();
        ASSERT_TRUE(records_.contains(delivery.store_sequence)) << "sent although it was done with";
        ASSERT_EQ(outgoing->id, InflightWindow::id_of(delivery.store_sequence));
        for (const InFlight& each : flight_) ASSERT_NE(each.sequence, delivery.store_sequence);
        if (!lifo_) {
            ASSERT_GT(delivery.store_sequence, last_sent_) << "out of order";
        }
        last_sent_ = delivery.store_sequence;
        flight_.push_back({outgoing->id, delivery.store_sequence, delivery.qos});
    }

    void acknowledge() {
        if (!online_ || flight_.empty()) return;
        const auto each =
            flight_.begin() + random_.below(static_cast<std::uint32_t>(flight_.size()));
        auto& window = queue_.window();
        if (each->qos == QoS::AtLeastOnce) {
            ASSERT_TRUE(window.on_puback(each->id));
            records_.erase(each->sequence);
            flight_.erase(each);
        } else if (!each->released) {
            ASSERT_TRUE(window.on_pubrec(each->id, ReasonCode::Success));
            records_.erase(each->sequence);
            each->released = true;
        } else {
            ASSERT_TRUE(window.on_pubcomp(each->id));
            flight_.erase(each);
        }
    }

    Random random_;
    const bool lifo_;
    Queue queue_;
    bool online_ = false;
    TimePoint now_{Millis{1000}};
    std::uint64_t last_sequence_ = 0;
    std::uint64_t last_sent_ = 0;
    std::map<std::uint64_t, Delivery> records_;
    std::vector<InFlight> flight_;
    std::optional<Queue::Load> load_;
    std::optional<std::vector<Delivery>> read_;  // for it
};

class QueuePaging : public ::testing::TestWithParam<Order> {};

INSTANTIATE_TEST_SUITE_P(Orders, QueuePaging, ::testing::Values(Order::Fifo, Order::Lifo));

TEST_P(QueuePaging, EveryRecordIsSentInOrderWhateverHappens) {
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        SCOPED_TRACE(seed);
        PagingModel model(seed, GetParam());
        for (int i = 0; i < 3'000; ++i) {
            model.step();
            if (::testing::Test::HasFatalFailure()) return;
        }
        model.drain();
        if (::testing::Test::HasFatalFailure()) return;
    }
}

Delivery stored(std::uint64_t sequence) {
    Delivery delivery;
    delivery.message = testing::message("x");
    delivery.store_sequence = sequence;
    delivery.qos = QoS::AtLeastOnce;
    return delivery;
}

std::vector<std::uint64_t> send_all(Queue& queue) {
    std::vector<std::uint64_t> sent;
    std::vector<Delivery> expired;
    while (const auto outgoing = queue.next(TimePoint{}, expired)) {
        sent.push_back(outgoing->delivery().store_sequence);
    }
    return sent;
}

/// One in flight within the range of the tail is not fetched a second time, whenever it is
/// acknowledged; without a connection it belongs to the tail again.
TEST(QueuePagingOnce, WhatIsInFlightIsNoPartOfTheTail) {
    for (const bool acknowledged : {false, true}) {
        SCOPED_TRACE(acknowledged);
        Queue queue({.max_online_messages = -1, .max_offline_messages = -1}, true);
        const auto offer = [&queue](std::uint64_t sequence) {
            Delivery delivery = stored(sequence);
            Delivery displaced;
            ASSERT_EQ(queue.offer(delivery, TimePoint{}, displaced), Queue::Offered::Queued);
        };
        offer(1);
        (void)queue.attach(10);
        const auto first = queue.wants_load();
        ASSERT_TRUE(first);
        const auto id = queue.window().add(stored(2), TimePoint{}).id;  // a retained message
        offer(3);
        queue.on_loaded(first->ticket, {stored(1)});
        EXPECT_EQ(send_all(queue), std::vector<std::uint64_t>{1});
        const auto second = queue.wants_load();
        ASSERT_TRUE(second);
        if (acknowledged) {
            ASSERT_TRUE(queue.window().on_puback(id));
        }
        queue.on_loaded(second->ticket, {stored(2), stored(3)});  // read before that
        EXPECT_EQ(send_all(queue), std::vector<std::uint64_t>{3});
        if (acknowledged) continue;
        (void)queue.detach();
        (void)queue.attach(10);
        const auto again = queue.wants_load();
        ASSERT_TRUE(again);
        queue.on_loaded(again->ticket, {stored(1), stored(2), stored(3)});
        EXPECT_EQ(send_all(queue), (std::vector<std::uint64_t>{1, 2, 3}));
    }
}

TEST(QueuePagingMemory, AnOfflineQueueHoldsNoMessage) {
    Queue queue({.max_online_messages = -1, .max_offline_messages = -1}, true);
    const auto message = testing::message("x");
    for (std::uint64_t i = 1; i <= 10'000; ++i) {
        Delivery delivery;
        delivery.message = message;
        delivery.store_sequence = i;
        delivery.qos = QoS::AtLeastOnce;
        Delivery displaced;
        ASSERT_EQ(queue.offer(delivery, TimePoint{}, displaced), Queue::Offered::Queued);
        ASSERT_FALSE(delivery.message) << "it was taken";
    }
    EXPECT_EQ(queue.backlog_size(), 10'000U);
    (void)queue.attach(10);
    const auto load = queue.wants_load();
    ASSERT_TRUE(load.has_value());
    EXPECT_EQ(load->from, 1U);
    EXPECT_EQ(load->to, 10'000U);
    EXPECT_FALSE(queue.wants_load().has_value()) << "asked once";
}

}  // namespace
}  // namespace vmq::queue
