#include "queue/queue.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "support/messages.h"

namespace vmq::queue {
namespace {

using mqtt::PacketId;
using mqtt::QoS;
using mqtt::ReasonCode;
using Kind = Queue::Outgoing::Kind;
using Offered = Queue::Offered;
using Texts = std::vector<std::string>;

constexpr TimePoint kToday{Millis{5000}};
constexpr std::uint16_t kWindow = 100;

Texts texts(const std::vector<Delivery>& deliveries) {
    Texts all;
    for (const Delivery& delivery : deliveries) {
        all.emplace_back(delivery.message ? delivery.message->payload() : "-");
    }
    return all;
}

/// A queue and the few words in which a test speaks about it.
struct Fixture {
    explicit Fixture(Limits limits = {}) : queue(limits) {}

    Offered offer(std::string_view payload, QoS qos = QoS::AtLeastOnce, TimePoint expires = kNever,
                  std::uint64_t group = 0) {
        Delivery delivery;
        delivery.message = testing::message(payload, expires);
        delivery.qos = qos;
        delivery.shared_group = group;
        return queue.offer(delivery, kToday, displaced);
    }
    /// All that may be sent now: "payload", "payload again" or "pubrel".
    Texts drain(TimePoint now = kToday) {
        Texts all;
        while (const auto next = queue.next(now, expired)) {
            if (next->kind == Kind::Pubrel) {
                all.emplace_back("pubrel");
                continue;
            }
            all.emplace_back(next->delivery().message->payload());
            if (next->dup) all.back() += " again";
        }
        return all;
    }

