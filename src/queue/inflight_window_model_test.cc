// Random operations on the window, compared with a list that is searched from the front.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/random.h"
#include "queue/inflight_window.h"
#include "support/messages.h"

namespace vmq::queue {
namespace {

using mqtt::PacketId;
using mqtt::QoS;
using mqtt::ReasonCode;
using Stage = InflightWindow::Stage;

class WindowModel final {
public:
    explicit WindowModel(std::uint64_t seed) : random_(seed) { begin_connection(); }

    void step() {
        now_ += Millis(random_.below(3));
        switch (random_.below(64)) {
            case 0:
                return begin_connection();
            case 1:
                return withdraw();
            case 2:
                return overdue();
            default:
                break;
        }
        if (random_.below(2) == 0) return resend_or_add();
        acknowledge();
    }

    void check() {
        ASSERT_EQ(window_.size(), list_.size());
        std::size_t outstanding = 0;
        std::size_t at = 0;
        window_.for_each([&](const InflightWindow::Entry& entry) {
            const Item& item = list_[at++];
            ASSERT_EQ(entry.id, item.id);
            ASSERT_EQ(entry.stage, item.stage);
            ASSERT_EQ(!entry.delivery.message, item.stage == Stage::AwaitPubcomp);
            ASSERT_EQ(entry.delivery.store_sequence, item.number);
        });
        for (const Item& item : list_) outstanding += item.sent ? 1 : 0;
        ASSERT_EQ(window_.outstanding(), outstanding);
        ASSERT_LE(outstanding, capacity_);
        ASSERT_LE(window_.remembered(), 2 * list_.size() + 64);
        // Whether a finished entry lies between is the window's own affair until it is asked.
        ASSERT_FALSE(waiting() != nullptr && window_.can_add());
    }

private:
    struct Item {
        PacketId id;
        Stage stage;
        std::uint64_t number;
        TimePoint sent_at;
        bool sent = true;  // on this connection
    };

    void begin_connection() {
        capacity_ = static_cast<std::uint16_t>(1 + random_.below(6));
        window_.begin_connection(capacity_);
        for (Item& item : list_) item.sent = false;
    }

    Item* waiting() {
        const auto found =
            std::find_if(list_.begin(), list_.end(), [](const Item& item) { return !item.sent; });
        return found == list_.end() ? nullptr : &*found;
    }
    [[nodiscard]] bool full() const {
        return std::count_if(list_.begin(), list_.end(),
                             [](const Item& item) { return item.sent; }) >= capacity_;
    }

    void resend_or_add() {
        auto* entry = window_.next_to_resend(now_);
        Item* expected = full() ? nullptr : waiting();
        ASSERT_EQ(entry != nullptr, expected != nullptr);
        if (entry != nullptr) {
            ASSERT_EQ(entry->id, expected->id);
            expected->sent = true;
            expected->sent_at = now_;
            return;
        }
        const bool room = waiting() == nullptr && !full();
        ASSERT_EQ(window_.can_add(), room);
        if (!room) return;
        Delivery delivery;
        delivery.message = testing::message("x");
        delivery.qos = random_.below(2) == 0 ? QoS::AtLeastOnce : QoS::ExactlyOnce;
        delivery.store_sequence = ++number_;
        const Stage stage =
            delivery.qos == QoS::AtLeastOnce ? Stage::AwaitPuback : Stage::AwaitPubrec;
        const PacketId id = window_.add(std::move(delivery), now_).id;
        ASSERT_NE(id, PacketId{0});
        for (const Item& item : list_) ASSERT_NE(item.id, id);
        list_.push_back({id, stage, number_, now_});
    }

    void acknowledge() {
        const bool known = !list_.empty() && random_.below(8) != 0;
        const PacketId id = known
                                ? list_[random_.below(static_cast<std::uint32_t>(list_.size()))].id
                                : PacketId{static_cast<std::uint16_t>(random_.next())};
        const auto item = std::find_if(list_.begin(), list_.end(),
                                       [&](const Item& each) { return each.id == id; });
        switch (random_.below(3)) {
            case 0:
                return finish(window_.on_puback(id), item, Stage::AwaitPuback);
            case 1:
                return finish(window_.on_pubcomp(id), item, Stage::AwaitPubcomp);
            default:
                return pubrec(id, item);
        }
    }

    void finish(Result<Delivery> result, std::vector<Item>::iterator item, Stage stage) {
        const bool expected = item != list_.end() && item->stage == stage;
        ASSERT_EQ(static_cast<bool>(result), expected);
        if (!expected) return;
        ASSERT_EQ(result.value().store_sequence, item->number);
        list_.erase(item);
    }

    void pubrec(PacketId id, std::vector<Item>::iterator item) {
        const auto reason = random_.below(4) == 0 ? ReasonCode::QuotaExceeded : ReasonCode::Success;
        auto result = window_.on_pubrec(id, reason);
        const bool error = mqtt::is_error(reason);
        const bool expected =
            item != list_.end() &&
            (item->stage == Stage::AwaitPubrec || (item->stage == Stage::AwaitPubcomp && !error));
        ASSERT_EQ(static_cast<bool>(result), expected);
        if (!expected) return;
        ASSERT_EQ(result.value().next == InflightWindow::Next::SendPubrel, !error);
        if (error) {
            ASSERT_EQ(result.value().delivery.store_sequence, item->number);
            list_.erase(item);
        } else {
            item->stage = Stage::AwaitPubcomp;
        }
    }

    void withdraw() {
        if (list_.empty()) return;
        const auto item = list_.begin() + random_.below(static_cast<std::uint32_t>(list_.size()));
        ASSERT_EQ(window_.withdraw(item->id).store_sequence, item->number);
        list_.erase(item);
    }

    void overdue() {
        const TimePoint deadline = now_ - Millis(5);
        std::size_t from = 0;
        auto* entry = window_.overdue(deadline, now_, from);
        const auto item = std::find_if(list_.begin(), list_.end(), [&](const Item& each) {
            return each.sent && each.sent_at <= deadline;
        });
        ASSERT_EQ(entry != nullptr, item != list_.end());
        if (entry == nullptr) return;
        ASSERT_EQ(entry->id, item->id);
        item->sent_at = now_;
    }

    Random random_;
    InflightWindow window_;
    std::vector<Item> list_;
    std::uint16_t capacity_ = 1;
    std::uint64_t number_ = 0;
    TimePoint now_{Millis{1000}};
};

TEST(InflightWindowModel, BehavesLikeAListWhateverComesInWhateverOrder) {
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        SCOPED_TRACE(seed);
        WindowModel model(seed);
        // Long enough for the ids to wrap in the first runs.
        const int steps = seed <= 2 ? 600'000 : 20'000;
        for (int i = 0; i < steps; ++i) {
            model.step();
            if (::testing::Test::HasFatalFailure()) return;
            model.check();
            if (::testing::Test::HasFatalFailure()) return;
        }
    }
}

}  // namespace
}  // namespace vmq::queue
