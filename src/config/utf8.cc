#include "config/utf8.h"

#include <cstddef>

namespace vmq::config {
namespace {

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

}  // namespace

bool is_utf8(std::string_view text) noexcept {
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i]);
        std::size_t more = 0;
        std::uint32_t character = lead;
        if (lead >= 0xC2 && lead <= 0xDF) {
            more = 1;
            character = lead & 0x1FU;
        } else if (lead >= 0xE0 && lead <= 0xEF) {
            more = 2;
            character = lead & 0x0FU;
        } else if (lead >= 0xF0 && lead <= 0xF4) {
            more = 3;
            character = lead & 0x07U;
        } else if (lead >= 0x80) {
            return false;
        }
        if (i + more >= text.size()) return false;
        for (std::size_t k = 1; k <= more; ++k) {
            if (!continues(text[i + k])) return false;
            character = character << 6U | (static_cast<unsigned char>(text[i + k]) & 0x3FU);
        }
        const bool overlong =
            (more == 2 && character < 0x800) || (more == 3 && character < 0x10000);
        const bool surrogate = character >= 0xD800 && character <= 0xDFFF;
        if (overlong || surrogate || character > 0x10FFFF) return false;
        i += more + 1;
    }
    return true;
}

std::uint32_t count_characters(std::string_view text) noexcept {
    std::uint32_t count = 0;
    for (const char c : text) {
        if (!continues(c)) ++count;
    }
    return count;
}

}  // namespace vmq::config
