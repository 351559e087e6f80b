// What a connection tells those who trace it.
#include <fmt/format.h>

#include <utility>

#include "broker/connection.h"
#include "broker/shard.h"

namespace vmq::broker {

std::string Connection::trace_pid() const {
    const auto number = static_cast<std::uint64_t>(accepted_as_);
    return fmt::format("<{}.{}>", number & 0xFFU, number >> 8U);
}

TraceMoment Connection::trace_moment() const noexcept {
    return {shard_.now(), shard_.wall(shard_.now())};
}

TracedClient Connection::traced_client() const {
    return {client_->mountpoint, client_->client_id, username(), peer_.address};
}

void Connection::notice_traces() {
    // Before its session somebody knows it by its CONNECT, see trace_handshake().
    if (client_ != nullptr) return find_traces(traced_client(), plan_.version, true);
    if (trace_ && trace_->keep_only(shard_.traces())) trace_.reset();
}

void Connection::find_traces(const TracedClient& client, mqtt::ProtocolVersion version,
                             bool tell_found) {
    traces_seen_ = shard_.trace_number();
    const Traces* running = shard_.traces();
    if (trace_ && trace_->keep_only(running)) trace_.reset();
    if (running == nullptr) return;
    if (trace_) trace_->set_client(client.mountpoint, client.client_id);
    for (const auto& trace : *running) {
        if (trace->over() || !trace->wants(client) || (trace_ && trace_->has(*trace))) continue;
        if (!trace_) {
            trace_ = std::make_unique<ConnectionTrace>(trace_pid());
            trace_->set_client(client.mountpoint, client.client_id);
            // The rest of a packet whose begin nobody has seen says nothing.
            trace_->keep(write_waiting_ && output_ ? output_->size() : 0);
        }
        trace_->set_version(version);
        trace_->add(trace);
        if (tell_found) trace_->found(*trace, trace_moment());
    }
}

bool Connection::begin_trace(const Trace& trace) {
    find_traces(traced_client(), plan_.version, false);
    return trace_ && trace_->has(trace);
}

void Connection::adopt_trace(ConnectionNumber accepted_as, std::unique_ptr<ConnectionTrace> trace) {
    accepted_as_ = accepted_as;
    trace_ = std::move(trace);
    if (trace_) trace_->keep(output_ ? output_->size() : 0);
}

void Connection::trace_handshake(const mqtt::Frame& frame) {
    if (frame.type == mqtt::PacketType::Connect && !trace_) {
        mqtt::Connect packet;
        if (!mqtt::decode_connect(frame, packet).ok()) return;
        find_traces({listener_.policy.mountpoint, packet.client_id, packet.username, peer_.address},
                    packet.version, true);
    }
    if (trace_) trace_received(frame);
}

void Connection::trace_received(const mqtt::Frame& frame) {
    trace_sent();  // what was answered to the packets before
    if (trace_) trace_->received(frame, session_ ? session_->aliases() : nullptr, trace_moment());
}

void Connection::trace_sent() {
    trace_->sent(output_.get(), session_ ? session_->aliases() : nullptr, trace_moment());
}

}  // namespace vmq::broker
