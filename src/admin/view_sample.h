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
    auto& cells = view.node.numbers.totals.cells;
    const auto set = [&](metrics::Counter counter, std::uint64_t value) {
        cells[metrics::cell::of(counter)] = value;
    };
    set(metrics::Counter::SocketOpen, 9);
    set(metrics::Counter::QueueMessageDrop, 11);
    set(metrics::Counter::QueueMessageExpired, 12);
    set(metrics::Counter::QueueMessageUnhandled, 13);
    set(metrics::Counter::QueueMessageDropMaxPacketSize, 14);
    using metrics::Direction;
    const auto publishes = [&](Direction direction, bool v5, std::uint64_t value) {
        cells[metrics::cell::of(metrics::PacketKind{direction, v5, 3})] = value;
    };
    publishes(Direction::Received, false, 100);
    publishes(Direction::Received, true, 20);
    publishes(Direction::Sent, true, 40);
    cells[metrics::cell::of(metrics::PacketKind{Direction::Sent, false, 2})] = 6;
    cells[metrics::cell::of(metrics::PacketKind{Direction::Sent, true, 2})] = 3;
    cells[metrics::cell::of(metrics::PacketKind{Direction::Sent, false, 2, 5})] = 1;
    cells[metrics::cell::of(metrics::PacketKind{Direction::Sent, true, 2, 0x87})] = 1;
    view.node.utilization = {12, 3};
    view.node.durability = "os";
    view.wall_now = std::chrono::system_clock::time_point(Seconds(1'800'000'000));
    view.node.numbers[metrics::Reading::RetainMemory] = 300;
    view.node.numbers.shard_turn = {{1, 2, 3}, 77};
    return view;
}

inline metrics::Snapshot sample_metrics() { return broker::metrics_of(sample_view().node); }

}  // namespace vmq::admin
