// Any bytes from another node: the frames do not depend on how the bytes were cut, none is longer
// than allowed, and what can be decoded is encoded to the same bytes again.
#include "cluster/frame_codec.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"

namespace vmq::cluster {
namespace {

constexpr std::uint32_t kLongest = 1000;
constexpr TimePoint kNow{Millis(1'000'000)};

struct Reading {
    std::vector<std::pair<FrameType, std::string>> frames;
    FrameReader::Status end{};
    bool operator==(const Reading&) const = default;
};

void read_into(Reading& reading, FrameReader& reader) {
    Frame frame;
    while ((reading.end = reader.next(frame)) == FrameReader::Status::Complete) {
        VMQ_ASSERT(frame.body.size() < kLongest);
        reading.frames.emplace_back(frame.type, frame.body);
    }
}

/// `piece`: how many bytes at a time.
Reading read(std::string_view bytes, std::size_t piece) {
    Reading reading;
    reading.end = FrameReader::Status::NeedMore;
    FrameReader reader(kLongest);
    while (!bytes.empty() && reading.end == FrameReader::Status::NeedMore) {
        const std::string part(bytes.substr(0, piece));
        bytes.remove_prefix(part.size());
        reader.add(part);
        read_into(reading, reader);
        VMQ_ASSERT(reader.held() < kLongest + kFrameLengthBytes);
    }
    if (reading.end != FrameReader::Status::NeedMore) VMQ_ASSERT(!reader.error().empty());
    return reading;
}

std::string frame_with(FrameType type, std::string_view body) {
    std::string bytes;
    append_frame(type, body, bytes);
    return bytes;
}

void check_publish(std::string_view body) {
    ForwardedPublish publish;
    if (!decode_publish(body, kNow, publish)) return;
    OutputBuffer again;
    const auto message = mqtt::Message::make(publish.parts);
    VMQ_ASSERT(append_publish(publish.sequence, message, kNow, UINT32_MAX, again, publish.group,
                              publish.hops));
    VMQ_ASSERT(again.size() == body.size() + kFrameOverhead);
    if (publish.parts.payload.size() < 1000) {
        VMQ_ASSERT(again.bytes() == frame_with(FrameType::Publish, body));
    }
}

void check_ack(std::string_view body) {
    Ack ack;
    if (!decode_ack(body, ack)) return;
    std::string again;
    append_ack(ack, again);
    VMQ_ASSERT(again == frame_with(FrameType::Ack, body));
}

void check_heartbeat(std::string_view body) {
    std::uint64_t time = 0;
    if (!decode_heartbeat(body, time)) return;
    std::string again;
    append_heartbeat(FrameType::Heartbeat, time, again);
    VMQ_ASSERT(again == frame_with(FrameType::Heartbeat, body));
}

}  // namespace
}  // namespace vmq::cluster

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace vmq::cluster;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const Reading whole = read(bytes, std::max<std::size_t>(size, 1));
    for (const std::size_t piece : {1U, 3U, 7U, 100U}) VMQ_ASSERT(read(bytes, piece) == whole);
    check_publish(bytes);
    check_ack(bytes);
    check_heartbeat(bytes);
    for (const auto& [type, body] : whole.frames) {
        if (type == FrameType::Publish) check_publish(body);
        if (type == FrameType::Ack) check_ack(body);
        if (type == FrameType::Heartbeat) check_heartbeat(body);
    }
    return 0;
}
