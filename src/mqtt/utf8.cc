#include <cstddef>
#include <cstdint>
#include <string_view>

#include "mqtt/byte_words.h"
#include "mqtt/topic.h"

namespace vmq::mqtt {
namespace {

/// Length in bytes of the well-formed character at the head of `text`, or 0 [Unicode, table 3-7].
/// Requires a first byte of 0x80 or above.
std::size_t character_size(std::string_view text) noexcept {
    const auto byte = [text](std::size_t index) { return static_cast<std::uint8_t>(text[index]); };
    const auto continues = [&](std::size_t index) { return (byte(index) & 0xC0U) == 0x80; };
    const std::uint8_t first = byte(0);
    if (first < 0xC2 || first > 0xF4) return 0;  // a continuation, an overlong form, above U+10FFFF
    if (first < 0xE0) return text.size() >= 2 && continues(1) ? 2 : 0;
    if (first < 0xF0) {
        if (text.size() < 3 || !continues(1) || !continues(2)) return 0;
        if (first == 0xE0 && byte(1) < 0xA0) return 0;  // overlong
        if (first == 0xED && byte(1) > 0x9F) return 0;  // surrogates
        return 3;
    }
    if (text.size() < 4 || !continues(1) || !continues(2) || !continues(3)) return 0;
    if (first == 0xF0 && byte(1) < 0x90) return 0;  // overlong
    if (first == 0xF4 && byte(1) > 0x8F) return 0;  // above U+10FFFF
    return 4;
}

}  // namespace

bool is_valid_utf8(std::string_view text) noexcept {
    using detail::beyond_ascii_or_zero;
    constexpr std::size_t kWord = sizeof(std::uint64_t);
    if (text.size() >= kWord && detail::no_word(text, beyond_ascii_or_zero)) return true;
    while (!text.empty()) {
        if (text.size() >= kWord && beyond_ascii_or_zero(detail::load_word(text.data())) == 0) {
            text.remove_prefix(kWord);
            continue;
        }
        const auto first = static_cast<std::uint8_t>(text.front());
        if (first == 0) return false;
        const std::size_t size = first < 0x80 ? 1 : character_size(text);
        if (size == 0) return false;
        text.remove_prefix(size);
    }
    return true;
}

}  // namespace vmq::mqtt
