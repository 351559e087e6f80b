#include "broker/inspect.h"

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

ListenerSnapshot picture_of(const Listener& listener, bool accepting) {
    ListenerSnapshot picture;
    picture.type = type_of(listener.kind);
    picture.name = listener.name;
    picture.address = listener.address;
    picture.port = listener.port;
    picture.mountpoint = listener.policy.mountpoint;
    picture.running = accepting && listener.running();
    picture.connections = listener.connections();
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
        add(result, shard->counters());
    }
    result.retained_messages = broker_.shared().retained.size();
    result.retained_bytes = broker_.shared().retained.bytes();
    for (const Listener* listener : broker_.listeners().all()) {
        result.listeners.push_back(picture_of(*listener, broker_.accepting()));
    }
    return result;
}

}  // namespace vmq::broker
