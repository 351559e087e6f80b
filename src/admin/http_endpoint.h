// One HTTP listener while it is open, and what connections share with each other.
#pragma once

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "admin/api_key_store.h"
#include "admin/commands/node.h"
#include "admin/http_options.h"
#include "admin/http_routes.h"
#include "admin/key_checks.h"
#include "admin/off_thread.h"
#include "runtime/published.h"
#include "transport/tls_context.h"

namespace vmq::admin {

/// Shared by the server and the connections it has let in. Counts and what is published: any
/// thread; the rest as it says.
struct HttpEndpoint {
    HttpListenerOptions wanted;  // as it was asked for; of HttpServer's calls
    bool configured = false;     // it follows the configuration file; likewise
    std::string tls_error;       // of the last reload, so that it is told once; likewise
    std::string address;         // as it listens, constant
    std::uint16_t port = 0;

    runtime::Published<const HttpListenerOptions> options;
    runtime::Published<const transport::TlsContext> tls;  // null: plain HTTP
    std::atomic<bool> running{false};
    std::atomic<std::uint32_t> connections{0};
    std::atomic<std::uint64_t> accepted{0};

    // On the server's thread.
    std::optional<boost::asio::ip::tcp::acceptor> acceptor;
    std::optional<boost::asio::steady_timer> retry;
};

class HttpConnection;

/// On the server's thread, but for what is atomic.
struct HttpShared {
    HttpSources sources;
    Millis timeout;
    commands::Node* node = nullptr;  // who commands are for; null: there are none
    const ApiKeyStore& keys;
    OffThread<HttpResponse>& commands;
    KeyChecks& key_checks;

    std::list<HttpConnection*> clients{};  // who has waited longest for a request comes first
    std::size_t open = 0;                  // clients that are not about to be closed
    std::size_t under_way = 0;             // API requests, from the command to the last byte
    std::atomic<std::uint64_t> requests{0};
    std::atomic<std::uint64_t> unauthorized{0};
    std::atomic<std::uint64_t> busy{0};
};

}  // namespace vmq::admin
