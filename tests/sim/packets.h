// MQTT as simulated clients speak it: the packets they need, written apart from src/mqtt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vmq::sim {

enum class PacketType : std::uint8_t {
    Connect = 1,
    Connack = 2,
    Publish = 3,
    Puback = 4,
    Pubrec = 5,
    Pubrel = 6,
    Pubcomp = 7,
    Subscribe = 8,
    Suback = 9,
    Disconnect = 14,
};

/// One that has come.
struct Packet {
    PacketType type{};
    std::uint16_t id = 0;
    std::uint8_t code = 0;         // of the first reason there is
    bool session_present = false;  // Connack
    bool dup = false;
    bool retain = false;
    int qos = 0;
    std::string topic;
    std::string payload;
};

struct Connect {
    std::string client_id;
    bool clean_start = true;
    std::uint32_t expiry_s = 0;
};

/// Writes and reads the packets of one version. No state but that.
class PacketCodec final {
public:
    /// 3.1.1 or 5.
    explicit PacketCodec(bool v5) noexcept : v5_(v5) {}

    [[nodiscard]] bool v5() const noexcept { return v5_; }
    [[nodiscard]] std::string connect(const Connect& connect) const;
    [[nodiscard]] std::string publish(std::string_view topic, std::string_view payload, int qos,
                                      std::uint16_t id, bool dup, bool retain) const;
    /// Puback to Pubcomp.
    [[nodiscard]] static std::string answer(PacketType type, std::uint16_t id);
    [[nodiscard]] std::string subscribe(std::uint16_t id, std::string_view filter, int qos) const;
    [[nodiscard]] static std::string disconnect();

    /// Takes the first packet out of `bytes`. Nothing: it is not there as a whole. What it does not
    /// know has the code 0xFF.
    [[nodiscard]] std::optional<Packet> take(std::string& bytes) const;

private:
    const bool v5_;
};

}  // namespace vmq::sim
