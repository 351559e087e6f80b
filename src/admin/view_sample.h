// A node's numbers as the tests of this folder use them.
#pragma once

#include "admin/node_view.h"

namespace vmq::admin {

inline broker::ListenerSnapshot sample_listener() {
    broker::ListenerSnapshot listener;
    listener.type = "mqtt";
    listener.name = "default";
    listener.address = "127.0.0.1";
    listener.port = 1883;
    listener.running = true;
    listener.connections = 2;
    listener.max_connections = 10'000;
    return listener;
}

inline NodeView sample_view() {
    NodeView view;
    view.node.node = "a@b";
    view.node.version = "0.1.0";
    view.node.uptime = Seconds(90);
    view.node.connections = 2;
    view.node.clients = 5;
    view.node.subscriptions = 7;
    view.node.retained_messages = 3;
    view.node.retained_bytes = 300;
    view.node.listeners.push_back(sample_listener());
    const auto set = [&](metrics::Counter counter, std::uint64_t value) {
        view.node.counters[static_cast<std::size_t>(counter)] = value;
    };
    set(metrics::Counter::SocketOpen, 9);
    set(metrics::Counter::QueueMessageDrop, 11);
    set(metrics::Counter::QueueMessageExpired, 12);
    set(metrics::Counter::QueueMessageUnhandled, 13);
    set(metrics::Counter::QueueMessageDropMaxPacketSize, 14);
    view.node.packets[0][0][3] = 100;  // PUBLISH received, MQTT 3
    view.node.packets[0][1][3] = 20;   // and MQTT 5
    view.node.packets[1][1][3] = 40;   // PUBLISH sent, MQTT 5
    return view;
}

}  // namespace vmq::admin
