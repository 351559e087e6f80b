#include "session/publish_template.h"

#include <gtest/gtest.h>

#include <string>

#include "mqtt/encoder.h"
#include "support/messages.h"

namespace vmq::session {
namespace {

using mqtt::QoS;

TEST(PublishTemplate, EqualsThePlainEncodingInEveryVersionQoSAndSize) {
    PublishTemplate shared;
    for (const std::size_t size : {0U, 1U, 100U, 200U, 16'400U}) {
        const auto message = testing::message(std::string(size, 'x'), kNever, "some/topic");
        shared.begin();
        for (const bool v5 : {true, false}) {
            for (const auto qos : {QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce}) {
                for (const bool retain : {true, false}) {
                    const auto& encoding = shared.encoding(*message, v5, qos, retain);
                    std::string bytes = encoding.bytes;
                    mqtt::Publish packet;
                    packet.topic = message->topic();
                    packet.payload = message->payload();
                    packet.qos = qos;
                    packet.retain = retain;
                    if (qos != QoS::AtMostOnce) {
                        packet.id = mqtt::PacketId{0x1234};
                        bytes[encoding.id_at] = 0x12;
                        bytes[encoding.id_at + 1] = 0x34;
                    }
                    std::string expected;
                    mqtt::encode_publish(
                        packet, v5 ? mqtt::ProtocolVersion::V5 : mqtt::ProtocolVersion::V311, "",
                        expected);
                    EXPECT_EQ(bytes, expected);
                }
            }
        }
    }
}

TEST(PublishTemplate, BeginForgetsTheMessageBefore) {
    PublishTemplate shared;
    shared.begin();
    (void)shared.encoding(*testing::message("one"), true, QoS::AtMostOnce, false);
    shared.begin();
    const auto two = testing::message("two");
    EXPECT_TRUE(shared.encoding(*two, true, QoS::AtMostOnce, false).bytes.ends_with("two"));
}

}  // namespace
}  // namespace vmq::session
