// How long something takes: durations counted by size, with VerneMQ's bounds.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace vmq::metrics {

/// Upper bounds in microseconds; what is longer falls into a last bucket without one.
inline constexpr std::array<std::uint64_t, 6> kBoundsUs{10, 100, 1000, 10'000, 100'000, 1'000'000};
inline constexpr std::size_t kBuckets = kBoundsUs.size() + 1;

struct HistogramValue {
    std::array<std::uint64_t, kBuckets> buckets{};  // not cumulative
    std::uint64_t sum_us = 0;

    [[nodiscard]] std::uint64_t count() const noexcept {
        std::uint64_t result = 0;
        for (const std::uint64_t bucket : buckets) result += bucket;
        return result;
    }
    HistogramValue& operator+=(const HistogramValue& other) noexcept {
        for (std::size_t i = 0; i < kBuckets; ++i) buckets[i] += other.buckets[i];
        sum_us += other.sum_us;
        return *this;
    }
    HistogramValue& operator-=(const HistogramValue& other) noexcept {
        for (std::size_t i = 0; i < kBuckets; ++i) buckets[i] -= other.buckets[i];
        sum_us -= other.sum_us;
        return *this;
    }
    friend bool operator==(const HistogramValue&, const HistogramValue&) = default;
};

/// One thread adds, any may read. Never reset: readers subtract.
class Histogram final {
public:
    /// `times`: for those that were not measured and took as long.
    void add(std::chrono::nanoseconds duration, std::uint64_t times = 1) noexcept {
        const auto ns = duration.count() < 0 ? 0 : static_cast<std::uint64_t>(duration.count());
        std::size_t bucket = 0;
        while (bucket < kBoundsUs.size() && ns > kBoundsUs[bucket] * 1000) ++bucket;
        bump(buckets_[bucket], times);
        bump(sum_ns_, ns * times);
    }

    [[nodiscard]] HistogramValue value() const noexcept {
        HistogramValue value;
        for (std::size_t i = 0; i < kBuckets; ++i) {
            value.buckets[i] = buckets_[i].load(std::memory_order_relaxed);
        }
        value.sum_us = sum_ns_.load(std::memory_order_relaxed) / 1000;
        return value;
    }

private:
    using Cell = std::atomic<std::uint64_t>;
    static void bump(Cell& cell, std::uint64_t amount) noexcept {
        cell.store(cell.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    }

    std::array<Cell, kBuckets> buckets_{};
    Cell sum_ns_{0};  // exact for turns that take less than a microsecond
};

}  // namespace vmq::metrics
