#include "cluster/outbound_stream.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "cluster/inbound_stream.h"

namespace vmq::cluster {
namespace {

mqtt::MessagePtr message(std::string_view payload) {
    mqtt::MessageParts parts;
    parts.topic = "t";
    parts.payload = payload;
    return mqtt::Message::make(parts);
}

class OutboundStreamTest : public ::testing::Test {
protected:
    OutboundStreamTest() {
        for (int i = 1; i <= 5; ++i) stream.add(message(std::to_string(i)), i);
    }
    std::string sent() {
        std::string text;
        while (stream.has_next()) {
            const auto next = stream.next();
            text +=
                std::to_string(next.sequence) + "=" + std::string(next.message->payload()) + " ";
        }
        return text;
    }
    bool acknowledge(std::uint64_t sequence, std::vector<std::uint64_t> refused = {}) {
        return stream.acknowledge(sequence, refused, [this](int waiter, bool safe) {
            told += (safe ? "" : "-") + std::to_string(waiter) + " ";
        });
    }

    OutboundStream<int> stream{1'000'000};
    std::string told;
};

TEST_F(OutboundStreamTest, GivesMessagesUpWhenTheyAreSafe) {
    EXPECT_EQ(sent(), "1=1 2=2 3=3 4=4 5=5 ");
    EXPECT_TRUE(acknowledge(2));
    EXPECT_TRUE(acknowledge(2));
    EXPECT_TRUE(acknowledge(5, {4}));
    EXPECT_EQ(told, "1 2 3 -4 5 ");
    EXPECT_EQ(stream.size(), 0U);
    EXPECT_EQ(stream.bytes(), 0U);
    stream.add(message("6"), 6);
    EXPECT_EQ(sent(), "6=6 ");
}

TEST_F(OutboundStreamTest, ANewLinkTakesWhatTheReceiverHasNotHad) {
    (void)sent();
    EXPECT_TRUE(acknowledge(1));
    EXPECT_TRUE(stream.restart(3));
    EXPECT_EQ(stream.next_sequence(), 4U);
    EXPECT_EQ(sent(), "4=4 5=5 ");
    EXPECT_TRUE(stream.restart(0));  // it has started anew
    EXPECT_EQ(stream.next_sequence(), 2U);
    EXPECT_EQ(sent(), "2=2 3=3 4=4 5=5 ");
    EXPECT_FALSE(stream.restart(6));
    EXPECT_TRUE(stream.restart(5));
    EXPECT_TRUE(acknowledge(5));
    EXPECT_EQ(told, "1 2 3 4 5 ");
}

TEST_F(OutboundStreamTest, OneThatIsGivenUpKeepsItsPlaceWithoutAMessage) {
    const std::size_t before = stream.bytes();
    EXPECT_EQ(stream.next().sequence, 1U);
    EXPECT_EQ(stream.next().sequence, 2U);
    EXPECT_EQ(stream.give_up(2), 2);
    EXPECT_LT(stream.bytes(), before);
    EXPECT_EQ(stream.size(), 5U);
    EXPECT_TRUE(stream.restart(1));
    EXPECT_EQ(stream.next().message, nullptr);
    EXPECT_EQ(sent(), "3=3 4=4 5=5 ");
    EXPECT_TRUE(acknowledge(5));
    EXPECT_EQ(told, "1 0 3 4 5 ") << "its waiter is gone";
    EXPECT_EQ(stream.bytes(), 0U);
}

TEST_F(OutboundStreamTest, WhatWasNotSentCannotBeAcknowledged) {
    EXPECT_FALSE(acknowledge(1));
    (void)stream.next();
    EXPECT_FALSE(acknowledge(2));
    EXPECT_TRUE(acknowledge(1));
    EXPECT_EQ(told, "1 ");
}

TEST_F(OutboundStreamTest, HasRoomUpToItsBytes) {
    OutboundStream<int> small(message("x")->footprint() * 3);
    int taken = 0;
    for (; small.has_room(); ++taken) small.add(message("x"), taken);
    EXPECT_EQ(taken, 3);
    (void)small.next();
    EXPECT_TRUE(small.acknowledge(1, {}, [](int, bool) {}));
    EXPECT_TRUE(small.has_room());
    small.set_most_bytes(1);
    EXPECT_FALSE(small.has_room());
    small.clear([&](int, bool safe) { taken -= safe ? 0 : 1; });
    EXPECT_EQ(taken, 1);
    EXPECT_TRUE(small.has_room()) << "one always fits";
}

// Links break anywhere, receivers settle in any order and start anew: every message arrives, in
// order and once per life of the receiver, and every waiter is told once, when it is safe.
TEST(OutboundStreamRandom, NothingIsLostOrDoubledHoweverLinksBreak) {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Random random{seed};
        OutboundStream<std::uint64_t> out(1U << 30U);
        InboundStream in;
        std::deque<std::uint64_t> wire;        // sequences under way
        std::deque<std::uint64_t> back;        // acknowledgements under way
        std::vector<std::uint64_t> unsettled;  // arrived, not safe yet
        std::uint64_t added = 0;
        std::uint64_t told = 0;
        std::uint64_t kept = 0;  // the highest up to which all are safe at the receiver
        std::map<std::uint64_t, bool> safe;
        std::uint64_t last = 0;
        bool linked = false;
        const auto link = [&] {
            wire.clear();
            back.clear();
            ASSERT_TRUE(out.restart(in.received()));
            ASSERT_TRUE(in.begin(out.next_sequence()));
            linked = true;
        };
        for (int step = 0; step < 2000 || told < added; ++step) {
            ASSERT_LT(step, 100'000);
            switch (random.below(step < 2000 ? 8 : 6)) {
                case 0:
                    if (step < 2000) out.add(message("x"), ++added);
                    break;
                case 1:
                    if (linked && out.has_next()) wire.push_back(out.next().sequence);
                    break;
                case 2:
                    if (wire.empty()) break;
                    if (in.arrive(wire.front()) == InboundStream::Arrival::New) {
                        ASSERT_EQ(wire.front(), last + 1);
                        last = wire.front();
                        in.expect(1);
                        unsettled.push_back(last);
                    }
                    wire.pop_front();
                    break;
                case 3:
                    if (unsettled.empty()) break;
                    {
                        const auto at = random.below(static_cast<std::uint32_t>(unsettled.size()));
                        in.settle(unsettled[at], true);
                        safe[unsettled[at]] = true;
                        unsettled.erase(unsettled.begin() + at);
                        while (safe.contains(kept + 1)) ++kept;
                    }
                    break;
                case 4:
                    for (Ack ack; linked && in.take_ack(ack);) back.push_back(ack.sequence);
                    break;
                case 5:
                    if (!linked) link();
                    if (back.empty()) break;
                    ASSERT_TRUE(out.acknowledge(back.front(), {}, [&](std::uint64_t waiter, bool) {
                        ASSERT_EQ(waiter, ++told);
                        ASSERT_LE(waiter, kept);
                    }));
                    back.pop_front();
                    break;
                case 6:
                    if (random.below(20) == 0) linked = false;
                    break;
                default:
                    if (random.below(100) != 0) break;
                    in = InboundStream();  // killed: what was not acknowledged comes again
                    last = told;
                    unsettled.clear();
                    linked = false;
                    wire.clear();
                    link();
                    ASSERT_EQ(in.received() + 1, out.next_sequence());
                    last = in.received();
            }
            if (!linked) {
                wire.clear();
                back.clear();
            }
        }
        EXPECT_EQ(told, added);
    }
}

}  // namespace
}  // namespace vmq::cluster
