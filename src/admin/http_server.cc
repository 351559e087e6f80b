#include "admin/http_server.h"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "admin/metrics_text.h"
#include "admin/recent_counts.h"
#include "runtime/guarded.h"
#include "runtime/io_thread.h"

namespace vmq::admin {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;
using boost::system::error_code;

std::string_view view_of(beast::string_view text) { return {text.data(), text.size()}; }

/// Bytes of a request line that are not method and target: two blanks and the version.
constexpr std::size_t kRestOfRequestLine = std::string_view("  HTTP/1.1").size();

/// For answers that are no page, should a browser show one.
constexpr auto kAllowsNothing = "default-src 'none'; frame-ancestors 'none'";

http::response<http::string_body> make_response(HttpResponse answer, unsigned version, bool keep,
                                                bool head) {
    http::response<http::string_body> response(static_cast<http::status>(answer.status), version);
    response.set(http::field::content_type, answer.content_type);
    response.set(http::field::cache_control, "no-store");
    response.set("X-Content-Type-Options", "nosniff");
    response.set("Referrer-Policy", "no-referrer");
    response.set("Content-Security-Policy", answer.content_security_policy.empty()
                                                ? kAllowsNothing
                                                : answer.content_security_policy);
    if (answer.status == 405) response.set(http::field::allow, "GET, HEAD");
    response.keep_alive(keep);
    response.content_length(answer.body.size());
    if (!head) response.body() = std::move(answer.body);
    return response;
}

}  // namespace

/// Everything but making and destroying happens on the server's thread.
class HttpServer::Impl final {
public:
    struct Endpoint {
        std::size_t index = 0;                      // of its options
        std::atomic<std::uint32_t> connections{0};  // read by any thread
        std::atomic<std::uint64_t> accepted{0};
        std::optional<tcp::acceptor> acceptor;
        std::optional<asio::steady_timer> retry;
    };

