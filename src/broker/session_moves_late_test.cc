#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "broker/limits.h"
#include "support/session_moves_fixture.h"

namespace vmq::broker {
namespace {

using cluster::Epoch;
using cluster::MoveKind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using vmq::testing::kOld;
using vmq::testing::TestClient;

constexpr NodeNumber kOldest{8};
constexpr NodeNumber kCutOff{9};

class SessionWithLateMessages : public vmq::testing::SessionMovesTest {
protected:
    LateMessages& late() { return shard().shared().late_messages; }
    Client& client() { return *shard().find_client("", "a"); }
    /// A session that goes, up to its first fence.
    void goes() {
        TestClient& client = connects();
        shard().registrations().registered(nodes.tickets.back(), {{}, Epoch{5}, {}, true});
        broker.settle();
        client.send("SUBSCRIBE id=1 topic=t qos=1");
        client.send("SUBSCRIBE id=2 topic=$share/g/shared qos=1");
        client.send("SUBSCRIBE id=3 topic=zero qos=0");
        broker.settle();
        client.drop();
        broker.settle();
        ASSERT_TRUE(shard().moves().begin(this->client(), kOld, Epoch{9}));
        for (int i = 0; i < 3; ++i) acknowledges();
        ASSERT_THAT(nodes.fences, SizeIs(1));
    }
    void passes(std::uint64_t fence, const std::vector<NodeNumber>& absent) {
        shard().moves().fence_absent(fence, absent);
        shard().moves().fence_passed(fence);
    }
    /// As an old owner sends it after the session.
    void after(const std::string& payload, std::uint64_t origin, NodeNumber from = kOld,
               std::uint8_t hops = 0) {
        (void)shard().moves().route_to_session(parts_of(payload, origin), {}, "a", hops, from);
        broker.settle();
    }
    /// A session that comes, and whose messages other nodes have kept.
    void comes(bool is_late) {
        begin();
        subscriptions();
        plain(MoveKind::Switch);
        others_know();
        frame(MoveKind::End, [&](cluster::MoveWriter& writer) {
            if (!is_late) return;
            writer.late();
            for (const auto& [node, first] : {std::pair{"oldest@host", 30U}, {"", 50U}}) {
                writer.owner({node, 1});
                writer.stream({stream_of("t", 3, first), first});
            }
        });
    }
    std::vector<std::string> payloads() {
        TestClient& client = connects();
        EXPECT_TRUE(client.next().starts_with("CONNACK session_present=1"));
        return client.take_payloads();
    }
};

TEST_F(SessionWithLateMessages, LeavesItsFiltersBehindForNodesThatWereNotAsked) {
    goes();
    passes(nodes.fences[0], {kCutOff});
    EXPECT_EQ(client().subscription_count(), 3U) << "until every shard knows";
    EXPECT_THAT(late().sessions(kCutOff, "", "t"), ElementsAre("a"));
    EXPECT_THAT(late().sessions(kCutOff, "", "shared"), IsEmpty());
    EXPECT_THAT(late().sessions(kCutOff, "", "zero"), IsEmpty());
    EXPECT_THAT(late().sessions(kOld, "", "t"), IsEmpty());
    ASSERT_THAT(nodes.fences, SizeIs(2));
    passes(nodes.fences[1], {kCutOff});
    EXPECT_EQ(client().subscription_count(), 0U);
    EXPECT_EQ(client().move->out->kind, MoveKind::End);
    EXPECT_TRUE(client().move->out->frame.ends_with(std::string("\x01\0\0", 3))) << "late";
}

TEST_F(SessionWithLateMessages, LeavesNothingBehindWhenAllHaveAnswered) {
    goes();
    passes(nodes.fences[0], {});
    EXPECT_FALSE(late().any());
    EXPECT_EQ(client().move->out->kind, MoveKind::End);
}

TEST_F(SessionWithLateMessages, EveryNodeMayHaveSomeIfTheFenceDoesNotPass) {
    goes();
    broker.advance(Millis(7000));
    EXPECT_EQ(client().subscription_count(), 0U);
    EXPECT_THAT(late().sessions(kOld, "", "t"), ElementsAre("a"));
}

TEST_F(SessionWithLateMessages, AreNotExpectedOnceAFencePassesThatAskedAll) {
    goes();
    passes(nodes.fences[0], {kCutOff});
    passes(nodes.fences[1], {kCutOff});
    broker.advance(kLateLook + Millis(10));
    ASSERT_THAT(nodes.fences, SizeIs(3));
    passes(nodes.fences[2], {kCutOff});
    EXPECT_TRUE(late().any()) << "it is still away";
    broker.advance(kLateLook + Millis(10));
    ASSERT_THAT(nodes.fences, SizeIs(4));
    passes(nodes.fences[3], {});
    EXPECT_FALSE(late().any());
    broker.advance(3 * kLateLook);
    EXPECT_THAT(nodes.fences, SizeIs(4));
}

TEST_F(SessionWithLateMessages, GetsThemOnce) {
    comes(false);
    after("1", 41);
    after("1", 41);
    after("2", 42);
    EXPECT_THAT(payloads(), ElementsAre("1", "2"));
}

TEST_F(SessionWithLateMessages, DoesNotGetWhatHasComeDirectly) {
    shard().add_node(kOldest, {"oldest@host", "oldest@host", 1'000'000});
    comes(true);
    broker.advance(2 * kOriginsKept);
    direct("60", 60);
    after("49", 49, kOldest);
    after("55", 55, kOldest);  // came to the owner after that one
    after("60", 60, kOldest);
    after("70", 70, kOldest);  // is on its way directly
    EXPECT_THAT(payloads(), ElementsAre("60", "49"));
}

// Such as what a node that was cut off from it had sent to it before the session went.
TEST_F(SessionWithLateMessages, GetsWhatAnOwnerDidNotHaveBeforeTheSessionWent) {
    comes(true);
    broker.advance(2 * kOriginsKept);
    direct("60", 60);
    after("35", 35);
    after("55", 55);
    after("55", 55);
    after("60", 60);
    after("70", 70);
    EXPECT_THAT(payloads(), ElementsAre("60", "35", "55"));
}

TEST_F(SessionWithLateMessages, DoesNotGetFromAnOwnerWhatThatOnlyPassesOnAndHasHad) {
    comes(true);
    broker.advance(2 * kOriginsKept);
    after("35", 35, kOld, 1);
    after("55", 55, kOld, 1);
    EXPECT_THAT(payloads(), ElementsAre("35"));
}

TEST_F(SessionWithLateMessages, KnowsItsOwnersOnceHoweverOftenItsEndComes) {
    std::string bytes;
    cluster::MoveWriter writer({1, 1, MoveKind::End, 0, {"", "a"}}, bytes);
    writer.late();
    writer.owner({"older@host", 0});
    writer.owner({"", 1});
    writer.stream({7, 8});
    writer.finish();
    std::vector<EarlierOwner> owners;
    for (int i = 0; i < 2; ++i) {
        cluster::MoveReader reader(std::string_view(bytes).substr(cluster::kFrameOverhead));
        cluster::MoveHeader header;
        bool late = false;
        ASSERT_TRUE(reader.header(header) && reader.late(late));
        ASSERT_TRUE(read_owners(reader, "old@host", owners));
        ASSERT_THAT(owners, SizeIs(2));
        EXPECT_EQ(owners[0].node, "older@host");
        EXPECT_EQ(owners[1].node, "old@host");
        EXPECT_EQ(owners[1].direct.at(7), 8U);
    }
}

TEST_F(SessionWithLateMessages, TellsTheNextOwnerWhatHasComePastItsOwners) {
    comes(true);
    direct("60", 60);
    TestClient& connected = connects();
    EXPECT_TRUE(connected.next().starts_with("CONNACK session_present=1"));
    EXPECT_THAT(connected.take_payloads(), ElementsAre("60"));
    connected.drop();
    broker.settle();
    ASSERT_TRUE(shard().moves().begin(client(), kOld, Epoch{9}));
    for (int i = 0; i < 9 && client().move->out->kind != MoveKind::End; ++i) {
        if (client().move->out->fence != 0) passes(client().move->out->fence, {});
        if (client().move->out->kind != MoveKind::End) acknowledges();
    }
    ASSERT_EQ(client().move->out->kind, MoveKind::End);
    const std::string_view frame = client().move->out->frame;
    cluster::MoveReader reader(frame.substr(cluster::kFrameOverhead));
    cluster::MoveHeader header;
    bool late = false;
    ASSERT_TRUE(reader.header(header) && reader.late(late) && late);
    std::vector<std::pair<std::string, std::uint64_t>> told;
    while (!reader.done()) {
        cluster::MovedOwner owner;
        cluster::MovedStream stream;
        ASSERT_TRUE(reader.owner(owner) && owner.streams == 1 && reader.stream(stream));
        told.emplace_back(owner.node, stream.first);
    }
    EXPECT_THAT(told, ElementsAre(Pair("oldest@host", 30), Pair("old@host", 50), Pair("", 60)));
}

TEST_F(SessionWithLateMessages, IsRememberedOnlyIfThereMayBeSome) {
    comes(false);
    broker.advance(2 * kOriginsKept);
    EXPECT_EQ(client().move, nullptr);
}

TEST_F(SessionWithLateMessages, HasTheMessageThatItsClientIsToGetNowOrNobodyHasIt) {
    comes(true);
    mqtt::MessageParts parts;
    parts.topic = "elsewhere";
    parts.qos = mqtt::QoS::AtLeastOnce;
    const auto routed = shard().moves().route_to_session(parts, {}, "a", 0, kOld);
    EXPECT_EQ(routed.waits, 0U);
    EXPECT_FALSE(mqtt::is_error(routed.reason));
    EXPECT_EQ(shard().moves().route_to_session(parts, {}, "nobody", 0, kOld).waits, 0U);
    EXPECT_THAT(payloads(), IsEmpty());
}

}  // namespace
}  // namespace vmq::broker
