// The hot path of the protocol: one PUBLISH of 64 bytes in and out.
#include "mqtt/decoder.h"

#include <benchmark/benchmark.h>

#include <string>

#include "mqtt/encoder.h"
#include "mqtt/packet_builder.h"
#include "mqtt/sample_packets.h"
#include "mqtt/topic.h"

namespace vmq::mqtt {
namespace {

constexpr auto kV311 = ProtocolVersion::V311;
constexpr auto kV5 = ProtocolVersion::V5;

const std::string kPayload(64, 'x');

Publish publish(QoS qos) {
    Publish packet;
    packet.topic = "sensors/kitchen/temperature";
    packet.payload = kPayload;
    packet.qos = qos;
    packet.id = PacketId{qos == QoS::AtMostOnce ? std::uint16_t{0} : std::uint16_t{1234}};
    return packet;
}

std::string section(std::initializer_list<Property> properties) {
    std::string bytes;
    append_properties(testing::sample_properties(properties), bytes);
    return bytes;
}

void decode(benchmark::State& state, ProtocolVersion version, QoS qos,
            const std::string& properties) {
    std::string bytes;
    encode_publish(publish(qos), version, properties, bytes);
    Publish packet;
    for (auto _ : state) {
        benchmark::DoNotOptimize(bytes.data());
        const Frame frame = next_frame(bytes, testing::kNoLimit);
        const auto status = decode_publish(frame, version, packet);
        if (!status.ok()) state.SkipWithError(status.what);
        benchmark::DoNotOptimize(packet);
    }
}

void encode(benchmark::State& state, ProtocolVersion version, QoS qos,
            const std::string& properties) {
    const Publish packet = publish(qos);
    std::string out;
    out.reserve(1024);
    for (auto _ : state) {
        out.clear();
        encode_publish(packet, version, properties, out);
        benchmark::DoNotOptimize(out.data());
    }
}

BENCHMARK_CAPTURE(decode, v3_qos0, kV311, QoS::AtMostOnce, "");
BENCHMARK_CAPTURE(decode, v3_qos1, kV311, QoS::AtLeastOnce, "");
BENCHMARK_CAPTURE(decode, v5_qos0, kV5, QoS::AtMostOnce, "");
BENCHMARK_CAPTURE(decode, v5_qos1_alias, kV5, QoS::AtLeastOnce, section({Property::TopicAlias}));
BENCHMARK_CAPTURE(decode, v5_qos1_six_properties, kV5, QoS::AtLeastOnce,
                  section({Property::MessageExpiryInterval, Property::ContentType,
                           Property::ResponseTopic, Property::CorrelationData,
                           Property::UserProperty}));
BENCHMARK_CAPTURE(encode, v3_qos0, kV311, QoS::AtMostOnce, "");
BENCHMARK_CAPTURE(encode, v5_qos0, kV5, QoS::AtMostOnce, "");
BENCHMARK_CAPTURE(encode, v5_qos1_user_properties, kV5, QoS::AtLeastOnce,
                  section({Property::UserProperty}));

void decode_puback(benchmark::State& state) {
    std::string bytes;
    encode_simple_ack(PacketType::Puback, PacketId{1234}, bytes);
    Ack packet;
    for (auto _ : state) {
        benchmark::DoNotOptimize(bytes.data());
        const auto status = decode_ack(next_frame(bytes, testing::kNoLimit), kV5, packet);
        benchmark::DoNotOptimize(status);
        benchmark::DoNotOptimize(packet);
    }
}
BENCHMARK(decode_puback);

void encode_puback(benchmark::State& state) {
    std::string out;
    out.reserve(1024);
    for (auto _ : state) {
        out.clear();
        encode_simple_ack(PacketType::Puback, PacketId{1234}, out);
        benchmark::DoNotOptimize(out.data());
    }
}
BENCHMARK(encode_puback);

void forward_properties(benchmark::State& state) {
    const std::string raw = section({Property::MessageExpiryInterval, Property::ContentType,
                                     Property::ResponseTopic, Property::UserProperty});
    std::string out;
    out.reserve(1024);
    for (auto _ : state) {
        out.clear();
        append_forwarded_properties(raw, out);
        benchmark::DoNotOptimize(out.data());
    }
}
BENCHMARK(forward_properties);

void utf8(benchmark::State& state, const std::string& text) {
    for (auto _ : state) {
        benchmark::DoNotOptimize(text.data());
        benchmark::DoNotOptimize(is_valid_utf8(text));
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

std::string repeated(std::string_view text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += text;
    return all;
}

BENCHMARK_CAPTURE(utf8, ascii_24, std::string(24, 'a'));
BENCHMARK_CAPTURE(utf8, ascii_1000, std::string(1000, 'a'));
BENCHMARK_CAPTURE(utf8, german_1000, repeated("gr\xC3\xBC\xC3\x9F dich, Welt: ", 50));
BENCHMARK_CAPTURE(utf8, japanese_999, repeated("\xE6\x97\xA5", 333));

}  // namespace
}  // namespace vmq::mqtt
