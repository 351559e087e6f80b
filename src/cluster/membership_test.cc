#include "cluster/membership.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <variant>

#include "cluster/fact_codec.h"
#include "cluster/frame_codec.h"
#include "cluster/test_values.h"

namespace vmq::cluster {
namespace {

using Standing = Membership::Standing;
using test::at;
using test::body_of;
using test::incarnation;
using test::kWall;

/// One node, which has announced itself.
struct AnnouncedNode {
    explicit AnnouncedNode(const std::string& name, std::uint8_t number = 1)
        : id{name, incarnation(number)}, facts(id), membership(facts) {
        EXPECT_TRUE(membership.announce({{name.substr(name.find('@') + 1), 44053, false}}, at(0)));
    }

    Writer id;
    FactMap facts;
    Membership membership;
};

/// As over the wire.
JoinAnswer ask(AnnouncedNode& node, AnnouncedNode& discovery, bool is_linked = false) {
    std::string bytes;
    append_join_request(node.membership.request_join(), bytes);
    JoinRequest request;
    EXPECT_TRUE(decode_join_request(body_of(bytes), request));
    bytes.clear();
    append_join_answer(discovery.membership.admit(request, is_linked, at(10)), bytes);
    JoinAnswer answer;
    EXPECT_TRUE(decode_join_answer(body_of(bytes), answer));
    return answer;
}

bool join(AnnouncedNode& node, AnnouncedNode& discovery) {
    const JoinAnswer answer = ask(node, discovery);
    const auto* welcome = std::get_if<JoinWelcome>(&answer);
    return welcome != nullptr && node.membership.on_welcome(*welcome, at(20));
}

JoinRefusal refusal(AnnouncedNode& node, AnnouncedNode& discovery, bool is_linked = false) {
    const JoinAnswer answer = ask(node, discovery, is_linked);
    const auto* refused = std::get_if<JoinRefusal>(&answer);
    return refused != nullptr ? *refused : JoinRefusal{};
}

/// All that `from` knows, as replication would bring it.
void tell(AnnouncedNode& from, AnnouncedNode& to) {
    from.facts.for_each_even_deleted([&](const Fact& fact) {
        FactParts parts = fact.parts();
        const Writer& writer = from.facts.writers()[fact.writer()];
        parts.stamp.writer = *to.facts.writers().intern(writer.name, writer.incarnation);
        (void)to.facts.merge(parts, {}, at(30));
    });
}

std::vector<std::string> names(AnnouncedNode& node) {
    std::vector<std::string> result;
    for (const ClusterMember& each : node.membership.members()) result.push_back(each.name);
    return result;
}

TEST(Membership, ANodeIsAloneUntilItJoins) {
    AnnouncedNode a("a@h");
    EXPECT_TRUE(a.membership.alone());
    EXPECT_FALSE(a.membership.has_left());
    EXPECT_EQ(names(a), std::vector<std::string>{"a@h"});
    const ClusterMember* own = a.membership.find("a@h");
    ASSERT_NE(own, nullptr);
    EXPECT_EQ(own->incarnation, incarnation(1));
    EXPECT_EQ(own->addresses, (std::vector<NodeAddress>{{"h", 44053, false}}));
    EXPECT_EQ(own->joined, kWall);
}

TEST(Membership, BothSidesKnowAllMembersAfterAJoin) {
    AnnouncedNode a("a@h");
    AnnouncedNode b("b@h");
    AnnouncedNode c("c@h");
    EXPECT_FALSE(b.membership.check_join("a@h"));
    EXPECT_TRUE(join(b, a));
    EXPECT_TRUE(join(c, b));
    EXPECT_EQ(names(c), (std::vector<std::string>{"a@h", "b@h", "c@h"}));
    EXPECT_EQ(names(b), names(c));
    EXPECT_FALSE(c.membership.alone());
    EXPECT_EQ(a.membership.standing("c@h", incarnation(1)), Standing::Unknown);
    tell(b, a);
    EXPECT_EQ(a.membership.standing("c@h", incarnation(1)), Standing::Member);
    EXPECT_EQ(a.membership.find("b@h")->joined, kWall + 10);
}

TEST(Membership, JoiningTwiceIsOnceIsEnough) {
    AnnouncedNode a("a@h");
    AnnouncedNode b("b@h");
    EXPECT_TRUE(join(b, a));
    const std::uint64_t revision = a.facts.revision(FactKind::Member);
    EXPECT_FALSE(b.membership.check_join("a@h"));
    EXPECT_TRUE(join(b, a));
    EXPECT_EQ(a.facts.revision(FactKind::Member), revision);
}

TEST(Membership, ANodeDoesNotJoinItself) {
    AnnouncedNode a("a@h");
    const auto refused = a.membership.check_join("a@h");
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->code, JoinRefusalCode::SelfJoin);
    EXPECT_EQ(join_refusal_name(refused->code), "self_join");
    AnnouncedNode twin("a@h", 2);
    EXPECT_EQ(refusal(twin, a).code, JoinRefusalCode::SelfJoin);
}

TEST(Membership, ANodeWithDataOfItsOwnMayComeIn) {
    AnnouncedNode a("a@h");
    AnnouncedNode b("b@h");
    ASSERT_TRUE(b.facts.put(FactKind::SessionOwner, "client", "b@h", at(1)));
    ASSERT_TRUE(b.facts.put(FactKind::ApiKey, "key", "hash", at(1)));
    ASSERT_TRUE(b.facts.put(FactKind::Setting, "gone", "1", at(1)));
    ASSERT_TRUE(b.facts.erase(FactKind::Setting, "gone", at(1)));
    EXPECT_FALSE(b.membership.check_join("a@h"));
    EXPECT_TRUE(join(b, a));
    EXPECT_NE(b.facts.find(FactKind::SessionOwner, "client"), nullptr);
    EXPECT_EQ(b.facts.deleted(), 0U) << "what it deleted before is nothing to the others";
}

TEST(Membership, ANodeOfAClusterDoesNotJoinAnother) {
    AnnouncedNode a("a@h");
    AnnouncedNode b("b@h");
    AnnouncedNode other("o@h");
    EXPECT_TRUE(join(b, a));
    const auto refused = b.membership.check_join("o@h");
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->code, JoinRefusalCode::NonEmptyNode);
    EXPECT_EQ(join_refusal_name(refused->code), "non_empty_node");
    EXPECT_EQ(refusal(b, other).code, JoinRefusalCode::NonEmptyNode) << "nor if it tries";
    EXPECT_TRUE(other.membership.alone());
}

