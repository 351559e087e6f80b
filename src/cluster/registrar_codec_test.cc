#include "cluster/registrar_codec.h"

#include <gtest/gtest.h>

#include <string>

#include "support/frame_round_trip.h"

namespace vmq::cluster {
namespace {

using vmq::testing::body_of;
using vmq::testing::there_and_back;

const ClientKey kKey{"m", "client"};

TEST(RegistrarCodec, RegisterRequest) {
    const auto got = there_and_back(
        RegisterRequest{300, Purpose::Discard, Epoch{4}, kKey, Epoch{6}}, FrameType::Register);
    EXPECT_EQ(got.ticket, 300U);
    EXPECT_EQ(got.since, Epoch{6});
    EXPECT_EQ(got.purpose, Purpose::Discard);
    EXPECT_EQ(got.above, Epoch{4});
    EXPECT_EQ(got.key, kKey);
}

TEST(RegistrarCodec, RegisterReply) {
    const auto got =
        there_and_back(RegisterReply{7, RegisterReply::Code::Timeout, Epoch{9}, 11, {"a@h", "b@h"}},
                       FrameType::Registered);
    EXPECT_EQ(got.ticket, 7U);
    EXPECT_EQ(got.code, RegisterReply::Code::Timeout);
    EXPECT_EQ(got.epoch, Epoch{9});
    EXPECT_EQ(got.participants, 11U);
    EXPECT_EQ(got.movers, (std::vector<std::string>{"a@h", "b@h"}));
}

TEST(RegistrarCodec, ReleaseRequest) {
    const auto got = there_and_back(
        ReleaseRequest{5, Epoch{9}, Purpose::Adopt, "a@h", kKey, Epoch{6}}, FrameType::Release);
    EXPECT_EQ(got.job, 5U);
    EXPECT_EQ(got.since, Epoch{6});
    EXPECT_EQ(got.owner, "a@h");
    EXPECT_EQ(got.purpose, Purpose::Adopt);
    EXPECT_EQ(got.key, kKey);
}

TEST(RegistrarCodec, ReleaseReply) {
    const auto got = there_and_back(ReleaseReply{5, Epoch{9}, ReleaseReply::Code::Newer, Epoch{10}},
                                    FrameType::Released);
    EXPECT_EQ(got.code, ReleaseReply::Code::Newer);
    EXPECT_EQ(got.held, Epoch{10});
}

TEST(RegistrarCodec, Offer) { EXPECT_EQ(there_and_back(Offer{kKey}, FrameType::Offer).key, kKey); }

TEST(RegistrarCodec, APurposeThatIsNotKnownIsRefused) {
    std::string bytes;
    append(RegisterRequest{1, static_cast<Purpose>(3), {}, kKey}, bytes);
    RegisterRequest request;
    EXPECT_FALSE(decode(body_of(bytes, FrameType::Register), request));
}

TEST(RegistrarCodec, ClaimAndTheLatestEpoch) {
    EXPECT_EQ(there_and_back(Claim{kLatestTime, kKey}, FrameType::Claim).epoch, kLatestTime);
    std::string bytes;
    append(Claim{kLatestTime.next(), kKey}, bytes);
    Claim claim;
    EXPECT_FALSE(decode(body_of(bytes, FrameType::Claim), claim));
}

}  // namespace
}  // namespace vmq::cluster
