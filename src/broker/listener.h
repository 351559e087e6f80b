// What all shards share of one listener: its policy and how many connections it has.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "session/handshake.h"
#include "session/settings.h"

namespace vmq::broker {

/// Owned by the Broker, lives as long as it. Immutable but for the count.
class Listener final {
public:
    std::string name;     // "default" of listener.tcp.default
    std::string address;  // as configured
    std::uint16_t port = 0;
    std::uint32_t max_connections = 10'000;  // 0: unlimited
    session::ListenerPolicy policy;
    std::shared_ptr<const session::Settings> settings;

    /// Counts a connection in. False when the listener is full: it is counted all the same until
    /// leave(), because it exists until it has been refused.
    [[nodiscard]] bool enter() noexcept {
        const auto before = connections_.fetch_add(1, std::memory_order_relaxed);
        return max_connections == 0 || before < max_connections;
    }
    void leave() noexcept { connections_.fetch_sub(1, std::memory_order_relaxed); }
    [[nodiscard]] std::uint32_t connections() const noexcept {
        return connections_.load(std::memory_order_relaxed);
    }
    /// Too many even to be refused politely.
    [[nodiscard]] bool flooded() const noexcept {
        return max_connections != 0 && connections() > max_connections + max_connections / 8 + 64;
    }

private:
    std::atomic<std::uint32_t> connections_{0};
};

}  // namespace vmq::broker
