#include "cluster/handshake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"

namespace vmq::cluster {
namespace {

using HandshakeStatus = Handshake::Status;
using ::testing::AllOf;
using ::testing::HasSubstr;

const CookieKey& key(const std::string& cookie = "vmq") {
    // scrypt takes its time on purpose: once for each cookie.
    static std::vector<std::pair<std::string, std::unique_ptr<CookieKey>>> keys;
    for (const auto& [known, key] : keys) {
        if (known == cookie) return *key;
    }
    keys.emplace_back(cookie, std::make_unique<CookieKey>(CookieKey::derive(cookie).value()));
    return *keys.back().second;
}

LocalNode node(const std::string& name) {
    LocalNode node;
    node.name = name;
    for (char c : name) node.incarnation.bytes[0] ^= static_cast<std::uint8_t>(c);
    node.boot = Boot{std::hash<std::string>()(name)};
    node.port = 44'053;
    node.longest_frame = 1'000'000;
    return node;
}

Nonce next_nonce() {
    static Random random(99);
    Nonce nonce;
    for (auto& byte : nonce) byte = static_cast<std::uint8_t>(random.next());
    return nonce;
}

Handshake::Connection connection(Handshake::Judge judge = {}) {
    return {next_nonce(), "", std::move(judge)};
}

std::vector<std::pair<FrameType, std::string>> frames_of(const std::string& bytes) {
    std::vector<std::pair<FrameType, std::string>> frames;
    FrameReader reader(kLongestHandshakeFrame);
    reader.add(bytes);
    Frame frame;
    while (reader.next(frame) == FrameReader::Status::Complete) {
        frames.emplace_back(frame.type, frame.body);
    }
    EXPECT_EQ(reader.held(), 0U);
    return frames;
}

/// Gives the frames in `bytes` to `to`, as long as it wants any; what it says goes to `out`.
void deliver(const std::string& bytes, Handshake& to, std::string& out) {
    for (const auto& [type, body] : frames_of(bytes)) {
        if (to.status() == HandshakeStatus::Running) (void)to.receive({type, body}, out);
    }
}

/// Two nodes that talk to each other until nobody has anything more to say.
class Pair {
public:
    LocalNode a = node("a@host");
    LocalNode b = node("b@host");
    std::string cookie_b = "vmq";
    Handshake::Purpose purpose;
    Handshake::Connection of_a = connection();
    Handshake::Connection of_b = connection();

    void run() {
        start();
        for (std::string from_b; !to_b.empty(); from_b.clear()) {
            deliver(std::exchange(to_b, {}), *acceptor, from_b);
            deliver(from_b, *initiator, to_b);
        }
    }
    void start() {
        acceptor.emplace(b, key(cookie_b), of_b);
        initiator.emplace(a, key(), of_a, purpose, to_b);
    }

