// The HTTP server for operators: status page, health, metrics.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "admin/http_routes.h"
#include "admin/limits.h"
#include "admin/metrics_collector.h"
#include "base/result.h"
#include "broker/inspect.h"
#include "transport/stream_listener.h"

namespace vmq::admin {

struct HttpListenerOptions {
    std::string name = "default";
    transport::ListenOptions socket;
    std::uint32_t max_connections = kMaxHttpConnections;
    std::uint32_t max_request_line_length = 8000;
    std::uint32_t max_header_value_length = 4096;
    HttpModules modules;
};

struct HttpOptions {
    std::vector<HttpListenerOptions> listeners;
    std::string metrics_prefix = "vernemq_";
    Millis timeout = kHttpTimeout;
};

/// Serves all its listeners on one thread of its own, so that a slow request costs no shard
/// anything. Made, started and destroyed on one thread; destroying it closes every connection.
class HttpServer final {
public:
    using Inspect = std::function<broker::NodeSnapshot()>;

    /// `inspect` is called on the server's thread, and so is `collector`, which outlives it.
    HttpServer(HttpOptions options, Inspect inspect, const MetricsCollector& collector);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    /// Opens every listener, then starts the thread; once. On an error nothing runs.
    [[nodiscard]] Result<void> start();

    /// What operators may know of the listeners; any thread.
    [[nodiscard]] std::vector<broker::ListenerSnapshot> snapshot() const;

    /// After start() with the ports as the system chose them.
    [[nodiscard]] const std::vector<HttpListenerOptions>& listeners() const noexcept;

    /// Adds what it counts itself. Any thread, after start().
    void add_metrics(metrics::Snapshot& snapshot) const;

private:
    class Impl;
    class Connection;
    std::unique_ptr<Impl> impl_;
};

}  // namespace vmq::admin
