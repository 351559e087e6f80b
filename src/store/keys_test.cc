#include "store/keys.h"

#include <gtest/gtest.h>

namespace vmq::store {
namespace {

TEST(Keys, QueueKeysSortBySessionAndThenBySequence) {
    EXPECT_LT(queue_key(SessionId{1}, 255).view(), queue_key(SessionId{1}, 256).view());
    EXPECT_LT(queue_key(SessionId{1}, ~0ULL).view(), queue_key(SessionId{2}, 0).view());
    EXPECT_LT(queue_key(SessionId{255}, 1).view(), queue_key(SessionId{256}, 0).view());
    EXPECT_LT(kAnchorKey, queue_key(SessionId{0}, 0).view());
}

TEST(Keys, QueueAndMessageKeysComeBack) {
    const auto key = parse_queue_key(queue_key(SessionId{0x0102030405060708}, 99).view());
    ASSERT_TRUE(key);
    EXPECT_EQ(key->session, SessionId{0x0102030405060708});
    EXPECT_EQ(key->sequence, 99U);
    EXPECT_EQ(parse_message_key(message_key(77).view()), 77U);
    EXPECT_FALSE(parse_queue_key(kAnchorKey));
    EXPECT_FALSE(parse_message_key("123456789"));
}

TEST(Keys, EveryKindOfSessionKeyComesBack) {
    constexpr SessionId kId{42};
    const auto main = parse_session_key(session_key(kId, SessionKeyKind::Main).view());
    ASSERT_TRUE(main);
    EXPECT_EQ(main->session, kId);
    EXPECT_EQ(main->kind, SessionKeyKind::Main);
    EXPECT_EQ(parse_session_key(subscription_key(kId, "a/#"))->filter, "a/#");
    const auto received = received_key(kId, mqtt::PacketId{0xABCD});
    EXPECT_EQ(parse_session_key(received.view())->id, mqtt::PacketId{0xABCD});
    const auto released = released_key(kId, 12345);
    EXPECT_EQ(parse_session_key(released.view())->sequence, 12345U);
}

TEST(Keys, TheMainRecordOfASessionComesFirst) {
    constexpr SessionId kId{42};
    const auto main = session_key(kId, SessionKeyKind::Main);
    EXPECT_LT(main.view(), subscription_key(kId, ""));
    EXPECT_LT(subscription_key(kId, "\xFF"), received_key(kId, mqtt::PacketId{0}).view());
}

TEST(Keys, WhatIsNoSessionKeyIsRefused) {
    EXPECT_FALSE(parse_session_key(kAnchorKey));
    EXPECT_FALSE(parse_session_key("12345678"));
    EXPECT_FALSE(parse_session_key("12345678\x05"));
    EXPECT_FALSE(parse_session_key(std::string(8, '\0') + std::string("\0x", 2)));
    EXPECT_FALSE(parse_session_key("12345678\x02x"));
}

TEST(Keys, RetainedKeysTellMountpointAndTopicApart) {
    EXPECT_NE(retained_key("a", "bc"), retained_key("ab", "c"));
    EXPECT_NE(retained_key("", "t"), kAnchorKey);
}

}  // namespace
}  // namespace vmq::store
