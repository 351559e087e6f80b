// What the HTTP server is set up with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "admin/http_modules.h"
#include "admin/limits.h"
#include "base/clock.h"
#include "transport/stream_listener.h"
#include "transport/tls_context.h"

namespace vmq::admin {

struct HttpListenerOptions {
    std::string name = "default";
    transport::ListenOptions socket;
    std::uint32_t max_connections = kMaxHttpConnections;
    std::uint32_t max_request_line_length = 8000;
    std::uint32_t max_header_value_length = 4096;
    HttpModules modules;
    std::optional<transport::TlsOptions> tls;  // none: plain HTTP
    Millis tls_handshake_timeout{5'000};

    /// "http" or "https", also in the keys of the configuration.
    [[nodiscard]] const char* type() const noexcept { return tls ? "https" : "http"; }

    friend bool operator==(const HttpListenerOptions&, const HttpListenerOptions&) = default;
};

struct HttpOptions {
    std::vector<HttpListenerOptions> listeners;
    std::string metrics_prefix = "vernemq_";
    Millis timeout = kHttpTimeout;
    /// Whoever has waited longer than this for a request to arrive makes room for others.
    Millis patience = kHttpPatience;
    std::size_t command_threads = kApiThreads;
    Millis tls_watch_interval{10'000};  // how often certificates are looked at
};

}  // namespace vmq::admin
