#include "metrics/counters.h"

#include <gtest/gtest.h>

#include <set>

namespace vmq::metrics {
namespace {

TEST(Counters, EveryNumberHasACellOfItsOwn) {
    std::set<std::size_t> cells;
    std::size_t numbers = 0;
    const auto take = [&](std::size_t cell) {
        EXPECT_LT(cell, cell::kEnd);
        cells.insert(cell);
        ++numbers;
    };
    for (std::size_t i = 0; i < kCounters; ++i) take(cell::of(static_cast<Counter>(i)));
    for (std::size_t i = 0; i < kVersionCounters; ++i) {
        take(cell::of(static_cast<VersionCounter>(i), false));
        take(cell::of(static_cast<VersionCounter>(i), true));
    }
    for (const auto direction : {Direction::Received, Direction::Sent}) {
        for (std::uint8_t type = 0; type < kPacketTypes; ++type) {
            take(cell::of(PacketKind{direction, false, type}));
            for (unsigned code = 0; code < kReasonCodes; ++code) {
                take(cell::of(PacketKind{direction, true, type, static_cast<std::uint8_t>(code)}));
            }
        }
    }
    for (std::uint8_t code = 1; code < kReturnCodes; ++code) {
        take(cell::of(PacketKind{Direction::Sent, false, 2, code}));
    }
    EXPECT_EQ(cells.size(), numbers);
}

TEST(Counters, ImpossibleCodesAreCountedInBounds) {
    EXPECT_LT(cell::of(PacketKind{Direction::Sent, true, 255, 255}), cell::kEnd);
    EXPECT_LT(cell::of(PacketKind{Direction::Sent, false, 2, 255}), cell::kCoded);
}

TEST(Counters, TotalsAddTheShards) {
    ShardMetrics a;
    ShardMetrics b;
    a.add(Counter::SocketOpen);
    b.add(Counter::SocketOpen, 2);
    b.add(VersionCounter::MqttPublishAuthError, true);
    Totals totals;
    a.add_to(totals);
    b.add_to(totals);
    EXPECT_EQ(totals.get(Counter::SocketOpen), 3U);
    EXPECT_EQ(totals.get(VersionCounter::MqttPublishAuthError, true), 1U);
    EXPECT_EQ(totals.get(VersionCounter::MqttPublishAuthError, false), 0U);
}

TEST(Counters, PacketsAreCountedByDirectionVersionAndCode) {
    ShardMetrics shard;
    shard.add(PacketKind{Direction::Sent, true, 4, 0x10});
    shard.add(PacketKind{Direction::Sent, true, 4});
    EXPECT_EQ(shard.get(PacketKind{Direction::Sent, true, 4, 0x10}), 1U);
    EXPECT_EQ(shard.get(PacketKind{Direction::Sent, true, 4}), 1U);
    EXPECT_EQ(shard.get(PacketKind{Direction::Sent, false, 4}), 0U);
    EXPECT_EQ(shard.get(PacketKind{Direction::Received, true, 4, 0x10}), 0U);
}

}  // namespace
}  // namespace vmq::metrics
