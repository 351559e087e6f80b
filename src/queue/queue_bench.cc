#include <benchmark/benchmark.h>

#include "queue/queue.h"

namespace vmq::queue {
namespace {

constexpr TimePoint kNow{Millis{1}};

Delivery delivery_of(const mqtt::MessagePtr& message, mqtt::QoS qos) {
    Delivery delivery;
    delivery.message = message;
    delivery.qos = qos;
    return delivery;
}

/// A message waits in the backlog of a connected client and is taken out again.
void push_and_pop(benchmark::State& state) {
    const auto message = mqtt::Message::make({.topic = "a/b", .payload = "x"});
    Queue queue({.max_online_messages = -1});
    (void)queue.attach(1);
    const auto depth = state.range(0);
    std::vector<Delivery> expired;
    Delivery displaced;
    for (auto _ : state) {
        for (std::int64_t i = 0; i < depth; ++i) {
            Delivery delivery = delivery_of(message, mqtt::QoS::AtMostOnce);
            benchmark::DoNotOptimize(queue.offer(delivery, kNow, displaced));
        }
        while (auto next = queue.next(kNow, expired)) benchmark::DoNotOptimize(next->qos0);
    }
    state.SetItemsProcessed(state.iterations() * depth);
}
BENCHMARK(push_and_pop)->Arg(1)->Arg(100)->Arg(10'000);

/// A QoS 1 message goes through a window with others in flight.
void send_and_acknowledge(benchmark::State& state) {
    const auto message = mqtt::Message::make({.topic = "a/b", .payload = "x"});
    Queue queue({});
    (void)queue.attach(1000);
    std::vector<mqtt::PacketId> ids;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
        ids.push_back(queue.send_now(delivery_of(message, mqtt::QoS::AtLeastOnce), kNow));
    }
    std::size_t oldest = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(queue.window().on_puback(ids[oldest]));
        ids[oldest] = queue.send_now(delivery_of(message, mqtt::QoS::AtLeastOnce), kNow);
        oldest = (oldest + 1) % ids.size();
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(send_and_acknowledge)->Arg(1)->Arg(20)->Arg(900);

}  // namespace
}  // namespace vmq::queue
