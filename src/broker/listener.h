// What all shards share of one listener: its policy and how many connections it has.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "hooks/chain.h"
#include "runtime/published.h"
#include "session/handshake.h"
#include "session/settings.h"
#include "transport/byte_layers.h"

namespace vmq::broker {

enum class ListenerKind : std::uint8_t { Mqtt, Mqtts, MqttWs, MqttWss };

/// As VerneMQ's commands and metrics say: "mqtt", "mqtts", "mqttws", "mqttwss".
[[nodiscard]] std::string_view type_of(ListenerKind kind) noexcept;
/// As the configuration says: "tcp", "ssl", "ws", "wss".
[[nodiscard]] std::string_view word_of(ListenerKind kind) noexcept;

/// Owned by Listeners, lives as long as the Broker. Immutable while it is running, but for the
/// counts and what is published.
class Listener final {
public:
    Listener(std::string its_name, ListenerKind its_kind);

    const std::string name;  // "default" of listener.tcp.default
    const ListenerKind kind;
    std::string address;  // as configured; of a Unix socket the path
    std::uint16_t port = 0;
    std::uint32_t max_connections = 10'000;  // 0: unlimited
    session::ListenerPolicy policy;
    /// Never null in use. Replaced as a whole when the configuration changes; who is connected
    /// keeps what it began with.
    runtime::Published<const session::Settings> settings;
    std::optional<hooks::PluginOrder> auth_plugins;   // of auth_on_register, on_auth; none: all
    std::optional<hooks::PluginOrder> authz_plugins;  // of auth_on_publish, auth_on_subscribe
    bool forward_connection_opts = false;             // tell auth_on_register where it came in
    std::shared_ptr<const transport::LayerOptions> layers;  // null: plain MQTT
    /// Null: no TLS. Replaced when its files change; connections keep what they began with.
    runtime::Published<const transport::TlsContext> tls;
    std::string tls_error;  // of the last reload, so that it is told once; Listeners'
    Millis proxy_header_timeout{10'000};
    Millis tls_handshake_timeout{5'000};

    /// For a new connection from `peer`; null if it needs none.
    [[nodiscard]] std::unique_ptr<transport::ByteLayers> make_layers(
        const transport::PeerAddress& peer) const;
    /// How long the layer that is to be done next may take.
    [[nodiscard]] Millis layer_timeout(transport::ByteLayers::Stage next) const noexcept;

    /// Counts a connection in. False when the listener is full: it is counted all the same until
    /// leave(), because it exists until it has been refused.
    [[nodiscard]] bool enter() noexcept {
        accepted_.fetch_add(1, std::memory_order_relaxed);
        const auto before = connections_.fetch_add(1, std::memory_order_relaxed);
        return max_connections == 0 || before < max_connections;
    }
    void leave() noexcept { connections_.fetch_sub(1, std::memory_order_relaxed); }
    [[nodiscard]] std::uint32_t connections() const noexcept {
        return connections_.load(std::memory_order_relaxed);
    }
    /// How often enter() was called.
    [[nodiscard]] std::uint64_t accepted() const noexcept {
        return accepted_.load(std::memory_order_relaxed);
    }
    /// What is under way on all shards: TLS handshakes, and CONNECTs that wait for a plugin. Each
    /// listener has a budget of its own, so that a storm on one keeps nobody out of another.
    std::uint32_t max_handshakes = 1000;
    std::uint32_t max_authentications = 1000;
    void begin_handshake() noexcept { handshakes_.fetch_add(1, std::memory_order_relaxed); }
    void end_handshake() noexcept { handshakes_.fetch_sub(1, std::memory_order_relaxed); }
    [[nodiscard]] bool too_many_handshakes() const noexcept {
        return handshakes_.load(std::memory_order_relaxed) >= max_handshakes;
    }
    void begin_authentication() noexcept {
        authentications_.fetch_add(1, std::memory_order_relaxed);
    }
    void end_authentication() noexcept { authentications_.fetch_sub(1, std::memory_order_relaxed); }
    [[nodiscard]] bool too_many_authentications() const noexcept {
        return authentications_.load(std::memory_order_relaxed) >= max_authentications;
    }

    /// Too many even to be refused politely.
    [[nodiscard]] bool flooded() const noexcept {
        return max_connections != 0 && connections() > max_connections + max_connections / 8 + 64;
    }

    /// Whether new connections are accepted; any thread.
    [[nodiscard]] bool running() const noexcept { return running_.load(); }
    void set_running(bool running) noexcept { running_.store(running); }

private:
    std::atomic<std::uint32_t> connections_{0};
    std::atomic<std::uint64_t> accepted_{0};
    std::atomic<std::uint32_t> handshakes_{0};
    std::atomic<std::uint32_t> authentications_{0};
    std::atomic<bool> running_{false};
};

}  // namespace vmq::broker
