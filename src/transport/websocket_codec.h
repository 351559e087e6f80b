// The frames of a WebSocket connection after its upgrade, as the server sees them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace vmq::transport {

enum class WebSocketState : std::uint8_t {
    Open,
    PeerClosed,  // the peer's close frame has come and is answered: write the reply, then end
    Violation,   // the peer broke the rules and is told so: write the reply, then end
};

struct WebSocketStatus {
    WebSocketState state = WebSocketState::Open;
    std::uint16_t code = 0;        // PeerClosed: the peer's, 1005 if it gave none; Violation: ours
    const char* reason = nullptr;  // of a Violation; static text
};

/// Turns wire bytes into payload bytes and answers control frames [RFC 6455 5]. Owned by one
/// connection and used on its shard; can be moved between frames and within one. Payload is handed
/// up as it comes, so neither a frame nor a message is ever kept: the codec holds 88 bytes, and
/// up to 125 more while a ping or close frame is under way.
///
/// A packet may span frames and a frame may hold many packets, so frame and message ends are not
/// reported [v3.1.1 MQTT-6.0.0-2] [v5 MQTT-6.0.0-2]. Text frames are refused
/// [v3.1.1 MQTT-6.0.0-1] [v5 MQTT-6.0.0-1].
///
/// Why this is not a library: docs/adr/0009-own-websocket-frames.md.
class WebSocketCodec final {
public:
    static constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

    /// `max_frame_size` in bytes of payload (max_ws_frame_size); a larger frame is a Violation
    /// 1009.
    explicit WebSocketCodec(std::uint64_t max_frame_size) noexcept
        : max_frame_size_(max_frame_size) {}

    /// Takes `wire` in whole, appends the payload in it to `payload` and what is to be written to
    /// `reply`: pongs and close frames. `payload` grows by at most wire.size(), `reply` by at most
    /// wire.size() + 256. What came before a close or a violation is good and stays in `payload`.
    ///
    /// After any status but Open, bytes are dropped and the status stays. After close(), payload
    /// and pings are dropped and only the peer's close matters [RFC 6455 5.5.1].
    [[nodiscard]] WebSocketStatus receive(std::string_view wire, std::string& payload,
                                          std::string& reply);

    /// Appends what stands before `payload_size` bytes of payload in a frame of the server, which
    /// is not masked. The payload follows as it is.
    static void append_header(std::size_t payload_size, std::string& out);

    /// Begins the end from our side; waiting for the peer's close is up to the caller. `reason` is
    /// cut to the 123 bytes there is room for. Appends nothing if a close frame was sent already.
    void close(std::uint16_t code, std::string_view reason, std::string& out);

private:
    static constexpr std::size_t kMaxHeader = 14;

    void take_header(std::string_view& wire, std::string& reply);
    void take_payload(std::string_view& wire, std::string& payload, std::string& reply);
    [[nodiscard]] std::size_t size_end() const noexcept;
    [[nodiscard]] std::uint64_t payload_size() const noexcept;
    [[nodiscard]] bool check_first_byte(std::string& reply);
    [[nodiscard]] bool check_second_byte(std::string& reply);
    [[nodiscard]] bool check_size(std::string& reply);
    void begin_frame(std::string& reply);
    void end_frame(std::string& reply);
    void on_peer_close(std::string& reply);
    void violation(std::uint16_t code, const char* reason, std::string& reply);

    std::uint64_t max_frame_size_;
    std::uint64_t remaining_ = 0;  // payload bytes of this frame that are still to come
    std::string control_;          // payload of this ping or close frame
    const char* reason_ = nullptr;
    std::array<std::uint8_t, kMaxHeader> header_{};  // of the frame that begins
    std::uint16_t code_ = 0;
    std::uint32_t mask_ = 0;  // of the next payload byte first, in memory order
    std::uint8_t header_size_ = 0;
    std::uint8_t opcode_ = 0;
    WebSocketState state_ = WebSocketState::Open;
    bool in_payload_ = false;
    bool in_message_ = false;  // a data frame without FIN has come
    bool close_sent_ = false;
};

}  // namespace vmq::transport
