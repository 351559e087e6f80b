#include "transport/websocket_codec.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "config/utf8.h"

namespace vmq::transport {
namespace {

// frame := fin:1 rsv:3 opcode:4 masked:1 size:7 [size:u16 | size:u64] [mask:4] payload
//          size 126: the 16 bits behind it count, 127: the 64 bits

constexpr std::uint8_t kFin = 0x80;
constexpr std::uint8_t kReserved = 0x70;
constexpr std::uint8_t kMasked = 0x80;
constexpr std::uint8_t kSize16 = 126;
constexpr std::uint8_t kSize64 = 127;
constexpr std::size_t kMaskSize = 4;
constexpr std::size_t kMaxControlPayload = 125;

constexpr std::uint8_t kContinuation = 0x0;
constexpr std::uint8_t kText = 0x1;
constexpr std::uint8_t kBinary = 0x2;
constexpr std::uint8_t kClose = 0x8;
constexpr std::uint8_t kPing = 0x9;
constexpr std::uint8_t kPong = 0xA;

constexpr std::uint16_t kProtocolError = 1002;
constexpr std::uint16_t kUnsupportedData = 1003;
constexpr std::uint16_t kNoStatus = 1005;
constexpr std::uint16_t kInvalidPayload = 1007;
constexpr std::uint16_t kTooBig = 1009;

bool is_control(std::uint8_t opcode) { return (opcode & 0x8U) != 0; }

std::uint64_t big_endian(const std::uint8_t* bytes, std::size_t size) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value = value << 8U | bytes[i];
    return value;
}

/// Eight bytes at a time; byte by byte a frame of 64 kB costs 13 times as much
/// (websocket_codec_bench.cc).
void unmask(char* data, std::size_t size, std::uint32_t mask) {
    const std::uint64_t wide = static_cast<std::uint64_t>(mask) << 32U | mask;
    for (; size >= sizeof wide; data += sizeof wide, size -= sizeof wide) {
        std::uint64_t word = 0;
        std::memcpy(&word, data, sizeof word);
        word ^= wide;
        std::memcpy(data, &word, sizeof word);
    }
    std::array<char, sizeof wide> bytes{};
    std::memcpy(bytes.data(), &wide, sizeof wide);
    for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<char>(data[i] ^ bytes[i]);
}

/// The mask as it stands after `count` bytes.
std::uint32_t advance(std::uint32_t mask, std::size_t count) {
    const int bits = static_cast<int>(count % kMaskSize) * 8;
    return std::endian::native == std::endian::little ? std::rotr(mask, bits)
                                                      : std::rotl(mask, bits);
}

void append_unmasked(std::string_view masked, std::uint32_t mask, std::string& out) {
    const auto before = out.size();
    out.append(masked);
    unmask(out.data() + before, masked.size(), mask);
}

/// Whether a peer may send this code in a close frame: those of RFC 6455 7.4 and of the registry
/// that is based on it, except the ones that stand for "there was none".
bool is_close_code(std::uint16_t code) {
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

/// Requires payload.size() <= kMaxControlPayload.
void append_control(std::uint8_t opcode, std::string_view payload, std::string& out) {
    out += static_cast<char>(kFin | opcode);
    out += static_cast<char>(payload.size());
    out += payload;
}

void append_close(std::uint16_t code, std::string_view reason, std::string& out) {
    std::size_t size = std::min(reason.size(), kMaxControlPayload - 2);
    // Not in the middle of a character.
    while (size > 0 && size < reason.size() &&
           (static_cast<std::uint8_t>(reason[size]) & 0xC0U) == 0x80U)
        --size;
    std::string payload;
    payload += static_cast<char>(code >> 8U);
    payload += static_cast<char>(code & 0xFFU);
    payload += reason.substr(0, size);
    append_control(kClose, payload, out);
}

}  // namespace

WebSocketStatus WebSocketCodec::receive(std::string_view wire, std::string& payload,
                                        std::string& reply) {
    while (!wire.empty() && state_ == WebSocketState::Open) {
        if (in_payload_) {
            take_payload(wire, payload, reply);
        } else {
            take_header(wire, reply);
        }
    }
    return {state_, code_, reason_};
}

void WebSocketCodec::append_header(std::size_t payload_size, std::string& out) {
    std::array<char, 10> header{static_cast<char>(kFin | kBinary)};
    std::size_t size = 2;
    if (payload_size < kSize16) {
        header[1] = static_cast<char>(payload_size);
    } else {
        const bool wide = payload_size > 0xFFFF;
        header[1] = static_cast<char>(wide ? kSize64 : kSize16);
        size += wide ? 8 : 2;
        for (std::size_t at = size; at > 2; payload_size >>= 8U)
            header[--at] = static_cast<char>(payload_size & 0xFFU);
    }
    out.append(header.data(), size);
}

void WebSocketCodec::close(std::uint16_t code, std::string_view reason, std::string& out) {
    if (close_sent_) return;
    append_close(code, reason, out);
    close_sent_ = true;
}

/// Bytes in which the header tells the size, as far as its first two tell.
std::size_t WebSocketCodec::size_end() const noexcept {
    if (header_size_ < 2) return 2;
    const auto size = header_[1] & 0x7FU;
    return size == kSize16 ? 4 : size == kSize64 ? 10 : 2;
}

std::uint64_t WebSocketCodec::payload_size() const noexcept {
    const auto end = size_end();
    return end == 2 ? header_[1] & 0x7FU : big_endian(header_.data() + 2, end - 2);
}

/// Takes a part of the header and judges it, so that nothing wrong waits for what comes after it.
void WebSocketCodec::take_header(std::string_view& wire, std::string& reply) {
    const auto needed = header_size_ < size_end() ? size_end() : size_end() + kMaskSize;
    const auto count = std::min(needed - header_size_, wire.size());
    std::memcpy(header_.data() + header_size_, wire.data(), count);
    wire.remove_prefix(count);
    header_size_ = static_cast<std::uint8_t>(header_size_ + count);
    if (header_size_ <= 2 && !check_first_byte(reply)) return;
    if (header_size_ == 2 && !check_second_byte(reply)) return;
    if (header_size_ == size_end() && !check_size(reply)) return;
    if (header_size_ == size_end() + kMaskSize) begin_frame(reply);
}

bool WebSocketCodec::check_first_byte(std::string& reply) {
    const std::uint8_t byte = header_[0];
    const std::uint8_t opcode = byte & 0x0FU;
    const char* wrong = nullptr;
    if ((byte & kReserved) != 0) {
        wrong = "reserved bits are set, but no extension was agreed upon";
    } else if (is_control(opcode)) {
        if (opcode > kPong)
            wrong = "an opcode that is not known";
        else if ((byte & kFin) == 0)
            wrong = "a control frame in fragments";
    } else if (opcode > kBinary) {
        wrong = "an opcode that is not known";
    } else if (opcode == kContinuation && !in_message_) {
        wrong = "a fragment of no message";
    } else if (opcode != kContinuation && in_message_) {
        wrong = "a message within the fragments of another";
    } else if (opcode == kText) {
        violation(kUnsupportedData, "MQTT takes binary frames, this is text", reply);
        return false;
    }
    if (wrong != nullptr) violation(kProtocolError, wrong, reply);
    return wrong == nullptr;
}

bool WebSocketCodec::check_second_byte(std::string& reply) {
    const char* wrong = nullptr;
    if ((header_[1] & kMasked) == 0) {
        wrong = "a frame without mask";
    } else if (is_control(header_[0] & 0x0FU) && (header_[1] & 0x7FU) > kMaxControlPayload) {
        wrong = "a control frame of more than 125 bytes";
    }
    if (wrong != nullptr) violation(kProtocolError, wrong, reply);
    return wrong == nullptr;
}

bool WebSocketCodec::check_size(std::string& reply) {
    const auto size = payload_size();
    const auto end = size_end();
    if ((end == 4 && size < kSize16) || (end == 10 && size <= 0xFFFF) || size >> 63U != 0) {
        violation(kProtocolError, "a size that is not in its shortest form", reply);
        return false;
    }
    if (size > max_frame_size_) {
        violation(kTooBig, "a frame larger than max_ws_frame_size", reply);
        return false;
    }
    return true;
}

void WebSocketCodec::begin_frame(std::string& reply) {
    remaining_ = payload_size();
    std::memcpy(&mask_, header_.data() + size_end(), kMaskSize);
    opcode_ = header_[0] & 0x0FU;
    if (!is_control(opcode_)) in_message_ = (header_[0] & kFin) == 0;
    header_size_ = 0;
    in_payload_ = true;
    if (remaining_ == 0) end_frame(reply);
}

void WebSocketCodec::take_payload(std::string_view& wire, std::string& payload,
                                  std::string& reply) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, wire.size()));
    if (opcode_ == kPing || opcode_ == kClose) {
        append_unmasked(wire.substr(0, count), mask_, control_);
    } else if (opcode_ != kPong && !close_sent_) {
        append_unmasked(wire.substr(0, count), mask_, payload);
    }
    wire.remove_prefix(count);
    mask_ = advance(mask_, count);
    remaining_ -= count;
    if (remaining_ == 0) end_frame(reply);
}

