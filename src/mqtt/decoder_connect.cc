#include <array>
#include <cstddef>

#include "mqtt/decoder.h"
#include "mqtt/properties_codec.h"
#include "mqtt/reason_sets.h"
#include "mqtt/topic.h"
#include "mqtt/wire_format.h"
#include "mqtt/wire_reader.h"

namespace vmq::mqtt {
namespace {

using detail::kDecoded;
using detail::malformed;
using detail::protocol_error;
using detail::WireReader;

/// The connect flags [v5 3.1.2.3] [v3.1.1 3.1.2.3].
class ConnectFlags final {
public:
    explicit ConnectFlags(std::uint8_t bits) noexcept : bits_(bits) {}

    [[nodiscard]] bool reserved() const noexcept { return bit(0); }
    [[nodiscard]] bool clean_start() const noexcept { return bit(1); }
    [[nodiscard]] bool will() const noexcept { return bit(2); }
    [[nodiscard]] unsigned will_qos() const noexcept { return bits_ >> 3U & 3U; }
    [[nodiscard]] bool will_retain() const noexcept { return bit(5); }
    [[nodiscard]] bool password() const noexcept { return bit(6); }
    [[nodiscard]] bool username() const noexcept { return bit(7); }

private:
    [[nodiscard]] bool bit(unsigned index) const noexcept { return (bits_ >> index & 1U) != 0; }