    Queue queue;
    Delivery displaced;
    std::vector<Delivery> expired;
};

TEST(Queue, KeepsMessagesForAClientThatIsAwayAndHandsThemOverInOrder) {
    Fixture f;
    EXPECT_EQ(f.offer("a"), Offered::Queued);
    EXPECT_EQ(f.offer("b", QoS::ExactlyOnce), Offered::Queued);
    EXPECT_TRUE(f.drain().empty()) << "nobody to send to";
    EXPECT_TRUE(f.queue.attach(kWindow).empty());
    EXPECT_EQ(f.drain(), (Texts{"a", "b"}));
    EXPECT_TRUE(f.drain().empty());
}

TEST(Queue, ShowsWhatIsInFlightAndThenWhatWaitsInPortions) {
    Fixture f;
    (void)f.queue.attach(3);
    for (const char* payload : {"a", "b", "c", "d", "e"}) f.offer(payload);
    EXPECT_EQ(f.drain(), (Texts{"a", "b", "c"}));
    EXPECT_TRUE(f.queue.window().on_puback(PacketId{2}));
    const auto seen = [&](std::size_t place, std::size_t count, Texts& texts) {
        return f.queue.visit_in_memory(place, count, [&](const Delivery& delivery, bool sent) {
            texts.push_back(std::string(delivery.message->payload()) + (sent ? " sent" : ""));
        });
    };
    Texts all;
    EXPECT_EQ(seen(0, 100, all), std::nullopt);
    EXPECT_EQ(all, (Texts{"a sent", "c sent", "d", "e"}));
    Texts portions;
    std::optional<std::size_t> place = 0;
    while (place) place = seen(*place, 1, portions);
    EXPECT_EQ(portions, all);
    EXPECT_FALSE(f.queue.stored_range());
}

TEST(Queue, DiscardsQoS0ForAClientThatIsAway) {
    Fixture f;
    EXPECT_EQ(f.offer("a", QoS::AtMostOnce), Offered::Offline);
    EXPECT_EQ(f.queue.backlog_size(), 0U);
}

TEST(Queue, AFullFifoRefusesTheNewestAndAFullLifoDropsTheOldest) {
    Fixture fifo({.max_offline_messages = 2});
    EXPECT_EQ(fifo.offer("a"), Offered::Queued);
    EXPECT_EQ(fifo.offer("b"), Offered::Queued);
    EXPECT_EQ(fifo.offer("c"), Offered::Full);
    (void)fifo.queue.attach(kWindow);
    EXPECT_EQ(fifo.drain(), (Texts{"a", "b"}));

    Fixture lifo({.max_offline_messages = 2, .order = Order::Lifo});
    (void)lifo.offer("a");
    (void)lifo.offer("b");
    EXPECT_EQ(lifo.offer("c"), Offered::QueuedInsteadOfOldest);
    EXPECT_EQ(lifo.displaced.message->payload(), "a");
    (void)lifo.queue.attach(kWindow);
    EXPECT_EQ(lifo.drain(), (Texts{"c", "b"}));
}

TEST(Queue, ALimitOf0TakesNothingInEitherOrder) {
    for (const Order order : {Order::Fifo, Order::Lifo}) {
        Fixture f({.max_online_messages = 0, .max_offline_messages = 0, .order = order});
        EXPECT_EQ(f.offer("a"), Offered::Full);
        (void)f.queue.attach(kWindow);
        EXPECT_EQ(f.offer("a"), Offered::Full);
        EXPECT_EQ(f.offer("a", QoS::AtMostOnce), Offered::Full);
    }
}

TEST(Queue, MinusOneIsUnlimited) {
    Fixture f({.max_online_messages = -1, .max_offline_messages = -1});
    for (int i = 0; i < 5000; ++i) ASSERT_EQ(f.offer("x"), Offered::Queued);
    EXPECT_TRUE(f.queue.attach(kWindow).empty());
    EXPECT_EQ(f.offer("x"), Offered::Queued);
    EXPECT_EQ(f.queue.backlog_size(), 5001U);
}

TEST(Queue, TheOnlineLimitCountsEveryQoS) {
    Fixture f({.max_online_messages = 2});
    (void)f.queue.attach(kWindow);
    EXPECT_EQ(f.offer("a", QoS::AtMostOnce), Offered::Queued);
    EXPECT_EQ(f.offer("b"), Offered::Queued);
    EXPECT_EQ(f.offer("c", QoS::AtMostOnce), Offered::Full);
}

TEST(Queue, AttachingDropsWhatTheOnlineLimitHasNoRoomFor) {
    Fixture fifo({.max_online_messages = 2});
    for (const auto* payload : {"a", "b", "c"}) (void)fifo.offer(payload);
    EXPECT_EQ(texts(fifo.queue.attach(kWindow)), Texts{"c"});

    Fixture lifo({.max_online_messages = 2, .order = Order::Lifo});
    for (const auto* payload : {"a", "b", "c"}) (void)lifo.offer(payload);
    EXPECT_EQ(texts(lifo.queue.attach(kWindow)), Texts{"a"});
}

TEST(Queue, OverrideMaxOnlineMessagesHoldsForTheReconnectOnly) {
    Fixture f({.max_online_messages = 1, .override_max_online_messages = true});
    for (const auto* payload : {"a", "b", "c"}) (void)f.offer(payload);
    EXPECT_TRUE(f.queue.attach(kWindow).empty());
    EXPECT_EQ(f.offer("d"), Offered::Full);
    EXPECT_EQ(f.drain(), (Texts{"a", "b", "c"}));
    EXPECT_EQ(f.offer("d"), Offered::Queued);
}

TEST(Queue, DetachingReturnsQoS0AndWhatTheOfflineLimitHasNoRoomFor) {
    Fixture f({.max_offline_messages = 1});
    (void)f.queue.attach(1);
    for (const auto* payload : {"sent", "a", "b"}) (void)f.offer(payload);
    (void)f.offer("zero", QoS::AtMostOnce);
    EXPECT_EQ(f.drain(), Texts{"sent"});
    EXPECT_EQ(texts(f.queue.detach()), (Texts{"zero", "b"}));
    EXPECT_FALSE(f.queue.online());
    EXPECT_EQ(f.queue.window().size(), 1U) << "what is in flight stays";
}

TEST(Queue, WithoutAnOfflineQueueInFlightMessagesAreDroppedToo) {
    Fixture f({.max_offline_messages = 0});
    (void)f.queue.attach(1);
    for (const auto* payload : {"sent", "a"}) (void)f.offer(payload);
    (void)f.drain();
    EXPECT_EQ(texts(f.queue.detach()), (Texts{"sent", "a"}));
    EXPECT_TRUE(f.queue.window().empty());
}

// [v5 MQTT-4.4.0-1] [v3.1.1 MQTT-4.4.0-1]
TEST(Queue, AReconnectSendsInFlightPacketsAgainBeforeAnythingNew) {
    Fixture f;
    (void)f.queue.attach(kWindow);
    (void)f.offer("a", QoS::ExactlyOnce);
    (void)f.offer("b");
    (void)f.drain();
    ASSERT_TRUE(f.queue.window().on_pubrec(PacketId{1}, ReasonCode::Success));
    EXPECT_TRUE(f.queue.detach().empty());
    (void)f.offer("c");
    (void)f.queue.attach(kWindow);
    EXPECT_EQ(f.drain(), (Texts{"pubrel", "b again", "c"}));
}

TEST(Queue, AFullWindowHoldsBackQoS1And2) {
    Fixture f;
    (void)f.queue.attach(1);
    (void)f.offer("a");
    (void)f.offer("b", QoS::ExactlyOnce);
    EXPECT_EQ(f.drain(), Texts{"a"});
    EXPECT_FALSE(f.queue.ready(QoS::AtLeastOnce));
    ASSERT_TRUE(f.queue.window().on_puback(PacketId{1}));
    EXPECT_EQ(f.drain(), Texts{"b"});
}

// [v5 MQTT-4.9.0-3]: QoS 0 is not held back by the window; [v5 MQTT-4.6.0-6]: nor does it
// overtake its own kind.
TEST(Queue, QoS0MayPassTheWindowButNotOtherQoS0) {
    Fixture f;
    EXPECT_FALSE(f.queue.ready(QoS::AtMostOnce));
    (void)f.queue.attach(1);
    EXPECT_TRUE(f.queue.ready(QoS::AtLeastOnce));
    EXPECT_EQ(f.queue.send_now({testing::message("a"), 0, 0, 0, 0, QoS::AtLeastOnce}, kToday),
              PacketId{1});
    EXPECT_FALSE(f.queue.ready(QoS::AtLeastOnce));
    EXPECT_TRUE(f.queue.ready(QoS::AtMostOnce));
    (void)f.offer("b");
    EXPECT_TRUE(f.queue.ready(QoS::AtMostOnce));
    (void)f.offer("c", QoS::AtMostOnce);
    EXPECT_FALSE(f.queue.ready(QoS::AtMostOnce));
    ASSERT_TRUE(f.queue.window().on_puback(PacketId{1}));
    EXPECT_EQ(f.drain(), (Texts{"b", "c"}));
    EXPECT_TRUE(f.queue.ready(QoS::AtMostOnce));
}

// [v5 MQTT-3.3.2-5]: an expired message that has not begun its way to the client is deleted.
TEST(Queue, ExpiredMessagesAreNotTakenAndNotSent) {
    Fixture f;
    EXPECT_EQ(f.offer("old", QoS::AtLeastOnce, kToday), Offered::Expired);
    (void)f.offer("short", QoS::AtLeastOnce, kToday + Millis(10));
    (void)f.offer("long", QoS::AtLeastOnce, kToday + Millis(1000));
    (void)f.queue.attach(kWindow);
    (void)f.offer("zero", QoS::AtMostOnce, kToday + Millis(10));
    EXPECT_EQ(f.drain(kToday + Millis(10)), Texts{"long"});
    EXPECT_EQ(texts(f.expired), (Texts{"short", "zero"}));
    EXPECT_TRUE(f.queue.ready(QoS::AtMostOnce));
}

TEST(Queue, RemembersReceivedQoS2IdsAcrossConnections) {
    Fixture f;
    EXPECT_FALSE(f.queue.remembers(PacketId{7}));
    f.queue.remember(PacketId{7});
    (void)f.queue.attach(kWindow);
    (void)f.queue.detach();
    EXPECT_TRUE(f.queue.remembers(PacketId{7}));
    EXPECT_EQ(f.queue.received_count(), 1U);
    EXPECT_TRUE(f.queue.forget(PacketId{7}));
    EXPECT_FALSE(f.queue.forget(PacketId{7}));
}

// [v5 MQTT-4.8.2-4] [v5 MQTT-4.8.2-5]: a QoS 2 exchange that has begun stays with this client.
TEST(Queue, TakesOutWhatAnotherMemberOfASharedGroupCanHave) {
    Fixture f;
    (void)f.queue.attach(3);
    (void)f.offer("q1", QoS::AtLeastOnce, kNever, 5);
    (void)f.offer("q2", QoS::ExactlyOnce, kNever, 5);
    (void)f.offer("own");
    EXPECT_EQ(f.drain().size(), 3U);
    (void)f.offer("waiting", QoS::ExactlyOnce, kNever, 5);
    (void)f.offer("zero", QoS::AtMostOnce, kNever, 5);
    (void)f.offer("alone", QoS::AtLeastOnce, kNever, 6);
    Delivery sent;
    sent.message = testing::message("sent by an earlier connection");
    sent.qos = QoS::ExactlyOnce;
    sent.shared_group = 5;
    sent.sent_before = true;
    f.queue.insert(std::move(sent));
    const auto taken = f.queue.take_shared([](std::uint64_t group) { return group == 5; });
    EXPECT_EQ(texts(taken), (Texts{"q1", "waiting", "zero"}));
    EXPECT_EQ(f.queue.window().size(), 2U);
    EXPECT_EQ(f.queue.backlog_size(), 2U);
    EXPECT_TRUE(f.queue.ready(QoS::AtMostOnce));
}

TEST(Queue, ClearReturnsEverything) {
    Fixture f;
    (void)f.queue.attach(2);
    (void)f.offer("a", QoS::ExactlyOnce);
    (void)f.offer("b");
    (void)f.drain();
    (void)f.queue.window().on_pubrec(PacketId{1}, ReasonCode::Success);
    (void)f.offer("c");
    (void)f.offer("d", QoS::AtMostOnce);
    f.queue.remember(PacketId{9});
    EXPECT_EQ(texts(f.queue.clear()), (Texts{"-", "b", "c", "d"}));
    EXPECT_EQ(f.queue.backlog_size(), 0U);
    EXPECT_TRUE(f.queue.window().empty());
    EXPECT_FALSE(f.queue.remembers(PacketId{9}));
    EXPECT_TRUE(f.queue.ready(QoS::AtMostOnce));
}

}  // namespace
}  // namespace vmq::queue