    Impl(HttpOptions wanted, Inspect inspect, const MetricsCollector& collector)
        : options(std::move(wanted)),
          sources{[this] { return view(); },
                  [this] {
                      return metrics_text(collector_.snapshot(), collector_.node(),
                                          options.metrics_prefix);
                  }},
          inspect_(std::move(inspect)),
          collector_(collector) {}
    ~Impl() {
        thread_.reset();
        // The sockets go before io_; the counts stay for the connections that go with it.
        for (const auto& endpoint : endpoints_) {
            endpoint->acceptor.reset();
            endpoint->retry.reset();
        }
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    Result<void> open(std::size_t index);
    void run();
    void accept(Endpoint& endpoint);

    [[nodiscard]] HttpListenerOptions& settings(const Endpoint& endpoint) {
        return options.listeners[endpoint.index];
    }
    /// Any thread.
    [[nodiscard]] std::vector<broker::ListenerSnapshot> listeners() const;
    [[nodiscard]] std::uint64_t refused() const noexcept { return refused_.load(); }

    HttpOptions options;
    const HttpSources sources;
    std::uint32_t connections = 0;

private:
    void take(Endpoint& endpoint, tcp::socket socket);
    [[nodiscard]] NodeView view() const;
    /// Counts go on while nobody looks, so that whoever does sees what is recent.
    void look_now_and_then();

    const Inspect inspect_;
    const MetricsCollector& collector_;
    mutable runtime::Guarded<RecentCounts> recent_;
    std::atomic<std::uint64_t> refused_{0};
    std::vector<std::unique_ptr<Endpoint>> endpoints_;
    asio::io_context io_{1};  // destroys the connections, so it stands after what they use
    asio::steady_timer look_{io_};
    std::optional<runtime::IoThread> thread_;
};

/// One client. Lives as long as one of its handlers waits.
class HttpServer::Connection final : public std::enable_shared_from_this<Connection> {
public:
    Connection(Impl& server, Impl::Endpoint& endpoint, tcp::socket socket)
        : server_(server),
          endpoint_(endpoint),
          stream_(std::move(socket)),
          line_limit_(std::min(server.settings(endpoint).max_request_line_length, kMaxRequestLine)),
          buffer_(std::size_t{line_limit_} + 2 * kMaxHeaderSize) {
        ++server_.connections;
        ++endpoint_.connections;
    }
    ~Connection() {
        --server_.connections;
        --endpoint_.connections;
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void read() {
        parser_.emplace();
        parser_->header_limit(line_limit_ + kMaxHeaderSize);
        stream_.expires_after(server_.options.timeout);
        http::async_read_header(
            stream_, buffer_, *parser_,
            [self = shared_from_this()](error_code error, std::size_t) { self->on_header(error); });
    }

private:
    void on_header(error_code error) {
        if (error == http::error::header_limit || error == http::error::buffer_overflow) {
            return refuse(too_long());
        }
        if (error == http::error::end_of_stream) return linger();
        if (error.category() == http::make_error_code(http::error::bad_method).category()) {
            return refuse(plain_answer(400, "this is not a valid HTTP request"));
        }
        if (error) return;  // gone, or too slow
        const auto& request = parser_->get();
        if (request.method_string().size() + request.target().size() + kRestOfRequestLine >
            line_limit_) {
            return refuse(line_too_long());
        }
        const std::size_t longest = server_.settings(endpoint_).max_header_value_length;
        for (const auto& field : request) {
            if (field.value().size() > longest) return refuse(header_too_long());
        }
        answer();
    }

    void answer() {
        const auto& request = parser_->get();
        const HttpRequest asked{view_of(request.method_string()), view_of(request.target()),
                                view_of(request[http::field::accept])};
        auto response = respond(asked, server_.settings(endpoint_).modules, server_.sources);
        // A body is never read, so nothing that follows one can be understood.
        const bool keep = request.keep_alive() && parser_->is_done();
        write(make_response(std::move(response), request.version(), keep,
                            request.method() == http::verb::head));
    }

    void refuse(HttpResponse response) {
        write(make_response(std::move(response), 11, false, false));
    }

    [[nodiscard]] HttpResponse too_long() const {
        const std::string_view seen(static_cast<const char*>(buffer_.data().data()),
                                    buffer_.data().size());
        return std::min(seen.find("\r\n"), seen.size()) > line_limit_ ? line_too_long()
                                                                      : header_too_long();
    }
    [[nodiscard]] HttpResponse line_too_long() const {
        return plain_answer(414, fmt::format("the request line is longer than {} bytes "
                                             "(max_request_line_length)",
                                             line_limit_));
    }
    [[nodiscard]] HttpResponse header_too_long() const {
        return plain_answer(
            431, fmt::format("a header is longer than {} bytes (max_header_value_length), or all "
                             "together than {}",
                             server_.settings(endpoint_).max_header_value_length, kMaxHeaderSize));
    }

    void write(http::response<http::string_body> response) {
        response_ = std::move(response);
        const bool head = parser_->get().method() == http::verb::head;
        serializer_.emplace(*response_);
        stream_.expires_after(server_.options.timeout);
        const auto written = [self = shared_from_this()](error_code error, std::size_t) {
            if (error) return;
            if (self->response_->keep_alive()) return self->read();
            self->linger();
        };
        if (head) {
            http::async_write_header(stream_, *serializer_, written);
        } else {
            http::async_write(stream_, *serializer_, written);
        }
    }

    // Closing while something unread arrives would reset the connection, and the client might never
    // see the answer.
    void linger() {
        error_code ignored;
        stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
        stream_.expires_after(std::min<Millis>(kHttpLinger, server_.options.timeout));
        buffer_.clear();
        discard();
    }
    void discard() {
        stream_.async_read_some(buffer_.prepare(4096),
                                [self = shared_from_this()](error_code error, std::size_t size) {
                                    self->discarded_ += size;
                                    if (!error && self->discarded_ < kMaxLingerBytes)
                                        self->discard();
                                });
    }

    Impl& server_;
    Impl::Endpoint& endpoint_;
    beast::tcp_stream stream_;
    const std::uint32_t line_limit_;
    beast::flat_buffer buffer_;
    std::optional<http::request_parser<http::empty_body>> parser_;
    std::optional<http::response<http::string_body>> response_;
    std::optional<http::response_serializer<http::string_body>> serializer_;
    std::size_t discarded_ = 0;
};

Result<void> HttpServer::Impl::open(std::size_t index) {
    HttpListenerOptions& wanted = options.listeners[index];
    auto opened = transport::open_listeners(wanted.socket, 1);
    if (!opened) {
        return Error{opened.error().code,
                     "listener.http." + wanted.name + ": " + opened.error().detail};
    }
    const bool v6 = wanted.socket.address.find(':') != std::string::npos;
    auto endpoint = std::make_unique<Endpoint>();
    endpoint->index = index;
    endpoint->acceptor.emplace(io_, v6 ? tcp::v6() : tcp::v4(), opened.value()[0]);
    endpoint->retry.emplace(io_);
    endpoints_.push_back(std::move(endpoint));
    return {};
}

void HttpServer::Impl::run() {
    for (const auto& endpoint : endpoints_) accept(*endpoint);
    look_now_and_then();
    thread_.emplace(io_);
}

void HttpServer::Impl::look_now_and_then() {
    (void)view();
    look_.expires_after(RecentCounts::kStep);
    look_.async_wait([this](error_code stopped) {
        if (!stopped) look_now_and_then();
    });
}

void HttpServer::Impl::accept(Endpoint& endpoint) {
    endpoint.acceptor->async_accept([this, &endpoint](error_code error, tcp::socket socket) {
        if (error == asio::error::operation_aborted) return;
        if (!error) {
            take(endpoint, std::move(socket));
            return accept(endpoint);
        }
        endpoint.retry->expires_after(kAcceptRetry);
        endpoint.retry->async_wait([this, &endpoint](error_code stopped) {
            if (!stopped) accept(endpoint);
        });
    });
}

void HttpServer::Impl::take(Endpoint& endpoint, tcp::socket socket) {
    ++endpoint.accepted;
    if (connections >= kMaxHttpConnections ||
        endpoint.connections.load() >= settings(endpoint).max_connections) {
        ++refused_;
        return;
    }
    std::make_shared<Connection>(*this, endpoint, std::move(socket))->read();
}

NodeView HttpServer::Impl::view() const {
    NodeView result{inspect_(), {}, std::chrono::system_clock::now()};
    for (auto& listener : listeners()) result.node.listeners.push_back(std::move(listener));
    const WatchedCounts counts = watched_counts(result.node);
    result.recent =
        recent_.with([&](RecentCounts& recent) { return recent.add(counts, steady_now()); });
    return result;
}

std::vector<broker::ListenerSnapshot> HttpServer::Impl::listeners() const {
    std::vector<broker::ListenerSnapshot> result;
    for (const auto& endpoint : endpoints_) {
        const HttpListenerOptions& listener = options.listeners[endpoint->index];
        broker::ListenerSnapshot picture;
        picture.type = "http";
        picture.name = listener.name;
        picture.address = listener.socket.address;
        picture.port = listener.socket.port;
        picture.running = true;
        picture.connections = endpoint->connections.load();
        picture.accepted = endpoint->accepted.load();
        picture.max_connections = listener.max_connections;
        result.push_back(std::move(picture));
    }
    return result;
}

HttpServer::HttpServer(HttpOptions options, Inspect inspect, const MetricsCollector& collector)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(inspect), collector)) {}

HttpServer::~HttpServer() = default;

Result<void> HttpServer::start() {
    for (std::size_t i = 0; i < impl_->options.listeners.size(); ++i) {
        if (auto opened = impl_->open(i); !opened) return opened;
    }
    if (!impl_->options.listeners.empty()) impl_->run();
    return {};
}

void HttpServer::add_metrics(metrics::Snapshot& snapshot) const {
    metrics::Sample& refused = snapshot.emplace_back();
    refused.name = "http_connections_refused";
    refused.description = "HTTP connections closed because there were too many.";
    refused.value = impl_->refused();
    broker::add_listener_metrics(impl_->listeners(), snapshot);
}

std::vector<broker::ListenerSnapshot> HttpServer::snapshot() const { return impl_->listeners(); }

const std::vector<HttpListenerOptions>& HttpServer::listeners() const noexcept {
    return impl_->options.listeners;
}

}  // namespace vmq::admin
