// Bytes to packets. Reads views out of the caller's buffer, allocates only for lists, checks every
// rule of the specification that can be seen in one packet alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "mqtt/packets.h"
#include "mqtt/types.h"

namespace vmq::mqtt {

/// What is wrong with a packet: the v5 reason code to answer with, and a phrase for the log.
/// Reason MalformedPacket: cannot be parsed; ProtocolError: parses but is not allowed [v5 4.13].
struct DecodeStatus {
    ReasonCode reason = ReasonCode::Success;
    const char* what = nullptr;  // static text, null on success

    [[nodiscard]] bool ok() const noexcept { return what == nullptr; }
};

enum class FrameStatus : std::uint8_t {
    Complete,
    NeedMore,   // not all bytes are here yet; `needed` says how many the packet has (0: not known)
    Malformed,  // the remaining length has a fifth byte, or the type is 0
    TooLarge,   // the remaining length is above the limit: known before the body is buffered
};

struct Frame {
    FrameStatus status = FrameStatus::NeedMore;
    PacketType type{};
    std::uint8_t flags = 0;  // the low four bits of the first byte
    std::string_view body;   // variable header and payload; when TooLarge, what is here of them
    std::size_t size = 0;    // bytes of the whole packet, when Complete
    std::size_t needed = 0;  // bytes of the whole packet, when TooLarge, or NeedMore and known
};

/// Looks at the first packet in `buffer`. `max_remaining_length` is at most 268,435,455.
[[nodiscard]] Frame next_frame(std::string_view buffer,
                               std::uint32_t max_remaining_length) noexcept;

/// Accepts "MQTT" 4 (3.1.1), 5 and 132, "MQIsdp" 3 and 131. Another level gives
/// UnsupportedProtocolVersion [v3.1.1 MQTT-3.1.2-2] [v5 MQTT-3.1.2-2]; `packet.version` is then the
/// nearest version in which to answer. On any failure after the level was read, `packet.version`
/// is valid; before that (another protocol name: not MQTT at all) it is V311.
[[nodiscard]] DecodeStatus decode_connect(const Frame& frame, Connect& packet);

/// Whether a CONNECT begins like one of MQTT 5, for one that is too large to be read: from the
/// first kVersionBytes of its body, with fewer the answer is no.
inline constexpr std::size_t kVersionBytes = 7;
[[nodiscard]] bool begins_like_v5(std::string_view body) noexcept;

[[nodiscard]] DecodeStatus decode_publish(const Frame& frame, ProtocolVersion version,
                                          Publish& packet);

/// PUBACK, PUBREC, PUBREL, PUBCOMP: frame.type says which.
[[nodiscard]] DecodeStatus decode_ack(const Frame& frame, ProtocolVersion version, Ack& packet);

[[nodiscard]] DecodeStatus decode_subscribe(const Frame& frame, ProtocolVersion version,
                                            Subscribe& packet);
[[nodiscard]] DecodeStatus decode_unsubscribe(const Frame& frame, ProtocolVersion version,
                                              Unsubscribe& packet);
/// PINGREQ: no flags, no body.
[[nodiscard]] DecodeStatus decode_pingreq(const Frame& frame, ProtocolVersion version);
/// As a client sends it: reason codes and properties that only a server may use are refused.
[[nodiscard]] DecodeStatus decode_disconnect(const Frame& frame, ProtocolVersion version,
                                             Disconnect& packet);
/// As a client sends it. Requires v5; with MQTT 3 the type is reserved and the caller refuses it.
[[nodiscard]] DecodeStatus decode_auth(const Frame& frame, Auth& packet);

// What a server sends, for clients, bridges and tests.
[[nodiscard]] DecodeStatus decode_connack(const Frame& frame, ProtocolVersion version,
                                          Connack& packet);
[[nodiscard]] DecodeStatus decode_suback(const Frame& frame, ProtocolVersion version,
                                         Suback& packet);
[[nodiscard]] DecodeStatus decode_unsuback(const Frame& frame, ProtocolVersion version,
                                           Unsuback& packet);
/// Like decode_publish, but for what a server sends: subscription identifiers are allowed and are
/// found with decode_publish_properties().
[[nodiscard]] DecodeStatus decode_server_publish(const Frame& frame, ProtocolVersion version,
                                                 Publish& packet);
/// All properties of a PUBLISH whose `raw_properties` are `raw`. Requires it decoded without error.
[[nodiscard]] Properties decode_publish_properties(std::string_view raw);
/// Only MQTT 5 servers send these two.
[[nodiscard]] DecodeStatus decode_server_disconnect(const Frame& frame, Disconnect& packet);
[[nodiscard]] DecodeStatus decode_server_auth(const Frame& frame, Auth& packet);

}  // namespace vmq::mqtt
