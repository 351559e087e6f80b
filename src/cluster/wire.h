// The small words of the cluster's frames: varints, strings, fixed numbers; bounds-checked reading.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace vmq::cluster {

// Inline because every message between nodes passes here. Plain values: any thread.

/// Longest varint: 64 bits in groups of seven.
inline constexpr std::size_t kLongestVarint = 10;

/// Writes behind what `out` holds. Does not own it; lives as long as one frame is written.
class ByteWriter final {
public:
    explicit ByteWriter(std::string& out) noexcept : out_(out) {}

    void u8(std::uint8_t value) { out_.push_back(static_cast<char>(value)); }
    /// 0 or 1.
    void flag(bool value) { u8(value ? 1 : 0); }
    /// Four bytes, the lowest first.
    void u32(std::uint32_t value) { fixed(value); }
    /// Eight bytes, the lowest first: for what is spread over all bits (hashes, boot numbers).
    void u64(std::uint64_t value) { fixed(value); }
    /// Seven bits a byte, the lowest first; the high bit says that more follow.
    void varint(std::uint64_t value) {
        char bytes[kLongestVarint];
        std::size_t size = 0;
        while (value >= 0x80) {
            bytes[size++] = static_cast<char>(value | 0x80U);
            value >>= 7U;
        }
        bytes[size++] = static_cast<char>(value);
        out_.append(bytes, size);
    }
    /// Its length as a varint, then its bytes.
    void string(std::string_view value) {
        varint(value.size());
        out_.append(value);
    }
    /// The bytes alone; the reader has to know how many.
    void bytes(std::string_view value) { out_.append(value); }

private:
    template <typename Number>
    void fixed(Number value) {
        char bytes[sizeof(Number)];
        for (std::size_t i = 0; i < sizeof(Number); ++i) {
            bytes[i] = static_cast<char>(value >> (8 * i) & 0xFFU);
        }
        out_.append(bytes, sizeof(Number));
    }

    std::string& out_;
};

/// A position in received bytes, which it does not own. Every read either succeeds, or says false
/// and the position is of no use any more. Views it gives point into the bytes.
///
/// A value has one encoding only: longer ones than needed are refused, so that what was read and
/// written again is the same bytes.
class ByteReader final {
public:
    explicit ByteReader(std::string_view bytes) noexcept : rest_(bytes) {}

    [[nodiscard]] bool done() const noexcept { return rest_.empty(); }
    [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

    [[nodiscard]] bool u8(std::uint8_t& value) noexcept {
        if (rest_.empty()) return false;
        value = static_cast<std::uint8_t>(rest_.front());
        rest_.remove_prefix(1);
        return true;
    }
    /// Refuses anything but 0 and 1.
    [[nodiscard]] bool flag(bool& value) noexcept {
        std::uint8_t byte = 0;
        if (!u8(byte) || byte > 1) return false;
        value = byte == 1;
        return true;
    }
    [[nodiscard]] bool u32(std::uint32_t& value) noexcept { return fixed(value); }
    [[nodiscard]] bool u64(std::uint64_t& value) noexcept { return fixed(value); }
    /// Refuses more than 64 bits.
    [[nodiscard]] bool varint(std::uint64_t& value) noexcept {
        value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            std::uint8_t next = 0;
            if (!u8(next)) return false;
            if (shift == 63 && next > 1) return false;
            value |= static_cast<std::uint64_t>(next & 0x7FU) << shift;
            if (next < 0x80) return next != 0 || shift == 0;
        }
        return false;
    }
    /// A varint of at most 32 bits.
    [[nodiscard]] bool varint(std::uint32_t& value) noexcept {
        std::uint64_t wide = 0;
        if (!varint(wide) || wide > UINT32_MAX) return false;
        value = static_cast<std::uint32_t>(wide);
        return true;
    }
    /// A varint of at most 16 bits.
    [[nodiscard]] bool varint(std::uint16_t& value) noexcept {
        std::uint64_t wide = 0;
        if (!varint(wide) || wide > UINT16_MAX) return false;
        value = static_cast<std::uint16_t>(wide);
        return true;
    }
    /// How many items follow, each of at least `least_bytes` bytes: refuses a number for which the
    /// rest is too short, so that it may be used to reserve memory. Requires least_bytes > 0.
    [[nodiscard]] bool count(std::size_t& value, std::size_t least_bytes) noexcept {
        std::uint64_t wide = 0;
        if (!varint(wide) || wide > rest_.size() / least_bytes) return false;
        value = static_cast<std::size_t>(wide);
        return true;
    }
    [[nodiscard]] bool string(std::string_view& value) noexcept {
        std::uint64_t size = 0;
        return varint(size) && bytes(size, value);
    }
    /// Refuses a string of more than `longest` bytes.
    [[nodiscard]] bool string(std::string_view& value, std::size_t longest) noexcept {
        return string(value) && value.size() <= longest;
    }
    [[nodiscard]] bool bytes(std::uint64_t size, std::string_view& value) noexcept {
        if (size > rest_.size()) return false;
        value = rest_.substr(0, static_cast<std::size_t>(size));
        rest_.remove_prefix(static_cast<std::size_t>(size));
        return true;
    }

private:
    template <typename Number>
    [[nodiscard]] bool fixed(Number& value) noexcept {
        if (rest_.size() < sizeof(Number)) return false;
        value = 0;
        for (std::size_t i = 0; i < sizeof(Number); ++i) {
            value |= static_cast<Number>(static_cast<std::uint8_t>(rest_[i])) << (8 * i);
        }
        rest_.remove_prefix(sizeof(Number));
        return true;
    }

    std::string_view rest_;
};

}  // namespace vmq::cluster
