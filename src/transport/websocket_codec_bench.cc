// What a frame costs on its way in, against wslay, whose unmasking is byte by byte.
#include "transport/websocket_codec.h"

#include <benchmark/benchmark.h>
#include <malloc.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "transport/websocket_peer.h"

namespace vmq::transport {
namespace {

/// Frames of `size` bytes, as many as one read of a busy connection brings.
std::string read_of(std::size_t size) {
    const auto frame = testing::client_frame(0x82, std::string(size, 'x'));
    std::string wire;
    do {
        wire += frame;
    } while (wire.size() < 64 * 1024);
    return wire;
}

std::size_t frames_in(std::string_view wire, std::size_t size) { return wire.size() / size; }

void count(benchmark::State& state, const std::string& wire, std::size_t size) {
    const auto frames =
        static_cast<double>(frames_in(wire, size)) * static_cast<double>(state.iterations());
    state.counters["per_frame"] =
        benchmark::Counter(frames, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(wire.size()));
}

void receive_frames(benchmark::State& state) {
    const auto size = static_cast<std::size_t>(state.range(0));
    const auto wire = read_of(size);
    WebSocketCodec codec(WebSocketCodec::kNoLimit);
    state.counters["bytes_held"] = sizeof codec;
    std::string payload;
    std::string reply;
    for (auto _ : state) {
        payload.clear();
        const auto status = codec.receive(wire, payload, reply);
        benchmark::DoNotOptimize(status);
        benchmark::DoNotOptimize(payload.data());
    }
    count(state, wire, size + 6);
}
BENCHMARK(receive_frames)->Arg(64)->Arg(65'536);

void receive_frames_wslay(benchmark::State& state) {
    const auto size = static_cast<std::size_t>(state.range(0));
    const auto wire = read_of(size);
    const auto heap = ::mallinfo2().uordblks;
    testing::WslayReader reader({});
    state.counters["bytes_held"] = static_cast<double>(::mallinfo2().uordblks - heap);
    std::string payload;
    for (auto _ : state) {
        payload.clear();
        reader.give(wire);
        while (reader.next_into(payload)) {
        }
        benchmark::DoNotOptimize(payload.data());
    }
    count(state, wire, size + 6);
}
BENCHMARK(receive_frames_wslay)->Arg(64)->Arg(65'536);

void write_header(benchmark::State& state) {
    std::string out;
    for (auto _ : state) {
        out.clear();
        WebSocketCodec::append_header(static_cast<std::size_t>(state.range(0)), out);
        benchmark::DoNotOptimize(out.data());
    }
}
BENCHMARK(write_header)->Arg(64)->Arg(65'536);

}  // namespace
}  // namespace vmq::transport
