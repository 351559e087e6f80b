#include "runtime/periodic.h"

#include <gtest/gtest.h>

#include <atomic>

namespace vmq::runtime {
namespace {

/// Waits for what may take long on a busy machine.
void wait_for(const std::atomic<int>& calls, int wanted) {
    const TimePoint limit = steady_now() + Seconds(30);
    while (calls < wanted && steady_now() < limit) pause(Millis(1));
    EXPECT_GE(calls.load(), wanted);
}

TEST(PeriodicShards, CallsAgainAndAgainWhateverTheSignOfTheInterval) {
    for (const Millis interval : {Millis(1), Millis(-1)}) {
        std::atomic<int> calls{0};
        const Periodic periodic(interval, [&]() -> std::optional<Millis> {
            ++calls;
            return std::nullopt;
        });
        wait_for(calls, 3);
    }
}

TEST(PeriodicShards, TheFirstCallMayBeSooner) {
    std::atomic<int> calls{0};
    const Periodic periodic(
        std::chrono::hours(1),
        [&]() -> std::optional<Millis> {
            ++calls;
            return std::nullopt;
        },
        Millis(1));
    wait_for(calls, 1);
}

TEST(PeriodicShards, NeverUntilItIsGivenAnInterval) {
    std::atomic<int> calls{0};
    Periodic periodic(Millis(0), [&]() -> std::optional<Millis> {
        ++calls;
        return std::nullopt;
    });
    pause(Millis(20));
    EXPECT_EQ(calls, 0);
    periodic.set_interval(Millis(1));
    wait_for(calls, 2);
}

TEST(PeriodicShards, TheWorkMayAskToBeCalledSooner) {
    std::atomic<int> calls{0};
    // Three calls by the interval would take more than the patience of this test.
    const Periodic periodic(Seconds(11), [&]() -> std::optional<Millis> {
        ++calls;
        return Millis(1);
    });
    wait_for(calls, 3);
}

TEST(PeriodicShards, EndsWithoutWaitingForTheInterval) {
    const TimePoint begin = steady_now();
    {
        const Periodic periodic(std::chrono::hours(1), [] { return std::nullopt; });
    }
    EXPECT_LT(steady_now() - begin, Seconds(30));
}

}  // namespace
}  // namespace vmq::runtime
