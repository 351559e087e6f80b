#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "broker/will_context.h"
#include "support/session_moves_fixture.h"

namespace vmq::broker {
namespace {

using metrics::Counter;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using vmq::testing::TestClient;

class WillsOfAShard : public vmq::testing::SessionMovesTest {
protected:
    TestClient& client(const std::string& words) {
        TestClient& opened = broker.open("v5");
        opened.send("CONNECT " + words);
        broker.settle();
        shard().registrations().registered(nodes.tickets.back(), {{}, cluster::Epoch{5}, {}, true});
        broker.settle();
        (void)opened.all();
        return opened;
    }
};

TEST_F(WillsOfAShard, OthersAreToldUntilItIsNoneAnyMore) {
    TestClient& one = client("client_id=x clean_start=1 will_topic=gone will_payload=1");
    EXPECT_THAT(nodes.wills, ElementsAre("gone"));
    EXPECT_EQ(nodes.wills_gone, 0);
    one.send("DISCONNECT");
    broker.settle();
    EXPECT_EQ(nodes.wills_gone, 1);
    TestClient& two = client("client_id=x clean_start=1 will_topic=gone will_payload=1");
    two.drop();
    broker.settle();
    EXPECT_EQ(nodes.wills_gone, 2) << "it has been published";
    (void)client("client_id=y clean_start=1");
    EXPECT_EQ(nodes.wills.size(), 2U);
}

TEST_F(WillsOfAShard, OneOfAnotherNodesClientIsPublished) {
    TestClient& watcher = client("client_id=w clean_start=1");
    watcher.send("SUBSCRIBE id=1 topic=gone qos=1");
    broker.settle();
    (void)watcher.all();
    cluster::LastWill will;
    will.key = {"", "elsewhere"};
    will.topic = "gone";
    will.qos = mqtt::QoS::AtLeastOnce;
    shard().publish_last_will(will);
    broker.settle();
    EXPECT_EQ(watcher.all().size(), 1U);
    EXPECT_EQ(broker.count(Counter::ClusterWillsPublished), 1U);
}

TEST_F(WillsOfAShard, WhatOthersHavePublishedIsDropped) {
    TestClient& watcher = client("client_id=w clean_start=1");
    watcher.send("SUBSCRIBE id=1 topic=gone qos=1");
    TestClient& one = client("client_id=x clean_start=1 will_topic=gone will_payload=1");
    (void)watcher.all();
    shard().drop_told_will({"", "nobody"}, nullptr);
    int other = 0;
    shard().drop_told_will({"", "x"}, &other);
    EXPECT_EQ(nodes.wills_gone, 0);
    const auto* told = shard().find_client("", "x")->lane.connection->plan().will->told.get();
    shard().drop_told_will({"", "x"}, told);
    EXPECT_EQ(nodes.wills_gone, 1);
    one.drop();
    broker.settle();
    EXPECT_THAT(watcher.all(), IsEmpty());
}

TEST_F(WillsOfAShard, RestoredOnesWaitAndAreDroppedByTheirDelay) {
    TestClient& watcher = client("client_id=w clean_start=1");
    watcher.send("SUBSCRIBE id=1 topic=gone/# qos=1");
    broker.settle();
    (void)watcher.all();
    shard().shared().wills_held = true;
    for (const std::uint32_t delay : {0U, 7U}) {
        store::StoredSession stored;
        stored.id = store::SessionId{100 + delay};
        stored.record.key = {"", "r" + std::to_string(delay)};
        stored.record.expiry_interval_s = 1000;
        stored.record.will.emplace();
        stored.record.will->topic = "gone/" + std::to_string(delay);
        stored.record.will->delay_s = delay;
        shard().restore(std::move(stored));
    }
    shard().tell_restored_wills();
    EXPECT_EQ(nodes.wills.size(), 2U);
    broker.advance(Seconds(10));
    EXPECT_THAT(watcher.all(), IsEmpty());
    shard().drop_restored_wills(3);
    EXPECT_EQ(nodes.wills_gone, 1);
    shard().shared().wills_held = false;
    broker.advance(Seconds(1));
    const auto got = watcher.all();
    ASSERT_EQ(got.size(), 1U);
    EXPECT_NE(got[0].find("gone/7"), std::string::npos);
}

TEST(WillContext, ADelayIsNoLongerThanTheSessionAndTheSettingAllow) {
    session::StoredWill will;
    will.topic = "t";
    will.delay_s = 100;
    const cluster::LastWill last{{"", "c"}, "", "t", "p", "", 3, 50, mqtt::QoS::AtLeastOnce, true};
    const auto back = will_from(last, true);
    EXPECT_EQ(back->topic, "t");
    EXPECT_EQ(back->delay_s, 50U);
    EXPECT_EQ(back->message_expiry_s, 3U);
    EXPECT_TRUE(back->v5 && back->retain);
}

}  // namespace
}  // namespace vmq::broker
