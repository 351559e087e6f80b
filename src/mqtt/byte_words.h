// Eight bytes of text at a time. Internal to this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace vmq::mqtt::detail {

inline constexpr std::uint64_t kLowBits = 0x0101010101010101ULL;
inline constexpr std::uint64_t kHighBits = 0x8080808080808080ULL;

[[nodiscard]] inline std::uint64_t load_word(const char* at) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    return word;
}

/// Not zero if a byte of `word` is not ASCII, or is 0.
[[nodiscard]] constexpr std::uint64_t beyond_ascii_or_zero(std::uint64_t word) noexcept {
    // A byte of 0 borrows into its own high bit. The borrow may also mark its neighbour: what
    // counts is only whether there is a mark at all.
    return (word | (word - kLowBits)) & kHighBits;
}

/// Not zero if an ASCII byte of `word` equals `wanted`.
[[nodiscard]] constexpr std::uint64_t equals_byte(std::uint64_t word, char wanted) noexcept {
    const std::uint64_t difference = word ^ (kLowBits * static_cast<unsigned char>(wanted));
    return (difference - kLowBits) & ~difference & kHighBits;
}

/// Whether `suspicious` is 0 for all words of `text`, the last one overlapping its neighbour.
/// Requires at least eight bytes.
template <typename Predicate>
[[nodiscard]] inline bool no_word(std::string_view text, Predicate suspicious) noexcept {
    const char* at = text.data();
    const char* const last = text.data() + text.size() - sizeof(std::uint64_t);
    for (; at < last; at += sizeof(std::uint64_t)) {
        if (suspicious(load_word(at)) != 0) return false;
    }
    return suspicious(load_word(last)) == 0;
}

}  // namespace vmq::mqtt::detail
