#include "broker/activity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace vmq::broker {
namespace {

const ActivityPicture::Client* client_of(const ActivityPicture& picture, std::string_view id) {
    const auto found = std::ranges::find(picture.clients, id, &ActivityPicture::Client::client_id);
    return found == picture.clients.end() ? nullptr : &*found;
}

TEST(Activity, CountsBothDirectionsOfAClient) {
    Activity activity;
    activity.received("m", "c", "a/b", 10);
    activity.received("m", "c", "a/c", 10);
    activity.sent("m", "c", "t", 5);
    activity.sent("", "c", "t", 5);
    const ActivityPicture picture = activity.take();
    ASSERT_EQ(picture.clients.size(), 2U);
    const auto& client = picture.clients[0];
    EXPECT_EQ(client.mountpoint, "m");
    EXPECT_EQ(client.client_id, "c");
    EXPECT_EQ(client.messages_in, 2U);
    EXPECT_EQ(client.messages_out, 1U);
    EXPECT_EQ(client.bytes_in, 26U);
    EXPECT_EQ(client.bytes_out, 6U);
    EXPECT_EQ(picture.clients[1].mountpoint, "");
    EXPECT_EQ(picture.topics.size(), 2U);
}

TEST(Activity, BeginsAgainAfterEachPicture) {
    Activity activity;
    activity.received("", "c", "t", 1);
    EXPECT_EQ(activity.take().clients.size(), 1U);
    EXPECT_TRUE(activity.take().clients.empty());
    activity.received("", "d", "t", 1);
    const ActivityPicture picture = activity.take();
    EXPECT_EQ(client_of(picture, "c"), nullptr);
    EXPECT_EQ(client_of(picture, "d")->messages_in, 1U);
    EXPECT_EQ(picture.topics[0].messages, 1U);
}

TEST(Activity, TheBusiestAreThereHoweverManyThereAre) {
    Activity activity;
    for (int i = 0; i < 100'000; ++i) {
        activity.received("", "one of many " + std::to_string(i), "topic " + std::to_string(i), 1);
        if (i % 50 == 0) activity.received("", "busy", "hot", 1);
    }
    const ActivityPicture picture = activity.take();
    EXPECT_EQ(picture.clients.size(), Activity::kCounted);
    EXPECT_EQ(picture.topics.size(), Activity::kCounted);
    const auto* busy = client_of(picture, "busy");
    ASSERT_NE(busy, nullptr);
    EXPECT_LE(busy->messages_in, 2000U);
    EXPECT_GE(busy->messages_in, 1000U);
}

TEST(Activity, LongTopicsAreCountedByTheirBegin) {
    Activity activity;
    const std::string same(Activity::kMaxTopicBytes, 'x');
    activity.received("", "c", same + "1", 1);
    activity.received("", "c", same + "2", 1);
    const ActivityPicture picture = activity.take();
    ASSERT_EQ(picture.topics.size(), 1U);
    EXPECT_EQ(picture.topics[0].topic, same);
    EXPECT_EQ(picture.topics[0].messages, 2U);
}

TEST(ActivityPicture, TopicsOfSeveralShardsAreAddedUp) {
    ActivityPicture sum{{{"", "a", 1, 0, 2, 0}}, {{"t", 1, 2}}};
    sum.merge({{{"", "b", 3, 0, 4, 0}}, {{"t", 5, 6}, {"u", 1, 1}}});
    EXPECT_EQ(sum.clients.size(), 2U);
    ASSERT_EQ(sum.topics.size(), 2U);
    EXPECT_EQ(sum.topics[0].messages, 6U);
    EXPECT_EQ(sum.topics[0].bytes, 8U);
}

}  // namespace
}  // namespace vmq::broker
