// What a message costs a shard for `vmq-admin top`: nobody watches, few clients, more than are
// counted.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <string>
#include <vector>

#include "broker/activity.h"

namespace vmq::broker {
namespace {

std::vector<std::string> names(const char* start, std::size_t count) {
    std::vector<std::string> result;
    for (std::size_t i = 0; i < count; ++i) result.push_back(start + std::to_string(i));
    return result;
}

void BM_NobodyWatches(benchmark::State& state) {
    std::vector<Activity> watches;
    benchmark::DoNotOptimize(watches.data());
    for (auto step : state) {
        (void)step;
        benchmark::ClobberMemory();
        if (!watches.empty()) watches[0].received("", "c", "t", 1);
    }
}
BENCHMARK(BM_NobodyWatches);

void BM_Received(benchmark::State& state) {
    const auto count = static_cast<std::size_t>(state.range(0));
    const auto clients = names("sensor-in-the-kitchen-", count);
    const auto topics = names("house/kitchen/temperature/", count);
    Activity activity;
    std::size_t i = 0;
    for (auto step : state) {
        (void)step;
        activity.received("", clients[i], topics[i], 64);
        i = i + 1 == count ? 0 : i + 1;
    }
}
BENCHMARK(BM_Received)->Arg(1)->Arg(100)->Arg(10'000);

void BM_Sent(benchmark::State& state) {
    const auto count = static_cast<std::size_t>(state.range(0));
    const auto clients = names("sensor-in-the-kitchen-", count);
    Activity activity;
    std::size_t i = 0;
    for (auto step : state) {
        (void)step;
        activity.sent("", clients[i], "house/kitchen/temperature", 64);
        i = i + 1 == count ? 0 : i + 1;
    }
}
BENCHMARK(BM_Sent)->Arg(1)->Arg(100)->Arg(10'000);

}  // namespace
}  // namespace vmq::broker