    std::optional<Handshake> initiator;
    std::optional<Handshake> acceptor;
    std::string to_b;
};

/// That `refuser` refuses the other, and both know why and have the same sentence about it.
void expect_refusal(const Handshake& refuser, const Handshake& refused, RefusalCode code,
                    const std::string& text) {
    EXPECT_EQ(refuser.status(), HandshakeStatus::RefusedHere);
    EXPECT_EQ(refused.status(), HandshakeStatus::RefusedByPeer);
    for (const Handshake* side : {&refuser, &refused}) {
        EXPECT_EQ(side->refusal().code, code);
        EXPECT_EQ(side->refusal().text, text);
    }
}

TEST(Handshake, BothEndUpKnowingEachOther) {
    Pair pair;
    pair.a.port = 0;
    pair.b.port_has_tls = true;
    pair.purpose = {LinkKind::Data, 7, "b@host"};
    pair.run();
    ASSERT_EQ(pair.initiator->status(), HandshakeStatus::Agreed);
    ASSERT_EQ(pair.acceptor->status(), HandshakeStatus::Agreed);
    EXPECT_TRUE(pair.initiator->peer_is_proven() && pair.acceptor->peer_is_proven());
    EXPECT_EQ(pair.initiator->peer().node, "b@host");
    EXPECT_EQ(pair.initiator->peer().boot, pair.b.boot);
    EXPECT_EQ(pair.initiator->peer().incarnation, pair.b.incarnation);
    EXPECT_EQ(pair.initiator->peer().port, 44'053);
    EXPECT_TRUE(pair.initiator->peer().port_has_tls);
    EXPECT_EQ(pair.initiator->peer().longest_frame, 1'000'000U);
    EXPECT_EQ(pair.acceptor->peer().node, "a@host");
    EXPECT_EQ(pair.acceptor->peer().port, 0);
    for (const auto* side : {&*pair.initiator, &*pair.acceptor}) {
        EXPECT_EQ(side->kind(), LinkKind::Data);
        EXPECT_EQ(side->shard(), 7);
        EXPECT_EQ(side->version(), 1);
    }
}

TEST(Handshake, SaysNothingThatDependsOnTheCookieToWhoHasNotProvenIt) {
    Pair pair;
    pair.start();
    std::string out;
    deliver(pair.to_b, *pair.acceptor, out);
    const auto said = frames_of(out);
    ASSERT_EQ(said.size(), 1U);
    EXPECT_EQ(said[0].first, FrameType::Hello);
}

TEST(Handshake, TheCookieIsInNoFrame) {
    Pair pair;
    pair.start();
    std::string from_b;
    std::string all = pair.to_b;
    deliver(pair.to_b, *pair.acceptor, from_b);
    std::string to_b;
    deliver(from_b, *pair.initiator, to_b);
    deliver(to_b, *pair.acceptor, from_b);
    all += from_b + to_b;
    ASSERT_EQ(pair.acceptor->status(), HandshakeStatus::Agreed);
    // "vmqmesh" is the greeting.
    for (std::size_t at = all.find("vmq"); at != std::string::npos; at = all.find("vmq", at + 1)) {
        EXPECT_EQ(all.substr(at, 7), "vmqmesh");
    }
}

// --- Refusals ---

TEST(Handshake, AnotherCookieIsNoticedByTheAcceptor) {
    Pair pair;
    pair.cookie_b = "other";
    pair.run();
    expect_refusal(*pair.acceptor, *pair.initiator, RefusalCode::BadCookie,
                   "b@host and a@host have different cookies: give all nodes of the cluster the "
                   "same distributed_cookie and restart those that had another");
    EXPECT_FALSE(pair.initiator->peer_is_proven());
    EXPECT_FALSE(pair.acceptor->peer_is_proven());
}

TEST(Handshake, AnAcceptorThatDoesNotKnowTheCookieIsNoticedByTheInitiator) {
    Pair pair;
    pair.start();
    std::string from_b;
    deliver(std::exchange(pair.to_b, {}), *pair.acceptor, from_b);
    deliver(from_b, *pair.initiator, pair.to_b);
    std::string forged;
    append_frame(FrameType::Proof, std::string(32, 'x'), forged);
    append_welcome(1, forged);
    std::string out;
    deliver(forged, *pair.initiator, out);
    EXPECT_EQ(pair.initiator->status(), HandshakeStatus::RefusedHere);
    EXPECT_EQ(pair.initiator->refusal().code, RefusalCode::BadCookie);
}

TEST(Handshake, TheHighestVersionThatBothKnowIsTaken) {
    const std::vector<std::pair<VersionRange, VersionRange>> cases{
        {{1, 1}, {1, 3}}, {{1, 3}, {1, 1}}, {{1, 3}, {1, 3}}, {{2, 5}, {1, 3}}, {{1, 3}, {3, 9}}};
    const std::vector<std::uint16_t> expected{1, 1, 3, 3, 3};
    for (std::size_t i = 0; i < cases.size(); ++i) {
        Pair pair;
        pair.a.versions = cases[i].first;
        pair.b.versions = cases[i].second;
        pair.run();
        EXPECT_EQ(pair.initiator->status(), HandshakeStatus::Agreed);
        EXPECT_EQ(pair.initiator->version(), expected[i]);
        EXPECT_EQ(pair.acceptor->version(), expected[i]);
    }
}

TEST(Handshake, WithoutAVersionThatBothKnowTheOlderNodeIsToBeUpgraded) {
    Pair pair;
    pair.a.versions = {1, 1};
    pair.b.versions = {2, 3};
    pair.run();
    expect_refusal(*pair.acceptor, *pair.initiator, RefusalCode::Version,
                   "b@host speaks 2 to 3 of the cluster protocol, the node it is connected to 1: "
                   "upgrade the one that speaks 1");
    Pair other;
    other.a.versions = {4, 4};
    other.b.versions = {2, 3};
    other.run();
    expect_refusal(*other.acceptor, *other.initiator, RefusalCode::Version,
                   "b@host speaks 2 to 3 of the cluster protocol, the node it is connected to 4: "
                   "upgrade the one that speaks 2 to 3");
}

/// A greeting of a version whose Hello looks different behind the versions.
TEST(Handshake, AGreetingOfTheFutureIsRefusedForItsVersionNotForItsForm) {
    const LocalNode b = node("b@host");
    Handshake acceptor(b, key(), connection());
    std::string out;
    std::string body = "vmqmesh\n\7\x9\xFF\xFF";
    EXPECT_EQ(acceptor.receive({FrameType::Hello, body}, out), HandshakeStatus::RefusedHere);
    EXPECT_EQ(acceptor.refusal().code, RefusalCode::Version);
}

TEST(Handshake, AWelcomeToAnotherVersionIsRefused) {
    Pair pair;
    pair.a.versions = pair.b.versions = {1, 3};
    pair.start();
    std::string from_b;
    deliver(std::exchange(pair.to_b, {}), *pair.acceptor, from_b);
    deliver(std::exchange(from_b, {}), *pair.initiator, pair.to_b);
    deliver(std::exchange(pair.to_b, {}), *pair.acceptor, from_b);
    auto said = frames_of(from_b);
    ASSERT_EQ(said.size(), 2U);
    std::string out;
    ASSERT_EQ(pair.initiator->receive({said[0].first, said[0].second}, out),
              HandshakeStatus::Running);
    EXPECT_EQ(pair.initiator->receive({FrameType::Welcome, "\1"}, out),
              HandshakeStatus::RefusedHere);
    EXPECT_EQ(pair.initiator->refusal().code, RefusalCode::Protocol);
    EXPECT_THAT(pair.initiator->refusal().text, HasSubstr("not the highest both know"));
}

TEST(Handshake, ANodeThatTalksToItselfSaysSo) {
    Pair pair;
    pair.b = pair.a;
    pair.run();
    expect_refusal(*pair.acceptor, *pair.initiator, RefusalCode::Self,
                   "a@host is connected to itself: the address is its own, give that of another "
                   "node");
}

TEST(Handshake, TwoNodesWithOneNameAreToldApart) {
    Pair pair;
    pair.b.name = "a@host";
    pair.run();
    expect_refusal(*pair.acceptor, *pair.initiator, RefusalCode::NameTaken,
                   "there are two nodes with the name a@host: give each its own nodename");
}

TEST(Handshake, WhoIsNotTheOneThatWasExpectedSaysWhoItIs) {
    Pair pair;
    pair.purpose.expected_node = "c@host";
    pair.run();
    expect_refusal(*pair.acceptor, *pair.initiator, RefusalCode::WrongName,
                   "a@host wanted to reach c@host, but at that address is b@host: correct the name "
                   "or the address");
}

TEST(Handshake, AnInitiatorProvesNothingToAnotherNodeThanTheExpectedOne) {
    Pair pair;
    pair.start();
    std::string from_b;
    deliver(pair.to_b, *pair.acceptor, from_b);  // which was asked by an a@host that expects nobody
    std::string hello;
    pair.purpose.expected_node = "c@host";
    Handshake initiator(pair.a, key(), connection(), pair.purpose, hello);
    std::string out;
    deliver(from_b, initiator, out);
    EXPECT_EQ(initiator.refusal().code, RefusalCode::WrongName);
    ASSERT_EQ(frames_of(out).size(), 1U);
    EXPECT_EQ(frames_of(out)[0].first, FrameType::Refused);
}

TEST(Handshake, TheAcceptorMayRefuseWhoHasProvenTheCookie) {
    for (const RefusalCode code :
         {RefusalCode::NotMember, RefusalCode::Left, RefusalCode::Duplicate,
          RefusalCode::ShuttingDown, RefusalCode::Busy}) {
        Pair pair;
        pair.of_b.judge = [&](const Hello& peer) {
            EXPECT_EQ(peer.node, "a@host");
            return Refusal{code, "because of that"};
        };
        pair.run();
        expect_refusal(*pair.acceptor, *pair.initiator, code, "because of that");
        EXPECT_TRUE(pair.initiator->peer_is_proven()) << "or it could not act on it";
    }
}

TEST(Handshake, TheJudgeIsNotAskedAboutStrangers) {
    Pair pair;
    pair.cookie_b = "other";
    pair.of_b.judge = [](const Hello&) -> std::optional<Refusal> {
        ADD_FAILURE();
        return std::nullopt;
    };
    pair.run();
    EXPECT_EQ(pair.acceptor->refusal().code, RefusalCode::BadCookie);
}

TEST(Handshake, TheInitiatorMayRefuseAsWell) {
    Pair pair;
    pair.of_a.judge = [](const Hello& peer) -> std::optional<Refusal> {
        return Refusal{RefusalCode::NotMember, peer.node + " left"};
    };
    pair.run();
    EXPECT_EQ(pair.initiator->status(), HandshakeStatus::RefusedHere);
    EXPECT_EQ(pair.initiator->refusal().text, "b@host left");
    // For the acceptor all was well: the link that it has made is told.
    EXPECT_EQ(pair.acceptor->status(), HandshakeStatus::Agreed);
}

TEST(Handshake, TheCallerMayRefuseForAReasonOfItsOwn) {
    const LocalNode b = node("b@host");
    Handshake acceptor(b, key(), connection());
    std::string out;
    EXPECT_EQ(acceptor.refuse({RefusalCode::ShuttingDown, "b@host stops"}, out),
              HandshakeStatus::RefusedHere);
    ASSERT_EQ(frames_of(out).size(), 1U);
    Refusal refusal;
    EXPECT_TRUE(decode_refused(frames_of(out)[0].second, refusal));
    EXPECT_EQ(refusal.code, RefusalCode::ShuttingDown);
}

TEST(Handshake, APeersRefusalIsMadeFitForTheLog) {
    Pair pair;
    pair.start();
    std::string bytes;
    append_refused({RefusalCode{77}, "evil\n\x1B[2J\xFFtext"}, bytes);
    std::string out;
    deliver(bytes, *pair.initiator, out);
    EXPECT_EQ(pair.initiator->status(), HandshakeStatus::RefusedByPeer);
    EXPECT_EQ(pair.initiator->refusal().text, "evil??[2J?text");
    EXPECT_EQ(refusal_name(pair.initiator->refusal().code), "refused");
    EXPECT_FALSE(pair.initiator->peer_is_proven());
    EXPECT_EQ(out, "");
}

// --- Attacks ---

TEST(Handshake, WhoGetsItsOwnGreetingBackRefuses) {
    Pair pair;
    pair.start();
    std::string out;
    deliver(pair.to_b, *pair.initiator, out);
    EXPECT_EQ(pair.initiator->refusal().code, RefusalCode::Self);
}

TEST(Handshake, WhoGetsItsOwnProofBackRefuses) {
    Pair pair;
    pair.start();
    std::string from_b;
    deliver(std::exchange(pair.to_b, {}), *pair.acceptor, from_b);
    deliver(from_b, *pair.initiator, pair.to_b);
    std::string out;
    deliver(pair.to_b, *pair.initiator, out);  // its Proof
    EXPECT_EQ(pair.initiator->status(), HandshakeStatus::RefusedHere);
    EXPECT_EQ(pair.initiator->refusal().code, RefusalCode::BadCookie);
}

TEST(Handshake, AProofIsOfNoUseOnAnotherConnection) {
    // Recorded: what a said to b.
    Pair recorded;
    recorded.start();
    std::string from_b;
    const std::string hello = std::exchange(recorded.to_b, {});
    deliver(hello, *recorded.acceptor, from_b);
    deliver(from_b, *recorded.initiator, recorded.to_b);
    const std::string proof = recorded.to_b;
    std::string welcome;
    deliver(proof, *recorded.acceptor, welcome);
    ASSERT_EQ(recorded.acceptor->status(), HandshakeStatus::Agreed);

    const LocalNode b = node("b@host");
    Handshake acceptor(b, key(), connection());
    std::string out;
    deliver(hello + proof, acceptor, out);
    EXPECT_EQ(acceptor.status(), HandshakeStatus::RefusedHere);
    EXPECT_EQ(acceptor.refusal().code, RefusalCode::BadCookie);

    // And what b said to a.
    std::string greeting;
    Handshake initiator(recorded.a, key(), connection(), {}, greeting);
    deliver(from_b + welcome, initiator, out);
    EXPECT_EQ(initiator.status(), HandshakeStatus::RefusedHere);
    EXPECT_EQ(initiator.refusal().code, RefusalCode::BadCookie);
}

TEST(Handshake, AGreetingChangedOnTheWayIsNoticed) {
    Pair probe;
    probe.start();
    const std::size_t size = probe.to_b.size();
    std::size_t refused = 0;
    for (std::size_t at = kFrameOverhead; at < size; ++at) {
        Pair pair;
        pair.start();
        pair.to_b[at] = static_cast<char>(pair.to_b[at] ^ 1);
        std::string from_b;
        deliver(std::exchange(pair.to_b, {}), *pair.acceptor, from_b);
        deliver(std::exchange(from_b, {}), *pair.initiator, pair.to_b);
        deliver(pair.to_b, *pair.acceptor, from_b);
        if (pair.acceptor->status() == HandshakeStatus::RefusedHere) ++refused;
    }
    EXPECT_EQ(refused, size - kFrameOverhead);
}

TEST(Handshake, AProofIsOfNoUseInAnotherChannel) {
    Pair same;
    same.of_a.channel_binding = same.of_b.channel_binding = "tls 1";
    same.run();
    EXPECT_EQ(same.acceptor->status(), HandshakeStatus::Agreed);
    Pair between;  // somebody with two TLS connections passes everything on
    between.of_a.channel_binding = "tls 1";
    between.of_b.channel_binding = "tls 2";
    between.run();
    EXPECT_EQ(between.acceptor->refusal().code, RefusalCode::BadCookie);
}

// --- Bytes that are no handshake ---

TEST(Handshake, AGreetingCutOffAnywhereIsRefused) {
    Pair pair;
    pair.purpose.expected_node = "b@host";
    pair.start();
    const std::string body = frames_of(pair.to_b)[0].second;
    for (std::size_t size = 0; size < body.size(); ++size) {
        Handshake acceptor(pair.b, key(), connection());
        std::string out;
        ASSERT_EQ(acceptor.receive({FrameType::Hello, body.substr(0, size)}, out),
                  HandshakeStatus::RefusedHere);
        ASSERT_EQ(acceptor.refusal().code, RefusalCode::Protocol);
    }
}

TEST(Handshake, WhatALaterVersionAddsToItsGreetingIsIgnoredButSigned) {
    const LocalNode a = node("a@host");
    const LocalNode b = node("b@host");
    std::string hello;
    Handshake initiator(a, key(), connection(), {}, hello);
    std::string longer;
    append_frame(FrameType::Hello, frames_of(hello)[0].second + "more", longer);
    Handshake acceptor(b, key(), connection());
    std::string from_b;
    deliver(longer, acceptor, from_b);
    ASSERT_EQ(acceptor.status(), HandshakeStatus::Running);
    std::string proof;
    deliver(from_b, initiator, proof);  // which did not say "more"
    deliver(proof, acceptor, from_b);
    EXPECT_EQ(acceptor.refusal().code, RefusalCode::BadCookie);
}

TEST(Handshake, FramesOutOfTurnAreRefusedWithASentence) {
    const std::vector<std::pair<FrameType, std::string>> first{
        {FrameType::Proof, std::string(32, 'x')},
        {FrameType::Welcome, "\1"},
        {FrameType::Publish, ""},
        {FrameType{0xFF}, ""},
        {FrameType::Hello, "GET / HTTP/1.1"}};
    for (const auto& [type, body] : first) {
        const LocalNode b = node("b@host");
        Handshake acceptor(b, key(), connection());
        std::string out;
        EXPECT_EQ(acceptor.receive({type, body}, out), HandshakeStatus::RefusedHere);
        EXPECT_EQ(acceptor.refusal().code, RefusalCode::Protocol);
        EXPECT_THAT(acceptor.refusal().text,
                    AllOf(HasSubstr("the other side "), HasSubstr("b@host"),
                          HasSubstr("see that a clustering listener")));
    }
    Pair pair;
    pair.start();
    std::string from_b;
    deliver(pair.to_b, *pair.acceptor, from_b);
    EXPECT_EQ(pair.acceptor->receive({FrameType::Proof, "short"}, from_b),
              HandshakeStatus::RefusedHere);
    EXPECT_THAT(pair.acceptor->refusal().text,
                HasSubstr("a@host sent a proof that cannot be read"));
    EXPECT_EQ(pair.initiator->receive({FrameType::Refused, ""}, from_b),
              HandshakeStatus::RefusedHere);
    EXPECT_THAT(pair.initiator->refusal().text, HasSubstr("a refusal that cannot be read"));
}

TEST(Handshake, EveryGreetingFitsTheLongestFrame) {
    LocalNode longest = node("a@" + std::string(kLongestNodeName - 2, 'h'));
    longest.longest_frame = UINT32_MAX;
    std::string bytes;
    Handshake initiator(longest, key(), connection(), {LinkKind::Data, 65'535, longest.name},
                        bytes);
    EXPECT_LE(bytes.size(), kLongestHandshakeFrame);
    bytes.clear();
    append_refused({RefusalCode::Busy, std::string(5000, 'x')}, bytes);
    EXPECT_LE(bytes.size(), kLongestHandshakeFrame);
}

}  // namespace
}  // namespace vmq::cluster
