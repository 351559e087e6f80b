#include "cluster/registrar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace vmq::cluster {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Code = RegisterReply::Code;
using Released = ReleaseReply::Code;

constexpr PeerNumber kPeerB{2};
constexpr PeerNumber kPeerC{3};

class Recorder final : public RegistrarHost {
public:
    void send(PeerNumber peer, std::string_view frame) override {
        sent.emplace_back(peer, std::string(frame));
    }
    void release(ReleaseOrder order) override { orders.push_back(std::move(order)); }
    void registered(std::uint64_t ticket, const Registered& outcome) override {
        outcomes.emplace_back(ticket, outcome);
    }

    std::vector<std::pair<PeerNumber, std::string>> sent;
    std::vector<ReleaseOrder> orders;
    std::vector<std::pair<std::uint64_t, Registered>> outcomes;
};

/// Soon after 1970, so that there are epochs far ahead.
Moment early(std::int64_t ms) { return {TimePoint(Millis(ms)), 1'000'000 + ms}; }

template <typename Kind>
std::string frame_of(const Kind& kind) {
    std::string frame;
    append(kind, frame);
    return frame;
}

class RegistrarAlone : public ::testing::Test {
protected:
    Recorder host;
    Registrar registrar{"a@h", host};
    /// Whose coordinator is this node, with b and c up.
    std::string own_id() {
        for (int i = 0;; ++i) {
            const std::string id = "c" + std::to_string(i);
            Recorder probe_host;
            Registrar probe("a@h", probe_host);
            probe.peer_up(kPeerB, "b@h", early(0));
            probe.peer_up(kPeerC, "c@h", early(0));
            probe.request(1, {"", id}, Purpose::Resume, early(0));
            if (probe_host.sent.size() == 2) return id;  // asks both
        }
    }
    bool receive(PeerNumber from, const std::string& bytes, std::int64_t ms) {
        FrameReader reader(1U << 20U);
        reader.add(bytes);
        Frame frame;
        EXPECT_EQ(reader.next(frame), FrameReader::Status::Complete);
        return registrar.on_frame(from, frame, early(ms));
    }
    ReleaseRequest sent_release(std::size_t number) {
        FrameReader reader(1U << 20U);
        reader.add(host.sent.at(number).second);
        Frame frame;
        EXPECT_EQ(reader.next(frame), FrameReader::Status::Complete);
        ReleaseRequest request;
        EXPECT_EQ(frame.type, FrameType::Release);
        EXPECT_TRUE(decode(frame.body, request));
        return request;
    }
};

class RegistrarOfThree : public RegistrarAlone {
protected:
    RegistrarOfThree() {
        registrar.peer_up(kPeerB, "b@h", early(0));
        registrar.peer_up(kPeerC, "c@h", early(0));
    }
    /// The ticket of a request whose coordinator is b.
    std::uint64_t request_at_b() {
        for (std::uint64_t ticket = 100;; ++ticket) {
            host.sent.clear();
            registrar.request(ticket, {"", "e" + std::to_string(ticket)}, Purpose::Resume,
                              early(0));
            if (host.sent.size() == 1 && host.sent[0].first == kPeerB) return ticket;
        }
    }
    const std::string id = own_id();
};

TEST_F(RegistrarAlone, NobodyHasToBeAsked) {
    registrar.request(7, {"", "x"}, Purpose::Resume, early(0));
    ASSERT_EQ(host.outcomes.size(), 1U);
    EXPECT_EQ(host.outcomes[0].first, 7U);
    EXPECT_EQ(host.outcomes[0].second.code, Code::Granted);
    EXPECT_GT(host.outcomes[0].second.epoch, Epoch{});
    EXPECT_THAT(host.sent, IsEmpty());
}

TEST_F(RegistrarOfThree, GrantsWhenAllOthersHaveLetGo) {
    registrar.request(7, {"", id}, Purpose::Discard, early(0), Epoch{3});
    const ReleaseRequest request = sent_release(0);
    EXPECT_EQ(request.purpose, Purpose::Discard);
    EXPECT_EQ(request.since, Epoch{3});
    EXPECT_EQ(request.owner, "a@h");
    EXPECT_TRUE(receive(kPeerB, frame_of(ReleaseReply{request.job, request.epoch, {}, {}}), 1));
    EXPECT_THAT(host.outcomes, IsEmpty());
    EXPECT_TRUE(receive(
        kPeerC, frame_of(ReleaseReply{request.job, request.epoch, Released::Moving, {}}), 1));
    ASSERT_EQ(host.outcomes.size(), 1U);
    EXPECT_EQ(host.outcomes[0].second.epoch, request.epoch);
    EXPECT_THAT(host.outcomes[0].second.movers, ElementsAre(kPeerC));
    EXPECT_TRUE(host.outcomes[0].second.by_all);
}

