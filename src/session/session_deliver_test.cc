// PUBLISH from the broker to the client.
#include <string>

#include "mqtt/properties.h"
#include "session/publish_template.h"
#include "support/session_fixture.h"

namespace vmq::session {
namespace {

using mqtt::PacketId;
using mqtt::QoS;

class SessionDeliverTest : public testing::SessionFixture {
protected:
    bool deliver(const mqtt::MessagePtr& message, QoS qos = QoS::AtMostOnce, unsigned id = 0,
                 bool retain = false, bool dup = false, std::uint32_t subscription_id = 0,
                 PublishTemplate* shared = nullptr) {
        return session().send_publish(
            {&message, PacketId{static_cast<std::uint16_t>(id)}, qos, retain, dup, subscription_id},
            now_, shared);
    }
    bool deliver(std::string_view topic, std::string_view payload = "x") {
        return deliver(testing::message(payload, kNever, topic));
    }
    static mqtt::MessagePtr message_with(std::string_view properties, std::string_view topic = "t",
                                         std::string_view payload = "x") {
        mqtt::MessageParts parts;
        parts.topic = topic;
        parts.payload = payload;
        parts.properties = properties;
        return mqtt::Message::make(parts);
    }
};

TEST_F(SessionDeliverTest, SendsWhatItIsTold) {
    for (const auto version : {kV31, kV311, kV5}) {
        open(version);
        EXPECT_TRUE(deliver(testing::message("x")));
        EXPECT_TRUE(deliver(testing::message("y"), QoS::AtLeastOnce, 7, true));
        EXPECT_TRUE(deliver(testing::message("z"), QoS::ExactlyOnce, 8, false, true));
        session().send_pubrel(PacketId{9});
        EXPECT_EQ(sent(), (Texts{"PUBLISH t x q0", "PUBLISH t y q1 id=7 retain",
                                 "PUBLISH t z q2 id=8 dup", "PUBREL 9"}));
    }
    EXPECT_EQ(host_.counted_sent, 12);
}

TEST_F(SessionDeliverTest, ForwardsPropertiesToMqtt5Only) {
    std::string properties;
    mqtt::Properties made;
    made.content_type = "text";
    made.set(mqtt::Property::ContentType);
    mqtt::append_properties(made, properties);
    const auto message = message_with(properties);
    open(kV311);
    EXPECT_TRUE(deliver(message));
    EXPECT_EQ(sent(), Texts{"PUBLISH t x q0"});
    open(kV5);
    EXPECT_TRUE(deliver(message));
    EXPECT_TRUE(deliver(message, QoS::AtMostOnce, 0, false, false, 5));
    EXPECT_EQ(sent(), (Texts{"PUBLISH t x q0 content_type=text",  // [v5 MQTT-3.3.2-20]
                             "PUBLISH t x q0 content_type=text sub=5"}));
}

TEST_F(SessionDeliverTest, SharedEncodingsEqualPlainOnes) {
    std::string properties;
    mqtt::Properties made;
    made.content_type = "text";
    made.set(mqtt::Property::ContentType);
    mqtt::append_properties(made, properties);
    PublishTemplate shared;
    for (const std::size_t size : {0U, 10U, 130U, 17'000U}) {
        const auto message = message_with(properties, "some/topic", std::string(size, 'p'));
        shared.begin();
        for (const auto version : {kV31, kV311, kV5}) {
            open(version);
            for (const auto qos : {QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce}) {
                for (const bool retain : {false, true}) {
                    const unsigned id = qos == QoS::AtMostOnce ? 0 : 0x8001;
                    ASSERT_TRUE(deliver(message, qos, id, retain, false, 0, &shared));
                    const std::string fast = host_.take_bytes();
                    ASSERT_TRUE(deliver(message, qos, id, retain, false, 0, nullptr));
                    EXPECT_EQ(fast, host_.take_bytes());
                }
            }
        }
    }
}

TEST_F(SessionDeliverTest, LargePayloadsAreReferencedAndOutliveTheMessage) {
    const std::string payload(100'000, 'p');
    {
        const auto message = testing::message(payload);
        EXPECT_TRUE(deliver(message));
        EXPECT_LT(host_.output().bytes().size(), 100U);
        EXPECT_GT(host_.output().size(), payload.size());
    }
    EXPECT_EQ(sent(), Texts{"PUBLISH t " + payload + " q0"});
    plan_.topic_alias_maximum = 1;
    open();
    for (int i = 0; i < 2; ++i) {
        EXPECT_TRUE(deliver("t", payload));
        EXPECT_LT(host_.output().bytes().size(), 100U) << "with an alias as well";
        (void)sent();
    }
}

// [v5 MQTT-3.1.2-24] [v5 MQTT-3.1.2-25]
TEST_F(SessionDeliverTest, NothingLargerThanTheClientAcceptsIsSent) {
    plan_.maximum_packet_size = 20;
    PublishTemplate shared;
    shared.begin();
    const auto fits = testing::message(std::string(14, 'x'));
    const auto too_large = testing::message(std::string(15, 'x'));
    for (PublishTemplate* used : {static_cast<PublishTemplate*>(nullptr), &shared}) {
        shared.begin();
        EXPECT_TRUE(deliver(fits, QoS::AtMostOnce, 0, false, false, 0, used));
        EXPECT_EQ(host_.take_bytes().size(), 20U);
        shared.begin();
        EXPECT_FALSE(deliver(too_large, QoS::AtMostOnce, 0, false, false, 0, used));
        EXPECT_EQ(host_.take_bytes(), "");
    }
    EXPECT_FALSE(deliver(testing::message(std::string(100'000, 'x'))));
    EXPECT_FALSE(deliver(fits, QoS::AtMostOnce, 0, false, false, 5))
        << "the identifier is too much";
    EXPECT_EQ(host_.take_bytes(), "");
    EXPECT_EQ(host_.counted_sent, 2);
}

// [v5 MQTT-3.3.2-6]
TEST_F(SessionDeliverTest, TheExpiryIntervalIsWhatIsLeft) {
    const auto message = testing::message("x", now_ + Millis(10'000));
    EXPECT_TRUE(deliver(message));
    now_ += Millis(6'500);
    EXPECT_TRUE(deliver(message));
    now_ += Millis(3'499);
    EXPECT_TRUE(deliver(message));
    now_ += Millis(5'000);
    EXPECT_TRUE(deliver(message)) << "already on its way before it expired";
    EXPECT_EQ(sent(), (Texts{"PUBLISH t x q0 expiry=10", "PUBLISH t x q0 expiry=4",
                             "PUBLISH t x q0 expiry=1", "PUBLISH t x q0 expiry=1"}));
    open(kV311);
    EXPECT_TRUE(deliver(message));
    EXPECT_EQ(sent(), Texts{"PUBLISH t x q0"});
}

TEST_F(SessionDeliverTest, TheFirstTopicsGetAliasesAndKeepThem) {  // [v5 MQTT-3.1.2-26]
    plan_.topic_alias_maximum = 2;
    for (const char* topic : {"a", "b", "c", "a", "b", "c"}) EXPECT_TRUE(deliver(topic));
    EXPECT_EQ(sent(), (Texts{"PUBLISH a x q0 alias=1", "PUBLISH b x q0 alias=2", "PUBLISH c x q0",
                             "PUBLISH  x q0 alias=1", "PUBLISH  x q0 alias=2", "PUBLISH c x q0"}));
}

TEST_F(SessionDeliverTest, AnAliasTheClientNeverSawIsNotUsed) {
    plan_.topic_alias_maximum = 1;
    plan_.maximum_packet_size = 20;
    EXPECT_FALSE(deliver("topic", std::string(50, 'x')));
    EXPECT_TRUE(deliver("other", "y"));
    EXPECT_TRUE(deliver("topic", "z"));
    EXPECT_EQ(sent(), (Texts{"PUBLISH other y q0 alias=1", "PUBLISH topic z q0"}));
}

TEST_F(SessionDeliverTest, AMessageIsNotLostForAnAliasThatMakesItTooLarge) {
    plan_.topic_alias_maximum = 1;
    plan_.maximum_packet_size = 20;
    EXPECT_TRUE(deliver("t", std::string(14, 'x')));
    EXPECT_TRUE(deliver("t", "y"));
    EXPECT_TRUE(deliver("t", std::string(14, 'z')));
    EXPECT_EQ(sent(), (Texts{"PUBLISH t xxxxxxxxxxxxxx q0", "PUBLISH t y q0 alias=1",
                             "PUBLISH t zzzzzzzzzzzzzz q0"}));
}

// A message at the limit of the protocol may come in a shorter packet than it has to leave in.
TEST_F(SessionDeliverTest, WhatCannotBeExpressedIsNotSent) {
    const auto message = message_with({}, "t", std::string(kMaxRemainingLength - 4, 'x'));
    PublishTemplate shared;
    shared.begin();
    EXPECT_FALSE(deliver(message, QoS::AtLeastOnce, 1));
    EXPECT_FALSE(deliver(message, QoS::AtLeastOnce, 1, false, false, 0, &shared));
    EXPECT_FALSE(deliver(message, QoS::AtLeastOnce, 1, false, false, 268'435'455));
    plan_.topic_alias_maximum = 1;
    open();
    EXPECT_TRUE(deliver("t", "small"));
    EXPECT_FALSE(deliver(message, QoS::AtLeastOnce, 1));
    EXPECT_EQ(sent(), Texts{"PUBLISH t small q0 alias=1"});
}

}  // namespace
}  // namespace vmq::session
