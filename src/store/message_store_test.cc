#include "store/message_store.h"

#include <gtest/gtest.h>

namespace vmq::store {
namespace {

TEST(WriteBatch, PositionsGoOnFromBatchToBatch) {
    WriteBatch first;
    EXPECT_EQ(first.add(DeleteReleased{SessionId{1}, 1}), 1U);
    EXPECT_EQ(first.add(DeleteReleased{SessionId{1}, 2}), 2U);
    WriteBatch second(first.end());
    EXPECT_EQ(second.add(DeleteReleased{SessionId{1}, 3}), 3U);
    EXPECT_FALSE(second.cancel(2)) << "it is in the first one";
    EXPECT_TRUE(second.cancel(3));
}

TEST(WriteBatch, ACancelledWriteKeepsItsPlaceAndCountsNoMore) {
    WriteBatch batch;
    const auto one = batch.add(DeleteReleased{SessionId{1}, 1});
    const auto two = batch.add(DeleteReleased{SessionId{1}, 2});
    EXPECT_TRUE(batch.cancel(one));
    EXPECT_FALSE(batch.cancel(one));
    EXPECT_EQ(batch.size(), 1U);
    EXPECT_TRUE(std::holds_alternative<std::monostate>(batch.writes()[0]));
    EXPECT_FALSE(batch.empty());
    EXPECT_TRUE(batch.cancel(two));
    EXPECT_TRUE(batch.empty());
}

TEST(WriteBatch, AJointMessageAloneIsSomethingToHandOver) {
    WriteBatch batch;
    batch.join(mqtt::Message::make({.topic = "a"}));
    EXPECT_FALSE(batch.empty());
    EXPECT_EQ(batch.size(), 0U);
}

}  // namespace
}  // namespace vmq::store
