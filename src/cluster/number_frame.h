// Frames whose body is one number.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cluster/frame_codec.h"

namespace vmq::cluster {

/// FilterAck, StreamState (the last sequence that was received), StreamStart (the first that will
/// be sent), Skip (a sequence that will not: its message has expired or does not fit).
inline void append_number(FrameType type, std::uint64_t number, std::string& out) {
    FrameWriter frame(type, out);
    frame.body().varint(number);
    frame.finish();
}

[[nodiscard]] inline bool decode_number(std::string_view body, std::uint64_t& number) noexcept {
    ByteReader reader(body);
    return reader.varint(number) && reader.done();
}

}  // namespace vmq::cluster