    std::uint8_t bits_;
};

DecodeStatus read_version(WireReader& reader, Connect& packet) noexcept {
    std::string_view name;
    std::uint8_t level = 0;
    if (!reader.read_binary(name)) return malformed("the protocol name is cut off");
    const bool original = name == "MQIsdp";
    // [v5 MQTT-3.1.2-1] [v3.1.1 MQTT-3.1.2-1]
    if (!original && name != "MQTT") return malformed("unknown protocol name");
    if (!reader.read_u8(level)) return malformed("the protocol level is cut off");
    constexpr std::uint8_t kBridgeBit = 0x80;
    const auto lowest = original ? ProtocolVersion::V31 : ProtocolVersion::V311;
    packet.version = lowest;
    if ((level & ~kBridgeBit) == static_cast<int>(lowest)) {
        packet.bridge = (level & kBridgeBit) != 0;
        return kDecoded;
    }
    if (!original && level >= static_cast<std::uint8_t>(ProtocolVersion::V5)) {
        packet.version = ProtocolVersion::V5;
        if (level == static_cast<std::uint8_t>(ProtocolVersion::V5)) return kDecoded;
    }
    // [v5 MQTT-3.1.2-2] [v3.1.1 MQTT-3.1.2-2]
    return {ReasonCode::UnsupportedProtocolVersion, "unsupported protocol level"};
}

DecodeStatus check_flags(const ConnectFlags& flags, ProtocolVersion version) noexcept {
    // [v5 MQTT-3.1.2-3] [v3.1.1 MQTT-3.1.2-3]; MQTT 3.1 gives the bit no meaning.
    if (flags.reserved() && version != ProtocolVersion::V31) {
        return malformed("the reserved connect flag is set");
    }
    // [v5 MQTT-3.1.2-12] [v3.1.1 MQTT-3.1.2-14]
    if (flags.will_qos() == 3) return malformed("will with QoS 3");
    // [v5 MQTT-3.1.2-11, -13] [v3.1.1 MQTT-3.1.2-11, -13, -15]
    if (!flags.will() && (flags.will_qos() != 0 || flags.will_retain())) {
        return malformed("will QoS or will retain without a will");
    }
    // [v3.1.1 MQTT-3.1.2-22]; MQTT 5 allows it [v5 3.1.2.9].
    if (version != ProtocolVersion::V5 && flags.password() && !flags.username()) {
        return malformed("password without user name");
    }
    return kDecoded;
}

// Will := [v5] properties, topic:string, payload:binary.
DecodeStatus read_will(WireReader& reader, const ConnectFlags& flags, ProtocolVersion version,
                       Will& will) {
    will.qos = static_cast<QoS>(flags.will_qos());
    will.retain = flags.will_retain();
    if (version == ProtocolVersion::V5) {
        auto status = detail::read_property_section(reader, will.raw_properties);
        if (status.ok()) {
            status =
                detail::decode_section(will.raw_properties, detail::kWillRules, will.properties);
        }
        if (!status.ok()) return status;
    }
    // [v5 MQTT-3.1.2-9] [v3.1.1 MQTT-3.1.2-9]
    if (!reader.read_binary(will.topic)) return malformed("the will topic is cut off");
    if (!reader.read_binary(will.payload)) return malformed("the will payload is cut off");
    // [v5 MQTT-3.1.3-11] [v3.1.1 MQTT-3.1.3-10]
    if (!is_valid_utf8(will.topic)) return malformed("the will topic is not UTF-8");
    // [v5 MQTT-4.7.3-1, MQTT-3.3.2-2] [v3.1.1, the same numbers]
    if (!is_valid_topic_name(will.topic)) {
        return {ReasonCode::TopicNameInvalid, "the will topic is empty or has a wildcard"};
    }
    return kDecoded;
}

// Payload := client id:string, [will], [user name:string], [password:binary] [v5 MQTT-3.1.3-1].
DecodeStatus read_payload(WireReader& reader, const ConnectFlags& flags, Connect& packet) {
    // [v5 MQTT-3.1.3-3, -4] [v3.1.1 MQTT-3.1.3-3, -4]
    if (!reader.read_binary(packet.client_id)) return malformed("the client id is cut off");
    if (!is_valid_utf8(packet.client_id)) return malformed("the client id is not UTF-8");
    if (flags.will()) {
        const auto status = read_will(reader, flags, packet.version, packet.will.emplace());
        if (!status.ok()) return status;
    }
    if (flags.username()) {  // [v5 MQTT-3.1.2-17, MQTT-3.1.3-12] [v3.1.1 MQTT-3.1.2-19,
                             // MQTT-3.1.3-11]
        if (!reader.read_binary(packet.username.emplace()))
            return malformed("the user name is cut off");
        if (!is_valid_utf8(*packet.username)) return malformed("the user name is not UTF-8");
    }
    if (flags.password()) {  // [v5 MQTT-3.1.2-19] [v3.1.1 MQTT-3.1.2-21]
        if (!reader.read_binary(packet.password.emplace()))
            return malformed("the password is cut off");
    }
    // A field whose flag is not set must not be there [v5 MQTT-3.1.2-16, -18]
    // [v3.1.1 MQTT-3.1.2-18, -20].
    return reader.done() ? kDecoded : malformed("bytes behind the end of the packet");
}

// [v5 3.1.2.11.10, 3.2.2.3.18]
DecodeStatus check_authentication(const Properties& properties) noexcept {
    if (properties.has(Property::AuthenticationData) &&
        !properties.has(Property::AuthenticationMethod)) {
        return protocol_error("Authentication Data without Authentication Method");
    }
    return kDecoded;
}

}  // namespace

// Body := protocol name:string, level:u8, flags:u8, keep alive:u16, [v5] properties, payload.
bool begins_like_v5(std::string_view body) noexcept {
    static_assert(kVersionBytes == 2 + std::string_view("MQTT").size() + 1);
    WireReader reader(body.substr(0, kVersionBytes));
    Connect packet;
    return read_version(reader, packet).ok() && packet.version == ProtocolVersion::V5;
}

DecodeStatus decode_connect(const Frame& frame, Connect& packet) {
    packet = Connect{};
    WireReader reader(frame.body);
    if (const auto status = read_version(reader, packet); !status.ok()) return status;
    if (const auto status = detail::check_fixed_header(frame, packet.version, 0); !status.ok()) {
        return status;
    }
    std::uint8_t bits = 0;
    if (!reader.read_u8(bits)) return malformed("the connect flags are cut off");
    const ConnectFlags flags(bits);
    if (const auto status = check_flags(flags, packet.version); !status.ok()) return status;
    packet.clean_start = flags.clean_start();
    if (!reader.read_u16(packet.keep_alive)) return malformed("the keep alive is cut off");
    if (packet.version == ProtocolVersion::V5) {
        auto status = detail::read_properties(reader, detail::kConnectRules, packet.properties);
        if (status.ok()) status = check_authentication(packet.properties);
        if (!status.ok()) return status;
    }
    return read_payload(reader, flags, packet);
}

namespace {

// MQTT 3 return codes by their number [v3.1.1 3.2.2.3].
constexpr std::array kReturnCodes{
    ReasonCode::Success,
    ReasonCode::UnsupportedProtocolVersion,
    ReasonCode::ClientIdentifierNotValid,
    ReasonCode::ServerUnavailable,
    ReasonCode::BadUserNameOrPassword,
    ReasonCode::NotAuthorized,
};

}  // namespace

// Body := flags:u8, reason:u8, [v5] properties.
DecodeStatus decode_connack(const Frame& frame, ProtocolVersion version, Connack& packet) {
    packet = Connack{};
    if (const auto status = detail::check_fixed_header(frame, version, 0); !status.ok())
        return status;
    WireReader reader(frame.body);
    std::uint8_t flags = 0;
    std::uint8_t code = 0;
    if (!reader.read_u8(flags) || !reader.read_u8(code)) return malformed("CONNACK is cut off");
    if (version == ProtocolVersion::V31) {  // the byte is reserved; VerneMQ uses it as in 3.1.1
        packet.session_present = flags == 1 && code == 0;
    } else {
        // [v5 MQTT-3.2.2-1] [v3.1.1 3.2.2.1]
        if (flags > 1) return malformed("reserved connect acknowledge flags");
        packet.session_present = flags == 1;
    }
    // [v5 MQTT-3.2.2-6] [v3.1.1 MQTT-3.2.2-4]
    if (packet.session_present && code != 0) return protocol_error("session present with an error");
    if (version != ProtocolVersion::V5) {
        if (code >= kReturnCodes.size()) return protocol_error("an unknown return code");
        packet.reason = kReturnCodes[code];
        return reader.done() ? kDecoded : malformed("bytes behind the end of the packet");
    }
    packet.reason = static_cast<ReasonCode>(code);
    if (!kConnackReasons.contains(packet.reason)) {
        return protocol_error("a reason code that this packet cannot have");
    }
    auto status = detail::read_properties(reader, detail::kConnackRules, packet.properties);
    if (status.ok()) status = check_authentication(packet.properties);
    if (!status.ok()) return status;
    return reader.done() ? kDecoded : malformed("bytes behind the end of the packet");
}

}  // namespace vmq::mqtt
