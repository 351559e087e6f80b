// Random operations on a queue. Every message has a number: the model knows where each one is and
// that numbers of one QoS arrive in order.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "queue/queue.h"
#include "support/messages.h"

namespace vmq::queue {
namespace {

using mqtt::PacketId;
using mqtt::QoS;
using mqtt::ReasonCode;
using Offered = Queue::Offered;

class QueueModel final {
public:
    explicit QueueModel(std::uint64_t seed) : random_(seed), queue_(random_limits()) {}

    void step() {
        now_ += Millis(random_.below(4));
        switch (random_.below(40)) {
            case 0:
                return online_ ? detach() : attach();
            case 1:
                return online_ ? attach() : void();  // a takeover attaches again
            case 2:
                return take_shared();
            case 3:
                return clear();
            case 4:
                return expect_same(queue_.take_expired(now_), take_expired());
            case 5:
                return make_room();
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

    void check() {
        ASSERT_EQ(queue_.online(), online_);
        ASSERT_EQ(queue_.backlog_size(), waiting_.size());
        ASSERT_EQ(queue_.window().size(), flight_.size());
        ASSERT_LE(queue_.window().outstanding(), capacity_);
        const bool zero = std::any_of(waiting_.begin(), waiting_.end(), is_qos0);
        ASSERT_EQ(queue_.ready(QoS::AtMostOnce), online_ && !zero);
    }

private:
    struct Item {
        std::uint64_t number = 0;
        QoS qos = QoS::AtMostOnce;
        std::uint64_t group = 0;
        TimePoint expires_at = kNever;
        PacketId id{};
        bool released = false;  // PUBREC came
        bool sent = false;      // on this connection
    };
    static bool is_qos0(const Item& item) { return item.qos == QoS::AtMostOnce; }

    Limits random_limits() {
        Limits limits;
        limits.max_online_messages = static_cast<std::int64_t>(random_.below(12)) - 1;
        limits.max_offline_messages = static_cast<std::int64_t>(random_.below(12)) - 1;
        limits.order = random_.below(2) == 0 ? Order::Fifo : Order::Lifo;
        limits.override_max_online_messages = random_.below(2) == 0;
        lifo_ = limits.order == Order::Lifo;
        limits_ = limits;
        return limits;
    }

    [[nodiscard]] std::int64_t most() const {
        return online_ ? limits_.max_online_messages : limits_.max_offline_messages;
    }

    void expect_same(const std::vector<Delivery>& actual,
                     const std::vector<std::uint64_t>& expected) {
        ASSERT_EQ(actual.size(), expected.size());
        for (std::size_t i = 0; i < actual.size(); ++i) {
            ASSERT_EQ(actual[i].store_sequence, expected[i]);
        }
    }

    void trim(std::vector<std::uint64_t>& dropped) {
        while (most() >= 0 && static_cast<std::int64_t>(waiting_.size()) > most()) {
            const auto victim = lifo_ ? waiting_.begin() : waiting_.end() - 1;
            dropped.push_back(victim->number);
            waiting_.erase(victim);
        }
    }

    void attach() {
        online_ = true;
        capacity_ = static_cast<std::uint16_t>(1 + random_.below(5));
        for (Item& item : flight_) item.sent = false;
        std::vector<std::uint64_t> dropped;
        if (!limits_.override_max_online_messages) trim(dropped);
        expect_same(queue_.attach(capacity_), dropped);
    }

    void detach() {
        online_ = false;
        std::vector<std::uint64_t> dropped;
        std::erase_if(waiting_, [&](const Item& item) {
            if (is_qos0(item)) dropped.push_back(item.number);
            return is_qos0(item);
        });
        if (limits_.max_offline_messages == 0) {
            for (const Item& item : flight_) dropped.push_back(item.number);
            flight_.clear();
        }
        trim(dropped);
        expect_same(queue_.detach(), dropped);
    }

    void offer() {
        Item item;
        item.number = ++number_;
        item.qos = static_cast<QoS>(random_.below(3));
        item.group = random_.below(3);
        if (random_.below(4) == 0) item.expires_at = now_ + Millis(random_.below(20));
        Delivery delivery;
        delivery.message = testing::message("x", item.expires_at);
        delivery.qos = item.qos;
        delivery.shared_group = item.group;
        delivery.store_sequence = item.number;
        Delivery displaced;
        const Offered offered = queue_.offer(delivery, now_, displaced);
        if (item.expires_at <= now_) {
            ASSERT_EQ(offered, Offered::Expired);
            return;
        }
        if (!online_ && is_qos0(item)) {
            ASSERT_EQ(offered, Offered::Offline);
            return;
        }
        const bool full = most() >= 0 && static_cast<std::int64_t>(waiting_.size()) >= most();
        if (full && (!lifo_ || waiting_.empty())) {
            ASSERT_EQ(offered, Offered::Full);
            return;
        }
        ASSERT_EQ(offered, full ? Offered::QueuedInsteadOfOldest : Offered::Queued);
        if (full) {
            ASSERT_EQ(displaced.store_sequence, waiting_.front().number);
            waiting_.erase(waiting_.begin());
        }
        waiting_.push_back(item);
    }

    [[nodiscard]] std::size_t outstanding() const {
        return static_cast<std::size_t>(std::count_if(flight_.begin(), flight_.end(),
                                                      [](const Item& item) { return item.sent; }));
    }

    void next() {
        std::vector<Delivery> expired;
        const auto outgoing = queue_.next(now_, expired);
        if (!online_) {
            ASSERT_FALSE(outgoing.has_value());
            return;
        }
        const auto again = std::find_if(flight_.begin(), flight_.end(),
                                        [](const Item& item) { return !item.sent; });
        const bool room = outstanding() < capacity_;
        if (again != flight_.end() && room) {
            ASSERT_TRUE(outgoing.has_value());
            ASSERT_EQ(outgoing->id, again->id);
            ASSERT_EQ(outgoing->kind == Queue::Outgoing::Kind::Pubrel, again->released);
            again->sent = true;
            return;
        }
        std::vector<std::uint64_t> gone;
        while (!waiting_.empty()) {
            const auto first = lifo_ ? waiting_.end() - 1 : waiting_.begin();
            if (first->expires_at > now_) break;
            gone.push_back(first->number);
            waiting_.erase(first);
        }
        expect_same(expired, gone);
        if (waiting_.empty()) {
            ASSERT_FALSE(outgoing.has_value());
            return;
        }
        const auto first = lifo_ ? waiting_.end() - 1 : waiting_.begin();
        if (!is_qos0(*first) && (!room || again != flight_.end())) {
            ASSERT_FALSE(outgoing.has_value());
            return;
        }
        ASSERT_TRUE(outgoing.has_value());
        ASSERT_FALSE(outgoing->dup);
        ASSERT_EQ(outgoing->delivery().store_sequence, first->number);
        Item item = *first;
        waiting_.erase(first);
        if (is_qos0(item)) {
            ASSERT_EQ(outgoing->id, PacketId{});
            return;
        }
        item.id = outgoing->id;
        item.sent = true;
        for (const Item& other : flight_) ASSERT_NE(other.id, item.id);
        flight_.push_back(item);
    }

    void acknowledge() {
        if (!online_ || flight_.empty()) return;
        const auto item =
            flight_.begin() + random_.below(static_cast<std::uint32_t>(flight_.size()));
        auto& window = queue_.window();
        if (item->qos == QoS::AtLeastOnce) {
            ASSERT_EQ(window.on_puback(item->id).value().store_sequence, item->number);
            flight_.erase(item);
        } else if (item->released) {
            ASSERT_EQ(window.on_pubcomp(item->id).value().store_sequence, item->number);
            flight_.erase(item);
        } else if (random_.below(4) == 0) {
            ASSERT_TRUE(window.on_pubrec(item->id, ReasonCode::NotAuthorized));
            flight_.erase(item);
        } else {
            ASSERT_TRUE(window.on_pubrec(item->id, ReasonCode::Success));
            item->released = true;
        }
    }

    void take_shared() {
        const std::uint64_t group = 1 + random_.below(2);
        std::vector<std::uint64_t> expected;
        std::erase_if(flight_, [&](const Item& item) {
            if (item.group != group || item.qos != QoS::AtLeastOnce) return false;
            expected.push_back(item.number);
            return true;
        });
        std::erase_if(waiting_, [&](const Item& item) {
            if (item.group == group) expected.push_back(item.number);
            return item.group == group;
        });
        expect_same(queue_.take_shared([&](std::uint64_t asked) { return asked == group; }),
                    expected);
    }

    [[nodiscard]] std::vector<std::uint64_t> take_expired() {
        std::vector<std::uint64_t> taken;
        std::erase_if(waiting_, [&](const Item& item) {
            if (item.expires_at <= now_) taken.push_back(item.number);
            return item.expires_at <= now_;
        });
        return taken;
    }

    void make_room() {
        const bool full = most() >= 0 && static_cast<std::int64_t>(waiting_.size()) >= most();
        expect_same(queue_.make_room(now_), full ? take_expired() : std::vector<std::uint64_t>{});
    }

    void clear() {
        if (random_.below(8) != 0) return;
        std::vector<std::uint64_t> expected;
        for (const Item& item : flight_) expected.push_back(item.number);
        for (const Item& item : waiting_) expected.push_back(item.number);
        expect_same(queue_.clear(), expected);
        flight_.clear();
        waiting_.clear();
    }

    Random random_;
    Limits limits_;
    bool lifo_ = false;
    Queue queue_;
    bool online_ = false;
    std::uint16_t capacity_ = 1;
    std::uint64_t number_ = 0;
    TimePoint now_{Millis{1000}};
    std::vector<Item> waiting_;
    std::vector<Item> flight_;
};

TEST(QueueModel, LosesNothingAndKeepsTheOrderWhateverHappens) {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        SCOPED_TRACE(seed);
        QueueModel model(seed);
        for (int i = 0; i < 5'000; ++i) {
            model.step();
            if (::testing::Test::HasFatalFailure()) return;
            model.check();
            if (::testing::Test::HasFatalFailure()) return;
        }
    }
}

}  // namespace
}  // namespace vmq::queue
