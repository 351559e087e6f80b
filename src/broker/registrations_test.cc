#include "broker/registrations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "broker/limits.h"
#include "broker/session_moves.h"
#include "broker/shard.h"
#include "support/quiet_cluster.h"
#include "support/test_broker.h"

namespace vmq::broker {
namespace {

using cluster::Epoch;
using cluster::Purpose;
using metrics::Counter;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using vmq::testing::TestBroker;
using vmq::testing::TestClient;
using Code = cluster::RegisterReply::Code;
using Released = cluster::ReleaseReply::Code;

constexpr NodeNumber kOtherNode{7};
constexpr cluster::PeerNumber kOtherPeer{7};

/// What the cluster's thread would be told.
class Cluster final : public vmq::testing::QuietCluster {
public:
    struct Asked {
        std::uint64_t ticket;
        std::string client_id;
        cluster::Purpose purpose;
        Epoch since;
    };
    struct Answer {
        std::uint64_t job;
        Released code;
        Epoch held;
    };

    [[nodiscard]] std::uint32_t view() const noexcept override { return current_view; }
    void register_client(ShardId /*shard*/, std::uint64_t ticket, cluster::ClientKey key,
                         cluster::Purpose purpose, Epoch since) override {
        asked.push_back({ticket, key.client_id, purpose, since});
    }
    void released(cluster::ReleaseOrder order, Released code, Epoch held) override {
        answers.push_back({order.job, code, held});
    }
    void claim(cluster::PeerNumber /*node*/, std::vector<cluster::Claim> told) override {
        for (cluster::Claim& each : told) claims.push_back(each.key.client_id);
    }

    std::uint32_t current_view = 1;
    std::vector<Asked> asked;
    std::vector<Answer> answers;
    std::vector<std::string> claims;
};

class RegistrationsOfAShard : public ::testing::Test {
protected:
    RegistrationsOfAShard() {
        shard().shared().cluster = &cluster;
        shard().add_node(kOtherNode, {"other@host", "other@host", 1'000'000});
    }
    ~RegistrationsOfAShard() override { shard().shared().cluster = nullptr; }

    Shard& shard() { return broker.shard(); }
    Registrations& registrations() { return shard().registrations(); }
    TestClient& connects(const std::string& words, std::string_view version = "v5") {
        TestClient& client = broker.open(version);
        client.send("CONNECT " + words);
        broker.settle();
        return client;
    }
    void grant(std::uint64_t ticket, Epoch epoch, std::vector<cluster::PeerNumber> movers = {}) {
        registrations().registered(ticket, {Code::Granted, epoch, std::move(movers), true});
        broker.settle();
    }
    void release(const std::string& id, Epoch epoch, Purpose purpose = Purpose::Resume,
                 Epoch since = {}) {
        registrations().release({kOtherPeer, 1, epoch, purpose, kOtherPeer, {"", id}, since});
        broker.settle();
    }
    /// A client that has been registered.
    TestClient& registered(const std::string& words, Epoch epoch, std::string_view version = "v5") {
        TestClient& client = connects(words, version);
        grant(cluster.asked.back().ticket, epoch);
        EXPECT_TRUE(client.next().starts_with("CONNACK"));
        return client;
    }
    Epoch later(std::uint64_t by = 1'000'000) {
        Client* client = shard().find_client("", "a");
        return {(client != nullptr ? client->epoch.value : 0) + by};
    }

