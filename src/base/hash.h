// 64-bit hashing of byte strings for tables and for choosing a home shard. Not for secrets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace vmq {

/// Hash of `bytes`, the same on every machine and in every run. Reads eight bytes at a time; each
/// step is a 64x64 to 128 bit multiplication folded to 64 bits.
[[nodiscard]] inline std::uint64_t hash_bytes(std::string_view bytes,
                                              std::uint64_t seed = 0) noexcept {
    constexpr std::uint64_t kMultiplier = 0x9e3779b97f4a7c15ULL;
    constexpr std::uint64_t kOffset = 0xd6e8feb86659fd93ULL;
    __extension__ using Wide = unsigned __int128;
    const auto fold = [](std::uint64_t a, std::uint64_t b) noexcept {
        const Wide product = static_cast<Wide>(a) * b;
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
    };
    const char* data = bytes.data();
    std::size_t left = bytes.size();
    std::uint64_t state = fold(seed ^ kOffset, kMultiplier) ^ bytes.size();
    while (left >= 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, data, 8);
        state = fold(state ^ word, kMultiplier);
        data += 8;
        left -= 8;
    }
    if (left > 0) {
        std::uint64_t word = 0;
        std::memcpy(&word, data, left);
        state = fold(state ^ word, kOffset);
    }
    return fold(state ^ kOffset, kMultiplier);
}

}  // namespace vmq
