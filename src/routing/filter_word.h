// One level of a topic or filter, prepared once per look-up: hashed, and held in two registers if
// short.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/hash.h"

namespace vmq::routing {

/// The words of topics are short, so a call of memcmp or a loop costs more than what it does. Up to
/// kShort bytes are read as two overlapping integers that, with the size, determine the word.
/// Header-only: it is most of the cost of matching.
struct FilterWord {
    static constexpr std::size_t kShort = 16;

    FilterWord(std::string_view word, std::uint64_t seed) noexcept : text(word) {
        if (word.size() <= kShort) {
            load(word, first, last);
            hash = fold(first ^ seed, last ^ (seed + word.size() * kMultiplier));
        } else {
            hash = hash_bytes(word, seed);
        }
    }

    [[nodiscard]] bool operator==(std::string_view other) const noexcept {
        if (other.size() != text.size()) return false;
        if (other.size() > kShort) return std::memcmp(other.data(), text.data(), text.size()) == 0;
        std::uint64_t other_first = 0;
        std::uint64_t other_last = 0;
        load(other, other_first, other_last);
        return ((other_first ^ first) | (other_last ^ last)) == 0;
    }

    /// 64x64 to 128 bits, folded.
    [[nodiscard]] static std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
        __extension__ using Wide = unsigned __int128;
        const Wide product = static_cast<Wide>(a) * b;
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
    }

    static constexpr std::uint64_t kMultiplier = 0xa0761d6478bd642fULL;

    std::string_view text;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::uint64_t hash = 0;

private:
    static void load(std::string_view word, std::uint64_t& first, std::uint64_t& last) noexcept {
        const char* data = word.data();
        const std::size_t size = word.size();
        if (size >= 8) {
            std::memcpy(&first, data, 8);
            std::memcpy(&last, data + size - 8, 8);
        } else if (size >= 4) {
            std::uint32_t low = 0;
            std::uint32_t high = 0;
            std::memcpy(&low, data, 4);
            std::memcpy(&high, data + size - 4, 4);
            first = low;
            last = high;
        } else if (size > 0) {
            const auto byte = [data](std::size_t at) {
                return std::uint64_t{static_cast<unsigned char>(data[at])};
            };
            first = byte(0) | byte(size / 2) << 8U | byte(size - 1) << 16U;
        }
    }
};

}  // namespace vmq::routing
