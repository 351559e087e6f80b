#include "sim/packets.h"

#include <gtest/gtest.h>

#include <string>

namespace vmq::sim {
namespace {

TEST(PacketCodec, ReadsWhatABrokerSays) {
    const PacketCodec v5(true);
    const PacketCodec old(false);
    std::string bytes = v5.publish("a/b", "text", 1, 7, true, false);
    bytes += std::string("\x20\x03\x01\x87\x00", 5);      // CONNACK
    bytes += std::string("\x90\x04\x00\x05\x00\x87", 6);  // SUBACK
    bytes += std::string("\x40\x03\x00\x09\x10", 5);      // PUBACK
    bytes += std::string("\xE0\x01\x8E", 3);              // DISCONNECT
    auto packet = v5.take(bytes);
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->topic, "a/b");
    EXPECT_EQ(packet->payload, "text");
    EXPECT_EQ(packet->id, 7);
    EXPECT_TRUE(packet->dup);
    packet = v5.take(bytes);
    EXPECT_EQ(packet->code, 0x87);
    EXPECT_TRUE(packet->session_present);
    packet = v5.take(bytes);
    EXPECT_EQ(packet->type, PacketType::Suback);
    EXPECT_EQ(packet->code, 0x87);
    packet = v5.take(bytes);
    EXPECT_EQ(packet->id, 9);
    EXPECT_EQ(packet->code, 0x10);
    packet = v5.take(bytes);
    EXPECT_EQ(packet->code, 0x8E);
    EXPECT_FALSE(v5.take(bytes)) << "there is no more";
    bytes = old.publish("a", std::string(300, 'x'), 0, 0, false, true);
    std::string part = bytes.substr(0, 200);
    EXPECT_FALSE(old.take(part));
    EXPECT_EQ(old.take(bytes)->payload.size(), 300U);
}

}  // namespace
}  // namespace vmq::sim
