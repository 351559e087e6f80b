#include "broker/inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "broker/broker.h"
#include "runtime/process_usage.h"

namespace vmq::broker {
namespace {

/// Two readers in short succession get the same answer, and not one of a few milliseconds.
constexpr Seconds kUtilizationPeriod{1};

void add(metrics::Numbers& numbers, const metrics::ShardMetrics& shard) {
    shard.add_to(numbers.totals);
    numbers.shard_turn += shard.turn().value();
}

void add_readings(NodeSnapshot& node) {
    using metrics::Reading;
    metrics::Numbers& numbers = node.numbers;
    numbers[Reading::QueueProcesses] = node.clients;
    numbers[Reading::SessionsOffline] = node.clients - std::min(node.clients, node.connections);
    numbers[Reading::RouterSubscriptions] = node.subscriptions;
    numbers[Reading::RetainMessages] = node.retained_messages;
    numbers[Reading::RetainMemory] = node.retained_bytes;
    for (const ListenerSnapshot& listener : node.listeners) {
        const bool websocket = listener.type.starts_with("mqttws");
        numbers[websocket ? Reading::ActiveMqttwsConnections : Reading::ActiveMqttConnections] +=
            listener.connections;
        numbers[Reading::TotalActiveConnections] += listener.connections;
    }
    const runtime::ProcessUsage process = runtime::process_usage();
    numbers[Reading::SystemContextSwitches] = process.context_switches;
    numbers[Reading::SystemRuntime] = static_cast<std::uint64_t>(process.cpu_time.count());
    numbers[Reading::SystemWallclock] = static_cast<std::uint64_t>(node.uptime.count());
    numbers[Reading::VmMemoryTotal] = process.resident_bytes;
    std::uint64_t sum = 0;
    for (const std::uint32_t percent : node.utilization) sum += percent;
    if (!node.utilization.empty()) {
        numbers[Reading::SystemUtilization] = sum / node.utilization.size();
    }
}

void add_store(metrics::Numbers& numbers, const metrics::StoreMetrics& store) {
    using metrics::Reading;
    numbers.storage_read = store.read.value();
    numbers.storage_write = store.write.value();
    numbers.store_commit = store.commit.value();
    numbers[Reading::StoreBytesOnDisk] = store.bytes_on_disk.load(std::memory_order_relaxed);
    numbers[Reading::StoreMemory] = store.memory_bytes.load(std::memory_order_relaxed);
    numbers[Reading::StoreRefusing] = store.refusing.load(std::memory_order_relaxed) ? 1 : 0;
}

ListenerSnapshot picture_of(const Listener& listener, bool accepting) {
    ListenerSnapshot picture;
    picture.type = type_of(listener.kind);
    picture.name = listener.name;
    picture.address = listener.address;
    picture.port = listener.port;
    picture.mountpoint = listener.policy.mountpoint;
    picture.running = accepting && listener.running();
    picture.connections = listener.connections();
    picture.accepted = listener.accepted();
    if (listener.max_connections != 0) picture.max_connections = listener.max_connections;
    return picture;
}

}  // namespace

Inspector::Inspector(const Broker& broker, std::string node, std::string version)
    : broker_(broker), node_(std::move(node)), version_(std::move(version)), start_(steady_now()) {}

NodeSnapshot Inspector::snapshot() const {
    NodeSnapshot result;
    result.node = node_;
    result.version = version_;
    result.uptime = steady_now() - start_;
    for (const auto& shard : broker_.shards()) {
        result.connections += shard->connection_count();
        result.clients += shard->client_count();
        result.subscriptions += shard->subscription_count();
        add(result.numbers, shard->counters());
    }
    result.retained_messages = broker_.shared().retained.size();
    result.retained_bytes = broker_.shared().retained.bytes();
    for (const Listener* listener : broker_.listeners().all()) {
        result.listeners.push_back(picture_of(*listener, broker_.accepting()));
    }
    result.utilization = utilization();
    add_readings(result);
    add_store(result.numbers, broker_.store_metrics());
    return result;
}

std::vector<std::uint32_t> Inspector::utilization() const {
    const auto alone = looking_.enter();
    const TimePoint now = steady_now();
    const auto& shards = broker_.shards();
    if (work_.percent.size() == shards.size() && now - work_.at < kUtilizationPeriod) {
        return work_.percent;
    }
    Work next{now, {}, {}};
    const auto period =
        std::max<Millis>(now - (work_.percent.empty() ? start_ : work_.at), Millis(1));
    for (std::size_t i = 0; i < shards.size(); ++i) {
        const std::uint64_t busy = shards[i]->counters().turn().value().sum_us;
        const std::uint64_t before = i < work_.busy_us.size() ? work_.busy_us[i] : 0;
        const std::uint64_t percent =
            (busy - before) / 10 / static_cast<std::uint64_t>(period.count());
        next.busy_us.push_back(busy);
        next.percent.push_back(static_cast<std::uint32_t>(std::min<std::uint64_t>(percent, 100)));
    }
    work_ = std::move(next);
    return work_.percent;
}

void add_hook_metrics(const Broker& broker, metrics::Snapshot& snapshot) {
    const auto& shards = broker.shards();
    const std::size_t plugins = shards.front()->chain().size();
    metrics::Snapshot calls;
    metrics::Snapshot refused;
    metrics::Snapshot failures;
    metrics::Snapshot timeouts;
    metrics::Snapshot took;
    for (std::size_t i = 0; i < plugins; ++i) {
        const auto place = static_cast<hooks::PluginPlace>(i);
        for (std::size_t h = 0; h < static_cast<std::size_t>(hooks::Hook::Count); ++h) {
            const auto hook = static_cast<hooks::Hook>(h);
            hooks::HookStats::Counts sum;
            for (const auto& shard : shards) sum += shard->chain().counts(place, hook);
            if (sum.calls == 0) continue;
            const auto add = [&](metrics::Snapshot& to, const char* name, const char* description,
                                 std::uint64_t value) {
                metrics::Sample& sample = to.emplace_back();
                sample.name = name;
                sample.labels = {
                    {"plugin", std::string(shards.front()->chain().plugin(place).name())},
                    {"hook", std::string(hooks::name_of(hook))}};
                sample.description = description;
                sample.value = value;
            };
            add(calls, "plugin_hook_calls", "Calls of a hook of a plugin.", sum.calls);
            add(refused, "plugin_hook_refused", "Calls that were answered with a refusal.",
                sum.decisions[static_cast<std::size_t>(hooks::Decision::Error)]);
            add(failures, "plugin_hook_failures", "Calls in which the plugin failed.",
                sum.failures);
            add(timeouts, "plugin_hook_timeouts", "Calls that were not answered in time.",
                sum.timeouts);
            add(took, "plugin_hook_microseconds", "How long calls took until the answer.", 0);
            took.back().type = metrics::Type::Histogram;
            took.back().histogram = sum.latency;
        }
    }
    for (metrics::Snapshot* part : {&calls, &refused, &failures, &timeouts, &took}) {
        for (metrics::Sample& sample : *part) snapshot.push_back(std::move(sample));
    }
}

void add_listener_metrics(const std::vector<ListenerSnapshot>& listeners,
                          metrics::Snapshot& snapshot) {
    for (const ListenerSnapshot& listener : listeners) {
        metrics::Sample& sample = snapshot.emplace_back();
        sample.name = "listener_connections";
        sample.type = metrics::Type::Gauge;
        sample.labels = {{"type", listener.type}, {"listener", listener.name}};
        sample.description = "Connections of a listener.";
        sample.value = listener.connections;
    }
}

metrics::Snapshot metrics_of(const NodeSnapshot& node) {
    metrics::Snapshot snapshot = metrics::series_of(node.numbers);
    std::size_t number = 0;
    for (const std::uint32_t percent : node.utilization) {
        ++number;
        metrics::Sample& sample = snapshot.emplace_back();
        sample.name = fmt::format("system_utilization_scheduler_{}", number);
        sample.type = metrics::Type::Gauge;
        sample.description = fmt::format("Scheduler {} utilization (percentage)", number);
        sample.value = percent;
    }
    add_listener_metrics(node.listeners, snapshot);
    return snapshot;
}

}  // namespace vmq::broker
