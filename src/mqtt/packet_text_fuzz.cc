// Any bytes as packets: their text has nothing in it that steers a terminal, and no line that is
// not ours.
#include "mqtt/packet_text.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "mqtt/topic.h"

namespace vmq::mqtt {
namespace {

void check_text(std::string_view text) {
    VMQ_ASSERT(text.empty() || text.back() == '\n');
    VMQ_ASSERT(text.find('\0') == std::string_view::npos && is_valid_utf8(text));
    std::size_t begin = 0;
    for (std::size_t end = text.find('\n'); end != std::string_view::npos;
         end = text.find('\n', begin)) {
        // The first line is the packet, all others are indented.
        VMQ_ASSERT(begin == 0 || text.substr(begin, 4) == "    ");
        begin = end + 1;
    }
    for (const char byte : text)
        VMQ_ASSERT(static_cast<unsigned char>(byte) >= 0x20 || byte == '\n');
    VMQ_ASSERT(text.find("\xC2\x9B") == std::string_view::npos);  // CSI of the second set
}

}  // namespace
}  // namespace vmq::mqtt

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace vmq::mqtt;
    if (size < 3) return 0;
    constexpr ProtocolVersion kVersions[] = {ProtocolVersion::V31, ProtocolVersion::V311,
                                             ProtocolVersion::V5};
    const ProtocolVersion version = kVersions[data[0] % 3];
    const From from = data[1] % 2 == 0 ? From::Client : From::Server;
    const std::size_t limit = data[2];
    std::string_view stream(reinterpret_cast<const char*>(data) + 3, size - 3);
    while (true) {
        const Frame frame = next_frame(stream, 268'435'455);
        if (frame.status != FrameStatus::Complete) return 0;
        std::string text;
        append_packet_text(frame, from, version, limit, text);
        check_text(text);
        stream.remove_prefix(frame.size);
    }
}
