// What a PUBLISH costs a shard that is traced: read, written out and handed over.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>

#include "broker/connection_trace.h"
#include "mqtt/encoder.h"

namespace vmq::broker {
namespace {

constexpr TraceMoment kMoment{TimePoint{Seconds(1000)}, 1'700'000'000'000};

std::string publish() {
    const std::string payload(64, 'x');
    mqtt::Publish packet;
    packet.topic = "house/kitchen/temperature";
    packet.payload = payload;
    packet.id = mqtt::PacketId{7};
    packet.qos = mqtt::QoS::AtLeastOnce;
    std::string bytes;
    encode_publish(packet, mqtt::ProtocolVersion::V5, {}, bytes);
    return bytes;
}

/// `topic`: of the trace; null: it has none.
void received(benchmark::State& state, const char* topic) {
    TraceOptions options;
    options.client_id = "c";
    if (topic != nullptr) options.topic = topic;
    options.rate_max = 4'000'000'000;
    ConnectionTrace connection("<0.1>");
    connection.set_client("", "c");
    connection.set_version(mqtt::ProtocolVersion::V5);
    const auto trace = std::make_shared<Trace>(options);
    connection.add(trace);
    const std::string bytes = publish();
    std::size_t events = 0;
    for (auto step : state) {
        (void)step;
        connection.received(mqtt::next_frame(bytes, 1'000'000), nullptr, kMoment);
        if (++events % 1000 == 0) benchmark::DoNotOptimize(trace->take(0));
    }
}

void BM_TracedClient(benchmark::State& state) { received(state, nullptr); }
BENCHMARK(BM_TracedClient);

void BM_TopicThatIsNotTraced(benchmark::State& state) { received(state, "other/+"); }
BENCHMARK(BM_TopicThatIsNotTraced);

/// A connection compares the number of its shard's list of traces with the one it has seen.
void BM_NobodyTraces(benchmark::State& state) {
    struct Numbers {
        std::uint32_t of_shard = 0;
        std::uint32_t seen = 0;
        std::unique_ptr<ConnectionTrace> trace;
    } numbers;
    benchmark::DoNotOptimize(&numbers);
    for (auto step : state) {
        (void)step;
        benchmark::ClobberMemory();
        if (numbers.seen != numbers.of_shard) [[unlikely]]
            numbers.seen = numbers.of_shard;
        if (numbers.trace) [[unlikely]]
            numbers.trace->keep(0);
    }
}
BENCHMARK(BM_NobodyTraces);

}  // namespace
}  // namespace vmq::broker
