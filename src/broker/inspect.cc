#include "broker/inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <utility>

#include "broker/broker.h"
#include "broker/limits.h"
#include "runtime/process_usage.h"
#include "transport/tls_context.h"

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
    numbers[Reading::RouterFilters] = node.filters;
    numbers[Reading::RouterMemory] = node.router_bytes;
    numbers[Reading::RetainMessages] = node.retained_messages;
    numbers[Reading::RetainMemory] = node.retained_bytes;
    numbers[Reading::ClusterReady] = node.cluster.ready ? 1 : 0;
    numbers[Reading::ClusterNodes] = std::max<std::size_t>(node.cluster.nodes.size(), 1);
    numbers[Reading::ClusterNodesRunning] = node.cluster.nodes.empty() ? 1 : 0;
    for (const ClusterNode& member : node.cluster.nodes) {
        if (member.running) ++numbers[Reading::ClusterNodesRunning];
        numbers[Reading::ClusterWaitingBytes] += member.waiting_bytes;
        numbers[Reading::ClusterSpooledBytes] += member.spooled_bytes;
        numbers[Reading::ClusterWills] += member.wills;
    }
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
    if (const auto tls = listener.tls.get()) {
        for (const transport::CertificateInfo& certificate : tls->certificates()) {
            picture.certificate_expires = std::min(
                picture.certificate_expires.value_or(certificate.not_after), certificate.not_after);
        }
    }
    return picture;
}

std::string_view word_of(std::optional<store::Durability> durability) {
    if (!durability) return {};
    switch (*durability) {
        case store::Durability::Memory:
            return "memory";
        case store::Durability::Os:
            return "os";
        case store::Durability::Fsync:
            return "fsync";
    }
    return {};
}

/// Runs `work` on the shard's thread, soon.
template <typename Work>
void post(const Broker& broker, ShardId shard, Work work) {
    Shard& asked = *broker.shards()[shard];
    broker.post(shard, [&asked, work = std::move(work)] { work(asked); });
}

/// The answer of `work` on the shard's thread.
template <typename Answer, typename Work>
Result<Answer> ask(const Broker& broker, ShardId shard, Millis patience, Work work) {
    auto answer = runtime::ask<Answer>(
        [&](std::function<void()> part) { broker.post(shard, std::move(part)); },
        [&asked = *broker.shards()[shard], work = std::move(work)] { return work(asked); },
        patience);
    if (answer) return std::move(*answer);
    return Error{ErrorCode::Unavailable, "shard " + std::to_string(shard) +
                                             " has not answered within " +
                                             std::to_string(patience.count()) + " ms"};
}

