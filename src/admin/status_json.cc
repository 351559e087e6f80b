#include "admin/status_json.h"

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cstdint>

#include "admin/alarms.h"
#include "admin/recent_counts.h"
#include "mqtt/types.h"

namespace vmq::admin {
namespace {

namespace json = boost::json;
using metrics::Counter;
using metrics::Direction;

json::value listener_json(const broker::ListenerSnapshot& listener) {
    json::object result;
    result["type"] = listener.type;
    result["status"] = listener.running ? "running" : "stopped";
    result["ip"] = listener.address;
    result["port"] = listener.port;
    result["mountpoint"] = listener.mountpoint;
    if (listener.max_connections) {
        result["max_conns"] = *listener.max_connections;
    } else {
        result["max_conns"] = "infinity";
    }
    result["name"] = listener.name;
    result["connections"] = listener.connections;
    if (listener.certificate_expires) {
        result["certificate_expires"] =
            std::chrono::duration_cast<Seconds>(listener.certificate_expires->time_since_epoch())
                .count();
    }
    return result;
}

json::object drops_json(const WatchedCounts& counts) {
    json::object drops;
    for (std::size_t i = 0; i < kDropReasons.size(); ++i) drops[kDropReasons[i]] = counts.drops[i];
    return drops;
}

json::array alarms_json(const NodeView& view) {
    json::array alarms;
    for (const Alarm& alarm : alarms_of(view)) {
        json::object& entry = alarms.emplace_back(json::object()).as_object();
        entry["severity"] = word_of(alarm.severity);
        entry["kind"] = alarm.kind;
        entry["text"] = alarm.text;
    }
    return alarms;
}

json::array shards_json(const broker::NodeSnapshot& node) {
    json::array shards;
    for (const std::uint32_t percent : node.utilization) {
        json::object& shard = shards.emplace_back(json::object()).as_object();
        shard["load"] = percent;
    }
    return shards;
}

json::object store_json(const broker::NodeSnapshot& node) {
    using metrics::Reading;
    json::object store;
    store["durability"] = node.durability.empty() ? "none" : node.durability;
    store["bytes_on_disk"] = node.numbers[Reading::StoreBytesOnDisk];
    store["refusing"] = node.numbers[Reading::StoreRefusing] != 0;
    return store;
}

json::object member_json(const broker::ClusterNode& member) {
    json::object result;
    result["name"] = member.name;
    result["running"] = member.running;
    result["self"] = member.self;
    result["address"] = member.address.host;
    result["port"] = member.address.port;
    if (member.self) return result;
    result["tls"] = member.tls;
    if (member.since) {
        result["since"] =
            std::chrono::duration_cast<Seconds>(member.since->time_since_epoch()).count();
    }
    result["waiting_bytes"] = member.waiting_bytes;
    result["spooled_bytes"] = member.spooled_bytes;
    result["links"] = member.links;
    result["links_wanted"] = member.links_wanted;
    if (!member.why.empty()) result["why"] = member.why;
    return result;
}

json::object cluster_json(const broker::ClusterPicture& cluster) {
    json::object result;
    result["ready"] = cluster.ready;
    if (!cluster.policy.empty()) result["netsplit_policy"] = cluster.policy;
    json::array& nodes = (result["nodes"] = json::array()).as_array();
    for (const auto& member : cluster.nodes) nodes.push_back(member_json(member));
    return result;
}

/// CONNACKs that were sent to those who were let in, and to others.
struct Connects {
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;
};

Connects connects_of(const broker::NodeSnapshot& node) {
    constexpr auto kConnack = static_cast<std::uint8_t>(mqtt::PacketType::Connack);
    const auto sent = [&](bool v5, std::size_t code) {
        return node.numbers.totals.get(
            metrics::PacketKind{Direction::Sent, v5, kConnack, static_cast<std::uint8_t>(code)});
    };
    Connects connects{sent(false, 0) + sent(true, 0), 0};
    for (std::size_t code = 1; code < metrics::kReturnCodes; ++code) {
        connects.refused += sent(false, code);
    }
    for (std::size_t code = 1; code < metrics::kReasonCodes; ++code) {
        connects.refused += sent(true, code);
    }
    return connects;
}

/// VerneMQ's page leaves out those that have expired or were too large, and never counts down for
/// them.
std::uint64_t queued(const broker::NodeSnapshot& node) {
    const std::uint64_t gone =
        node.counter(Counter::QueueMessageOut) + node.counter(Counter::QueueMessageDrop) +
        node.counter(Counter::QueueMessageUnhandled) + node.counter(Counter::QueueMessageExpired) +
        node.counter(Counter::QueueMessageDropMaxPacketSize);
    const std::uint64_t in = node.counter(Counter::QueueMessageIn);
    return in - std::min(in, gone);
}

json::object node_json(const NodeView& view) {
    const broker::NodeSnapshot& node = view.node;
    json::object result;
    result["num_online"] = node.connections;
    result["num_offline"] = node.clients - std::min(node.clients, node.connections);
    result["msg_in"] = node.publishes(Direction::Received);
    result["msg_out"] = node.publishes(Direction::Sent);
    result["queue_in"] = node.counter(Counter::QueueMessageIn);
    result["queue_out"] = node.counter(Counter::QueueMessageOut);
    result["queue_drop"] = node.counter(Counter::QueueMessageDrop);
    result["queue_unhandled"] = node.counter(Counter::QueueMessageUnhandled);
    result["num_subscriptions"] = node.subscriptions;
    result["num_retained"] = node.retained_messages;
    result["matches_local"] = node.counter(Counter::RouterMatchesLocal);
    result["matches_remote"] = node.counter(Counter::RouterMatchesRemote);
    result["version"] = node.version;
    json::object reachable;
    reachable[node.node] = true;
    for (const auto& member : node.cluster.nodes) reachable[member.name] = member.running;
    result["mystatus"] = json::array{std::move(reachable)};
    json::array listeners;
    for (const auto& listener : node.listeners) listeners.push_back(listener_json(listener));
    result["listeners"] = std::move(listeners);
    result["uptime_s"] = std::chrono::duration_cast<Seconds>(node.uptime).count();
    result["num_sessions"] = node.clients;
    result["retained_bytes"] = node.retained_bytes;
    const Connects connects = connects_of(node);
    result["connects"] = connects.accepted;
    result["connects_refused"] = connects.refused;
    result["bytes_in"] = node.counter(Counter::BytesReceived);
    result["bytes_out"] = node.counter(Counter::BytesSent);
    result["num_queued"] = queued(node);
    result["drops"] = drops_json(watched_counts(node));
    result["drops_last_minute"] = drops_json(view.recent);
    result["alarms"] = alarms_json(view);
    result["shards"] = shards_json(node);
    result["store"] = store_json(node);
    result["cluster"] = cluster_json(node.cluster);
    result["memory_bytes"] = node.numbers[metrics::Reading::VmMemoryTotal];
    return result;
}

}  // namespace

std::string status_json(const NodeView& view) {
    json::object nodes;
    nodes[view.node.node] = node_json(view);
    return json::serialize(json::array{std::move(nodes)});
}

std::string listeners_not_ready(const NodeView& view) {
    std::vector<std::string> types;
    for (const auto& listener : view.node.listeners) {
        if (listener.running || std::ranges::find(types, listener.type) != types.end()) continue;
        types.push_back(listener.type);
    }
    if (types.empty()) return {};
    std::string result = "[";
    for (const std::string& type : types) {
        if (result.size() > 1) result += ',';
        result += type;
    }
    return result + ']';
}

std::string health_json(const std::vector<std::string>& reasons) {
    json::object result;
    result["status"] = reasons.empty() ? "OK" : "DOWN";
    if (!reasons.empty()) result["reasons"] = json::array(reasons.begin(), reasons.end());
    return json::serialize(result);
}

std::string listener_health_json(const std::string& reason) {
    json::object result;
    result["status"] = reason.empty() ? "OK" : "DOWN";
    if (!reason.empty()) result["reason"] = reason;
    return json::serialize(result);
}

}  // namespace vmq::admin
