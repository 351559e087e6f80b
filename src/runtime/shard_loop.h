// The event loop of one shard: one thread, one Boost.Asio context, in turns.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>

#include "base/clock.h"
#include "base/ids.h"
#include "metrics/histogram.h"
#include "runtime/poller.h"
#include "runtime/timer_wheel.h"

namespace vmq::runtime {

/// What a loop calls in every turn, on its thread.
class TurnHandler {
public:
    virtual ~TurnHandler() = default;
    /// Whether messages of other shards wait; asked by the loop before it sleeps.
    [[nodiscard]] virtual bool has_mail() const = 0;
    /// Handles what other shards sent.
    virtual void on_mail() = 0;
    /// Everything that was ready has been handled: write out what it produced.
    virtual void on_turn_end() = 0;
};

/// A turn: sleep until something happens, handle what is ready (sockets, then mail, then timers),
/// end the turn. Everything but wake() and stop() belongs to the loop's thread.
class ShardLoop final {
public:
    explicit ShardLoop(ShardId id, TimePoint start = steady_now());
    ShardLoop(const ShardLoop&) = delete;
    ShardLoop& operator=(const ShardLoop&) = delete;

    /// Runs until stop(). The calling thread becomes the shard's.
    void run(TurnHandler& handler);

    /// Where run() counts how long each turn works; outlives it. Before run().
    void measure_turns(metrics::Histogram& turns) noexcept { turns_ = &turns; }

    /// One turn at the time `now` without sleeping, for simulations: they call it instead of run().
    /// True: something was handled, or run_again() was called. There may be more to do at once.
    bool step(TurnHandler& handler, TimePoint now);
    /// Until when run() would sleep if nothing happens; asked for once before each sleep.
    [[nodiscard]] TimePoint take_wake() noexcept {
        const TimePoint by = wake_by_;
        wake_by_ = kNever;
        return by < timers_.next_wake() ? by : timers_.next_wake();
    }

    /// From any thread: the loop looks at its mail soon. Costs nothing while it is awake.
    void wake();
    /// From any thread: run() returns after the current turn.
    void stop();
    [[nodiscard]] bool stopping() const noexcept {
        return stopping_.load(std::memory_order_acquire);
    }

    [[nodiscard]] ShardId id() const noexcept { return id_; }
    [[nodiscard]] boost::asio::io_context& io() noexcept { return io_; }
    [[nodiscard]] Poller& poller() noexcept { return poller_; }
    [[nodiscard]] TimerWheel& timers() noexcept { return timers_; }
    /// The time at which this turn was first asked for it: after the sleep, not before.
    [[nodiscard]] TimePoint now() const noexcept {
        if (!now_is_read_) read_clock();
        return now_;
    }
    /// Makes the loop take a turn at `deadline` at the latest, to the millisecond; once.
    void wake_by(TimePoint deadline) noexcept {
        if (deadline < wake_by_) wake_by_ = deadline;
    }
    /// Makes the loop take another turn at once instead of sleeping.
    void run_again() noexcept { again_ = true; }

private:
    void arm_timer();
    void read_clock() const noexcept;
    /// True: sockets were ready.
    bool finish_turn(TurnHandler& handler);
    void count_turn() noexcept;

    const ShardId id_;
    boost::asio::io_context io_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    boost::asio::steady_timer timer_;
    Poller poller_;
    TimePoint armed_for_ = kNever;
    // Asio sleeps and handles the first event in one call, so the clock is read when it is needed.
    mutable TimePoint now_;
    mutable std::chrono::steady_clock::time_point exact_now_;  // of the same look at the clock
    metrics::Histogram* turns_ = nullptr;
    mutable bool now_is_read_ = true;
    TimerWheel timers_;
    TimePoint wake_by_ = kNever;
    bool again_ = false;
    int handled_ = 0;  // of Asio's, in the last turn
    std::atomic<bool> asleep_{false};
    std::atomic<bool> stopping_{false};
};

}  // namespace vmq::runtime
