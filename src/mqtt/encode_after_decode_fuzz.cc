// A packet that is accepted, encoded and decoded again is the same packet: the second encoding
// equals the first. The first may differ from the input only in form: order of properties, default
// reasons.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "mqtt/packet_builder.h"
#include "mqtt/recode.h"

// Input := selector:u8 (version in two bits, sender in one), first byte of the packet:u8, body.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace vmq::mqtt;
    if (size < 2 || data[1] < 0x10) return 0;
    const ProtocolVersion version = testing::kVersions[(data[0] & 3U) % 3];
    const auto sender = (data[0] & 4U) != 0 ? testing::Sender::Server : testing::Sender::Client;
    const std::string_view body(reinterpret_cast<const char*>(data) + 2, size - 2);
    const auto frame =
        testing::frame_of(static_cast<PacketType>(data[1] >> 4U), data[1] & 0x0FU, body);

    std::string first;
    if (!testing::recode(frame, version, sender, first).ok()) return 0;
    const Frame again = next_frame(first, testing::kNoLimit);
    VMQ_ASSERT(again.status == FrameStatus::Complete && again.size == first.size());
    VMQ_ASSERT(again.type == frame.type);
    VMQ_ASSERT(again.body.size() <= body.size() + 3);  // at most a return code or an empty section
    std::string second;
    VMQ_ASSERT(testing::recode(again, version, sender, second).ok());
    VMQ_ASSERT(first == second);
    return 0;
}
