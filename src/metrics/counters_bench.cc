// What counting costs. A message is counted in some six places, a turn of a loop in one.
#include <benchmark/benchmark.h>

#include <chrono>
#include <memory>

#include "metrics/counters.h"

namespace vmq::metrics {
namespace {

void count(benchmark::State& state) {
    const auto shard = std::make_unique<ShardMetrics>();
    for (auto _ : state) {
        shard->add(Counter::QueueMessageIn);
        benchmark::ClobberMemory();
    }
}
BENCHMARK(count);

/// Type and code are known at run time only, as in a broker.
void count_packet(benchmark::State& state) {
    const auto shard = std::make_unique<ShardMetrics>();
    const PacketKind kinds[] = {
        {Direction::Received, true, 3, 0},
        {Direction::Sent, true, 4, static_cast<std::uint8_t>(state.range(0))},
        {Direction::Sent, false, 3, 0},
        {Direction::Received, false, 4, 0}};
    std::size_t i = 0;
    for (auto _ : state) {
        shard->add(kinds[i++ % 4]);
        benchmark::ClobberMemory();
    }
}
BENCHMARK(count_packet)->ArgName("code")->Arg(0)->Arg(0x10);

void count_turn(benchmark::State& state) {
    const auto shard = std::make_unique<ShardMetrics>();
    const auto begin = std::chrono::steady_clock::now();
    for (auto _ : state) shard->turn().add(std::chrono::steady_clock::now() - begin);
}
BENCHMARK(count_turn);

void sum_up(benchmark::State& state) {
    const auto shard = std::make_unique<ShardMetrics>();
    const auto totals = std::make_unique<Totals>();
    for (auto _ : state) shard->add_to(*totals);
}
BENCHMARK(sum_up);

}  // namespace
}  // namespace vmq::metrics
