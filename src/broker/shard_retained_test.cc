#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "broker/shard.h"
#include "support/quiet_cluster.h"
#include "support/test_broker.h"

namespace vmq::broker {
namespace {

using ::testing::ElementsAre;
using vmq::testing::TestBroker;
using vmq::testing::TestClient;

constexpr TimePoint kStart{Millis{1'000'000}};

mqtt::MessagePtr retained(const std::string& topic, TimePoint expires_at) {
    return mqtt::Message::make({.topic = topic, .retain = true, .expires_at = expires_at});
}

class RetainedSweep : public ::testing::Test {
protected:
    RetainedSweep() { shared_.peers.push_back(&shard_); }

    SharedState shared_{1, 1, 0};
    Shard shard_{ShardId{0}, shared_, 1, kStart};
};

// expire_retain_cache
TEST_F(RetainedSweep, ClearsExpiredMessagesAwayInTheConfiguredInterval) {
    shared_.retained.set(retained("expires", kStart + Seconds(1)));
    shared_.retained.set(retained("stays", kNever));
    shard_.sweep_retained_every(Seconds(10));
    shard_.loop().step(shard_, kStart + Seconds(9));
    EXPECT_EQ(shared_.retained.size(), 2U);
    shard_.loop().step(shard_, kStart + Seconds(11));
    EXPECT_EQ(shared_.retained.size(), 1U);

    shared_.retained.set(retained("again", kStart + Seconds(12)));
    shard_.loop().step(shard_, kStart + Seconds(22));
    EXPECT_EQ(shared_.retained.size(), 1U);
}

TEST_F(RetainedSweep, GoesOnWithManyInTheNextTurns) {
    for (int i = 0; i < 2500; ++i) {
        shared_.retained.set(retained(std::to_string(i), kStart + Seconds(1)));
    }
    shard_.sweep_retained_every(Seconds(10));
    TimePoint now = kStart + Seconds(11);
    shard_.loop().step(shard_, now);
    EXPECT_EQ(shared_.retained.size(), 1500U);
    for (int i = 0; i < 4; ++i) shard_.loop().step(shard_, now += Millis(100));
    EXPECT_EQ(shared_.retained.size(), 0U);
}

// The cluster's thread, which has not looked into its mail yet.
struct RecordedTelling final : vmq::testing::QuietCluster {
    void on_retained_change(std::string_view /*mountpoint*/, std::string_view topic,
                            bool kept) override {
        topics.push_back(fmt::format("{}{}", topic, kept ? "" : " not kept"));
    }
    std::vector<std::string> topics;
};

class RetainedInCompany : public ::testing::Test {
protected:
    ~RetainedInCompany() override { shared().cluster = nullptr; }
    SharedState& shared() { return broker.shard().shared(); }
    void publish(std::string_view words) {
        publisher.send(fmt::format("PUBLISH {} retain=1 qos=1 id=1", words));
        broker.settle();
    }

    RecordedTelling told;
    TestBroker broker{{.max_retained_messages = 2}};
    TestClient& publisher = broker.connect("v5 client_id=p");
};

TEST_F(RetainedInCompany, EachChangeIsToldAndOthersWaitUntilItIsKnown) {
    publish("topic=before payload=x");
    EXPECT_EQ(shared().untold_retained.size(), 0U) << "without company";
    shared().cluster = &told;
    publish("topic=a payload=x");
    publish("topic=before");  // which deletes it [v5 MQTT-3.3.1-6]
    publish("topic=never");
    EXPECT_TRUE(broker.shard().delete_retained("", "a"));
    EXPECT_THAT(told.topics, ElementsAre("a", "before", "never", "a"));
    EXPECT_EQ(shared().untold_retained.size(), 3U);
    for (const std::string& topic : told.topics) shared().untold_retained.end("", topic);
    EXPECT_EQ(shared().untold_retained.size(), 0U);
}

TEST_F(RetainedInCompany, WhatIsNotKeptAfterAllHoldsUpNobody) {
    shared().cluster = &told;
    publish("topic=a payload=x");
    publish("topic=b payload=x");
    publish("topic=c payload=x");
    EXPECT_FALSE(broker.shard().delete_retained("", "d"));
    EXPECT_THAT(told.topics, ElementsAre("a", "b", "c not kept", "d not kept"));
}

}  // namespace
}  // namespace vmq::broker
