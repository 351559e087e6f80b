// The small words of stored bytes: varints, big-endian numbers, bounds-checked reading. Internal to
// this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace vmq::store::detail {

// Inline because every stored message passes here several times. Plain functions and values: any
// thread. Reading fails by returning false.

inline void store_u64_be(std::uint64_t value, char* at) noexcept {
    value = __builtin_bswap64(value);
    std::memcpy(at, &value, sizeof value);
}

/// Requires eight bytes at `at`.
[[nodiscard]] inline std::uint64_t load_u64_be(const char* at) noexcept {
    std::uint64_t value = 0;
    std::memcpy(&value, at, sizeof value);
    return __builtin_bswap64(value);
}

inline void append_u8(std::uint8_t value, std::string& out) {
    out.push_back(static_cast<char>(value));
}

inline void append_u64_be(std::uint64_t value, std::string& out) {
    char bytes[8];
    store_u64_be(value, bytes);
    out.append(bytes, sizeof bytes);
}

/// Seven bits per byte, the lowest first; the high bit says that more follow. At most ten bytes.
inline void append_varint(std::uint64_t value, std::string& out) {
    char bytes[10];
    std::size_t size = 0;
    while (value >= 0x80) {
        bytes[size++] = static_cast<char>(value | 0x80U);
        value >>= 7U;
    }
    bytes[size++] = static_cast<char>(value);
    out.append(bytes, size);
}

/// Signed numbers as varints: 0, -1, 1, -2 ... become 0, 1, 2, 3 ...
inline void append_signed(std::int64_t value, std::string& out) {
    append_varint(
        (static_cast<std::uint64_t>(value) << 1U) ^ static_cast<std::uint64_t>(value >> 63U), out);
}

inline void append_string(std::string_view value, std::string& out) {
    append_varint(value.size(), out);
    out.append(value);
}

/// A position in stored bytes, which it does not own. Every read either succeeds, or says false and
/// the position is of no use any more. Views it gives point into the bytes.
class ByteReader final {
public:
    explicit ByteReader(std::string_view bytes) noexcept : rest_(bytes) {}

    [[nodiscard]] bool done() const noexcept { return rest_.empty(); }
    [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

    [[nodiscard]] bool read_u8(std::uint8_t& value) noexcept {
        if (rest_.empty()) return false;
        value = static_cast<std::uint8_t>(rest_.front());
        rest_.remove_prefix(1);
        return true;
    }
    [[nodiscard]] bool read_u64_be(std::uint64_t& value) noexcept {
        if (rest_.size() < 8) return false;
        value = load_u64_be(rest_.data());
        rest_.remove_prefix(8);
        return true;
    }
    /// Refuses more than 64 bits.
    [[nodiscard]] bool read_varint(std::uint64_t& value) noexcept {
        value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            std::uint8_t next = 0;
            if (!read_u8(next)) return false;
            if (shift == 63 && next > 1) return false;
            value |= static_cast<std::uint64_t>(next & 0x7FU) << shift;
            if (next < 0x80) return true;
        }
        return false;
    }
    [[nodiscard]] bool read_varint_u32(std::uint32_t& value) noexcept {
        std::uint64_t wide = 0;
        if (!read_varint(wide) || wide > 0xFFFF'FFFFU) return false;
        value = static_cast<std::uint32_t>(wide);
        return true;
    }
    [[nodiscard]] bool read_signed(std::int64_t& value) noexcept {
        std::uint64_t wide = 0;
        if (!read_varint(wide)) return false;
        value = static_cast<std::int64_t>((wide >> 1U) ^ (0 - (wide & 1U)));
        return true;
    }
    [[nodiscard]] bool read_string(std::string_view& value) noexcept {
        std::uint64_t size = 0;
        if (!read_varint(size) || size > rest_.size()) return false;
        value = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return true;
    }

private:
    std::string_view rest_;
};

}  // namespace vmq::store::detail