TEST_F(RegistrarOfThree, ASessionIsNotAdoptedFromANodeWithItsClient) {
    registrar.request(7, {"", id}, Purpose::Adopt, early(0));
    const ReleaseRequest request = sent_release(0);
    EXPECT_EQ(request.purpose, Purpose::Adopt);
    EXPECT_TRUE(
        receive(kPeerB, frame_of(ReleaseReply{request.job, request.epoch, Released::Kept, {}}), 1));
    EXPECT_THAT(host.outcomes, IsEmpty()) << "the other one may have let go of something";
    EXPECT_TRUE(receive(
        kPeerC, frame_of(ReleaseReply{request.job, request.epoch, Released::Moving, {}}), 1));
    ASSERT_EQ(host.outcomes.size(), 1U);
    EXPECT_EQ(host.outcomes[0].second.code, Code::Kept);
    EXPECT_THAT(host.outcomes[0].second.movers, ElementsAre(kPeerC));
}

TEST_F(RegistrarOfThree, WhoKeepsAClientAndGoesStillCounts) {
    registrar.request(7, {"", id}, Purpose::Adopt, early(0));
    const ReleaseRequest request = sent_release(0);
    EXPECT_TRUE(
        receive(kPeerB, frame_of(ReleaseReply{request.job, request.epoch, Released::Kept, {}}), 1));
    registrar.peer_down(kPeerC, early(1));
    ASSERT_EQ(host.outcomes.size(), 1U);
    EXPECT_EQ(host.outcomes[0].second.code, Code::Kept);
}

TEST_F(RegistrarOfThree, ANodeThatWasNotAskedIsToBeTold) {
    registrar.request(7, {"", id}, Purpose::Discard, early(0));
    const ReleaseRequest request = sent_release(0);
    registrar.peer_up(PeerNumber{4}, "d@h", early(0));
    for (const PeerNumber peer : {kPeerB, kPeerC}) {
        EXPECT_TRUE(receive(peer, frame_of(ReleaseReply{request.job, request.epoch, {}, {}}), 1));
    }
    ASSERT_EQ(host.outcomes.size(), 1U);
    EXPECT_FALSE(host.outcomes[0].second.by_all);
}

TEST_F(RegistrarOfThree, OneRegistrationOfAnIdAtATime) {
    registrar.request(1, {"", id}, Purpose::Resume, early(0));
    EXPECT_TRUE(receive(kPeerB, frame_of(RegisterRequest{5, Purpose::Resume, {}, {"", id}}), 0));
    EXPECT_EQ(host.sent.size(), 2U) << "the second one waits";
    const ReleaseRequest first = sent_release(0);
    for (const PeerNumber peer : {kPeerB, kPeerC}) {
        EXPECT_TRUE(receive(peer, frame_of(ReleaseReply{first.job, first.epoch, {}, {}}), 1));
    }
    ASSERT_EQ(host.outcomes.size(), 1U);
    ASSERT_EQ(host.orders.size(), 1U) << "now this node lets go";
    EXPECT_EQ(host.orders[0].owner, kPeerB);
    EXPECT_GT(host.orders[0].epoch, first.epoch);
}

