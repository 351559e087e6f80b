#include "broker/session_moves.h"

#include <gtest/gtest.h>

#include <string>

#include "support/session_moves_fixture.h"

namespace vmq::broker {
namespace {

using cluster::Epoch;
using cluster::MoveKind;
using metrics::Counter;
using vmq::testing::kOld;
using vmq::testing::TestClient;

class SessionThatGoes : public vmq::testing::SessionMovesTest {
protected:
    SessionThatGoes() {
        TestClient& client = connects();
        shard().registrations().registered(nodes.tickets.back(), {{}, Epoch{5}, {}, true});
        broker.settle();
        client.send("SUBSCRIBE id=1 topic=t qos=1");
        broker.settle();
        client.drop();
        broker.settle();
    }
    Client& client() { return *shard().find_client("", "a"); }
};

TEST_F(SessionThatGoes, StaysWhenTheOtherNodeIsNoMemberAnyMore) {
    ASSERT_TRUE(shard().moves().begin(client(), kOld, Epoch{9}));
    shard().remove_node(kOld);
    broker.advance(Millis(500));
    EXPECT_FALSE(SessionMoves::going(client()));
    direct("x", 0);
    EXPECT_EQ(client().lane.queue.backlog_size(), 1U);
}

TEST_F(SessionThatGoes, DoesNotGoToANodeThatIsNotKnown) {
    EXPECT_FALSE(shard().moves().begin(client(), NodeNumber{8}, Epoch{9}));
}

TEST_F(SessionThatGoes, StillGoesThereWhenALaterOwnerIsNotKnownHere) {
    ASSERT_TRUE(shard().moves().begin(client(), kOld, Epoch{9}));
    const std::uint64_t move = client().move->out->move;
    shard().moves().node_away(kOld);
    shard().registrations().release({cluster::PeerNumber{7},
                                     1,
                                     cluster::kLatestTime,
                                     cluster::Purpose::Resume,
                                     cluster::kThisNode,
                                     {"", "a"}});
    ASSERT_TRUE(SessionMoves::going(client()));
    EXPECT_EQ(client().move->out->move, move);
    EXPECT_EQ(client().move->out->kind, MoveKind::Begin);
    EXPECT_FALSE(client().move->out->frame.empty()) << "to be sent when that node is back";
}

TEST_F(SessionThatGoes, GoesOnTakingMessagesUntilAllIsFenced) {
    ASSERT_TRUE(shard().moves().begin(client(), kOld, Epoch{9}));
    acknowledges();  // begin
    EXPECT_EQ(client().move->out->kind, MoveKind::Subscriptions);
    acknowledges();
    EXPECT_EQ(client().move->out->kind, MoveKind::Switch);
    acknowledges();
    ASSERT_EQ(nodes.fences.size(), 1U);
    EXPECT_EQ(client().subscription_count(), 1U);
    shard().moves().fence_passed(nodes.fences[0]);
    EXPECT_EQ(client().subscription_count(), 0U);
    EXPECT_EQ(client().move->out->kind, MoveKind::End);
    acknowledges();
    EXPECT_EQ(shard().find_client("", "a"), nullptr);
    EXPECT_EQ(broker.count(Counter::ClusterSessionsMovedOut), 1U);
}

TEST_F(SessionThatGoes, HasItsSubscriptionsIfItStaysAfterAll) {
    ASSERT_TRUE(shard().moves().begin(client(), kOld, Epoch{9}));
    for (int i = 0; i < 3; ++i) acknowledges();
    shard().moves().fence_passed(nodes.fences.at(0));
    EXPECT_EQ(client().subscription_count(), 0U);
    shard().remove_node(kOld);
    broker.advance(Millis(500));
    EXPECT_FALSE(SessionMoves::going(client()));
    EXPECT_EQ(client().subscription_count(), 1U);
    direct("x", 0);
    EXPECT_EQ(client().lane.queue.backlog_size(), 1U);
}

TEST_F(SessionThatGoes, TakesItsDelayedWillAlongWithoutItsClientOnly) {
    for (const bool adopted : {true, false}) {
        client().will = std::make_unique<session::StoredWill>();
        client().will->topic = "gone";
        client().will_at = shard().now() + Seconds(10);
        shard().registrations().release(
            {cluster::PeerNumber{7},
             1,
             cluster::kLatestTime,
             adopted ? cluster::Purpose::Adopt : cluster::Purpose::Resume,
             cluster::PeerNumber{7},
             {"", "a"}});
        ASSERT_TRUE(SessionMoves::going(client()));
        acknowledges();
        EXPECT_EQ(client().move->out->kind, adopted ? MoveKind::Will : MoveKind::Subscriptions);
        shard().moves().stay(client());
    }
}

TEST_F(SessionThatGoes, ANodeThatStartsAnewIsToldEverythingAgain) {
    ASSERT_TRUE(shard().moves().begin(client(), kOld, Epoch{9}));
    acknowledges();
    acknowledges(kOld, cluster::MoveAck::Code::Unknown);
    EXPECT_EQ(client().move->out->kind, MoveKind::Begin);
    EXPECT_EQ(client().move->out->number, 1U);
    EXPECT_EQ(client().move->out->offset, 65'535U);
}

/// A session whose client has published with QoS 2 what another node has to keep.
class SessionWithAnExchange : public SessionThatGoes {
protected:
    SessionWithAnExchange() {
        shard().set_node_slots(kOld, shard_bit(1));
        shard().shared().subscriptions.set_remote(1, "", "far", true);
        TestClient& publisher = connects();
        publisher.send("PUBLISH topic=far qos=2 id=7 payload=x");
        broker.settle();
        publisher.drop();
        broker.settle();
        EXPECT_TRUE(shard().moves().begin(client(), kOld, Epoch{9}));
        for (int i = 0; i < 2; ++i) acknowledges();
    }
};

TEST_F(SessionWithAnExchange, WaitsUntilTheMessageIsSafe) {
    EXPECT_TRUE(client().move->out->frame.empty());
    NodeOutbox& node = *shard().find_node(kOld);
    ASSERT_TRUE(node.stream.restart(0));
    const std::uint64_t sequence = node.stream.next().sequence;
    EXPECT_TRUE(node.stream.acknowledge(sequence, {}, [&](const Forwarded& was, bool safe) {
        shard().on_forwarded(node, was, safe);
    }));
    broker.advance(Millis(500));
    EXPECT_EQ(client().move->out->kind, MoveKind::Exchanges);
}

TEST_F(SessionWithAnExchange, DoesNotTellOfAMessageThatDoesNotBecomeSafe) {
    broker.advance(Millis(3500));
    EXPECT_EQ(client().move->out->kind, MoveKind::Switch);
}

}  // namespace
}  // namespace vmq::broker