TEST(Membership, AMemberIsFreeToBeginWithoutOthersHavingLeft) {
    AnnouncedNode a("a@h");
    EXPECT_FALSE(a.membership.is_over());
    AnnouncedNode b("b@h");
    EXPECT_TRUE(join(b, a));
    EXPECT_FALSE(b.membership.is_over());
}

TEST(Membership, AWipedNodeReplacesWhatItWasIfThatIsGone) {
    AnnouncedNode a("a@h");
    AnnouncedNode b("b@h", 1);
    EXPECT_TRUE(join(b, a));
    AnnouncedNode wiped("b@h", 2);
    EXPECT_EQ(a.membership.standing("b@h", incarnation(2)), Standing::OtherIncarnation);
    const JoinRefusal refused = refusal(wiped, a, true);
    EXPECT_EQ(refused.code, JoinRefusalCode::NameTaken);
    EXPECT_NE(refused.text.find("nodename"), std::string::npos);
    EXPECT_TRUE(join(wiped, a));
    EXPECT_EQ(names(a), (std::vector<std::string>{"a@h", "b@h"}));
    EXPECT_EQ(a.membership.standing("b@h", incarnation(2)), Standing::Member);
    EXPECT_EQ(a.membership.standing("b@h", incarnation(1)), Standing::OtherIncarnation);
    tell(a, b);
    EXPECT_TRUE(b.membership.has_left()) << "the old disk has no business here any more";
}

