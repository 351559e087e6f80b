#include "broker/session_control.h"

#include <gtest/gtest.h>

#include <memory>
#include <string_view>
#include <vector>

#include "broker/broker.h"
#include "support/blocking_peer.h"

namespace vmq::broker {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using testing::BlockingPeer;
using testing::connect_as;

/// A running broker of three shards, asked by the test's thread.
class SessionControlShards : public ::testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(broker_.start()); }

    BlockingPeer& connected(char id) {
        peers_.push_back(std::make_unique<BlockingPeer>(broker_.listeners().all().front()->port));
        peers_.back()->send(connect_as(id));
        EXPECT_EQ(peers_.back()->receive_packet().substr(0, 1), "\x20"sv);
        return *peers_.back();
    }
    static bool was_sent_away(BlockingPeer& peer) {
        return peer.receive(3).substr(0, 1) == "\xE0"sv;  // DISCONNECT
    }

    Broker broker_{testing::on_port(0, 3)};
    SessionControl control_{broker_};
    std::vector<std::unique_ptr<BlockingPeer>> peers_;
};

TEST_F(SessionControlShards, FindsAClientWhereverItsHomeIs) {
    for (char id = 'a'; id < 'i'; ++id) {
        BlockingPeer& peer = connected(id);
        EXPECT_TRUE(control_.disconnect("", std::string(1, id), false).value());
        EXPECT_TRUE(was_sent_away(peer));
    }
    EXPECT_FALSE(control_.disconnect("", "nobody", false).value());
}

TEST_F(SessionControlShards, DisconnectsAsManyAsAskedForOverAllShards) {
    for (char id = 'a'; id < 'i'; ++id) connected(id);
    EXPECT_EQ(control_.disconnect_some(3, {"a", "h"}, true).value(), 3U);
    EXPECT_EQ(control_.disconnect_some(100, {"h", "a"}, true).value(), 3U);
    EXPECT_EQ(control_.disconnect_some(100, {"a", "h"}, true).value(), 0U);
    EXPECT_TRUE(control_.disconnect("", "a", false).value());
    EXPECT_TRUE(control_.disconnect("", "h", false).value());
}

TEST_F(SessionControlShards, TakesASubscriptionAway) {
    BlockingPeer& peer = connected('a');
    peer.send("\x82\x07\0\x01\0\0\x01t\x01"sv);  // SUBSCRIBE t, QoS 1
    EXPECT_EQ(peer.receive_packet().substr(0, 1), "\x90"sv);
    EXPECT_TRUE(control_.unsubscribe("", "a", "t", true).value());
    EXPECT_FALSE(control_.unsubscribe("", "a", "t", true).value());
}

TEST_F(SessionControlShards, DeletesARetainedMessageOnce) {
    BlockingPeer& peer = connected('a');
    peer.send("\x33\x07\0\x01t\0\x01\0x"sv);  // PUBLISH, QoS 1, retained
    ASSERT_EQ(peer.receive_packet().substr(0, 1), "\x40"sv);
    EXPECT_TRUE(control_.delete_retained("", "t").value());
    EXPECT_FALSE(control_.delete_retained("", "t").value());
}

TEST(SessionControl, AShardThatDoesNotAnswerIsNotWaitedForLong) {
    Broker broker(testing::on_port(0, 1));  // not started: nobody takes what is posted
    const SessionControl control(broker, Millis(1));
    EXPECT_EQ(control.disconnect("", "a", false).error().code, ErrorCode::Unavailable);
    EXPECT_EQ(control.delete_retained("", "t").error().code, ErrorCode::Unavailable);
}

}  // namespace
}  // namespace vmq::broker
