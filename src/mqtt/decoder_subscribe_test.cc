#include <gtest/gtest.h>

#include "mqtt/decoder.h"
#include "mqtt/packet_builder.h"

namespace vmq::mqtt {
namespace {

TEST(DecodeSubscribe, ReadsFilterAndOptions) {
    const testing::Bytes body = testing::Bytes().u16(1).u8(0).text("a/#").u8(0x2D);
    Subscribe packet;
    const auto frame = testing::frame_of(PacketType::Subscribe, 2, body.view());
    ASSERT_TRUE(decode_subscribe(frame, ProtocolVersion::V5, packet).ok());
    ASSERT_EQ(packet.entries.size(), 1U);
    EXPECT_EQ(packet.entries[0].filter, "a/#");
    EXPECT_EQ(packet.entries[0].options,
              (SubscriptionOptions{QoS::AtLeastOnce, true, true, RetainHandling::DoNotSend}));
}

}  // namespace
}  // namespace vmq::mqtt
