#include "broker/session_handoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "broker/limits.h"
#include "support/session_moves_fixture.h"

namespace vmq::broker {
namespace {

using cluster::Epoch;
using vmq::testing::kOld;
using vmq::testing::TestClient;

constexpr NodeNumber kNext{8};

class SessionsGivenAway : public vmq::testing::SessionMovesTest {
protected:
    SessionsGivenAway() {
        shard().add_node(kNext, {"third@host", "third@host", 1'000'000});
        let_in("a");
    }
    TestClient& let_in(const std::string& id, const std::string& more = "") {
        TestClient& client = broker.open("v5");
        client.send("CONNECT client_id=" + id + " clean_start=0 session_expiry_interval=100" +
                    more);
        broker.settle();
        shard().registrations().registered(nodes.tickets.back(), {{}, Epoch{5}, {}, true});
        broker.settle();
        return client;
    }
    SessionHandoff& handoff() { return shard().handoff(); }
    static cluster::PeerNumber peer(NodeNumber node) {
        return cluster::PeerNumber{static_cast<std::uint32_t>(node)};
    }
    const std::vector<HandoffTarget> both{{kOld, "old@host"}, {kNext, "third@host"}};
};

TEST_F(SessionsGivenAway, TheirClientsAreToldToUseAnotherServer) {
    TestClient& client = let_in("b");
    EXPECT_TRUE(client.next().starts_with("CONNACK"));
    handoff().disconnect_clients();
    broker.settle();
    EXPECT_EQ(client.next().substr(0, 22), "DISCONNECT reason=0x9c");
    broker.advance(Seconds(10));  // the other ends of the connections stay open
    EXPECT_EQ(handoff().counts(false).connections, 0U);
    EXPECT_EQ(handoff().counts(false).sessions, 2U);
}

TEST_F(SessionsGivenAway, EachIsOfferedAndOfferedAgainToTheNext) {
    handoff().disconnect_clients();
    broker.settle();
    handoff().begin(both);
    ASSERT_EQ(nodes.offers.size(), 1U);
    EXPECT_EQ(nodes.offers[0].second, "a");
    EXPECT_TRUE(handoff().gives_away(*shard().find_client("", "a")));
    broker.advance(kOfferAgain - Millis(100));
    EXPECT_EQ(nodes.offers.size(), 1U);
    broker.advance(Millis(300));
    ASSERT_EQ(nodes.offers.size(), 2U);
    EXPECT_NE(nodes.offers[0].first, nodes.offers[1].first);
    handoff().stop();
    broker.advance(2 * kOfferAgain);
    EXPECT_EQ(nodes.offers.size(), 2U);
}

TEST_F(SessionsGivenAway, NoMoreAtOnceThanTheLimit) {
    for (std::size_t i = 0; i < kOffersAtOnce; ++i) let_in("n" + std::to_string(i));
    handoff().disconnect_clients();
    broker.settle();
    handoff().begin(both);
    EXPECT_EQ(nodes.offers.size(), kOffersAtOnce) << "of one more";
    shard().disconnect_client("", nodes.offers[0].second, true);
    broker.advance(Millis(200));
    EXPECT_EQ(nodes.offers.size(), kOffersAtOnce + 1);
    EXPECT_EQ(handoff().counts(true).sessions_gone, 1U);
}

TEST_F(SessionsGivenAway, OneThatMovesIsNotOfferedAgainUnlessItsNodeIsGone) {
    handoff().disconnect_clients();
    broker.settle();
    handoff().begin({{kOld, "old@host"}});
    shard().registrations().release(
        {peer(kOld), 1, cluster::kLatestTime, cluster::Purpose::Adopt, peer(kOld), {"", "a"}});
    ASSERT_EQ(nodes.answers.back(), cluster::ReleaseReply::Code::Moving);
    broker.advance(2 * kOfferAgain);
    EXPECT_EQ(nodes.offers.size(), 1U);
    handoff().begin({{kNext, "third@host"}});
    broker.advance(Millis(200));
    ASSERT_EQ(nodes.offers.size(), 2U);
    EXPECT_EQ(nodes.offers[1].first, peer(kNext));
}

TEST_F(SessionsGivenAway, SeveralSessionsOfOneIdGoAsWell) {
    session::Settings settings;
    settings.allow_multiple_sessions = true;
    broker.use(settings);
    TestClient& client = broker.open("v5");
    client.send("CONNECT client_id=m clean_start=0 session_expiry_interval=100");
    broker.settle();
    const auto release = [&] {
        shard().registrations().release(
            {peer(kOld), 1, cluster::kLatestTime, cluster::Purpose::Adopt, peer(kOld), {"", "m"}});
        return nodes.answers.back();
    };
    EXPECT_EQ(release(), cluster::ReleaseReply::Code::Nothing);
    handoff().disconnect_clients();
    broker.settle();
    handoff().begin(both);
    EXPECT_EQ(release(), cluster::ReleaseReply::Code::Moving);
}

TEST(SessionHandoffChoice, IsEvenAndStaysWhenNodesGo) {
    std::vector<HandoffTarget> targets;
    for (std::uint32_t i = 0; i < 4; ++i) {
        targets.push_back({NodeNumber{i}, "n" + std::to_string(i) + "@h"});
    }
    std::map<std::size_t, int> chosen;
    for (int i = 0; i < 4000; ++i) {
        const std::string id = "client" + std::to_string(i);
        const std::size_t first = SessionHandoff::choose(targets, "", id, 0);
        ++chosen[first];
        auto fewer = targets;
        const std::size_t gone = (first + 1) % 4;
        fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(gone));
        EXPECT_EQ(fewer[SessionHandoff::choose(fewer, "", id, 0)].name, targets[first].name);
        EXPECT_NE(SessionHandoff::choose(targets, "", id, 1), first);
    }
    for (const auto& [node, count] : chosen) EXPECT_NEAR(count, 1000, 150) << node;
}

}  // namespace
}  // namespace vmq::broker
