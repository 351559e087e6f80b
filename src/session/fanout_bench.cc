#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "session/publish_template.h"
#include "session/session.h"
#include "support/scripted_host.h"

namespace vmq::session {
namespace {

constexpr TimePoint kNow{Millis{1}};

struct Receiver {
    explicit Receiver(const ConnectPlan& plan) : session(host, plan, kNow) {}

    testing::ScriptedHost host;
    Session session;
};

/// One message to `range(0)` connected clients, with and without sharing its encoding.
void fan_out(benchmark::State& state, mqtt::ProtocolVersion version, mqtt::QoS qos, bool share) {
    ConnectPlan plan;
    plan.version = version;
    plan.settings = std::make_shared<const Settings>();
    std::vector<std::unique_ptr<Receiver>> receivers;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
        receivers.push_back(std::make_unique<Receiver>(plan));
    }
    const std::string payload(64, 'x');
    const auto message =
        mqtt::Message::make({.topic = "load/site/device", .payload = payload, .qos = qos});
    PublishTemplate encodings;
    for (auto _ : state) {
        encodings.begin();
        std::uint16_t id = 0;
        for (const auto& receiver : receivers) {
            const mqtt::PacketId named{qos == mqtt::QoS::AtMostOnce ? std::uint16_t{0} : ++id};
            benchmark::DoNotOptimize(receiver->session.send_publish(
                {&message, named, qos, false, false, 0}, kNow, share ? &encodings : nullptr));
            receiver->host.output().clear();
        }
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(fan_out, v311_qos0_shared, mqtt::ProtocolVersion::V311, mqtt::QoS::AtMostOnce,
                  true)
    ->Arg(100)
    ->Arg(10'000);
BENCHMARK_CAPTURE(fan_out, v311_qos0_each, mqtt::ProtocolVersion::V311, mqtt::QoS::AtMostOnce,
                  false)
    ->Arg(100);
BENCHMARK_CAPTURE(fan_out, v5_qos1_shared, mqtt::ProtocolVersion::V5, mqtt::QoS::AtLeastOnce, true)
    ->Arg(100);

}  // namespace
}  // namespace vmq::session
