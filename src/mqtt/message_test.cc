#include "mqtt/message.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

namespace vmq::mqtt {
namespace {

static_assert(!std::is_copy_constructible_v<Message>);
static_assert(std::is_nothrow_copy_constructible_v<MessagePtr>);
static_assert(std::is_nothrow_move_constructible_v<MessagePtr>);
static_assert(sizeof(MessagePtr) == sizeof(void*));

MessagePtr message(std::string_view payload) { return Message::make({.payload = payload}); }

TEST(Message, HoldsItsOwnCopyOfEveryPart) {
    std::string mountpoint = "tenant";
    std::string topic = "a/b";
    std::string payload(1000, 'p');
    std::string properties = "\x01\x01";
    const TimePoint expires_at = TimePoint{} + std::chrono::seconds(9);
    const auto made = Message::make({.mountpoint = mountpoint,
                                     .topic = topic,
                                     .payload = payload,
                                     .properties = properties,
                                     .qos = QoS::ExactlyOnce,
                                     .retain = true,
                                     .publisher = 42,
                                     .expires_at = expires_at});
    mountpoint = topic = payload = properties = "overwritten";
    EXPECT_EQ(made->mountpoint(), "tenant");
    EXPECT_EQ(made->topic(), "a/b");
    EXPECT_EQ(made->payload(), std::string(1000, 'p'));
    EXPECT_EQ(made->properties(), "\x01\x01");
    EXPECT_EQ(made->qos(), QoS::ExactlyOnce);
    EXPECT_TRUE(made->retain());
    EXPECT_EQ(made->publisher(), 42U);
    EXPECT_EQ(made->expires_at(), expires_at);
    EXPECT_EQ(made->footprint(), sizeof(Message) + 6 + 3 + 1000 + 2);
}

TEST(Message, MayBeEmpty) {
    const auto made = Message::make({});
    EXPECT_EQ(made->topic(), "");
    EXPECT_EQ(made->payload(), "");
    EXPECT_EQ(made->footprint(), sizeof(Message));
}

// [v5 MQTT-3.3.2-5]
TEST(Message, ExpiresAtItsTimeAndOtherwiseNever) {
    const TimePoint at = TimePoint{} + std::chrono::seconds(9);
    const auto expiring = Message::make({.expires_at = at});
    EXPECT_FALSE(expiring->expired(at - TimePoint::duration(1)));
    EXPECT_TRUE(expiring->expired(at));
    EXPECT_FALSE(message("x")->expired(at + std::chrono::hours(1'000'000)));
}

TEST(Message, HasNoLimitOfItsOwnButThoseOfTopicAndMountpoint) {
    const std::string longest(65'535, 't');
    EXPECT_EQ(Message::make({.mountpoint = longest, .topic = longest})->topic(), longest);
}

TEST(MessageDeathTest, ATopicThatMqttCannotCarryIsOurBug) {
    const std::string too_long(65'536, 't');
    EXPECT_DEATH((void)Message::make({.topic = too_long}), "assertion failed");
    EXPECT_DEATH((void)Message::make({.mountpoint = too_long}), "assertion failed");
}

TEST(MessagePtr, IsEmptyUntilItGetsAMessage) {
    MessagePtr pointer;
    EXPECT_FALSE(pointer);
    EXPECT_EQ(pointer, nullptr);
    pointer = message("x");
    EXPECT_TRUE(pointer);
    pointer = nullptr;
    EXPECT_FALSE(pointer);
}

TEST(MessagePtr, KeepsTheMessageUntilTheLastOneIsGone) {
    MessagePtr last;
    {
        const MessagePtr first = message("kept");
        MessagePtr second = first;
        EXPECT_EQ(second.get(), first.get());
        last = second;
        second = nullptr;
    }
    EXPECT_EQ(last->payload(), "kept");
}

TEST(MessagePtr, LeavesNothingBehindWhenMoved) {
    MessagePtr from = message("x");
    const Message* const address = from.get();
    MessagePtr to = std::move(from);
    EXPECT_EQ(to.get(), address);
    // NOLINTNEXTLINE(bugprone-use-after-move,clang-analyzer-cplusplus.Move): that is the promise
    EXPECT_EQ(from.get(), nullptr);
}

TEST(MessagePtr, SurvivesAssignmentToItself) {
    MessagePtr pointer = message("x");
    const MessagePtr& same = pointer;
    pointer = same;
    EXPECT_EQ(pointer->payload(), "x");
}

// [v5 MQTT-3.3.2-6]
TEST(Message, WhatIsLeftOfItsLifeIsRoundedUpAndNeverZero) {
    const TimePoint start{Seconds(100)};
    MessageParts parts;
    EXPECT_EQ(Message::make(parts)->seconds_left(start), std::nullopt);
    parts.expires_at = start + Seconds(2);
    const MessagePtr pointer = Message::make(parts);
    EXPECT_EQ(pointer->seconds_left(start), 2U);
    EXPECT_EQ(pointer->seconds_left(start + Millis(1)), 2U);
    EXPECT_EQ(pointer->seconds_left(start + Millis(1000)), 1U);
    EXPECT_EQ(pointer->seconds_left(start + Seconds(5)), 1U);
}

// For the thread sanitizer, and for the address sanitizer's leak check.
TEST(MessagePtr, MayBeCopiedAndDroppedByManyThreads) {
    const std::string payload(100, 'x');
    for (int round = 0; round < 50; ++round) {
        std::vector<std::thread> threads;
        threads.reserve(4);
        MessagePtr shared = message(payload);
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([mine = shared, &payload] {
                for (int copies = 0; copies < 100; ++copies) {
                    // The copy is what is tested.
                    // NOLINTNEXTLINE(performance-unnecessary-copy-initialization)
                    const MessagePtr copy = mine;
                    EXPECT_EQ(copy->payload(), payload);
                }
            });
        }
        shared = nullptr;
        for (auto& thread : threads) thread.join();
    }
}

}  // namespace
}  // namespace vmq::mqtt
