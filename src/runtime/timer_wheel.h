// A hierarchical timer wheel: starting and stopping a timer costs the same however many there are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace vmq::runtime {

class TimerWheel;

/// A place in a circular list of timers; a list's head is one by itself.
struct TimerLink {
    TimerLink* previous = nullptr;
    TimerLink* next = nullptr;
};

/// A timer that lives inside its owner, so that it needs no allocation. Stops when destroyed. May
/// be destroyed or restarted from within its own callback.
class Timer final : private TimerLink {
public:
    /// `owner` is handed back to `fire` and outlives the timer.
    using Fire = void (*)(void* owner, TimePoint now);
    Timer(void* owner, Fire fire) noexcept : owner_(owner), fire_(fire) {}
    ~Timer() { stop(); }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    [[nodiscard]] bool running() const noexcept { return previous != nullptr; }
    [[nodiscard]] TimePoint deadline() const noexcept { return deadline_; }
    void stop() noexcept;

private:
    friend class TimerWheel;

    void* owner_;
    Fire fire_;
    TimePoint deadline_{};
};

/// Owned by one shard. Reads no clock: advance() says what time it is. A timer fires in the first
/// advance() at or after its deadline, rounded up to a tick of 50 ms.
class TimerWheel final {
public:
    static constexpr Millis kTick{50};

    explicit TimerWheel(TimePoint start) noexcept;
    ~TimerWheel();
    TimerWheel(const TimerWheel&) = delete;
    TimerWheel& operator=(const TimerWheel&) = delete;

    /// Starts or restarts `timer`. A deadline in the past fires at the next advance().
    void start(Timer& timer, TimePoint deadline) noexcept;

    /// Fires what is due.
    void advance(TimePoint now);

    /// When advance() has something to do at the earliest; kNever if no timer runs.
    [[nodiscard]] TimePoint next_wake() const noexcept;

private:
    static constexpr std::size_t kSlotBits = 6;
    static constexpr std::size_t kSlots = 1U << kSlotBits;
    static constexpr std::size_t kLevels =
        5;  // 64^5 ticks of 50 ms: 1.7 years; longer ones go round

    [[nodiscard]] std::uint64_t tick_of(TimePoint deadline) const noexcept;
    void link(Timer& timer, std::uint64_t earliest) noexcept;
    void cascade(std::size_t level);

    const TimePoint start_;
    std::uint64_t tick_ = 0;  // all ticks up to and including this one have fired
    std::array<std::array<TimerLink, kSlots>, kLevels> slots_;
};

}  // namespace vmq::runtime
