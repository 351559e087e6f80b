// What a fact costs: memory, writing, hearing of it, finding out what a node lacks.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <malloc.h>

#include <memory>
#include <string>

#include "cluster/fact_codec.h"
#include "cluster/fact_map.h"
#include "cluster/fact_sender.h"

namespace vmq::cluster {
namespace {

constexpr int kMany = 1'000'000;
const Moment kNow{TimePoint{Millis{1000}}, 1'700'000'000'000};

/// Mountpoint and a client id of 23 bytes; node and epoch.
std::string owner_key(int number) { return fmt::format("{}{:c}client-{:016}", "", 0, number); }
constexpr std::string_view kOwner = "VerneMQ1@10.0.0.17\0\x07";

std::unique_ptr<FactMap> with_owners(int count) {
    auto map = std::make_unique<FactMap>(Writer{"VerneMQ1@10.0.0.17", {}});
    for (int i = 0; i < count; ++i) {
        (void)map->put(FactKind::SessionOwner, owner_key(i), kOwner, kNow);
        if (i % 1000 == 0) (void)map->take_changes();
    }
    (void)map->take_changes();
    return map;
}

void session_owner_memory(benchmark::State& state) {
    for (auto _ : state) {
        const std::size_t before = mallinfo2().uordblks;
        const auto map = with_owners(kMany);
        const double bytes = static_cast<double>(mallinfo2().uordblks - before);
        state.counters["bytes_per_fact"] = bytes / kMany;
        state.counters["counted"] = static_cast<double>(map->memory()) / kMany;
    }
}
BENCHMARK(session_owner_memory)->Iterations(1)->Unit(benchmark::kMillisecond);

void put_new_fact(benchmark::State& state) {
    auto map = with_owners(0);
    int number = 0;
    for (auto _ : state) {
        (void)map->put(FactKind::SessionOwner, owner_key(number++), kOwner, kNow);
        if (number % 1000 == 0) (void)map->take_changes();
    }
}
BENCHMARK(put_new_fact)->Iterations(kMany);

void what_a_node_lacks_of_a_million(benchmark::State& state) {
    const auto map = with_owners(kMany);
    Positions has = map->complete();
    has.set(map->self(), {has[map->self()].value - 10});
    for (auto _ : state) {
        Positions from = has;
        benchmark::DoNotOptimize(map->missing_for(from, 1'000'000).size());
    }
}
BENCHMARK(what_a_node_lacks_of_a_million);

/// From one node's map through frames into another's.
void send_and_merge_fact(benchmark::State& state) {
    const auto from = with_owners(kMany);
    FactMap to({"VerneMQ2@10.0.0.18", {}});
    FactSender sender(*from, {});
    (void)sender.start(1, 0);
    const WriterNumber writer = *to.writers().intern("VerneMQ1@10.0.0.17", {});
    std::uint64_t facts = 0;
    std::uint64_t bytes = 0;
    for (auto _ : state) {
        std::string frames;
        sender.fill(kNow, frames);
        bytes += frames.size();
        FrameReader reader(1U << 30U);
        reader.add(frames);
        Frame frame;
        while (reader.next(frame) == FrameReader::Status::Complete) {
            FactsReader items(frame.body, kNow, {});
            while (items.next() == FactsReader::Item::Fact) {
                items.fact().stamp.writer = writer;
                (void)to.merge(items.fact(), {}, kNow);
                ++facts;
            }
            (void)sender.acknowledge(items.header().number);
        }
        (void)to.take_changes();
    }
    state.counters["ns_per_fact"] =
        benchmark::Counter(static_cast<double>(facts) * 1e-9,
                           benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
    state.counters["wire_bytes_per_fact"] = static_cast<double>(bytes) / static_cast<double>(facts);
}
BENCHMARK(send_and_merge_fact)->Iterations(200);

}  // namespace
}  // namespace vmq::cluster