void WebSocketCodec::end_frame(std::string& reply) {
    in_payload_ = false;
    if (opcode_ == kClose) on_peer_close(reply);
    if (opcode_ == kPing && !close_sent_) append_control(kPong, control_, reply);
    if (is_control(opcode_)) std::string().swap(control_);
}

void WebSocketCodec::on_peer_close(std::string& reply) {
    std::uint16_t code = kNoStatus;
    if (!control_.empty()) {
        if (control_.size() == 1)
            return violation(kProtocolError, "a close code of one byte", reply);
        code = static_cast<std::uint16_t>(static_cast<std::uint8_t>(control_[0]) << 8U |
                                          static_cast<std::uint8_t>(control_[1]));
        if (!is_close_code(code))
            return violation(kProtocolError, "a close code that no peer may send", reply);
        if (!config::is_utf8(std::string_view(control_).substr(2)))
            return violation(kInvalidPayload, "a close reason that is not UTF-8", reply);
    }
    if (!close_sent_) append_control(kClose, std::string_view(control_).substr(0, 2), reply);
    close_sent_ = true;
    state_ = WebSocketState::PeerClosed;
    code_ = code;
}

void WebSocketCodec::violation(std::uint16_t code, const char* reason, std::string& reply) {
    close(code, reason, reply);
    state_ = WebSocketState::Violation;
    code_ = code;
    reason_ = reason;
}

}  // namespace vmq::transport
