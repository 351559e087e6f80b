// What is counted of one hook of one plugin on one shard.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "hooks/verdicts.h"
#include "metrics/histogram.h"

namespace vmq::hooks {

/// Only the shard counts; any thread may read.
class HookStats final {
public:
    struct Counts {
        std::uint64_t calls = 0;
        std::array<std::uint64_t, 3> decisions{};  // by Decision, of hooks that decide
        std::uint64_t failures = 0;                // exceptions
        std::uint64_t timeouts = 0;
        metrics::HistogramValue latency;  // until the answer, also of those that came later

        Counts& operator+=(const Counts& other) noexcept {
            calls += other.calls;
            for (std::size_t i = 0; i < decisions.size(); ++i) decisions[i] += other.decisions[i];
            failures += other.failures;
            timeouts += other.timeouts;
            latency += other.latency;
            return *this;
        }
    };

    /// Reading the clock twice costs as much as what some hooks do, so of many calls that answer at
    /// once only one in kSample is measured and counts for all of them.
    static constexpr std::uint64_t kSample = 64;

    /// One more call; how many the measurement of this one stands for, 0: it is not to be measured.
    [[nodiscard]] std::uint64_t begin(bool at_once) noexcept {
        const std::uint64_t before = calls_.load(std::memory_order_relaxed);
        calls_.store(before + 1, std::memory_order_relaxed);
        if (!at_once || before < kSample) return 1;
        return before % kSample == 0 ? kSample : 0;
    }
    void took(std::chrono::nanoseconds time, std::uint64_t times) noexcept {
        latency_.add(time, times);
    }
    void decided(Decision decision) noexcept {
        bump(decisions_[static_cast<std::size_t>(decision)]);
    }
    void failed() noexcept { bump(failures_); }
    void timed_out() noexcept { bump(timeouts_); }

    [[nodiscard]] Counts counts() const noexcept {
        Counts counts;
        counts.calls = calls_.load(std::memory_order_relaxed);
        for (std::size_t i = 0; i < decisions_.size(); ++i) {
            counts.decisions[i] = decisions_[i].load(std::memory_order_relaxed);
        }
        counts.failures = failures_.load(std::memory_order_relaxed);
        counts.timeouts = timeouts_.load(std::memory_order_relaxed);
        counts.latency = latency_.value();
        return counts;
    }

private:
    using Cell = std::atomic<std::uint64_t>;
    static void bump(Cell& cell) noexcept {
        cell.store(cell.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }

    Cell calls_{0};
    std::array<Cell, 3> decisions_{};
    Cell failures_{0};
    Cell timeouts_{0};
    metrics::Histogram latency_;
};

}  // namespace vmq::hooks
