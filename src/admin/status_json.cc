#include "admin/status_json.h"

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cstdint>

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
    return result;
}

json::object drops_json(const broker::NodeSnapshot& node) {
    json::object drops;
    drops["queue_full"] = node.counter(Counter::QueueMessageDrop);
    drops["expired"] = node.counter(Counter::QueueMessageExpired);
    drops["packet_too_large"] = node.counter(Counter::QueueMessageDropMaxPacketSize);
    drops["unhandled"] = node.counter(Counter::QueueMessageUnhandled);
    return drops;
}

json::object node_json(const broker::NodeSnapshot& node) {
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
    result["matches_remote"] = 0;
    result["version"] = node.version;
    json::object reachable;
    reachable[node.node] = true;
    result["mystatus"] = json::array{std::move(reachable)};
    json::array listeners;
    for (const auto& listener : node.listeners) listeners.push_back(listener_json(listener));
    result["listeners"] = std::move(listeners);
    result["uptime_s"] = std::chrono::duration_cast<Seconds>(node.uptime).count();
    result["num_sessions"] = node.clients;
    result["retained_bytes"] = node.retained_bytes;
    result["drops"] = drops_json(node);
    return result;
}

}  // namespace

std::string status_json(const NodeView& view) {
    json::object nodes;
    nodes[view.node.node] = node_json(view.node);
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
