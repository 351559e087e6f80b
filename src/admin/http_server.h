// The HTTP server for operators: status page, health, metrics, and commands.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "admin/api_key_store.h"
#include "admin/commands/node.h"
#include "admin/http_options.h"
#include "admin/http_routes.h"
#include "admin/metrics_collector.h"
#include "base/result.h"
#include "broker/inspect.h"

namespace vmq::admin {

/// Serves all its listeners on one thread of its own, so that a slow request costs no shard
/// anything; commands run on a few others, so that a long one costs /health nothing. Made, started
/// and destroyed on one thread; destroying it closes every connection.
class HttpServer final {
public:
    using Inspect = std::function<broker::NodeSnapshot()>;

    /// `inspect` is called on the server's thread, and so is `collector`; both and `keys` outlive
    /// it.
    HttpServer(HttpOptions options, Inspect inspect, const MetricsCollector& collector,
               const ApiKeyStore& keys);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    /// Who commands are for; before start(). It outlives close_commands().
    void serve_commands(commands::Node& node);

    /// Opens every listener, then starts the thread; once. On an error no listener is open, and
    /// others can be opened all the same.
    [[nodiscard]] Result<void> start();
    /// /health tells load balancers from now on that this node ends. Any thread.
    void announce_stop() noexcept;
    /// No command is begun any more; returns when those that run have ended.
    void close_commands();

    // Listeners, after start(): any thread but the server's own, one call after the other. Named by
    // address and port, as in broker/listeners.h, and likewise what the calls mean.
    [[nodiscard]] bool has(std::string_view address, std::uint16_t port) const;
    [[nodiscard]] Result<void> open(HttpListenerOptions options);
    [[nodiscard]] Result<void> suspend(std::string_view address, std::uint16_t port);
    [[nodiscard]] Result<void> resume(std::string_view address, std::uint16_t port);
    /// Requests that are being answered get their answer.
    [[nodiscard]] Result<void> stop(std::string_view address, std::uint16_t port);
    [[nodiscard]] Result<void> remove(std::string_view address, std::uint16_t port);
    /// Makes the listeners of the configuration `wanted`, and leaves alone what was open()ed. What
    /// has stayed the same is not touched. What it did, and what it could not do, is logged.
    void reconfigure(const std::vector<HttpListenerOptions>& wanted);
    /// Loads certificates anew whose files have changed, or all. It is done at intervals anyway.
    void reload_tls(bool always);

    /// What operators may know of the listeners; any thread.
    [[nodiscard]] std::vector<broker::ListenerSnapshot> snapshot() const;

    /// Adds what it counts itself. Any thread, after start().
    void add_metrics(metrics::Snapshot& snapshot) const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace vmq::admin
