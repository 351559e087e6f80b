#include <gtest/gtest.h>

#include "mqtt/decoder.h"
#include "mqtt/packet_builder.h"

namespace vmq::mqtt {
namespace {

TEST(DecodeConnect, AcceptsTheShortestOne) {
    const testing::Bytes body = testing::Bytes().text("MQTT").u8(4).u8(2).u16(0).text("");
    Connect packet;
    EXPECT_TRUE(
        decode_connect(testing::frame_of(PacketType::Connect, 0, body.view()), packet).ok());
    EXPECT_EQ(packet.version, ProtocolVersion::V311);
}

}  // namespace
}  // namespace vmq::mqtt
