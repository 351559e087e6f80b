#include "runtime/shard_loop.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "runtime/mailbox.h"

namespace vmq::runtime {
namespace {

/// Counts the mail it gets and calls what a test wants called.
class Recorder final : public TurnHandler {
public:
    [[nodiscard]] bool has_mail() const override { return !mailbox.empty(); }
    void on_mail() override {
        events += "m";
        std::vector<int> batch;
        mailbox.take(batch);
        received.fetch_add(static_cast<int>(batch.size()), std::memory_order_release);
    }
    void on_turn_end() override {
        events += "e";
        if (turn_end) turn_end();
    }

    Mailbox<int> mailbox;
    std::atomic<int> received{0};
    std::string events;  // of the loop's thread only
    std::function<void()> turn_end;
};

void send(Recorder& to, ShardLoop& loop) {
    std::vector<int> batch{1};
    while (!to.mailbox.hand_over(batch)) std::this_thread::yield();
    loop.wake();
}

struct FiredAt {
    Timer timer{this, [](void* self, TimePoint now) { static_cast<FiredAt*>(self)->at = now; }};
    TimePoint at = kNever;
};

// The loop sleeps after every letter and has no timer, so a lost wake would be waited for in vain.
TEST(ShardLoopShards, AWakeFromAnotherThreadIsNeverLost) {
    constexpr int kLetters = 20'000;
    Recorder recorder;
    ShardLoop loop(0);
    std::thread thread([&] { loop.run(recorder); });
    int last = 0;
    for (; last < kLetters; ++last) {
        send(recorder, loop);
        const TimePoint deadline = steady_now() + Seconds(20);
        while (recorder.received.load(std::memory_order_acquire) <= last) {
            if (steady_now() > deadline) break;
            if (last % 2 == 0) std::this_thread::yield();
        }
        if (recorder.received.load(std::memory_order_acquire) <= last) break;
    }
    EXPECT_EQ(last, kLetters);
    loop.stop();
    thread.join();
}

TEST(ShardLoopShards, TwoSendersAndAReceiverLoseNothing) {
    constexpr int kLetters = 20'000;
    Recorder recorder;
    ShardLoop loop(0);
    Mailbox<int> other;
    recorder.turn_end = [&] {
        if (recorder.received.load() == 2 * kLetters) loop.stop();
    };
    const auto sender = [&] {
        for (int i = 0; i < kLetters; ++i) send(recorder, loop);
    };
    std::thread first(sender);
    std::thread second(sender);
    loop.run(recorder);
    first.join();
    second.join();
    EXPECT_EQ(recorder.received.load(), 2 * kLetters);
}

TEST(ShardLoopShards, StopsASleepingLoopFromAnotherThread) {
    Recorder recorder;
    ShardLoop loop(0);
    std::thread thread([&] { loop.run(recorder); });
    loop.stop();
    thread.join();
}

TEST(ShardLoop, DoesNotBeginWhenItWasStoppedBefore) {
    Recorder recorder;
    ShardLoop loop(0);
    loop.stop();
    loop.run(recorder);
    EXPECT_EQ(recorder.events, "");
}

TEST(ShardLoopShards, TheTimeOfAnEventIsNotTheTimeBeforeTheSleep) {
    Recorder recorder;
    ShardLoop loop(0);
    TimePoint posted_at;
    TimePoint seen = kNever;
    const TimePoint started = loop.now();
    std::thread thread([&] {
        std::this_thread::sleep_for(Millis(60));
        posted_at = steady_now();
        boost::asio::post(loop.io(), [&] {
            seen = loop.now();
            loop.stop();
        });
    });
    loop.run(recorder);
    thread.join();
    EXPECT_GE(posted_at, started + Millis(60));
    EXPECT_GE(seen, posted_at);
}

TEST(ShardLoop, WakesForItsTimers) {
    Recorder recorder;
    ShardLoop loop(0);
    FiredAt probe;
    const TimePoint due = loop.now() + Millis(70);
    loop.timers().start(probe.timer, due);
    recorder.turn_end = [&] {
        if (probe.at != kNever) loop.stop();
    };
    loop.run(recorder);
    EXPECT_GE(probe.at, due);
}

TEST(ShardLoop, WakesForATimerThatWasStartedWhileItSleptForALaterOne) {
    Recorder recorder;
    ShardLoop loop(0);
    FiredAt late;
    FiredAt soon;
    loop.timers().start(late.timer, loop.now() + Seconds(3600));
    boost::asio::post(loop.io(), [&] { loop.timers().start(soon.timer, loop.now() + Millis(60)); });
    recorder.turn_end = [&] {
        if (soon.at != kNever) loop.stop();
    };
    loop.run(recorder);
    EXPECT_EQ(late.at, kNever);
    EXPECT_NE(soon.at, kNever);
}

TEST(ShardLoop, RunAgainTakesAnotherTurnInsteadOfSleeping) {
    Recorder recorder;
    ShardLoop loop(0);
    int turns = 0;
    recorder.turn_end = [&] {
        if (++turns == 5) return loop.stop();
        loop.run_again();
    };
    loop.run_again();
    loop.run(recorder);
    EXPECT_EQ(turns, 5);
}

TEST(ShardLoop, AStepHandlesEventsThenMailThenTimersAndEndsTheTurn) {
    constexpr TimePoint kStart{Millis{1'000'000}};
    Recorder recorder;
    ShardLoop loop(3, kStart);
    EXPECT_EQ(loop.id(), 3U);
    EXPECT_EQ(loop.now(), kStart);
    struct Notes {
        Timer timer{this, [](void* self, TimePoint) {
                        static_cast<Notes*>(self)->recorder->events += "t";
                    }};
        Recorder* recorder;
    } notes{.recorder = &recorder};
    loop.timers().start(notes.timer, kStart + Millis(100));
    boost::asio::post(loop.io(), [&] { recorder.events += "i"; });
    loop.step(recorder, kStart + Millis(50));
    EXPECT_EQ(recorder.events, "ime");
    EXPECT_EQ(loop.now(), kStart + Millis(50));
    send(recorder, loop);
    loop.step(recorder, kStart + Millis(100));
    EXPECT_EQ(recorder.events, "imemte");
    EXPECT_EQ(recorder.received.load(), 1);
}

TEST(ShardLoop, AStepDoesNotWaitForAnything) {
    Recorder recorder;
    ShardLoop loop(0, TimePoint{Millis{1}});
    FiredAt probe;
    loop.timers().start(probe.timer, TimePoint{Millis{1}} + Seconds(3600));
    loop.step(recorder, TimePoint{Millis{2}});
    EXPECT_EQ(probe.at, kNever);
    loop.step(recorder, TimePoint{Millis{1}} + Seconds(3600));
    EXPECT_NE(probe.at, kNever);
}

}  // namespace
}  // namespace vmq::runtime
