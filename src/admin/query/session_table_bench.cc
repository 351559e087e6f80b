// Lists of very many sessions, and what they cost those who are being served.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "admin/query/parser.h"
#include "admin/query/session_table.h"
#include "support/blocking_peer.h"

namespace vmq::admin::query {
namespace {

using namespace std::string_view_literals;
using Clock = std::chrono::steady_clock;

constexpr int kSessions = 100'000;

/// A broker of two shards with sessions whose clients are away, each with a subscription.
broker::Broker& crowded_broker() {
    static const std::unique_ptr<broker::Broker> made = [] {
        auto broker = std::make_unique<broker::Broker>(testing::on_port(0));
        if (!broker->start()) std::abort();
        for (int i = 0; i < kSessions; ++i) {
            testing::BlockingPeer peer(broker->listeners().all().front()->port);
            const std::string id = fmt::format("device-{:08}", i);
            peer.send("\x10\x1B\0\x04MQTT\x04\0\0\0\0\x0F"sv);  // CONNECT, session kept
            peer.send(id);
            peer.send("\x82\x06\0\x01\0\x01t\x01"sv);
            (void)peer.receive(9);  // CONNACK and SUBACK
            peer.send("\xE0\0"sv);
            (void)peer.receive(1);
        }
        return broker;
    }();
    return *made;
}

/// One message at a time, there and back, until it is stopped.
class Flow final {
public:
    explicit Flow(const broker::Broker& broker) : peer_(broker.listeners().all().front()->port) {
        peer_.send(testing::connect_as('f'));
        (void)peer_.receive_packet();
        peer_.send("\x82\x07\0\x01\0\0\x01u\0"sv);
        (void)peer_.receive_packet();
        thread_ = std::thread([this] {
            while (!stopped_.load()) {
                const auto begin = Clock::now();
                peer_.send("\x30\x05\0\x01u\0x"sv);
                (void)peer_.receive(7);
                times_.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin));
            }
        });
    }
    /// Microseconds below which so many of the messages stayed.
    double stop(double part) {
        stopped_.store(true);
        thread_.join();
        std::ranges::sort(times_);
        return times_[static_cast<std::size_t>(static_cast<double>(times_.size() - 1) * part)]
            .count();
    }

private:
    testing::BlockingPeer peer_;
    std::atomic<bool> stopped_{false};
    std::vector<std::chrono::duration<double, std::micro>> times_;
    std::thread thread_;
};

void ask(benchmark::State& state, std::string_view text) {
    SessionTable sessions(crowded_broker(), "n@h");
    const auto table = run(parse(text).value(), sessions);
    if (!table || !table.value().warnings.empty()) state.SkipWithError("not everything is there");
    benchmark::DoNotOptimize(table);
}

void list_all(benchmark::State& state) {
    (void)crowded_broker();
    for (auto _ : state) ask(state, "SELECT client_id,is_online,user FROM sessions");
}

void list_all_with_subscriptions(benchmark::State& state) {
    (void)crowded_broker();
    for (auto _ : state) ask(state, "SELECT client_id,topic,qos FROM sessions");
}

void find_by_expression(benchmark::State& state) {
    (void)crowded_broker();
    for (auto _ : state) ask(state, R"(SELECT user FROM sessions WHERE client_id MATCH "99999$")");
}

void find_by_client_id(benchmark::State& state) {
    (void)crowded_broker();
    for (auto _ : state)
        ask(state, R"(SELECT user FROM sessions WHERE client_id = "device-00050000")");
}

/// What a flow's messages take alone, beside a thread that only computes, which costs as much of a
/// core as whoever asks, and beside lists that follow each other without a pause.
void flow_beside_lists(benchmark::State& state) {
    const auto measure = [&state](const char* name, double part, std::string_view beside,
                                  const std::function<void()>& work) {
        Flow flow(crowded_broker());
        for (const auto end = Clock::now() + Seconds(4); Clock::now() < end;) work();
        state.counters[fmt::format("{}_{}_us", name, beside)] = flow.stop(part);
    };
    const auto list = [&state] { ask(state, "SELECT client_id,is_online,user FROM sessions"); };
    for (const auto& [name, part] : {std::pair{"p50", 0.5}, {"p99", 0.99}}) {
        measure(name, part, "alone", [] { std::this_thread::sleep_for(Millis(100)); });
        measure(name, part, "beside_work", [] {});
        measure(name, part, "beside_lists", list);
    }
    for (auto _ : state) list();
}

BENCHMARK(list_all)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(list_all_with_subscriptions)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(find_by_expression)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(find_by_client_id)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(flow_beside_lists)->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(1);

}  // namespace
}  // namespace vmq::admin::query
