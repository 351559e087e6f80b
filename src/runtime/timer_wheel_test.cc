#include "runtime/timer_wheel.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "base/random.h"

namespace vmq::runtime {
namespace {

constexpr TimePoint kStart{Millis{1'000'000}};

struct Probe {
    Timer timer{this, [](void* self, TimePoint now) { static_cast<Probe*>(self)->fired_at = now; }};
    TimePoint fired_at = kNever;
};

TEST(TimerWheel, FiresEveryTimerOnceInTheFirstAdvanceAfterItsDeadline) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        SCOPED_TRACE(seed);
        Random random(seed);
        TimerWheel wheel(kStart);
        TimePoint now = kStart;
        std::vector<std::unique_ptr<Probe>> probes;
        std::vector<TimePoint> deadlines;
        for (int i = 0; i < 500; ++i) {
            probes.push_back(std::make_unique<Probe>());
            const auto magnitude = 1U << random.below(31);
            deadlines.push_back(kStart + Millis(random.below(magnitude)));
            wheel.start(probes.back()->timer, deadlines.back());
        }
        while (wheel.next_wake() != kNever) {
            const TimePoint before = now;
            now = std::max(wheel.next_wake(), now);
            if (random.below(4) == 0) now += Millis(random.below(5000));
            wheel.advance(now);
            for (std::size_t i = 0; i < probes.size(); ++i) {
                if (probes[i]->fired_at != now) continue;
                ASSERT_GE(now, deadlines[i]);
                ASSERT_LT(before, deadlines[i] + TimerWheel::kTick);
            }
        }
        for (const auto& probe : probes) ASSERT_NE(probe->fired_at, kNever);
    }
}

TEST(TimerWheel, FiresInItsOwnTickWhateverTheDistance) {
    for (int ticks = 1; ticks < 9000; ticks += ticks < 300 ? 1 : 61) {
        TimerWheel wheel(kStart);
        Probe probe;
        const TimePoint due = kStart + ticks * TimerWheel::kTick;
        wheel.start(probe.timer, due);
        while (probe.fired_at == kNever) {
            ASSERT_LE(wheel.next_wake(), due) << ticks;
            wheel.advance(wheel.next_wake());
        }
        ASSERT_EQ(probe.fired_at, due) << ticks;
    }
}

TEST(TimerWheel, StoppedAndDestroyedTimersDoNotFire) {
    TimerWheel wheel(kStart);
    Probe stopped;
    auto destroyed = std::make_unique<Probe>();
    wheel.start(stopped.timer, kStart + Millis(100));
    wheel.start(destroyed->timer, kStart + Millis(100));
    stopped.timer.stop();
    destroyed.reset();
    wheel.advance(kStart + Millis(1000));
    EXPECT_EQ(stopped.fired_at, kNever);
    EXPECT_EQ(wheel.next_wake(), kNever);
}

TEST(TimerWheel, ATimerMayRestartItselfFromItsCallback) {
    struct Again {
        TimerWheel& wheel;
        int count = 0;
        Timer timer{this, [](void* self, TimePoint now) {
                        auto& again = *static_cast<Again*>(self);
                        if (++again.count < 3) again.wheel.start(again.timer, now + Millis(100));
                    }};
    };
    TimerWheel wheel(kStart);
    Again again{wheel};
    wheel.start(again.timer, kStart);
    for (int i = 1; i < 20; ++i) wheel.advance(kStart + Millis(i * 100));
    EXPECT_EQ(again.count, 3);
}

}  // namespace
}  // namespace vmq::runtime
