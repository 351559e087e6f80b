#include "cluster/registrar_codec.h"

#include <gtest/gtest.h>

#include <string>

namespace vmq::cluster {
namespace {

const ClientKey kKey{"m", "client"};

/// The body of the one frame in `bytes`.
std::string body_of(const std::string& bytes, FrameType type) {
    FrameReader reader(1U << 20U);
    reader.add(bytes);
    Frame frame;
    EXPECT_EQ(reader.next(frame), FrameReader::Status::Complete);
    EXPECT_EQ(frame.type, type);
    return std::string(frame.body);
}

/// What is read back; each shorter body, and one with a byte more, is refused.
template <typename Kind>
Kind there_and_back(const Kind& sent, FrameType type) {
    std::string bytes;
    append(sent, bytes);
    const std::string body = body_of(bytes, type);
    Kind got;
    EXPECT_TRUE(decode(body, got));
    for (std::size_t size = 0; size < body.size(); ++size) {
        Kind part;
        EXPECT_FALSE(decode(std::string_view(body).substr(0, size), part)) << size;
    }
    Kind more;
    EXPECT_FALSE(decode(body + "x", more));
    return got;
}

TEST(RegistrarCodec, RegisterRequest) {
    const auto got =
        there_and_back(RegisterRequest{300, Purpose::Discard, Epoch{4}, kKey}, FrameType::Register);
    EXPECT_EQ(got.ticket, 300U);
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
    const auto got = there_and_back(ReleaseRequest{5, Epoch{9}, Purpose::Adopt, "a@h", kKey},
                                    FrameType::Release);
    EXPECT_EQ(got.job, 5U);
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
