#include "routing/subscription_index.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <malloc.h>

#include <memory>
#include <string>
#include <vector>

#include "routing/local_subscribers.h"
#include "routing/retained_index.h"

namespace vmq::routing {
namespace {

struct Client final : Subscriber {};

/// A million filters of three kinds over devices, and the topics they are about.
struct MillionFilters {
    MillionFilters() {
        for (std::uint32_t i = 0; i < kDevices; ++i) {
            for (const char* last : {"temp", "+", "#"}) {
                (void)index.acquire(i % 2, "",
                                    fmt::format("load/site{}/dev{}/{}", i / 1000, i, last));
            }
        }
        Random order(5);
        for (int i = 0; i < 1 << 16; ++i) {
            const std::uint32_t device = order.below(kDevices);
            topics.push_back(fmt::format("load/site{}/dev{}/temp", device / 1000, device));
        }
    }
    static MillionFilters& instance() {
        static MillionFilters filters;
        return filters;
    }
    static constexpr std::uint32_t kDevices = 333'334;
    SubscriptionIndex index{2, 42};
    std::vector<std::string> topics;
};

/// range(0): how many different topics are published to, that is, how cold the caches are.
void match_among_a_million(benchmark::State& state) {
    const MillionFilters& filters = MillionFilters::instance();
    const auto mask = static_cast<std::size_t>(state.range(0)) - 1;
    MatchResult result;
    Random random(1);
    std::size_t at = 0;
    for (auto unused : state) {
        result.clear();
        filters.index.match(0, "", filters.topics[at++ & mask], random, result);
        benchmark::DoNotOptimize(result.filters.data());
    }
    state.counters["matches"] = static_cast<double>(result.filters.size());
}
BENCHMARK(match_among_a_million)->Arg(1)->Arg(1024)->Arg(1 << 16);

void match_nothing_among_a_million(benchmark::State& state) {
    const MillionFilters& filters = MillionFilters::instance();
    MatchResult result;
    Random random(1);
    for (auto unused : state) {
        filters.index.match(0, "", "load/site7/unknown/temp", random, result);
        benchmark::DoNotOptimize(result.filters.data());
    }
}
BENCHMARK(match_nothing_among_a_million);

void match_exact_filter(benchmark::State& state) {
    SubscriptionIndex index(2, 42);
    (void)index.acquire(0, "", "pair/1/data");
    MatchResult result;
    Random random(1);
    for (auto unused : state) {
        result.clear();
        index.match(0, "", "pair/1/data", random, result);
        benchmark::DoNotOptimize(result.filters.data());
    }
}
BENCHMARK(match_exact_filter);

void match_shared_group(benchmark::State& state) {
    SubscriptionIndex index(2, 42);
    for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(state.range(0)); ++i) {
        (void)index.join(i % 2, "", "g", "pair/1/data", ClientNumber{i}, true);
    }
    MatchResult result;
    Random random(1);
    for (auto unused : state) {
        result.clear();
        index.match(0, "", "pair/1/data", random, result);
        benchmark::DoNotOptimize(result.shared.data());
    }
}
BENCHMARK(match_shared_group)->Arg(5)->Arg(10'000);

void walk_ten_thousand_subscribers(benchmark::State& state) {
    SubscriptionIndex index(1, 42);
    LocalSubscribers local(0, index);
    std::vector<Client> clients(10'000);
    for (Client& client : clients) {
        local.subscribe(client, ClientNumber{1}, "", "all/of/them", {}, 0, false, true);
    }
    const SubscriptionKey key = index.find(0, "", "all/of/them").key;
    for (auto unused : state) {
        std::uint64_t sum = 0;
        for (const LocalSubscription& each : local.subscribers(key)) sum += each.subscription_id;
        benchmark::DoNotOptimize(sum);
    }
    state.SetItemsProcessed(state.iterations() * 10'000);
}
BENCHMARK(walk_ten_thousand_subscribers);

void subscribe_and_unsubscribe_a_known_filter(benchmark::State& state) {
    MillionFilters& filters = MillionFilters::instance();
    LocalSubscribers local(0, filters.index);
    Client client;
    std::size_t at = 0;
    for (auto unused : state) {
        const std::string& filter = filters.topics[at++ & 0xFFFF];
        local.subscribe(client, ClientNumber{1}, "", filter, {}, 0, false, true);
        local.unsubscribe(client, ClientNumber{1}, "", filter);
    }
}
// A fixed number, below that of the topics: leaving takes the shard's bit away, which was set
// above.
BENCHMARK(subscribe_and_unsubscribe_a_known_filter)->Iterations(60'000);

void subscribe_and_unsubscribe_a_new_filter(benchmark::State& state) {
    SubscriptionIndex index(static_cast<std::uint32_t>(state.range(0)), 42);
    LocalSubscribers local(0, index);
    Client client;
    for (auto unused : state) {
        local.subscribe(client, ClientNumber{1}, "", "load/site1/dev1/temp", {}, 0, false, true);
        local.unsubscribe(client, ClientNumber{1}, "", "load/site1/dev1/temp");
    }
}
BENCHMARK(subscribe_and_unsubscribe_a_new_filter)->Arg(2)->Arg(16);

/// 30 clients on 2 shards, 90,000 filters, a third each exact, '+' and '#'. Not a time: see the
/// counter bytes_per_subscription, which is all the heap that the subscriptions took.
void memory_of_subscriptions(benchmark::State& state) {
    constexpr std::size_t kClients = 30;
    constexpr std::size_t kDevicesPerClient = 1000;
    double bytes = 0;
    for (auto unused : state) {
        malloc_trim(0);
        const auto before = mallinfo2();
        SubscriptionIndex index(2, 42);
        LocalSubscribers first(0, index);
        LocalSubscribers second(1, index);
        const auto clients = std::make_unique<Client[]>(kClients);
        for (std::size_t i = 0; i < kClients * kDevicesPerClient; ++i) {
            const std::size_t client = i % kClients;
            for (const char* last : {"temp", "+", "#"}) {
                (client % 2 == 0 ? first : second)
                    .subscribe(clients[client], ClientNumber{client}, "",
                               fmt::format("load/site{}/dev{}/{}", i / 1000, i, last), {}, 0, false,
                               true);
            }
        }
        const auto after = mallinfo2();
        bytes =
            static_cast<double>(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd);
    }
    state.counters["bytes_per_subscription"] = bytes / (kClients * kDevicesPerClient * 3);
}
BENCHMARK(memory_of_subscriptions)->Iterations(1)->Unit(benchmark::kMillisecond);

struct ManyRetained {
    ManyRetained() {
        for (std::uint32_t i = 0; i < kTopics; ++i) index.set(message(i));
    }
    static mqtt::MessagePtr message(std::uint32_t i) {
        const std::string topic = fmt::format("load/site{}/dev{}/temp", i / 1000, i);
        return mqtt::Message::make({.mountpoint = "",
                                    .topic = topic,
                                    .payload = "21.5",
                                    .properties = {},
                                    .retain = true});
    }
    static ManyRetained& instance() {
        static ManyRetained retained;
        return retained;
    }
    static constexpr std::uint32_t kTopics = 300'000;
    RetainedIndex index{2, 0};
};

void match_retained(benchmark::State& state, const char* filter) {
    const RetainedIndex& index = ManyRetained::instance().index;
    std::vector<mqtt::MessagePtr> out;
    std::size_t matches = 0;
    for (auto unused : state) {
        RetainedIndex::Cursor cursor;
        while (!cursor.done) {
            out.clear();
            index.match(0, "", filter, TimePoint{}, 100, cursor, out);
            matches += out.size();
        }
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(matches));
}
BENCHMARK_CAPTURE(match_retained, exact, "load/site7/dev7007/temp");
BENCHMARK_CAPTURE(match_retained, thousand_by_hash, "load/site7/#");
BENCHMARK_CAPTURE(match_retained, thousand_by_plus, "load/site7/+/temp");
BENCHMARK_CAPTURE(match_retained, none_among_a_thousand, "load/site7/+/none");
BENCHMARK_CAPTURE(match_retained, all, "#");

void replace_retained(benchmark::State& state) {
    ManyRetained& retained = ManyRetained::instance();
    Random random(3);
    for (auto unused : state) {
        retained.index.set(ManyRetained::message(random.below(ManyRetained::kTopics)));
    }
}
BENCHMARK(replace_retained);

}  // namespace
}  // namespace vmq::routing