TEST(Membership, WhoHasLeftIsToldSoUntilItJoinsAgain) {
    AnnouncedNode a("a@h");
    AnnouncedNode b("b@h");
    EXPECT_TRUE(join(b, a));
    EXPECT_TRUE(a.membership.remove("b@h", at(40)));
    EXPECT_TRUE(a.membership.alone());
    EXPECT_EQ(a.membership.standing("b@h", incarnation(1)), Standing::Left);
    EXPECT_FALSE(b.membership.has_left()) << "it has not heard of it yet";
    tell(a, b);
    EXPECT_TRUE(b.membership.has_left());
    EXPECT_EQ(b.membership.announce({{"elsewhere", 1, false}}, at(50)).error().code,
              ErrorCode::Unavailable);
    const auto refused = b.membership.check_join("a@h");
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->code, JoinRefusalCode::Left);
    AnnouncedNode c("c@h");
    EXPECT_EQ(refusal(c, b).code, JoinRefusalCode::Left) << "nor can it let others in";

    ASSERT_TRUE(b.membership.begin_anew(incarnation(9), at(60)));
    EXPECT_FALSE(b.membership.has_left());
    EXPECT_TRUE(b.membership.alone());
    EXPECT_EQ(names(b), std::vector<std::string>{"b@h"});
    EXPECT_FALSE(b.membership.check_join("a@h"));
    EXPECT_TRUE(join(b, a));
    EXPECT_EQ(a.membership.standing("b@h", incarnation(9)), Standing::Member);
    EXPECT_EQ(a.membership.standing("b@h", incarnation(1)), Standing::OtherIncarnation);
}

TEST(Membership, WhoeverIsLeftAloneBeginsAnewBeforeItJoinsOthers) {
    AnnouncedNode a("a@h");
    AnnouncedNode b("b@h");
    AnnouncedNode other("o@h");
    ASSERT_TRUE(b.facts.put(FactKind::Setting, "k", "v", at(1)));
    EXPECT_TRUE(join(b, a));
    tell(b, a);
    EXPECT_TRUE(a.membership.remove("b@h", at(40)));
    EXPECT_FALSE(a.membership.has_left());
    EXPECT_TRUE(a.membership.is_over());
    EXPECT_EQ(a.membership.check_join("o@h")->code, JoinRefusalCode::Left);
    ASSERT_TRUE(a.membership.begin_anew(incarnation(8), at(50)));
    EXPECT_FALSE(a.membership.is_over());
    EXPECT_EQ(a.facts.find(FactKind::Setting, "k")->writer(), a.facts.self());
    EXPECT_EQ(a.membership.find("a@h")->addresses, (std::vector<NodeAddress>{{"h", 44053, false}}));
    EXPECT_TRUE(join(a, other));
}

TEST(Membership, TheAnswerOfASecondNodeThatWasAskedIsNotTaken) {
    AnnouncedNode a("a@h");
    AnnouncedNode other("o@h");
    AnnouncedNode b("b@h");
    const JoinAnswer first = ask(b, a);
    const JoinAnswer second = ask(b, other);
    EXPECT_TRUE(b.membership.on_welcome(std::get<JoinWelcome>(first), at(20)));
    EXPECT_TRUE(b.membership.on_welcome(std::get<JoinWelcome>(second), at(20)));
    EXPECT_EQ(names(b), (std::vector<std::string>{"a@h", "b@h"}));
}

TEST(Membership, RemovingNobodyIsAnError) {
    AnnouncedNode a("a@h");
    const auto removed = a.membership.remove("b@h", at(1));
    ASSERT_FALSE(removed);
    EXPECT_EQ(removed.error().code, ErrorCode::NotFound);
}

TEST(Membership, ANewAddressIsTakenOverByAll) {
    AnnouncedNode a("a@h");
    AnnouncedNode b("b@h");
    EXPECT_TRUE(join(b, a));
    EXPECT_TRUE(b.membership.announce({{"10.0.0.9", 44054, true}, {"h", 44053, false}}, at(50)));
    tell(b, a);
    const ClusterMember* moved = a.membership.find("b@h");
    ASSERT_EQ(moved->addresses.size(), 2U);
    EXPECT_EQ(moved->addresses[0], (NodeAddress{"10.0.0.9", 44054, true}));
    EXPECT_EQ(moved->joined, kWall + 10) << "it is the same membership";
    const std::uint64_t revision = b.facts.revision(FactKind::Member);
    EXPECT_TRUE(b.membership.announce(moved->addresses, at(60)));
    EXPECT_EQ(b.facts.revision(FactKind::Member), revision) << "nothing new, nothing said";
}

