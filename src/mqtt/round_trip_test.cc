// What holds for packets of every kind: decoding what was encoded, and cutting it anywhere.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/random.h"
#include "mqtt/decoder.h"
#include "mqtt/packet_builder.h"
#include "mqtt/sample_packets.h"

namespace vmq::mqtt {
namespace {

using testing::frame_of;
using testing::kNoLimit;
using testing::recode;
using testing::sample_packets;
using testing::SamplePacket;

std::string name_of(const SamplePacket& packet) {
    const auto type = static_cast<PacketType>(static_cast<unsigned char>(packet.bytes[0]) >> 4U);
    return std::string(packet_name(type)) + " of MQTT " +
           std::to_string(static_cast<int>(packet.version));
}

/// Exactly these bytes on the heap, so that AddressSanitizer sees a read of one more.
class ExactCopy final {
public:
    explicit ExactCopy(std::string_view bytes)
        : size_(bytes.size()), bytes_(std::make_unique<char[]>(bytes.size())) {
        bytes.copy(bytes_.get(), size_);
    }
    [[nodiscard]] std::string_view view() const noexcept { return {bytes_.get(), size_}; }

private:
    std::size_t size_;
    std::unique_ptr<char[]> bytes_;
};

TEST(EveryPacket, IsTheSameAfterDecodingAndEncoding) {
    for (const auto& packet : sample_packets()) {
        const auto frame = next_frame(packet.bytes, kNoLimit);
        ASSERT_EQ(frame.status, FrameStatus::Complete);
        EXPECT_EQ(frame.size, packet.bytes.size());
        std::string again;
        const auto status = recode(frame, packet.version, packet.sender, again);
        EXPECT_TRUE(status.ok()) << name_of(packet) << ": " << status.what;
        EXPECT_EQ(again, packet.bytes) << name_of(packet);
    }
}

TEST(EveryPacket, NeedsMoreUntilItsLastByteIsThere) {
    for (const auto& packet : sample_packets()) {
        for (std::size_t size = 0; size < packet.bytes.size(); ++size) {
            const ExactCopy prefix(std::string_view(packet.bytes).substr(0, size));
            const auto frame = next_frame(prefix.view(), kNoLimit);
            EXPECT_EQ(frame.status, FrameStatus::NeedMore) << name_of(packet) << " cut at " << size;
            const std::size_t header = 1 + length_size(packet.bytes.size() - 3);
            EXPECT_EQ(frame.needed, size < header ? 0 : packet.bytes.size()) << name_of(packet);
        }
    }
}

/// Whether a body cut to `size` bytes is a valid packet of its own.
bool may_end_here(const SamplePacket& packet, const Frame& frame, std::size_t size) {
    switch (frame.type) {
        case PacketType::Publish:  // its payload may be shorter
            return size >= frame.body.size() - 4;
        case PacketType::Subscribe:  // one entry less
            return size + std::string_view("..$share/group/b.").size() == frame.body.size();
        case PacketType::Unsubscribe:
            return size + std::string_view("..$share/group/b").size() == frame.body.size();
        case PacketType::Suback:  // one reason less
            return size + 1 == frame.body.size();
        case PacketType::Unsuback:
            return packet.version == ProtocolVersion::V5 && size + 1 == frame.body.size();
        case PacketType::Puback:  // with or without a reason [v5 3.4.2.1]
        case PacketType::Pubrec:
        case PacketType::Pubrel:
        case PacketType::Pubcomp:
            return size == 2 || size == 3;
        case PacketType::Disconnect:
            return size <= 1;
        case PacketType::Auth:  // nothing at all is Success, which only a server says [v5 3.15.2.1]
            return size == 0 && packet.sender == testing::Sender::Server;
        default:
            return false;
    }
}

TEST(EveryPacket, IsRefusedWhenItsBodyIsCut) {
    for (const auto& packet : sample_packets()) {
        const auto whole = next_frame(packet.bytes, kNoLimit);
        for (std::size_t size = 0; size < whole.body.size(); ++size) {
            const ExactCopy body(whole.body.substr(0, size));
            const auto frame = frame_of(whole.type, whole.flags, body.view());
            std::string again;
            const auto status = recode(frame, packet.version, packet.sender, again);
            EXPECT_EQ(status.ok(), may_end_here(packet, whole, size))
                << name_of(packet) << " cut at " << size;
        }
    }
}

TEST(EveryPacket, IsRefusedWithOneByteMore) {
    for (const auto& packet : sample_packets()) {
        const auto whole = next_frame(packet.bytes, kNoLimit);
        const std::string body = std::string(whole.body) + '\xFE';
        // A payload may be longer, and the short acknowledgements go on with a reason.
        if (whole.type == PacketType::Publish) continue;
        std::string again;
        const auto frame = frame_of(whole.type, whole.flags, body);
        EXPECT_FALSE(recode(frame, packet.version, packet.sender, again).ok()) << name_of(packet);
    }
}

// The fuzz targets do the same for much longer; this keeps it in every run with the sanitizers.
TEST(EveryPacket, IsDecodedToTheSameAgainHoweverItsBytesAreChanged) {
    constexpr std::uint64_t kSeed = 77;
    Random random(kSeed);
    const auto packets = sample_packets();
    for (int round = 0; round < 100'000; ++round) {
        const auto& packet = packets[random.below(static_cast<std::uint32_t>(packets.size()))];
        const auto whole = next_frame(packet.bytes, kNoLimit);
        std::string changed(whole.body);
        if (changed.empty()) continue;
        for (std::uint32_t changes = random.below(3); changes != 0; --changes) {
            changed[random.below(static_cast<std::uint32_t>(changed.size()))] =
                static_cast<char>(random.below(256));
        }
        const ExactCopy body(changed);
        std::string first;
        const auto status = recode(frame_of(whole.type, whole.flags, body.view()), packet.version,
                                   packet.sender, first);
        if (!status.ok()) continue;
        std::string second;
        ASSERT_TRUE(recode(next_frame(first, kNoLimit), packet.version, packet.sender, second).ok())
            << name_of(packet) << ", seed " << kSeed << ", round " << round;
        ASSERT_EQ(first, second) << name_of(packet) << ", seed " << kSeed << ", round " << round;
    }
}

}  // namespace
}  // namespace vmq::mqtt
