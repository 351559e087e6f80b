// Packets written byte by byte, also wrong ones, for tests and benchmarks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "mqtt/decoder.h"
#include "mqtt/encoder.h"

namespace vmq::mqtt::testing {

inline constexpr auto kV31 = ProtocolVersion::V31;
inline constexpr auto kV311 = ProtocolVersion::V311;
inline constexpr auto kV5 = ProtocolVersion::V5;

/// Appends the data types of MQTT [v5 1.5] one after the other: Bytes().u16(1).text("a").
class Bytes final {
public:
    Bytes() = default;
    explicit Bytes(std::string_view bytes) : bytes_(bytes) {}

    Bytes& u8(unsigned value) {
        bytes_.push_back(static_cast<char>(value));
        return *this;
    }
    Bytes& u16(unsigned value) { return u8(value >> 8U & 0xFFU).u8(value & 0xFFU); }
    Bytes& u32(unsigned value) { return u16(value >> 16U).u16(value & 0xFFFFU); }
    /// Binary data and strings look alike.
    Bytes& text(std::string_view value) {
        u16(static_cast<unsigned>(value.size()));
        return raw(value);
    }
    Bytes& raw(std::string_view value) {
        bytes_.append(value);
        return *this;
    }
    /// A property section: its length and itself.
    Bytes& section(std::string_view properties) {
        append_length(properties.size(), bytes_);
        return raw(properties);
    }
    Bytes& section(const Bytes& properties) { return section(properties.view()); }

    [[nodiscard]] std::string_view view() const noexcept { return bytes_; }

private:
    std::string bytes_;
};

/// A frame around `body`, which must outlive it.
[[nodiscard]] inline Frame frame_of(PacketType type, unsigned flags, std::string_view body) {
    Frame frame;
    frame.status = FrameStatus::Complete;
    frame.type = type;
    frame.flags = static_cast<std::uint8_t>(flags);
    frame.body = body;
    frame.size = 1 + length_size(body.size()) + body.size();
    return frame;
}

inline constexpr std::uint32_t kNoLimit = 268'435'455;
inline constexpr ProtocolVersion kVersions[] = {ProtocolVersion::V31, ProtocolVersion::V311,
                                                ProtocolVersion::V5};

}  // namespace vmq::mqtt::testing
