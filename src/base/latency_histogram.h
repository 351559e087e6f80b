// How long something takes, counted in buckets that double: one writer, any reader.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace vmq {

/// One thread adds; any thread may read, a moment's picture.
class LatencyHistogram final {
public:
    /// Bucket i holds what took less than 2^i microseconds, the last one all the rest.
    static constexpr std::size_t kBuckets = 26;  // the last bound is 16.8 s

    struct Counts {
        std::array<std::uint64_t, kBuckets> buckets{};
        std::uint64_t sum_ns = 0;

        [[nodiscard]] std::uint64_t count() const noexcept {
            std::uint64_t all = 0;
            for (const std::uint64_t bucket : buckets) all += bucket;
            return all;
        }
        Counts& operator+=(const Counts& other) noexcept {
            for (std::size_t i = 0; i < kBuckets; ++i) buckets[i] += other.buckets[i];
            sum_ns += other.sum_ns;
            return *this;
        }
    };

    [[nodiscard]] static constexpr std::size_t bucket_of(std::chrono::nanoseconds took) noexcept {
        const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0)) / 1000;
        return std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(us)), kBuckets - 1);
    }

    /// `times`: for those that were not measured and took as long.
    void add(std::chrono::nanoseconds took, std::uint64_t times = 1) noexcept {
        bump(buckets_[bucket_of(took)], times);
        bump(sum_ns_, static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0)) * times);
    }

    [[nodiscard]] Counts counts() const noexcept {
        Counts counts;
        for (std::size_t i = 0; i < kBuckets; ++i) {
            counts.buckets[i] = buckets_[i].load(std::memory_order_relaxed);
        }
        counts.sum_ns = sum_ns_.load(std::memory_order_relaxed);
        return counts;
    }

private:
    using Cell = std::atomic<std::uint64_t>;
    static void bump(Cell& cell, std::uint64_t amount) noexcept {
        cell.store(cell.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    }

    std::array<Cell, kBuckets> buckets_{};
    Cell sum_ns_{0};
};

}  // namespace vmq