ShardId home_of(const Broker& broker, std::string_view mountpoint, std::string_view client_id) {
    return broker.shards().front()->home_of(mountpoint, client_id);
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
    broker_.shared().cluster_metrics.add_to(result.numbers.totals);
    result.filters = broker_.shared().subscriptions.filter_count();
    result.router_bytes = broker_.shared().subscriptions.bytes() +
                          result.subscriptions * routing::LocalSubscribers::kBytesPerSubscription;
    result.retained_messages = broker_.shared().retained.size();
    result.retained_bytes = broker_.shared().retained.bytes();
    for (const Listener* listener : broker_.listeners().all()) {
        result.listeners.push_back(picture_of(*listener, broker_.accepting()));
    }
    result.utilization = utilization();
    result.durability = word_of(broker_.durability());
    result.cluster = broker_.shared().cluster_picture.with(
        [](const ClusterPicture& picture) { return picture; });
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
    std::size_t plugins = hooks::kMaxPlugins;  // one may just be on its way to the shards
    for (const auto& shard : shards) plugins = std::min(plugins, shard->chain().size());
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

SessionReader::SessionReader(const Broker& broker, SessionQuestion question)
    : broker_(broker),
      number_([] {
          static std::atomic<std::uint64_t> last{0};
          return WalkNumber{++last};
      }()),
      answers_(std::make_shared<Answers>()) {
    if (question.mountpoint && question.client_id) {
        waited_for_.push_back(home_of(broker, *question.mountpoint, *question.client_id));
    } else {
        for (ShardId shard = 0; shard < broker.shard_count(); ++shard) waited_for_.push_back(shard);
    }
    for (const ShardId shard : waited_for_) {
        post(broker_, shard, [number = number_, question, answers = answers_](Shard& asked) {
            asked.session_walks().begin(number, question, [answers](SessionPortion portion) {
                answers->push(std::move(portion));
            });
        });
    }
}

SessionReader::~SessionReader() {
    for (const ShardId shard : waited_for_) {
        post(broker_, shard,
             [number = number_](Shard& asked) { asked.session_walks().end(number); });
    }
}

std::vector<SessionPicture> SessionReader::next(Millis patience) {
    const TimePoint deadline = steady_now() + patience;
    while (ready_.empty() && !waited_for_.empty()) {
        taken_.clear();
        (void)answers_->take(taken_, std::max(deadline - steady_now(), Millis::zero()));
        if (taken_.empty()) break;
        for (SessionPortion& portion : taken_) on_portion(std::move(portion));
    }
    if (ready_.empty()) return {};
    std::vector<SessionPicture> sessions = std::move(ready_.front());
    ready_.pop_front();
    return sessions;
}

void SessionReader::on_portion(SessionPortion portion) {
    if (portion.last) {
        std::erase(waited_for_, portion.shard);
        if (portion.refused) refused_.push_back(portion.shard);
    } else {
        post(broker_, portion.shard,
             [number = number_](Shard& asked) { asked.session_walks().ask(number); });
    }
    if (!portion.sessions.empty()) ready_.push_back(std::move(portion.sessions));
}

struct RetainedReader::State {
    std::string mountpoint;
    std::optional<std::string> filter;
    routing::RetainedIndex::Cursor cursor;
};

RetainedReader::RetainedReader(const Broker& broker, std::string mountpoint,
                               std::optional<std::string> filter)
    : broker_(broker),
      state_(std::make_shared<State>(State{std::move(mountpoint), std::move(filter), {}})) {}

RetainedReader::~RetainedReader() = default;

bool RetainedReader::done() const noexcept { return state_->cursor.done; }

Result<std::vector<mqtt::MessagePtr>> RetainedReader::next(Millis patience) {
    // On a shard, because only it may take its lock of the index.
    return ask<std::vector<mqtt::MessagePtr>>(broker_, 0, patience, [state = state_](Shard& shard) {
        std::vector<mqtt::MessagePtr> messages;
        auto& retained = shard.shared().retained;
        if (state->filter) {
            retained.match(shard.id(), state->mountpoint, *state->filter, shard.now(),
                           kRetainedAtOnce, state->cursor, messages);
        } else {
            retained.list(shard.id(), state->mountpoint, shard.now(), kRetainedAtOnce,
                          state->cursor, messages);
        }
        return messages;
    });
}

DropAnswer read_drops(const Broker& broker, Millis patience) {
    struct Part {
        ShardId shard;
        DropPicture drops;
    };
    auto answers = std::make_shared<runtime::WorkQueue<Part>>();
    DropAnswer answer;
    for (ShardId shard = 0; shard < broker.shard_count(); ++shard) {
        answer.silent.push_back(shard);
        post(broker, shard,
             [answers](Shard& asked) { answers->push({asked.id(), asked.drops().picture()}); });
    }
    const TimePoint deadline = steady_now() + patience;
    while (!answer.silent.empty()) {
        std::vector<Part> parts;
        (void)answers->take(parts, std::max(deadline - steady_now(), Millis::zero()));
        if (parts.empty()) break;
        for (Part& part : parts) {
            answer.drops.merge(std::move(part.drops));
            std::erase(answer.silent, part.shard);
        }
    }
    return answer;
}

Result<std::vector<std::string>> retained_mountpoints(const Broker& broker, std::size_t limit,
                                                      const std::string* after, Millis patience) {
    const std::optional<std::string> behind =
        after == nullptr ? std::nullopt : std::optional(*after);
    return ask<std::vector<std::string>>(broker, 0, patience, [limit, behind](Shard& shard) {
        return shard.shared().retained.mountpoints(shard.id(), limit, behind ? &*behind : nullptr);
    });
}

}  // namespace vmq::broker
