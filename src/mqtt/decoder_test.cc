#include "mqtt/decoder.h"

#include <gtest/gtest.h>

#include <string>

#include "mqtt/packet_builder.h"

namespace vmq::mqtt {
namespace {

using namespace std::string_view_literals;
using testing::kNoLimit;

TEST(NextFrame, FindsThePacketAndLeavesTheRest) {
    const auto frame = next_frame("\x31\x02xyREST"sv, kNoLimit);
    EXPECT_EQ(frame.status, FrameStatus::Complete);
    EXPECT_EQ(frame.type, PacketType::Publish);
    EXPECT_EQ(frame.flags, 1);
    EXPECT_EQ(frame.body, "xy");
    EXPECT_EQ(frame.size, 4U);
}

}  // namespace
}  // namespace vmq::mqtt
