// True randomness, for seeds and names that nobody may guess or repeat.
#pragma once

#include <cstdint>
#include <random>

namespace vmq {

/// From the system; any thread. For the many choices that only have to be spread see Random.
[[nodiscard]] inline std::uint64_t entropy() {
    std::random_device source;
    return std::uint64_t{source()} << 32U | source();
}

}  // namespace vmq
