// Bounds-checked reading of the MQTT data types [v5 1.5]. Internal to this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "mqtt/types.h"

namespace vmq::mqtt::detail {

/// A position in the bytes of one packet. Every read either succeeds, or says false and the packet
/// is malformed; the position is then of no use any more. Views it gives point into the packet.
class WireReader final {
public:
    explicit WireReader(std::string_view bytes) noexcept
        : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

    [[nodiscard]] bool done() const noexcept { return at_ == end_; }
    [[nodiscard]] std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }
    [[nodiscard]] const char* position() const noexcept { return at_; }
    [[nodiscard]] std::string_view rest() const noexcept { return {at_, left()}; }

    [[nodiscard]] bool read_u8(std::uint8_t& value) noexcept {
        if (left() < 1) return false;
        value = static_cast<std::uint8_t>(*at_++);
        return true;
    }

    [[nodiscard]] bool read_u16(std::uint16_t& value) noexcept {
        if (left() < 2) return false;
        value = static_cast<std::uint16_t>(byte(0) << 8U | byte(1));
        at_ += 2;
        return true;
    }

    [[nodiscard]] bool read_u32(std::uint32_t& value) noexcept {
        if (left() < 4) return false;
        value = byte(0) << 24U | byte(1) << 16U | byte(2) << 8U | byte(3);
        at_ += 4;
        return true;
    }

    [[nodiscard]] bool read_id(PacketId& id) noexcept {
        std::uint16_t value = 0;
        if (!read_u16(value)) return false;
        id = PacketId{value};
        return true;
    }

    /// At most four bytes and no more than needed [v5 MQTT-1.5.5-1].
    [[nodiscard]] bool read_variable(std::uint32_t& value) noexcept {
        value = 0;
        for (unsigned shift = 0; shift < 28; shift += 7) {
            std::uint8_t next = 0;
            if (!read_u8(next)) return false;
            value |= (next & 0x7FU) << shift;
            if (next < 0x80) return next != 0 || shift == 0;
        }
        return false;
    }

    /// Two bytes of length and as many bytes: binary data, or a string before its UTF-8 is checked.
    [[nodiscard]] bool read_binary(std::string_view& value) noexcept {
        std::uint16_t size = 0;
        return read_u16(size) && read_bytes(size, value);
    }

    [[nodiscard]] bool read_bytes(std::size_t size, std::string_view& value) noexcept {
        if (left() < size) return false;
        value = {at_, size};
        at_ += size;
        return true;
    }

private:
    [[nodiscard]] std::uint32_t byte(std::size_t index) const noexcept {
        return static_cast<std::uint8_t>(at_[index]);
    }

    const char* at_;
    const char* end_;
};

}  // namespace vmq::mqtt::detail
