// Any bytes as a stream from a client or a server: no decoder may read beyond them or give views
// outside of them, and what a decoder accepts keeps the promises of its contract.
#include "mqtt/decoder.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "mqtt/packet_builder.h"
#include "mqtt/recode.h"
#include "mqtt/topic.h"

namespace vmq::mqtt {
namespace {

bool is_inside(std::string_view part, std::string_view whole) {
    return part.empty() || (part.data() >= whole.data() &&
                            part.data() + part.size() <= whole.data() + whole.size());
}

void check_publish(const Frame& frame, ProtocolVersion version) {
    Publish packet;
    if (!decode_publish(frame, version, packet).ok()) return;
    VMQ_ASSERT(is_inside(packet.topic, frame.body) && is_inside(packet.payload, frame.body));
    VMQ_ASSERT(is_valid_topic_name(packet.topic) ||
               (packet.topic.empty() && packet.topic_alias != 0));
    VMQ_ASSERT((packet.id == PacketId{}) == (packet.qos == QoS::AtMostOnce));

    const Properties all = decode_publish_properties(packet.raw_properties);
    VMQ_ASSERT(all.has(Property::TopicAlias) == (packet.topic_alias != 0));
    VMQ_ASSERT(all.has(Property::MessageExpiryInterval) ==
               packet.message_expiry_interval.has_value());
    VMQ_ASSERT(all.subscription_identifiers.empty());
    std::string forwarded;
    append_forwarded_properties(packet.raw_properties, forwarded);
    VMQ_ASSERT(forwarded.empty() != packet.has_forwarded_properties);
    const Properties read = decode_forwarded_properties(forwarded);
    VMQ_ASSERT(read.user_properties == all.user_properties);
    VMQ_ASSERT(read.content_type == all.content_type && read.response_topic == all.response_topic);
}

void check_stream(std::string_view stream, ProtocolVersion version, testing::Sender sender,
                  std::uint32_t limit) {
    while (true) {
        const Frame frame = next_frame(stream, limit);
        if (frame.status != FrameStatus::Complete) return;
        VMQ_ASSERT(frame.size <= stream.size() && frame.body.size() <= limit);
        VMQ_ASSERT(is_inside(frame.body, stream.substr(0, frame.size)));
        std::string out;
        const auto status = testing::recode(frame, version, sender, out);
        VMQ_ASSERT(status.ok() == (status.reason == ReasonCode::Success));
        VMQ_ASSERT(status.ok() || out.empty());
        if (frame.type == PacketType::Publish) check_publish(frame, version);
        stream.remove_prefix(frame.size);
    }
}

}  // namespace
}  // namespace vmq::mqtt

// Input := selector:u8 (version in two bits, sender in one, limit in one), stream.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace vmq::mqtt;
    if (size == 0) return 0;
    const ProtocolVersion version = testing::kVersions[(data[0] & 3U) % 3];
    const auto sender = (data[0] & 4U) != 0 ? testing::Sender::Server : testing::Sender::Client;
    const std::uint32_t limit = (data[0] & 8U) != 0 ? 100 : testing::kNoLimit;
    check_stream({reinterpret_cast<const char*>(data) + 1, size - 1}, version, sender, limit);
    return 0;
}