TEST_F(RegistrarOfThree, ANewerSessionMakesItAskAllAgainWithALaterEpoch) {
    registrar.request(1, {"", id}, Purpose::Resume, early(0));
    const ReleaseRequest first = sent_release(0);
    const Epoch ahead = Epoch::at(9'000'000'000);
    EXPECT_TRUE(receive(kPeerB, frame_of(ReleaseReply{first.job, first.epoch, {}, {}}), 1));
    EXPECT_TRUE(
        receive(kPeerC, frame_of(ReleaseReply{first.job, first.epoch, Released::Newer, ahead}), 1));
    ASSERT_EQ(host.sent.size(), 4U);
    const ReleaseRequest second = sent_release(2);
    EXPECT_GT(second.epoch, ahead);
    EXPECT_TRUE(receive(kPeerB, frame_of(ReleaseReply{first.job, first.epoch, {}, {}}), 2));
    EXPECT_TRUE(receive(kPeerC, frame_of(ReleaseReply{first.job, second.epoch, {}, {}}), 2));
    EXPECT_THAT(host.outcomes, IsEmpty()) << "an answer to what was asked before does not count";
    EXPECT_TRUE(receive(kPeerB, frame_of(ReleaseReply{first.job, second.epoch, {}, {}}), 2));
    EXPECT_EQ(host.outcomes.size(), 1U);
}

TEST_F(RegistrarOfThree, ANodeThatGoesIsNotWaitedFor) {
    registrar.request(1, {"", id}, Purpose::Resume, early(0));
    const ReleaseRequest request = sent_release(0);
    EXPECT_TRUE(receive(kPeerB, frame_of(ReleaseReply{request.job, request.epoch, {}, {}}), 1));
    registrar.peer_down(kPeerC, early(2));
    ASSERT_EQ(host.outcomes.size(), 1U);
    EXPECT_EQ(host.outcomes[0].second.code, Code::Granted);
}

// The three do not all reach one another: b does not see c, this node does.
TEST_F(RegistrarOfThree, ACoordinatorThatHasAskedOthersThanThisNodeReachesIsReplacedByIt) {
    const std::uint64_t ticket = request_at_b();
    host.sent.clear();
    EXPECT_TRUE(
        receive(kPeerB, frame_of(RegisterReply{ticket, Code::Granted, Epoch{9}, 1, {}}), 1));
    EXPECT_THAT(host.outcomes, IsEmpty());
    ASSERT_EQ(host.sent.size(), 2U) << "it asks both itself";
    const ReleaseRequest request = sent_release(0);
    EXPECT_GT(request.epoch, Epoch{9});
    EXPECT_EQ(request.owner, "a@h");
    EXPECT_TRUE(receive(kPeerB, frame_of(ReleaseReply{request.job, request.epoch, {}, {}}), 1));
    EXPECT_TRUE(receive(
        kPeerC, frame_of(ReleaseReply{request.job, request.epoch, Released::Moving, {}}), 1));
    ASSERT_EQ(host.outcomes.size(), 1U);
    EXPECT_EQ(host.outcomes[0].first, ticket);
    EXPECT_EQ(host.outcomes[0].second.epoch, request.epoch);
    EXPECT_THAT(host.outcomes[0].second.movers, ElementsAre(kPeerC));
    EXPECT_TRUE(host.outcomes[0].second.by_all);
}

TEST_F(RegistrarOfThree, ACoordinatorThatGoesIsReplaced) {
    (void)request_at_b();
    host.sent.clear();
    registrar.peer_down(kPeerB, early(1));
    EXPECT_FALSE(host.sent.empty()) << "another one is asked";
}

TEST_F(RegistrarOfThree, NobodyWaitsForEver) {
    registrar.request(1, {"", id}, Purpose::Resume, early(0));
    EXPECT_LE(registrar.next_deadline(), TimePoint(Millis(10'000)));
    registrar.tick(early(10'000));
    ASSERT_EQ(host.outcomes.size(), 1U);
    EXPECT_EQ(host.outcomes[0].second.code, Code::Timeout);
    EXPECT_EQ(registrar.under_way(), 0U);
}

TEST_F(RegistrarOfThree, WhatWaitsIsLimited) {
    Registrar::Limits limits;
    for (std::uint64_t i = 0; i <= limits.waiting_per_client; ++i) {
        registrar.request(i + 1, {"", id}, Purpose::Resume, early(0));
    }
    EXPECT_THAT(host.outcomes, IsEmpty());
    registrar.request(999, {"", id}, Purpose::Resume, early(0));
    ASSERT_EQ(host.outcomes.size(), 1U);
    EXPECT_EQ(host.outcomes[0].first, 999U);
    EXPECT_EQ(host.outcomes[0].second.code, Code::Busy);
}

TEST(Candidacy, AGrantThatIsOlderThanWhatWasLetGoIsTooLate) {
    Candidacy candidacy;
    EXPECT_TRUE(candidacy.may_begin(Epoch{1}));
    candidacy.yield(Epoch{5});
    candidacy.yield(Epoch{3});
    EXPECT_FALSE(candidacy.may_begin(Epoch{5}));
    EXPECT_TRUE(candidacy.may_begin(Epoch{6}));
}

}  // namespace
}  // namespace vmq::cluster
