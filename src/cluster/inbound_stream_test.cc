#include "cluster/inbound_stream.h"

#include <gtest/gtest.h>

#include <vector>

namespace vmq::cluster {
namespace {

using Arrival = InboundStream::Arrival;

struct Acked {
    std::uint64_t sequence;
    std::vector<std::uint64_t> refused;
    bool operator==(const Acked&) const = default;
};

std::vector<Acked> acks(InboundStream& stream) {
    std::vector<Acked> result;
    for (Ack ack; stream.take_ack(ack);) result.push_back({ack.sequence, ack.refused});
    return result;
}

TEST(InboundStream, AcknowledgesInOrderHoweverMessagesGetSafe) {
    InboundStream stream;
    ASSERT_TRUE(stream.begin(1));
    EXPECT_TRUE(acks(stream).empty());
    for (std::uint64_t sequence = 1; sequence <= 4; ++sequence) {
        ASSERT_EQ(stream.arrive(sequence), Arrival::New);
        stream.expect(sequence == 2 ? 2 : sequence == 4 ? 0 : 1);
    }
    EXPECT_TRUE(acks(stream).empty());
    stream.settle(3, true);
    stream.settle(2, true);
    EXPECT_TRUE(acks(stream).empty());
    stream.settle(1, true);
    EXPECT_EQ(acks(stream), (std::vector<Acked>{{1, {}}}));
    EXPECT_EQ(stream.unsettled(), 3U);
    stream.settle(2, true);
    EXPECT_EQ(acks(stream), (std::vector<Acked>{{4, {}}}));
    EXPECT_EQ(stream.unsettled(), 0U);
    stream.settle(2, true);
    stream.settle(9, true);
    EXPECT_TRUE(acks(stream).empty());
}

TEST(InboundStream, WhatComesASecondTimeIsKnownAndAcknowledgedAgain) {
    InboundStream stream;
    ASSERT_TRUE(stream.begin(7));
    EXPECT_EQ(stream.arrive(7), Arrival::New);
    EXPECT_EQ(stream.arrive(8), Arrival::New);
    stream.expect(1);
    EXPECT_EQ(acks(stream), (std::vector<Acked>{{7, {}}}));
    ASSERT_TRUE(stream.begin(7));  // the link broke, the acknowledgement was perhaps lost
    EXPECT_EQ(stream.received(), 8U);
    EXPECT_EQ(stream.arrive(7), Arrival::Repeated);
    EXPECT_EQ(stream.arrive(8), Arrival::Repeated);
    EXPECT_EQ(acks(stream), (std::vector<Acked>{{7, {}}}));
    stream.settle(8, true);
    EXPECT_EQ(acks(stream), (std::vector<Acked>{{8, {}}}));
    EXPECT_EQ(stream.arrive(9), Arrival::New);
}

TEST(InboundStream, AGapEndsTheLink) {
    InboundStream stream;
    EXPECT_FALSE(stream.begin(0));
    ASSERT_TRUE(stream.begin(1));
    EXPECT_EQ(stream.arrive(2), Arrival::Gap);
    EXPECT_EQ(stream.arrive(1), Arrival::New);
    EXPECT_FALSE(stream.begin(3));
    EXPECT_TRUE(stream.begin(2));
}

TEST(InboundStream, SaysWhatWasRefusedInPortions) {
    InboundStream stream;
    ASSERT_TRUE(stream.begin(1));
    for (std::uint64_t sequence = 1; sequence <= Ack::kMostRefused + 2; ++sequence) {
        ASSERT_EQ(stream.arrive(sequence), Arrival::New);
        stream.expect(1);
        stream.settle(sequence, sequence == 2);
    }
    const auto said = acks(stream);
    ASSERT_EQ(said.size(), 2U);
    EXPECT_EQ(said[0].sequence, Ack::kMostRefused + 1);
    EXPECT_EQ(said[0].refused.size(), Ack::kMostRefused);
    EXPECT_EQ(said[0].refused[1], 3U);
    EXPECT_EQ(said[1], (Acked{Ack::kMostRefused + 2, {Ack::kMostRefused + 2}}));
}

}  // namespace
}  // namespace vmq::cluster
