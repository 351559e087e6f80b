#include "admin/systree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <string>

#include "admin/view_sample.h"

namespace vmq::admin {
namespace {

const broker::Publication* find(const std::vector<broker::Publication>& messages,
                                std::string_view topic) {
    const auto found = std::ranges::find(messages, topic, &broker::Publication::topic);
    return found == messages.end() ? nullptr : &*found;
}

TEST(SystreeMessages, HaveTheSumOfASeriesUnderATopicOfItsWords) {
    config::SystreeSettings settings;
    settings.systree_mountpoint = "m";
    settings.systree_qos = 1;
    settings.systree_retain = true;
    const auto messages = systree_messages(sample_metrics(), "a@b", settings);
    const auto* received = find(messages, "$SYS/a@b/mqtt/publish/received");
    ASSERT_NE(received, nullptr);
    EXPECT_EQ(received->payload, "120");  // of both versions
    EXPECT_EQ(received->mountpoint, "m");
    EXPECT_EQ(received->qos, mqtt::QoS::AtLeastOnce);
    EXPECT_TRUE(received->retain);
}

TEST(SystreeMessages, AHistogramHasOneForEachOfItsNumbers) {
    const auto messages = systree_messages(sample_metrics(), "n", {});
    const std::string root = "$SYS/n/shard/turn/microseconds/";
    for (const auto& [topic, payload] :
         {std::pair{"count", "6"}, {"sum", "77"}, {"bucket/10", "1"}, {"bucket/inf", "6"}}) {
        const auto* message = find(messages, root + topic);
        ASSERT_NE(message, nullptr) << topic;
        EXPECT_EQ(message->payload, payload) << topic;
    }
}

class SystreeShards : public ::testing::Test {
protected:
    SystreeShards() {
        collector_.add([](metrics::Snapshot& snapshot) {
            metrics::Sample& sample = snapshot.emplace_back();
            sample.name = "socket_open";
            sample.value = 9;
        });
    }
    Systree::Publish once() {
        return [this](const std::vector<broker::Publication>& messages) {
            if (told_) return;
            told_ = true;
            published_.set_value(messages);
        };
    }
    MetricsCollector collector_{"a@b"};
    std::promise<std::vector<broker::Publication>> published_;
    bool told_ = false;  // of the publishing thread
};

TEST_F(SystreeShards, PublishesSoonAfterItsStartWhateverTheInterval) {
    config::SystreeSettings settings;
    settings.systree_interval_ms = 3'600'000;
    const Systree systree(settings, collector_, once());
    auto published = published_.get_future();
    ASSERT_EQ(published.wait_for(Seconds(30)), std::future_status::ready);
    const auto messages = published.get();
    ASSERT_EQ(messages.size(), 1U);
    EXPECT_EQ(messages[0].topic, "$SYS/a@b/socket/open");
    EXPECT_EQ(messages[0].payload, "9");
}

TEST_F(SystreeShards, PublishesWhenItIsSwitchedOn) {
    config::SystreeSettings settings;
    settings.systree_enabled = false;
    Systree systree(settings, collector_, once());
    settings.systree_enabled = true;
    settings.systree_interval_ms = 1;
    settings.systree_mountpoint = "new";
    systree.apply(settings);
    auto published = published_.get_future();
    ASSERT_EQ(published.wait_for(Seconds(30)), std::future_status::ready);
    EXPECT_EQ(published.get()[0].mountpoint, "new");
}

}  // namespace
}  // namespace vmq::admin