TEST(Membership, HasALimit) {
    AnnouncedNode a("a@h");
    for (std::size_t i = 1; i < Membership::kMostMembers; ++i) {
        AnnouncedNode each("n" + std::to_string(i) + "@h");
        ASSERT_TRUE(join(each, a));
    }
    AnnouncedNode last("last@h");
    EXPECT_EQ(refusal(last, a).code, JoinRefusalCode::TooManyMembers);
    AnnouncedNode wiped("n1@h", 2);
    EXPECT_TRUE(join(wiped, a)) << "one that is there already takes no room";
}

TEST(ClusterMember, ComesBackAsItWasAndMayGrow) {
    const ClusterMember member{
        "a@h", incarnation(3), {{"h", 1, true}, {"::1", 65'535, false}}, kWall};
    const std::string value = encode_member(member);
    ClusterMember back;
    ASSERT_TRUE(decode_member("a@h", value, back));
    EXPECT_EQ(back, member);
    ASSERT_TRUE(decode_member("a@h", value + "of a later version", back));
    EXPECT_EQ(back, member);
    for (std::size_t size = 0; size < value.size(); ++size) {
        ASSERT_FALSE(decode_member("a@h", value.substr(0, size), back)) << size;
    }
    EXPECT_FALSE(decode_member("no name", value, back));
}

TEST(ClusterMember, RefusesAddressesThatCannotBe) {
    ClusterMember back;
    const auto refused = [&](const NodeAddress& address) {
        return !decode_member("a@h", encode_member({"a@h", {}, {address}, 0}), back);
    };
    EXPECT_FALSE(refused({std::string(255, 'h'), 1, false}));
    EXPECT_TRUE(refused({std::string(256, 'h'), 1, false}));
    EXPECT_TRUE(refused({"", 1, false}));
    EXPECT_TRUE(refused({"a b", 1, false}));
    EXPECT_TRUE(refused({"h", 0, false}));
    std::string value = encode_member({"a@h", {}, {{"h", 1, false}}, 0});
    value[1 + 16 + 1] = static_cast<char>(ClusterMember::kMostAddresses + 1);
    EXPECT_FALSE(decode_member("a@h", value + std::string(100, 'x'), back));
}

TEST(JoinFrames, ThatAreCutOffAreRefused) {
    AnnouncedNode a("a@h");
    std::string bytes;
    append_join_request(a.membership.request_join(), bytes);
    JoinRequest request;
    JoinAnswer answer;
    for (std::size_t size = 0; size < body_of(bytes).size(); ++size) {
        ASSERT_FALSE(decode_join_request(body_of(bytes).substr(0, size), request)) << size;
    }
    bytes.clear();
    append_join_answer(JoinRefusal{JoinRefusalCode::Left, "because\nof"}, bytes);
    for (std::size_t size = 0; size < body_of(bytes).size(); ++size) {
        ASSERT_FALSE(decode_join_answer(body_of(bytes).substr(0, size), answer)) << size;
    }
    ASSERT_TRUE(decode_join_answer(body_of(bytes), answer));
    EXPECT_EQ(std::get<JoinRefusal>(answer).text, "because?of") << "fit for the log";
}

TEST(JoinFrames, AWelcomeOfAnythingElseThanMembersIsRefused) {
    AnnouncedNode a("a@h");
    AnnouncedNode b("b@h");
    ASSERT_TRUE(a.facts.put(FactKind::Setting, "k", "v", at(1)));
    JoinWelcome welcome;
    append_fact_record(*a.facts.find(FactKind::Setting, "k"), a.facts.writers(),
                       welcome.members.emplace_back());
    EXPECT_FALSE(b.membership.on_welcome(welcome, at(2)));
    EXPECT_FALSE(b.membership.on_welcome({{"rubbish"}}, at(2)));
}

}  // namespace
}  // namespace vmq::cluster
