#include "runtime/timer_wheel.h"

#include <algorithm>

namespace vmq::runtime {

void Timer::stop() noexcept {
    if (previous == nullptr) return;
    previous->next = next;
    next->previous = previous;
    previous = nullptr;
    next = nullptr;
}

TimerWheel::TimerWheel(TimePoint start) noexcept : start_(start) {
    for (auto& level : slots_) {
        for (TimerLink& head : level) head.previous = head.next = &head;
    }
}

TimerWheel::~TimerWheel() {
    for (auto& level : slots_) {
        for (TimerLink& head : level) {
            while (head.next != &head) static_cast<Timer*>(head.next)->stop();
            head.previous = head.next = nullptr;
        }
    }
}

std::uint64_t TimerWheel::tick_of(TimePoint deadline) const noexcept {
    if (deadline <= start_) return 0;
    const auto passed = static_cast<std::uint64_t>((deadline - start_).count());
    const auto tick = static_cast<std::uint64_t>(kTick.count());
    return passed / tick + (passed % tick != 0 ? 1 : 0);
}

void TimerWheel::start(Timer& timer, TimePoint deadline) noexcept {
    timer.stop();
    timer.deadline_ = deadline;
    link(timer, tick_ + 1);
}

void TimerWheel::link(Timer& timer, std::uint64_t earliest) noexcept {
    const std::uint64_t due = std::max(tick_of(timer.deadline_), earliest);
    std::uint64_t distance = due - tick_;
    std::size_t level = 0;
    while (level + 1 < kLevels && distance >= kSlots) {
        distance >>= kSlotBits;
        ++level;
    }
    const std::uint64_t farthest = tick_ + (std::uint64_t{kSlots - 1} << (kSlotBits * level));
    const std::uint64_t place = level + 1 == kLevels ? std::min(due, farthest) : due;
    TimerLink& head = slots_[level][place >> (kSlotBits * level) & (kSlots - 1)];
    timer.previous = head.previous;
    timer.next = &head;
    head.previous->next = &timer;
    head.previous = &timer;
}

void TimerWheel::cascade(std::size_t level) {
    TimerLink& head = slots_[level][tick_ >> (kSlotBits * level) & (kSlots - 1)];
    // Relinked from a list of its own: what is far away may come back to the same slot.
    TimerLink moving;
    if (head.next == &head) return;
    moving.next = head.next;
    moving.previous = head.previous;
    moving.next->previous = &moving;
    moving.previous->next = &moving;
    head.previous = head.next = &head;
    while (moving.next != &moving) {
        Timer& timer = *static_cast<Timer*>(moving.next);
        timer.stop();
        link(timer, tick_);  // what is due in this very tick fires in it
    }
    moving.previous = moving.next = nullptr;
}

void TimerWheel::advance(TimePoint now) {
    if (now < start_) return;
    const auto target = static_cast<std::uint64_t>((now - start_).count()) /
                        static_cast<std::uint64_t>(kTick.count());
    while (tick_ < target) {
        ++tick_;
        for (std::size_t level = kLevels - 1; level > 0; --level) {
            const std::uint64_t below = (std::uint64_t{1} << (kSlotBits * level)) - 1;
            if ((tick_ & below) == 0) cascade(level);
        }
        TimerLink& head = slots_[0][tick_ & (kSlots - 1)];
        while (head.next != &head) {
            Timer& timer = *static_cast<Timer*>(head.next);
            timer.stop();
            timer.fire_(timer.owner_, now);
        }
    }
}

TimePoint TimerWheel::next_wake() const noexcept {
    // A slot of a higher level may be due before the first of a lower one.
    constexpr std::uint64_t kNone = ~std::uint64_t{0};
    std::uint64_t earliest = kNone;
    for (std::size_t level = 0; level < kLevels; ++level) {
        const std::uint64_t here = tick_ >> (kSlotBits * level);
        for (std::uint64_t ahead = 1; ahead <= kSlots; ++ahead) {
            const TimerLink& head = slots_[level][(here + ahead) & (kSlots - 1)];
            if (head.next == &head) continue;
            earliest = std::min(earliest, (here + ahead) << (kSlotBits * level));
            break;
        }
    }
    if (earliest == kNone) return kNever;
    return start_ + Millis(static_cast<std::int64_t>(earliest) * kTick.count());
}

}  // namespace vmq::runtime
