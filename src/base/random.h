// Randomness behind an interface, so that a simulation repeats from its seed.
#pragma once

#include <cstdint>

namespace vmq {

/// A fast generator (SplitMix64) for choices that need no secrecy: balancing, jitter. One owner,
/// one thread.
class Random final {
public:
    explicit constexpr Random(std::uint64_t seed) noexcept : state_(seed) {}

    constexpr std::uint64_t next() noexcept {
        state_ += 0x9e3779b97f4a7c15ULL;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31U);
    }

    /// A number in [0, bound). Requires bound > 0. The bias of a 64-bit product is below 2^-32.
    constexpr std::uint32_t below(std::uint32_t bound) noexcept {
        return static_cast<std::uint32_t>(((next() >> 32U) * bound) >> 32U);
    }

private:
    std::uint64_t state_;
};

}  // namespace vmq
