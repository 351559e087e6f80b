#include "cluster/will_codec.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace vmq::cluster {
namespace {

LastWill sample() {
    LastWill will;
    will.key = {"m", "client"};
    will.mountpoint = "n";
    will.topic = "gone/client";
    will.payload = std::string("\0x", 2);
    will.properties = std::string("\x03\x00\x01t", 4);  // content type
    will.message_expiry_s = 300;
    will.delay_s = 7;
    will.qos = mqtt::QoS::ExactlyOnce;
    will.retain = true;
    return will;
}

std::string bytes_of(const LastWill& will) {
    std::string bytes;
    ByteWriter writer(bytes);
    append(will, writer);
    return bytes;
}

TEST(WillCodec, ThereAndBack) {
    for (const LastWill& sent :
         {sample(), LastWill{{"", "c"}, "", "t", "", "", {}, 0, {}, false}}) {
        const std::string bytes = bytes_of(sent);
        ByteReader reader(bytes);
        LastWill got;
        ASSERT_TRUE(read(reader, got));
        EXPECT_TRUE(reader.done());
        EXPECT_EQ(got, sent);
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            ByteReader part(std::string_view(bytes).substr(0, size));
            EXPECT_FALSE(read(part, got)) << size;
        }
    }
}

TEST(WillCodec, WhatCannotBePublishedIsRefused) {
    LastWill got;
    for (const char* topic : {"a/#", "", "+"}) {
        LastWill will = sample();
        will.topic = topic;
        const std::string bytes = bytes_of(will);
        ByteReader reader(bytes);
        EXPECT_FALSE(read(reader, got)) << topic;
    }
    LastWill will = sample();
    will.properties = "\x7Fnonsense";
    const std::string bytes = bytes_of(will);
    ByteReader reader(bytes);
    EXPECT_FALSE(read(reader, got));
}

}  // namespace
}  // namespace vmq::cluster
