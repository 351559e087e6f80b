#include "mqtt/reason_sets.h"

#include <gtest/gtest.h>

namespace vmq::mqtt {
namespace {

int size(const ReasonSet& set) {
    int count = 0;
    for (int code = 0; code <= 255; ++code) {
        count += set.contains(static_cast<ReasonCode>(code)) ? 1 : 0;
    }
    return count;
}

// The number of rows of the table of each packet in the specification.
TEST(ReasonSets, HaveAsManyCodesAsTheSpecificationLists) {
    EXPECT_EQ(size(kConnackReasons), 22);           // [v5 3.2.2.2]
    EXPECT_EQ(size(kPubackReasons), 9);             // [v5 3.4.2.1, 3.5.2.1]
    EXPECT_EQ(size(kPubrelReasons), 2);             // [v5 3.6.2.1, 3.7.2.1]
    EXPECT_EQ(size(kSubackReasons), 12);            // [v5 3.9.3]
    EXPECT_EQ(size(kUnsubackReasons), 7);           // [v5 3.11.3]
    EXPECT_EQ(size(kClientDisconnectReasons), 14);  // [v5 3.14.2.1]
    EXPECT_EQ(size(kServerDisconnectReasons), 29);  // [v5 3.14.2.1, 2.4]
    EXPECT_EQ(size(kClientAuthReasons), 2);         // [v5 3.15.2.1]
    EXPECT_EQ(size(kServerAuthReasons), 2);         // [v5 3.15.2.1]
}

TEST(ReasonSets, KnowWhoMaySayWhat) {
    EXPECT_TRUE(kClientDisconnectReasons.contains(ReasonCode::DisconnectWithWillMessage));
    EXPECT_FALSE(kServerDisconnectReasons.contains(ReasonCode::DisconnectWithWillMessage));
    EXPECT_TRUE(kServerDisconnectReasons.contains(ReasonCode::SessionTakenOver));
    EXPECT_FALSE(kClientDisconnectReasons.contains(ReasonCode::SessionTakenOver));
    EXPECT_FALSE(kConnackReasons.contains(ReasonCode::SessionTakenOver));
    EXPECT_FALSE(kSubackReasons.contains(ReasonCode::TopicNameInvalid));
    EXPECT_FALSE(kPubackReasons.contains(ReasonCode::PacketIdentifierNotFound));
}

}  // namespace
}  // namespace vmq::mqtt
