#include "mqtt/properties.h"

#include <gtest/gtest.h>

#include <string>

namespace vmq::mqtt {
namespace {

TEST(Properties, AreForwardedUnalteredAndInOrder) {
    Properties all;
    all.set(Property::MessageExpiryInterval);
    all.message_expiry_interval = 5;
    all.set(Property::ContentType);
    all.content_type = "text";
    all.set(Property::UserProperty);
    all.user_properties = {{"b", "1"}, {"a", "2"}};
    std::string raw;
    append_properties(all, raw);
    std::string forwarded;
    append_forwarded_properties(raw, forwarded);
    const Properties read = decode_forwarded_properties(forwarded);
    EXPECT_FALSE(read.has(Property::MessageExpiryInterval));
    EXPECT_EQ(read.content_type, "text");
    EXPECT_EQ(read.user_properties, all.user_properties);
}

}  // namespace
}  // namespace vmq::mqtt
