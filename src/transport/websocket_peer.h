// The other end of a WebSocket connection for tests: frames of a client, built by hand, and wslay
// as a second opinion on what bytes mean.
#pragma once

#include <wslay/wslay.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/assert.h"

namespace vmq::transport::testing {

/// Byte by byte, as RFC 6455 5.3 puts it.
inline std::string masked(std::string_view payload, std::string_view key) {
    std::string out(payload);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<char>(out[i] ^ key[i % 4]);
    return out;
}

/// `first` is FIN, reserved bits and opcode; the size takes `size_bytes` (0: the shortest form).
inline std::string client_frame(std::uint8_t first, std::string_view payload,
                                std::string_view key = "\x37\xFA\x21\x3D",
                                std::size_t size_bytes = 0) {
    std::string out(1, static_cast<char>(first));
    if (size_bytes == 0 && payload.size() >= 126) size_bytes = payload.size() <= 0xFFFF ? 2 : 8;
    out += static_cast<char>(0x80U | (size_bytes == 0   ? payload.size()
                                      : size_bytes == 2 ? std::size_t{126}
                                                        : std::size_t{127}));
    for (; size_bytes > 0; --size_bytes)
        out += static_cast<char>(payload.size() >> (8 * (size_bytes - 1)) & 0xFFU);
    return out + std::string(key) + masked(payload, key);
}

/// Reads bytes with wslay, frame by frame.
class WslayReader final {
public:
    enum class Outcome : std::uint8_t { Piece, NeedMore, Broken };
    /// A piece of a frame, the last one when `offset` + data.size() == size.
    struct Piece {
        std::uint8_t fin, rsv, opcode, mask;
        std::uint64_t size, offset;
        std::string data;
    };

    explicit WslayReader(std::string_view bytes) : bytes_(bytes) {
        wslay_frame_callbacks callbacks{nullptr, &WslayReader::read, nullptr};
        VMQ_ASSERT(wslay_frame_context_init(&context_, &callbacks, this) == 0);
    }
    ~WslayReader() { wslay_frame_context_free(context_); }
    WslayReader(const WslayReader&) = delete;
    WslayReader& operator=(const WslayReader&) = delete;

    void give(std::string_view bytes) { bytes_ = bytes; }

    /// Appends the next piece of payload; false if there is none.
    bool next_into(std::string& payload) {
        wslay_frame_iocb iocb{};
        if (wslay_frame_recv(context_, &iocb) < 0) return false;
        payload.append(reinterpret_cast<const char*>(iocb.data), iocb.data_length);
        return true;
    }

    Outcome next(Piece& piece) {
        wslay_frame_iocb iocb{};
        const auto size = wslay_frame_recv(context_, &iocb);
        if (size == WSLAY_ERR_WANT_READ) return Outcome::NeedMore;
        if (size < 0) return Outcome::Broken;
        if (offset_ == size_) offset_ = 0;
        piece = {iocb.fin,
                 iocb.rsv,
                 iocb.opcode,
                 iocb.mask,
                 iocb.payload_length,
                 offset_,
                 {reinterpret_cast<const char*>(iocb.data), iocb.data_length}};
        size_ = iocb.payload_length;
        offset_ += iocb.data_length;
        return Outcome::Piece;
    }

private:
    static ssize_t read(std::uint8_t* into, std::size_t size, int /*flags*/, void* self) {
        auto& bytes = static_cast<WslayReader*>(self)->bytes_;
        const auto count = std::min(size, bytes.size());
        if (count == 0) return -1;
        std::memcpy(into, bytes.data(), count);
        bytes.remove_prefix(count);
        return static_cast<ssize_t>(count);
    }

    std::string_view bytes_;
    wslay_frame_context_ptr context_ = nullptr;
    std::uint64_t size_ = 0;
    std::uint64_t offset_ = 0;
};

}  // namespace vmq::transport::testing