    Cluster cluster;
    TestBroker broker;
};

TEST_F(RegistrationsOfAShard, AClientIsLetInWhenOthersHaveLetGo) {
    TestClient& client = connects("client_id=a clean_start=1");
    EXPECT_THAT(client.all(), IsEmpty());
    ASSERT_EQ(cluster.asked.size(), 1U);
    EXPECT_EQ(cluster.asked[0].purpose, Purpose::Discard);
    client.send("PINGREQ");
    broker.settle();
    EXPECT_THAT(client.all(), IsEmpty()) << "nothing is read before";
    grant(cluster.asked[0].ticket, Epoch{5});
    EXPECT_TRUE(client.next().starts_with("CONNACK"));
    EXPECT_EQ(client.next(), "PINGRESP");
    EXPECT_EQ(broker.count(Counter::ClusterRegistrations), 1U);
}

TEST_F(RegistrationsOfAShard, WhoHasItAlreadyAsksNobodyUntilANodeComes) {
    TestClient& first = registered("client_id=a clean_start=1", Epoch{5});
    TestClient& second = connects("client_id=a clean_start=1");
    EXPECT_TRUE(second.next().starts_with("CONNACK"));
    EXPECT_EQ(first.next(), "DISCONNECT reason=0x8e");
    EXPECT_EQ(cluster.asked.size(), 1U);
    ++cluster.current_view;
    TestClient& third = connects("client_id=a clean_start=1");
    EXPECT_THAT(third.all(), IsEmpty());
    EXPECT_EQ(cluster.asked.size(), 2U);
}

TEST_F(RegistrationsOfAShard, ThoseThatWaitForOneIdComeInOneAfterTheOther) {
    TestClient& first = connects("client_id=a clean_start=1");
    TestClient& second = connects("client_id=a clean_start=1");
    EXPECT_EQ(cluster.asked.size(), 1U);
    grant(cluster.asked[0].ticket, Epoch{5});
    EXPECT_TRUE(first.next().starts_with("CONNACK"));
    EXPECT_EQ(first.next(), "DISCONNECT reason=0x8e");
    EXPECT_TRUE(second.next().starts_with("CONNACK"));
}

TEST_F(RegistrationsOfAShard, MoreThanTheLimitAreRefused) {
    for (std::size_t i = 0; i < kRegistrationsPerClient; ++i)
        (void)connects("client_id=a clean_start=1");
    TestClient& more = connects("client_id=a clean_start=1");
    EXPECT_TRUE(more.next().starts_with("CONNACK session_present=0 reason=0x89"));
    EXPECT_EQ(registrations().waiting(), kRegistrationsPerClient);
    EXPECT_EQ(broker.count(Counter::ClusterRegistrationsRefused), 1U);
}

TEST_F(RegistrationsOfAShard, ANodeThatDoesNotAnswerMeansARefusal) {
    TestClient& client = connects("client_id=a clean_start=1");
    TestClient& old = connects("client_id=b clean_start=1", "v311");
    for (const auto& each : cluster.asked) {
        registrations().registered(each.ticket, {Code::Timeout, {}, {}, true});
    }
    broker.settle();
    EXPECT_TRUE(client.next().starts_with("CONNACK session_present=0 reason=0x88"));
    EXPECT_TRUE(old.next().starts_with("CONNACK session_present=0 reason=0x03"));
    EXPECT_EQ(old.next(), "closed");
    EXPECT_EQ(registrations().waiting(), 0U);
}

TEST_F(RegistrationsOfAShard, AClientThatHasGoneIsNotLetIn) {
    TestClient& client = connects("client_id=a clean_start=1");
    client.drop();
    broker.settle();
    broker.shut_down();
    grant(cluster.asked[0].ticket, Epoch{5});
    EXPECT_EQ(shard().find_client("", "a"), nullptr);
}

TEST_F(RegistrationsOfAShard, LettingGoSendsTheClientAway) {
    TestClient& client = registered("client_id=a clean_start=1", Epoch{5});
    release("a", later());
    EXPECT_EQ(client.next(), "DISCONNECT reason=0x8e");
    EXPECT_EQ(client.next(), "closed");
    ASSERT_EQ(cluster.answers.size(), 1U);
    EXPECT_EQ(cluster.answers[0].code, Released::Nothing);
    EXPECT_EQ(shard().find_client("", "a"), nullptr);
}

TEST_F(RegistrationsOfAShard, AnEarlierEpochIsRefused) {
    TestClient& client = registered("client_id=a clean_start=1", Epoch{5});
    const Epoch held = shard().find_client("", "a")->epoch;
    release("a", held);
    ASSERT_EQ(cluster.answers.size(), 1U);
    EXPECT_EQ(cluster.answers[0].code, Released::Newer);
    EXPECT_EQ(cluster.answers[0].held, held);
    client.send("PINGREQ");
    broker.settle();
    EXPECT_EQ(client.next(), "PINGRESP");
}

TEST_F(RegistrationsOfAShard, AGrantThatCameTooLateIsAskedForAgain) {
    TestClient& client = connects("client_id=a clean_start=1");
    release("a", Epoch{9});
    grant(cluster.asked[0].ticket, Epoch{8});
    EXPECT_THAT(client.all(), IsEmpty());
    ASSERT_EQ(cluster.asked.size(), 2U);
    grant(cluster.asked[1].ticket, Epoch{10});
    EXPECT_TRUE(client.next().starts_with("CONNACK"));
}

TEST_F(RegistrationsOfAShard, ASessionThatIsKeptGoesUnlessItIsDiscarded) {
    (void)registered("client_id=a clean_start=0 session_expiry_interval=100", Epoch{5});
    release("a", later());
    ASSERT_EQ(cluster.answers.size(), 1U);
    EXPECT_EQ(cluster.answers[0].code, Released::Moving);
    ASSERT_NE(shard().find_client("", "a"), nullptr);
    EXPECT_TRUE(SessionMoves::going(*shard().find_client("", "a")));
    release("a", later(2'000'000), Purpose::Discard);
    EXPECT_EQ(cluster.answers.size(), 1U) << "not before it is certain where the session is";
    shard().moves().node_away(kOtherNode);
    broker.settle();
    EXPECT_EQ(cluster.answers.back().code, Released::Nothing);
    EXPECT_EQ(shard().find_client("", "a"), nullptr);
}

TEST_F(RegistrationsOfAShard, WhoHasConnectedSinceIsNotTakenAwayToUniteSessions) {
    TestClient& client =
        registered("client_id=a clean_start=0 session_expiry_interval=100", later());
    const Epoch held = shard().find_client("", "a")->epoch;
    release("a", later(2'000'000), Purpose::Resume, {held.value - 1});
    ASSERT_EQ(cluster.answers.size(), 1U);
    EXPECT_EQ(cluster.answers[0].code, Released::Kept);
    EXPECT_THAT(client.all(), IsEmpty());
    release("a", later(2'000'000), Purpose::Resume, held);
    EXPECT_EQ(cluster.answers.back().code, Released::Moving);
    EXPECT_TRUE(client.next().starts_with("DISCONNECT reason=0x8e"));
    // One that waits to be let in will have the later session.
    (void)connects("client_id=b clean_start=0 session_expiry_interval=100");
    release("b", later(2'000'000), Purpose::Resume, held);
    EXPECT_EQ(cluster.answers.back().code, Released::Kept);
}

TEST_F(RegistrationsOfAShard, SessionsAreUnitedWithTheOneThatIsLaterOrTellOfThemselves) {
    (void)registered("client_id=a clean_start=0 session_expiry_interval=100", later());
    const Epoch held = shard().find_client("", "a")->epoch;
    registrations().on_claim(kOtherNode, false, {Epoch{5}, {"", "a"}});
    ASSERT_EQ(cluster.asked.size(), 2U);
    EXPECT_EQ(cluster.asked[1].since, held);
    EXPECT_EQ(cluster.asked[0].since, Epoch{}) << "a client connects";
    cluster.claims.clear();
    registrations().registered(cluster.asked[1].ticket, {Code::Kept, later(9), {}, true});
    EXPECT_THAT(cluster.claims, SizeIs(1)) << "so that the one that was kept comes for this one";
}

TEST_F(RegistrationsOfAShard, AClientWaitsForItsSession) {
    TestClient& client = connects("client_id=a clean_start=0 session_expiry_interval=100");
    grant(cluster.asked[0].ticket, Epoch{5}, {kOtherPeer});
    EXPECT_THAT(client.all(), IsEmpty());
    registrations().node_away(kOtherNode);
    broker.settle();
    EXPECT_TRUE(client.next().starts_with("CONNACK")) << "nothing comes from there now";
}

TEST_F(RegistrationsOfAShard, AClientDoesNotWaitForEverForItsSession) {
    TestClient& client = connects("client_id=a clean_start=0 session_expiry_interval=100");
    grant(cluster.asked[0].ticket, Epoch{5}, {kOtherPeer});
    broker.advance(kMoveLimit + Millis(100));
    EXPECT_TRUE(client.next().starts_with("CONNACK"));
}

TEST_F(RegistrationsOfAShard, OfTwoSessionsTheLaterIsRegisteredAgain) {
    (void)registered("client_id=a clean_start=1", Epoch{5});
    const Epoch own = shard().find_client("", "a")->epoch;
    registrations().on_claim(kOtherNode, false, {Epoch{own.value + 1}, {"", "a"}});
    EXPECT_THAT(cluster.claims, ElementsAre("a")) << "the other one is later: it is told so";
    registrations().on_claim(kOtherNode, false, {own, {"", "a"}});
    EXPECT_EQ(cluster.claims.size(), 2U) << "the other one has the greater name";
    EXPECT_EQ(cluster.asked.size(), 1U);
    registrations().on_claim(kOtherNode, false, {Epoch{own.value - 1}, {"", "a"}});
    ASSERT_EQ(cluster.asked.size(), 2U);
    grant(cluster.asked[1].ticket, Epoch{own.value + 7'000'000});
    EXPECT_GE(shard().find_client("", "a")->epoch, Epoch{own.value + 7'000'000});
    registrations().on_claim(kOtherNode, false, {Epoch{1}, {"", "nobody"}});
    EXPECT_EQ(cluster.asked.size(), 2U);
}

TEST_F(RegistrationsOfAShard, ASessionIsAdoptedWithoutItsClient) {
    registrations().adopt({"", "a"});
    registrations().adopt({"", "a"});
    ASSERT_EQ(cluster.asked.size(), 1U);
    EXPECT_EQ(cluster.asked[0].purpose, Purpose::Adopt);
    // Its client comes meanwhile: it waits for the session.
    TestClient& client = connects("client_id=a clean_start=0 session_expiry_interval=100");
    EXPECT_EQ(cluster.asked.size(), 1U);
    grant(cluster.asked[0].ticket, Epoch{5});
    EXPECT_TRUE(client.next().starts_with("CONNACK"));
}

TEST_F(RegistrationsOfAShard, WhatIsNotToBeAdoptedIsLeftAlone) {
    registrations().adopt({"", "a"});
    registrations().registered(cluster.asked[0].ticket, {Code::Kept, Epoch{5}, {}, true});
    EXPECT_EQ(shard().find_client("", "a"), nullptr);
    registrations().adopt({"", "a"});
    ASSERT_EQ(cluster.asked.size(), 2U);
    // A node has let go of something: it has to go somewhere.
    registrations().registered(cluster.asked[1].ticket, {Code::Kept, Epoch{5}, {kOtherPeer}, true});
    ASSERT_EQ(cluster.asked.size(), 3U);
    EXPECT_EQ(cluster.asked[2].purpose, Purpose::Resume);
}

TEST_F(RegistrationsOfAShard, AConnectedClientIsNotTakenOverForAnAdoption) {
    TestClient& client =
        registered("client_id=a clean_start=0 session_expiry_interval=100", Epoch{5});
    release("a", later(), Purpose::Adopt);
    EXPECT_EQ(cluster.answers.back().code, Released::Kept);
    EXPECT_THAT(client.all(), IsEmpty());
    client.drop();
    broker.settle();
    release("a", later(), Purpose::Adopt);
    EXPECT_EQ(cluster.answers.back().code, Released::Moving);
    release("a", later(2'000'000), Purpose::Adopt);
    EXPECT_EQ(cluster.answers.back().code, Released::Moving) << "to the same node";
}

TEST_F(RegistrationsOfAShard, AClientThatWaitsHereIsNotOvertakenByAnAdoption) {
    (void)connects("client_id=a clean_start=0 session_expiry_interval=100");
    release("a", Epoch{7}, Purpose::Adopt);
    EXPECT_EQ(cluster.answers.back().code, Released::Kept);
    grant(cluster.asked[0].ticket, Epoch{5});
    EXPECT_NE(shard().find_client("", "a"), nullptr) << "its grant is good";
}

TEST_F(RegistrationsOfAShard, ANodeThatComesIsToldWhatWasRegisteredSince) {
    (void)registered("client_id=a clean_start=1", Epoch{5});
    (void)registered("client_id=b clean_start=1", Epoch{5});
    // Again and again: only the last time counts.
    for (std::size_t i = 0; i < kClaimsAtOnce; ++i) {
        registrations().note(*shard().find_client("", "b"), {});
    }
    registrations().claim_since(kOtherNode, Epoch{});
    EXPECT_THAT(cluster.claims, ElementsAre("a")) << "in portions";
    broker.settle();
    EXPECT_THAT(cluster.claims, ElementsAre("a", "b"));
    cluster.claims.clear();
    registrations().claim_since(kOtherNode, cluster::kLatestTime);
    EXPECT_THAT(cluster.claims, IsEmpty());
}

TEST_F(RegistrationsOfAShard, SeveralSessionsOfOneIdAskNobody) {
    session::Settings settings;
    settings.allow_multiple_sessions = true;
    broker.use(settings);
    TestClient& first = connects("client_id=a clean_start=1");
    EXPECT_TRUE(first.next().starts_with("CONNACK"));
    release("a", cluster::kLatestTime);
    EXPECT_EQ(cluster.answers[0].code, Released::Nothing);
    EXPECT_THAT(first.all(), IsEmpty());
}

}  // namespace
}  // namespace vmq::broker
