#include "broker/inspect.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "broker/broker.h"

namespace vmq::broker {
namespace {

void add(NodeSnapshot& sum, const metrics::ShardMetrics& shard) {
    for (std::size_t i = 0; i < metrics::kCounters; ++i) {
        sum.counters[i] += shard.get(static_cast<metrics::Counter>(i));
    }
    for (const auto direction : {metrics::Direction::Received, metrics::Direction::Sent}) {
        for (const bool v5 : {false, true}) {
            auto& totals = sum.packets[static_cast<std::size_t>(direction)][v5 ? 1 : 0];
            for (unsigned type = 0; type < totals.size(); ++type) {
                totals[type] += shard.packets(direction, v5, type);
            }
        }
    }
}

/// Never below 0: what is counted meanwhile may be in the base and not in the sum.
void subtract(std::uint64_t& value, std::uint64_t base) { value -= std::min(value, base); }

void subtract(NodeSnapshot& sum, const NodeSnapshot& base) {
    for (std::size_t i = 0; i < metrics::kCounters; ++i) {
        subtract(sum.counters[i], base.counters[i]);
    }
    for (std::size_t direction = 0; direction < sum.packets.size(); ++direction) {
        for (std::size_t version = 0; version < sum.packets[direction].size(); ++version) {
            for (std::size_t type = 0; type < sum.packets[direction][version].size(); ++type) {
                subtract(sum.packets[direction][version][type],
                         base.packets[direction][version][type]);
            }
        }
    }
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

NodeSnapshot Inspector::counted() const {
    NodeSnapshot result;
    for (const auto& shard : broker_.shards()) add(result, shard->counters());
    return result;
}

void Inspector::reset_counters() { base_.set(std::make_shared<const NodeSnapshot>(counted())); }

NodeSnapshot Inspector::snapshot() const {
    const auto base = base_.get();
    NodeSnapshot result = counted();
    if (base) subtract(result, *base);
    result.node = node_;
    result.version = version_;
    result.uptime = steady_now() - start_;
    for (const auto& shard : broker_.shards()) {
        result.connections += shard->connection_count();
        result.clients += shard->client_count();
        result.subscriptions += shard->subscription_count();
    }
    result.retained_messages = broker_.shared().retained.size();
    result.retained_bytes = broker_.shared().retained.bytes();
    for (const Listener* listener : broker_.listeners().all()) {
        result.listeners.push_back(picture_of(*listener, broker_.accepting()));
    }
    return result;
}

}  // namespace vmq::broker
