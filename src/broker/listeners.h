// Listeners: which ways in there are, opened and closed while the broker runs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "broker/listener.h"
#include "runtime/coordination.h"
#include "transport/stream_listener.h"
#include "transport/tls_context.h"

namespace vmq::broker {

class Shard;

struct ListenerOptions {
    std::string name = "default";
    ListenerKind kind = ListenerKind::Mqtt;
    transport::ListenOptions socket;
    std::uint32_t max_connections = 10'000;  // 0: unlimited
    session::ListenerPolicy policy;
    session::Settings settings;
    transport::LayerOptions layers;
    std::optional<transport::TlsOptions> tls;
    Millis proxy_header_timeout{10'000};
    Millis tls_handshake_timeout{5'000};
    std::uint32_t max_handshakes = 1000;
    std::uint32_t max_authentications = 1000;
    std::optional<std::vector<std::string>> auth_plugins;  // none: all, in the order of the chain
    std::optional<std::vector<std::string>> authz_plugins;
    bool forward_connection_opts = false;
};

/// Owned by the Broker. All calls from any thread but a shard's, one after the other; they return
/// when all shards have done it. A listener is named by its address and port, like in VerneMQ; a
/// Unix socket by its path and port 0.
class Listeners final {
public:
    /// Runs something on a shard's thread, or at once while there are no threads yet.
    using RunOnShard = std::function<void(Shard& shard, std::function<void()> work)>;

    /// `shards` outlive the Listeners.
    Listeners(const std::vector<std::unique_ptr<Shard>>& shards, RunOnShard run);
    ~Listeners();
    Listeners(const Listeners&) = delete;
    Listeners& operator=(const Listeners&) = delete;

    /// Opens a listener. AddressInUse: by another program, or by one of our own.
    [[nodiscard]] Result<void> start(ListenerOptions options);
    /// Nobody new gets in; who is connected stays.
    [[nodiscard]] Result<void> suspend(std::string_view address, std::uint16_t port);
    /// Lets new connections in again.
    [[nodiscard]] Result<void> resume(std::string_view address, std::uint16_t port);
    /// Closes it and everybody on it: sessions get DISCONNECT 0x98 first (MQTT 5).
    [[nodiscard]] Result<void> stop(std::string_view address, std::uint16_t port);
    /// Closes it for good; who is connected stays.
    [[nodiscard]] Result<void> remove(std::string_view address, std::uint16_t port);

    /// Gives clients that connect from now on other settings: `change` is called for each listener
    /// and may change ListenerOptions::settings, nothing else.
    void reconfigure(const std::function<void(ListenerOptions& options)>& change);

    /// Loads certificates, keys, revocation lists and PSK files anew whose files have changed, or
    /// all. Connections stay as they are. What cannot be loaded is logged, and the old one goes on.
    void reload_tls(bool always);

    /// Those that are there, suspended ones included. The listeners live as long as this object.
    [[nodiscard]] std::vector<Listener*> all() const;

private:
    struct Entry {
        ListenerOptions options;
        Listener* listener = nullptr;
    };

    [[nodiscard]] Entry* find(std::string_view address, std::uint16_t port);
    [[nodiscard]] Result<Entry*> require(std::string_view address, std::uint16_t port);
    [[nodiscard]] Result<void> open(Entry& entry);
    void close(Entry& entry);
    void on_all_shards(const std::function<void(Shard&)>& work);

    const std::vector<std::unique_ptr<Shard>>& shards_;
    RunOnShard run_;
    runtime::OneAtATime calls_;
    std::vector<Entry> entries_;
    /// Also those that are gone: their last connections may still refer to them.
    std::vector<std::unique_ptr<Listener>> made_;
};

}  // namespace vmq::broker
