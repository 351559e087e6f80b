#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/limits.h"
#include "support/session_moves_fixture.h"

namespace vmq::broker {
namespace {

using cluster::MoveKind;
using metrics::Counter;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using vmq::testing::kMove;
using vmq::testing::kOld;
using vmq::testing::TestClient;
using Released = cluster::ReleaseReply::Code;
using SessionThatComes = vmq::testing::SessionMovesTest;

/// In the order of their sequences.
std::vector<std::string> waiting(const Client& client) {
    std::vector<std::string> payloads;
    client.lane.queue.visit_lowest(9, [&](const queue::Delivery& delivery, bool /*sent*/) {
        payloads.emplace_back(delivery.message->payload());
    });
    return payloads;
}

TEST_F(SessionThatComes, ItsClientGetsWhatWasMovedAndThenWhatCameMeanwhile) {
    TestClient& client = connects();
    grant();
    begin();
    subscriptions();
    direct("new", 0);
    message(1, "1");
    message(3, "3");
    plain(MoveKind::Switch);
    ASSERT_EQ(nodes.filter_tickets.size(), 1U);
    others_know();
    EXPECT_THAT(client.all(), IsEmpty()) << "it is not all here";
    plain(MoveKind::End);
    EXPECT_TRUE(client.next().starts_with("CONNACK session_present=1"));
    EXPECT_THAT(client.take_payloads(), ElementsAre("1", "3", "new"));
    EXPECT_EQ(broker.count(Counter::ClusterSessionsMovedIn), 1U);
    EXPECT_EQ(broker.count(Counter::ClusterMessagesMovedIn), 2U);
}

TEST_F(SessionThatComes, ItMayBeHereBeforeTheGrant) {
    TestClient& client = connects();
    begin();
    plain(MoveKind::End);
    EXPECT_THAT(client.all(), IsEmpty());
    grant();
    EXPECT_TRUE(client.next().starts_with("CONNACK session_present=1"));
}

TEST_F(SessionThatComes, AFrameThatComesAgainIsKnown) {
    begin();
    subscriptions();
    message(1, "1");
    again();
    plain(MoveKind::End);
    TestClient& client = connects();  // it has the session now, and asks nobody
    EXPECT_TRUE(client.next().starts_with("CONNACK session_present=1"));
    EXPECT_THAT(client.take_payloads(), ElementsAre("1"));
}

TEST_F(SessionThatComes, WhatCameBothWaysIsThereOnceAndInOrder) {
    begin();
    subscriptions();
    plain(MoveKind::Switch);
    others_know();
    message(1, "1", 11);  // only the old owner knew of the subscription
    direct("2", 12);
    message(2, "2", 12);
    message(3, "3", 13);  // will come directly as well
    direct("3", 13);
    direct("4", 14);
    plain(MoveKind::End);
    direct("4", 14);  // late
    TestClient& client = connects();
    EXPECT_TRUE(client.next().starts_with("CONNACK session_present=1"));
    EXPECT_THAT(client.take_payloads(), ElementsAre("1", "2", "3", "4"));
}

TEST_F(SessionThatComes, WhatComesBeforeOthersKnowItHereKeepsItsPlaceAtTheOldOwner) {
    begin();
    subscriptions();
    direct("2", 12);  // for another subscriber of this node, or by somebody who knows already
    plain(MoveKind::Switch);
    others_know();
    message(1, "1", 11);
    message(2, "2", 12);
    message(3, "3", 13);  // before its direct copy
    direct("3", 13);
    plain(MoveKind::End);
    TestClient& client = connects();
    EXPECT_TRUE(client.next().starts_with("CONNACK session_present=1"));
    EXPECT_THAT(client.take_payloads(), ElementsAre("1", "2", "3"));
}

// [v5 MQTT-4.3.3-8] its client has had it at the old owner, which does not say so.
TEST_F(SessionThatComes, WhatWasSentHereForOthersBeforeIsNotForIt) {
    begin();
    subscriptions();
    plain(MoveKind::Switch);
    shard().filters_known(nodes.filter_tickets.back());
    direct("1", 11);
    EXPECT_EQ(acknowledged(), 2U) << "not yet";
    ASSERT_EQ(nodes.fences.size(), 1U);
    shard().moves().fence_passed(nodes.fences[0]);
    EXPECT_EQ(acknowledged(), 3U);
    direct("2", 12);
    plain(MoveKind::End);
    TestClient& client = connects();
    EXPECT_TRUE(client.next().starts_with("CONNACK session_present=1"));
    EXPECT_THAT(client.take_payloads(), ElementsAre("2"));
}

TEST_F(SessionThatComes, DoesNotWaitForEverForWhatOthersHaveSentHere) {
    begin();
    subscriptions();
    plain(MoveKind::Switch);
    shard().filters_known(nodes.filter_tickets.back());
    for (Millis waited{0}; waited < kSwitchLimit; waited += Millis(500)) {
        EXPECT_EQ(acknowledged(), 2U);
        shard().moves().fence_progresses(nodes.fences[0]);  // but it is much
        broker.advance(Millis(500));
        again();
    }
    broker.advance(Millis(500));
    EXPECT_EQ(acknowledged(), 3U);
    direct("5", 5);      // was on its way to another subscriber for all that time
    message(6, "6", 6);  // went to the old owner alone
    message(7, "5", 5);
    plain(MoveKind::End);
    TestClient& client = connects();
    EXPECT_TRUE(client.next().starts_with("CONNACK session_present=1"));
    EXPECT_THAT(client.take_payloads(), UnorderedElementsAre("5", "6"));
}

TEST_F(SessionThatComes, AWaitOfAnEarlierMoveIsNotThatOfALaterOne) {
    begin();
    subscriptions();
    plain(MoveKind::Switch);
    number = 0;
    move_number = kMove + 1;
    begin();
    ASSERT_EQ(nodes.filter_tickets.size(), 1U);
    (void)shard().filters_known(nodes.filter_tickets[0]);
    EXPECT_THAT(nodes.fences, IsEmpty());
}

TEST_F(SessionThatComes, GoesOnComingWhenTheNodeItHasGoneOnToIsAway) {
    constexpr NodeNumber kNextOwner{8};
    shard().add_node(kNextOwner, {"next@host", "next@host", 1'000'000});
    begin();
    ASSERT_TRUE(
        shard().moves().begin(*shard().find_client("", "a"), kNextOwner, cluster::Epoch{9}));
    for (int i = 0; i < 2; ++i) {
        acknowledges(kNextOwner);
    }
    shard().moves().fence_passed(nodes.fences.back());
    ASSERT_EQ(shard().find_client("", "a")->move->out->kind, MoveKind::End);
    shard().moves().node_away(kNextOwner);
    message(1, "1");
    EXPECT_EQ(acknowledged(), 2U);
    EXPECT_FALSE(SessionMoves::going(*shard().find_client("", "a")));
}

TEST_F(SessionThatComes, WhatComesWhenItsSenderIsAwayIsNotLeftToIt) {
    begin();
    subscriptions();
    shard().moves().node_away(kOld);
    direct("1", 12);
    TestClient& client = connects();
    EXPECT_TRUE(client.next().starts_with("CONNACK session_present=1"));
    EXPECT_THAT(client.take_payloads(), ElementsAre("1"));
}

TEST_F(SessionThatComes, IsNotLetGoBeforeItIsHere) {
    begin();
    is_wanted(cluster::kLatestTime, cluster::Purpose::Discard);
    EXPECT_THAT(nodes.answers, IsEmpty());
    plain(MoveKind::End);
    EXPECT_THAT(nodes.answers, ElementsAre(Released::Nothing)) << "a clean start";
    EXPECT_EQ(shard().find_client("", "a"), nullptr);
}

TEST_F(SessionThatComes, IsLetGoWhenTheRestGoesElsewhere) {
    begin();
    subscriptions();
    is_wanted(cluster::kLatestTime, cluster::Purpose::Discard);
    EXPECT_THAT(nodes.answers, IsEmpty());
    plain(MoveKind::Off);
    EXPECT_THAT(nodes.answers, ElementsAre(Released::Nothing));
    EXPECT_EQ(shard().find_client("", "a"), nullptr);
    plain(MoveKind::Off);  // of a move that is not known any more
    EXPECT_EQ(shard().find_client("", "a"), nullptr);
}

TEST_F(SessionThatComes, WhoWantsItWaitsAlsoWhenItBeginsAnew) {
    begin();
    is_wanted(cluster::kLatestTime, cluster::Purpose::Discard);
    number = 0;
    move_number = kMove + 1;  // its sender has been started again
    begin();
    EXPECT_THAT(nodes.answers, IsEmpty());
    plain(MoveKind::End);
    EXPECT_THAT(nodes.answers, ElementsAre(Released::Nothing));
}

// The old owner's client is back, by a registration that did not ask here: two live ones.
TEST_F(SessionThatComes, ItsClientIsToldOfWhenTheRestStaysWhereItWas) {
    TestClient& client = connects();
    grant();
    begin();
    shard().registrations().on_claim(kOld, false, {cluster::kLatestTime, {"", "a"}});
    plain(MoveKind::Off);
    EXPECT_TRUE(client.next().starts_with("CONNACK session_present=1"));
    EXPECT_THAT(nodes.claims, ElementsAre("a"));
}

TEST_F(SessionThatComes, IsLetGoWhenNothingComesAnyMore) {
    begin();
    is_wanted(cluster::kLatestTime, cluster::Purpose::Discard);
    broker.advance(2 * kMoveResend);
    EXPECT_THAT(nodes.answers, IsEmpty());
    broker.advance(2 * kMoveResend);
    EXPECT_THAT(nodes.answers, ElementsAre(Released::Nothing));
}

TEST_F(SessionThatComes, WhatComesWhenAllElseHasGoneOnIsNotTaken) {
    constexpr NodeNumber kNextOwner{8};
    shard().add_node(kNextOwner, {"next@host", "next@host", 1'000'000});
    begin();
    ASSERT_TRUE(
        shard().moves().begin(*shard().find_client("", "a"), kNextOwner, cluster::Epoch{9}));
    const auto goes_on = [this] {
        acknowledges(kNextOwner);
        Client* client = shard().find_client("", "a");
        return client != nullptr ? client->move->out->kind : MoveKind::Off;
    };
    ASSERT_EQ(goes_on(), MoveKind::Switch);
    (void)goes_on();
    shard().moves().fence_passed(nodes.fences.back());
    ASSERT_EQ(shard().find_client("", "a")->move->out->kind, MoveKind::End);

    message(1, "1");
    EXPECT_EQ(acknowledged(), 1U) << "kept by its sender";
    EXPECT_EQ(goes_on(), MoveKind::Off) << "over";
    again();
    EXPECT_EQ(shard().find_client("", "a"), nullptr) << "its sender begins anew";
    number = 0;
    begin();
    EXPECT_EQ(acknowledged(), 1U);
}

TEST_F(SessionThatComes, WhatTwoNodesHadComesOneAfterTheOther) {
    constexpr NodeNumber kOther{8};
    shard().add_node(kOther, {"other@host", "other@host", 1'000'000});
    TestClient& client = connects();
    shard().registrations().registered(
        nodes.tickets.back(),
        {{}, cluster::Epoch{5}, {cluster::PeerNumber{7}, cluster::PeerNumber{8}}, true});
    begin();
    subscriptions();
    const auto other = [&](std::uint64_t at, MoveKind kind) {
        std::string bytes;
        cluster::MoveWriter writer({kMove + 1, at, kind, 0, {"", "a"}}, bytes);
        cluster::MoveBegin content;
        content.epoch = cluster::Epoch{5};
        if (kind == MoveKind::Begin) writer.begin(content);
        writer.finish();
        shard().moves().on_frame(kOther, false, bytes.substr(cluster::kFrameOverhead));
        broker.settle();
    };
    other(1, MoveKind::Begin);  // is not answered, so it comes again
    message(1, "1");
    plain(MoveKind::End);
    EXPECT_THAT(client.all(), IsEmpty()) << "the other one's is not here";
    other(1, MoveKind::Begin);
    other(2, MoveKind::End);
    EXPECT_TRUE(client.next().starts_with("CONNACK session_present=1"));
    EXPECT_THAT(client.take_payloads(), ElementsAre("1"));
}

TEST_F(SessionThatComes, ItsClientDoesNotWaitForWhatGoesElsewhere) {
    TestClient& client = connects();
    grant();
    begin();
    subscriptions();
    EXPECT_THAT(client.all(), IsEmpty());
    plain(MoveKind::Off);
    EXPECT_TRUE(client.next().starts_with("CONNACK session_present=1"));
}

TEST_F(SessionThatComes, HasNotComeBackBecauseItHasBeenHereBefore) {
    begin();
    subscriptions();
    plain(MoveKind::End);
    is_wanted(cluster::Epoch{9}, cluster::Purpose::Resume);
    ASSERT_THAT(nodes.answers, ElementsAre(Released::Moving));
    // It has gone there, and what that node has of it is on its way back.
    TestClient& client = connects();
    shard().registrations().registered(nodes.tickets.back(),
                                       {{}, cluster::Epoch{20}, {cluster::PeerNumber{7}}, true});
    broker.settle();
    EXPECT_THAT(client.all(), IsEmpty());
}

TEST_F(SessionThatComes, WhenItsSenderIsAwayTheRestMayComeLater) {
    begin();
    subscriptions();
    message(1, "1");
    shard().moves().node_away(kOld);
    EXPECT_FALSE(SessionMoves::coming(*shard().find_client("", "a")));
    TestClient& client = connects();
    EXPECT_TRUE(client.next().starts_with("CONNACK session_present=1"));
    message(2, "2");
    EXPECT_THAT(client.take_payloads(), ElementsAre("1", "2"));
}

TEST_F(SessionThatComes, WhatComesWhenItHasMovedOnStaysBehindWhatHasGone) {
    constexpr NodeNumber kNextOwner{8};
    shard().add_node(kNextOwner, {"next@host", "next@host", 1'000'000});
    begin();
    subscriptions();
    shard().moves().node_away(kOld);
    direct("1", 12);
    Client& client = *shard().find_client("", "a");
    ASSERT_TRUE(shard().moves().begin(client, kNextOwner, cluster::Epoch{9}));
    message(1, "2");  // the old owner is back; what has a higher number than this may be gone
    EXPECT_THAT(waiting(client), ElementsAre("1", "2"));
}

TEST_F(SessionThatComes, WhatComesWhenItsClientHasJustGoneStaysBeforeWhatComesLater) {
    TestClient& connection = connects();
    shard().registrations().registered(nodes.tickets.back(), {{}, cluster::Epoch{5}, {}, true});
    broker.settle();
    begin();
    subscriptions();
    connection.drop();
    broker.settle();
    message(100, "1");
    direct("2", 0);
    EXPECT_THAT(waiting(*shard().find_client("", "a")), ElementsAre("1", "2"));
}

TEST_F(SessionThatComes, SequencesOfTheOldNodeKeepTheirPacketIds) {
    begin(70'000);
    const Client* client = shard().find_client("", "a");
    ASSERT_NE(client, nullptr);
    EXPECT_EQ(client->move->in->offset % 65'535, 0U);
    EXPECT_GE(client->next_sequence, 70'000U + kMoveGap);
}

TEST_F(SessionThatComes, AWillIsPublishedWhenItsDelayIsOver) {
    TestClient& watcher = broker.open("v5");
    watcher.send("CONNECT client_id=w clean_start=1");
    broker.settle();
    shard().registrations().registered(nodes.tickets.back(), {{}, cluster::Epoch{5}, {}, true});
    broker.settle();
    watcher.send("SUBSCRIBE id=1 topic=gone qos=0");
    broker.settle();
    begin();
    frame(cluster::MoveKind::Will, [](cluster::MoveWriter& writer) {
        cluster::MovedWill moved;
        moved.due_in_ms = 2000;
        moved.will.key = {"", "a"};
        moved.will.topic = "gone";
        writer.will(moved);
    });
    plain(cluster::MoveKind::End);
    EXPECT_EQ(nodes.wills, std::vector<std::string>{"gone"});
    (void)watcher.all();
    broker.advance(Millis(1500));
    EXPECT_TRUE(watcher.all().empty());
    broker.advance(Millis(1000));
    EXPECT_EQ(watcher.all().size(), 1U);
    EXPECT_EQ(nodes.wills_gone, 1);
}

TEST_F(SessionThatComes, TwoNodesSendItOneAfterTheOther) {
    begin();
    const std::string first = last;
    std::string bytes;
    cluster::MoveWriter other({5, 1, cluster::MoveKind::Begin, 0, {"", "a"}}, bytes);
    other.begin({cluster::Epoch{6}, 100, 1, 0, {}, {}});
    other.finish();
    const auto begins = [&] {
        shard().moves().on_frame(NodeNumber{8}, false, bytes.substr(cluster::kFrameOverhead));
        broker.settle();
        return shard().find_client("", "a")->move->in->from == NodeNumber{8};
    };
    EXPECT_FALSE(begins());
    plain(cluster::MoveKind::End);
    EXPECT_TRUE(begins());
}

}  // namespace
}  // namespace vmq::broker
