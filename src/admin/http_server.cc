#include "admin/http_server.h"

#include <fmt/core.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <unordered_map>
#include <utility>

#include "admin/http_api.h"
#include "admin/http_connection.h"
#include "admin/metrics_text.h"
#include "admin/recent_counts.h"
#include "base/log.h"
#include "runtime/coordination.h"
#include "runtime/guarded.h"
#include "runtime/io_thread.h"
#include "runtime/periodic.h"

namespace vmq::admin {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using EndpointPtr = std::shared_ptr<HttpEndpoint>;

std::string key_of(const HttpListenerOptions& options) {
    return fmt::format("listener.{}.{}", options.type(), options.name);
}

void tell_notices(const HttpListenerOptions& options, const transport::TlsContext& context) {
    for (const std::string& notice : context.notices()) {
        log::warning("{}: {}", key_of(options), notice);
    }
}

}  // namespace

/// Connections live on the server's thread, calls come from others, one at a time.
class HttpServer::Impl final {
public:
    Impl(HttpOptions wanted, Inspect inspect, const MetricsCollector& collector,
         const ApiKeyStore& keys)
        : options_(std::move(wanted)),
          inspect_(std::move(inspect)),
          collector_(collector),
          commands_(io_, options_.command_threads, kMaxApiRequests),
          key_checks_(io_, keys),
          shared_{.sources = {[this] { return view(); },
                              [this] {
                                  return metrics_text(collector_.snapshot(), collector_.node(),
                                                      options_.metrics_prefix);
                              }},
                  .timeout = options_.timeout,
                  .keys = keys,
                  .commands = commands_,
                  .key_checks = key_checks_} {}

    ~Impl() {
        tls_watcher_.reset();
        close_commands();
        key_checks_.stop();
        thread_.reset();
        // Connections go with these and with io_, whose services they use.
        commands_.clear();
        key_checks_.clear();
        for (const EndpointPtr& endpoint : endpoints()) {
            endpoint->acceptor.reset();
            endpoint->retry.reset();
        }
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void serve_commands(commands::Node& node) { shared_.node = &node; }
    Result<void> start();
    void announce_stop() noexcept { stopping_ = true; }
    void close_commands();

    [[nodiscard]] EndpointPtr find(std::string_view address, std::uint16_t port) const;
    Result<void> open(HttpListenerOptions options, bool configured);
    Result<void> with(std::string_view address, std::uint16_t port,
                      const std::function<Result<void>(HttpEndpoint&)>& work);
    Result<void> listen(const EndpointPtr& endpoint);
    void close(HttpEndpoint& endpoint);
    void forget(HttpEndpoint& endpoint);
    void end_connections(const HttpEndpoint& endpoint);
    void reconfigure(const std::vector<HttpListenerOptions>& wanted);
    void reload_tls(bool always);

    [[nodiscard]] std::vector<broker::ListenerSnapshot> listeners() const;
    void add_metrics(metrics::Snapshot& snapshot) const;

    runtime::OneAtATime calls;

private:
    [[nodiscard]] std::vector<EndpointPtr> endpoints() const {
        return endpoints_.with([](const auto& all) { return all; });
    }
    void on_thread(const std::function<void()>& work);
    void change(HttpEndpoint& endpoint, const HttpListenerOptions& wanted);
    void accept(const EndpointPtr& endpoint);
    void take(const EndpointPtr& endpoint, tcp::socket socket);
    [[nodiscard]] bool make_room(const HttpEndpoint& endpoint);
    [[nodiscard]] HttpConnection* slowest(const HttpEndpoint* listener) const;
    [[nodiscard]] HttpConnection* greediest(const HttpEndpoint* listener) const;
    [[nodiscard]] HttpConnection* of_larger_listener(const HttpEndpoint& endpoint) const;
    void watch_tls();
    [[nodiscard]] NodeView view() const;
    /// Counts go on while nobody looks, so that whoever does sees what is recent.
    void look_now_and_then();

    const HttpOptions options_;
    const Inspect inspect_;
    const MetricsCollector& collector_;
    mutable runtime::Guarded<RecentCounts> recent_;
    OffThread<HttpResponse> commands_;
    KeyChecks key_checks_;
    HttpShared shared_;
    std::atomic<bool> stopping_{false};
    std::atomic<std::uint64_t> refused_{0};
    std::atomic<std::uint64_t> dropped_{0};
    runtime::Guarded<std::vector<EndpointPtr>> endpoints_;
    asio::io_context io_{1};  // destroys the connections, so it stands after what they use
    asio::steady_timer look_{io_};
    std::optional<runtime::IoThread> thread_;
    std::optional<runtime::Periodic> tls_watcher_;
};

Result<void> HttpServer::Impl::start() {
    Result<void> opened;
    for (const HttpListenerOptions& each : options_.listeners) {
        opened = open(each, true);
        if (!opened) break;
    }
    if (!opened) {
        for (const EndpointPtr& endpoint : endpoints()) forget(*endpoint);
    }
    look_now_and_then();
    thread_.emplace(io_);
    return opened;
}

void HttpServer::Impl::close_commands() {
    commands_.stop(api_error(503, "the broker is stopping"));
}

/// Runs it on the server's thread, or here while there is none.
void HttpServer::Impl::on_thread(const std::function<void()>& work) {
    if (!thread_) return work();
    runtime::Countdown done(1);
    asio::post(io_, [&] {
        work();
        done.done();
    });
    done.wait();
}

EndpointPtr HttpServer::Impl::find(std::string_view address, std::uint16_t port) const {
    for (EndpointPtr& endpoint : endpoints()) {
        if (endpoint->address == address && endpoint->port == port) return std::move(endpoint);
    }
    return nullptr;
}

Result<void> HttpServer::Impl::open(HttpListenerOptions options, bool configured) {
    const auto named = [&](const Error& error) {
        return Error{error.code, configured ? key_of(options) + ": " + error.detail : error.detail};
    };
    if (options.socket.port != 0 && find(options.socket.address, options.socket.port)) {
        return named({ErrorCode::AddressInUse, "there is a listener at that address already"});
    }
    auto endpoint = std::make_shared<HttpEndpoint>();
    if (options.tls) {
        auto context = transport::TlsContext::load(*options.tls, nullptr);
        if (!context) return named(context.error());
        tell_notices(options, *context.value());
        endpoint->tls.set(std::move(context).value());
        watch_tls();
    }
    endpoint->wanted = options;
    endpoint->configured = configured;
    endpoint->options.set(std::make_shared<const HttpListenerOptions>(options));
    endpoint->port = options.socket.port;
    if (auto listening = listen(endpoint); !listening) return named(listening.error());
    endpoints_.with([&](auto& all) { all.push_back(endpoint); });
    return {};
}

void HttpServer::Impl::look_now_and_then() {
    (void)view();
    look_.expires_after(RecentCounts::kStep);
    look_.async_wait([this](error_code stopped) {
        if (!stopped) look_now_and_then();
    });
}

Result<void> HttpServer::Impl::listen(const EndpointPtr& endpoint) {
    transport::ListenOptions socket = endpoint->wanted.socket;
    if (!socket.unix_path.empty()) {
        return Error{ErrorCode::InvalidValue, "HTTP is not served on Unix sockets"};
    }
    socket.port = endpoint->port;
    auto opened = transport::open_listeners(socket, 1);
    if (!opened) return opened.error();
    endpoint->address = socket.address;
    endpoint->port = socket.port;
    const bool v6 = socket.address.find(':') != std::string::npos;
    on_thread([&] {
        endpoint->acceptor.emplace(io_, v6 ? tcp::v6() : tcp::v4(), opened.value()[0]);
        endpoint->retry.emplace(io_);
        accept(endpoint);
    });
    endpoint->running = true;
    return {};
}

void HttpServer::Impl::close(HttpEndpoint& endpoint) {
    endpoint.running = false;
    on_thread([&] {
        endpoint.acceptor.reset();
        endpoint.retry.reset();
    });
}

void HttpServer::Impl::forget(HttpEndpoint& endpoint) {
    close(endpoint);
    endpoints_.with([&](auto& all) {
        std::erase_if(all, [&](const EndpointPtr& each) { return each.get() == &endpoint; });
    });
}

void HttpServer::Impl::end_connections(const HttpEndpoint& endpoint) {
    on_thread([&] {
        for (HttpConnection* client : shared_.clients) {
            if (&client->endpoint() == &endpoint) client->close();
        }
    });
}

Result<void> HttpServer::Impl::with(std::string_view address, std::uint16_t port,
                                    const std::function<Result<void>(HttpEndpoint&)>& work) {
    const auto held = calls.enter();
    const EndpointPtr endpoint = find(address, port);
    if (endpoint) return work(*endpoint);
    return Error{ErrorCode::NotFound, fmt::format("there is no listener at {}:{}", address, port)};
}

void HttpServer::Impl::change(HttpEndpoint& endpoint, const HttpListenerOptions& wanted) {
    HttpListenerOptions now = wanted;
    if (wanted.tls && wanted.tls != endpoint.wanted.tls) {
        auto context = transport::TlsContext::load(*wanted.tls, endpoint.tls.get().get());
        if (context) {
            tell_notices(wanted, *context.value());
            endpoint.tls.set(std::move(context).value());
        } else {
            // What is served and to whom must not depend on it.
            log::error("{}: {}; it goes on with the TLS it had", key_of(wanted),
                       context.error().detail);
            now.tls = endpoint.wanted.tls;
        }
    }
    endpoint.wanted = now;
    endpoint.options.set(std::make_shared<const HttpListenerOptions>(std::move(now)));
    log::notice("{} is changed, as the configuration file says", key_of(wanted));
}

void HttpServer::Impl::reconfigure(const std::vector<HttpListenerOptions>& wanted) {
    const auto same_key = [](const HttpListenerOptions& a, const HttpListenerOptions& b) {
        return a.name == b.name && a.tls.has_value() == b.tls.has_value();
    };
    const auto found_in = [&](const HttpEndpoint& endpoint) -> const HttpListenerOptions* {
        const auto found = std::ranges::find_if(
            wanted, [&](const auto& each) { return same_key(each, endpoint.wanted); });
        return found == wanted.end() ? nullptr : &*found;
    };
    const auto held = calls.enter();
    // First those that go: their addresses may be wanted by others.
    for (const EndpointPtr& endpoint : endpoints()) {
        if (!endpoint->configured) continue;
        const HttpListenerOptions* now = found_in(*endpoint);
        if (now != nullptr && now->socket == endpoint->wanted.socket) {
            if (*now != endpoint->wanted) change(*endpoint, *now);
            continue;
        }
        forget(*endpoint);
        end_connections(*endpoint);
        log::notice("{} is closed, as the configuration file says", key_of(endpoint->wanted));
    }
    for (const HttpListenerOptions& each : wanted) {
        const auto all = endpoints();
        if (std::ranges::any_of(all, [&](const EndpointPtr& endpoint) {
                return endpoint->configured && same_key(endpoint->wanted, each);
            })) {
            continue;
        }
        if (const auto opened = open(each, true); !opened) {
            log::error("{}", opened.error().detail);
            continue;
        }
        const EndpointPtr added = endpoints().back();
        log::notice("{} listens on {}:{}, as the configuration file says", key_of(each),
                    added->address, added->port);
    }
}

void HttpServer::Impl::reload_tls(bool always) {
    const auto held = calls.enter();
    for (const EndpointPtr& endpoint : endpoints()) {
        const auto context = endpoint->tls.get();
        if (!context || !(always || context->files_changed() || context->ticket_key_due())) {
            continue;
        }
        const HttpListenerOptions& options = endpoint->wanted;
        auto fresh = transport::TlsContext::load(*options.tls, context.get());
        if (!fresh) {
            if (endpoint->tls_error == fresh.error().detail) continue;
            endpoint->tls_error = fresh.error().detail;
            log::error("{}: {}; it goes on with what was loaded before", key_of(options),
                       fresh.error().detail);
            continue;
        }
        endpoint->tls_error.clear();
        if (context->files_changed() || always) {
            log::notice("{}: certificates and keys are loaded anew", key_of(options));
        }
        tell_notices(options, *fresh.value());
        endpoint->tls.set(std::move(fresh).value());
    }
}

/// From the first listener with TLS on.
void HttpServer::Impl::watch_tls() {
    if (tls_watcher_) return;
    tls_watcher_.emplace(options_.tls_watch_interval, [this] {
        reload_tls(false);
        return std::nullopt;
    });
}

void HttpServer::Impl::accept(const EndpointPtr& endpoint) {
    endpoint->acceptor->async_accept([this, endpoint](error_code error, tcp::socket socket) {
        if (error == asio::error::operation_aborted || !endpoint->acceptor) return;
        if (!error) {
            take(endpoint, std::move(socket));
            return accept(endpoint);
        }
        endpoint->retry->expires_after(kAcceptRetry);
        endpoint->retry->async_wait([this, endpoint](error_code stopped) {
            if (!stopped && endpoint->acceptor) accept(endpoint);
        });
    });
}

void HttpServer::Impl::take(const EndpointPtr& endpoint, tcp::socket socket) {
    ++endpoint->accepted;
    if (!make_room(*endpoint)) {
        ++refused_;
        return;
    }
    std::make_shared<HttpConnection>(shared_, endpoint, std::move(socket))->start();
}

/// For one more client: if there is none, somebody has to go, so that neither slow clients nor one
/// with many connections keep out those who only want to know how the broker is.
bool HttpServer::Impl::make_room(const HttpEndpoint& endpoint) {
    const bool listener_full = endpoint.connections >= endpoint.options.get()->max_connections;
    if (!listener_full && shared_.open < kMaxHttpConnections) return true;
    HttpConnection* client = slowest(listener_full ? &endpoint : nullptr);
    if (client == nullptr) client = greediest(listener_full ? &endpoint : nullptr);
    if (client == nullptr && !listener_full) client = of_larger_listener(endpoint);
    if (client == nullptr) return false;
    client->drop();
    ++dropped_;
    return true;
}

/// Who has been waited for longest, and for too long; of `listener`, or of all. Null: nobody.
HttpConnection* HttpServer::Impl::slowest(const HttpEndpoint* listener) const {
    const TimePoint limit = steady_now() - options_.patience;
    for (HttpConnection* client : shared_.clients) {
        const auto since = client->waits_since();
        if (!since || *since > limit || client->leaving()) continue;
        if (listener == nullptr || &client->endpoint() == listener) return client;
    }
    return nullptr;
}

/// The oldest connection of who has most, if that is more than a fair share.
HttpConnection* HttpServer::Impl::greediest(const HttpEndpoint* listener) const {
    struct Neighbours {
        std::size_t count = 0;
        HttpConnection* oldest = nullptr;  // that may be closed
    };
    std::unordered_map<std::string_view, Neighbours> all;
    for (HttpConnection* client : shared_.clients) {
        if (client->leaving()) continue;
        if (listener != nullptr && &client->endpoint() != listener) continue;
        Neighbours& neighbours = all[client->neighbourhood()];
        ++neighbours.count;
        if (neighbours.oldest == nullptr && client->waits_for_client()) neighbours.oldest = client;
    }
    Neighbours most;
    for (const auto& [_, each] : all) {
        if (each.oldest != nullptr && each.count > most.count) most = each;
    }
    return most.count > kFairHttpConnections ? most.oldest : nullptr;
}

/// If `endpoint` has fewer than its part of the places: the oldest of a listener that has more.
HttpConnection* HttpServer::Impl::of_larger_listener(const HttpEndpoint& endpoint) const {
    const std::size_t listeners = std::max<std::size_t>(endpoints().size(), 1);
    const std::size_t part =
        std::max<std::size_t>(kMinHttpConnectionsOfListener, kMaxHttpConnections / listeners);
    if (endpoint.connections >= part) return nullptr;
    for (HttpConnection* client : shared_.clients) {
        if (client->leaving() || !client->waits_for_client()) continue;
        if (&client->endpoint() != &endpoint && client->endpoint().connections > part) {
            return client;
        }
    }
    return nullptr;
}

NodeView HttpServer::Impl::view() const {
    NodeView result{inspect_(), {}, std::chrono::system_clock::now(), stopping_.load()};
    for (auto& listener : listeners()) result.node.listeners.push_back(std::move(listener));
    const WatchedCounts counts = watched_counts(result.node);
    result.recent =
        recent_.with([&](RecentCounts& recent) { return recent.add(counts, steady_now()); });
    return result;
}

std::vector<broker::ListenerSnapshot> HttpServer::Impl::listeners() const {
    std::vector<broker::ListenerSnapshot> result;
    for (const EndpointPtr& endpoint : endpoints()) {
        const auto options = endpoint->options.get();
        broker::ListenerSnapshot picture;
        picture.type = options->type();
        picture.name = options->name;
        picture.address = endpoint->address;
        picture.port = endpoint->port;
        picture.running = endpoint->running.load();
        picture.connections = endpoint->connections.load();
        picture.accepted = endpoint->accepted.load();
        picture.max_connections = options->max_connections;
        if (const auto tls = endpoint->tls.get()) {
            for (const transport::CertificateInfo& certificate : tls->certificates()) {
                picture.certificate_expires =
                    std::min(picture.certificate_expires.value_or(certificate.not_after),
                             certificate.not_after);
            }
        }
        result.push_back(std::move(picture));
    }
    return result;
}

void HttpServer::Impl::add_metrics(metrics::Snapshot& snapshot) const {
    const auto add = [&snapshot](const char* name, const char* description, std::uint64_t value) {
        metrics::Sample& sample = snapshot.emplace_back();
        sample.name = name;
        sample.description = description;
        sample.value = value;
    };
    add("http_connections_refused", "HTTP connections closed because there were too many.",
        refused_.load());
    add("http_connections_dropped",
        "HTTP connections closed because they were slow or many and others found no room.",
        dropped_.load());
    add("http_requests", "HTTP requests.", shared_.requests.load());
    add("http_requests_unauthorized", "HTTP requests refused for want of a valid API key.",
        shared_.unauthorized.load());
    add("http_requests_busy", "HTTP requests refused because too many were under way.",
        shared_.busy.load());
    add("http_key_checks", "API keys of an operator's own choice whose slow hash was computed.",
        key_checks_.begun());
    add("http_key_checks_refused",
        "HTTP requests refused because too many API keys were being checked.",
        key_checks_.refused());
    broker::add_listener_metrics(listeners(), snapshot);
}

HttpServer::HttpServer(HttpOptions options, Inspect inspect, const MetricsCollector& collector,
                       const ApiKeyStore& keys)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(inspect), collector, keys)) {}

HttpServer::~HttpServer() = default;

void HttpServer::serve_commands(commands::Node& node) { impl_->serve_commands(node); }
Result<void> HttpServer::start() { return impl_->start(); }
void HttpServer::announce_stop() noexcept { impl_->announce_stop(); }
void HttpServer::close_commands() { impl_->close_commands(); }

bool HttpServer::has(std::string_view address, std::uint16_t port) const {
    return impl_->find(address, port) != nullptr;
}

Result<void> HttpServer::open(HttpListenerOptions options) {
    const auto held = impl_->calls.enter();
    return impl_->open(std::move(options), false);
}

Result<void> HttpServer::suspend(std::string_view address, std::uint16_t port) {
    return impl_->with(address, port, [this](HttpEndpoint& endpoint) -> Result<void> {
        impl_->close(endpoint);
        return {};
    });
}

Result<void> HttpServer::resume(std::string_view address, std::uint16_t port) {
    return impl_->with(address, port, [&, this](HttpEndpoint& endpoint) -> Result<void> {
        if (endpoint.running) return {};
        return impl_->listen(impl_->find(address, port));
    });
}

Result<void> HttpServer::stop(std::string_view address, std::uint16_t port) {
    return impl_->with(address, port, [this](HttpEndpoint& endpoint) -> Result<void> {
        impl_->forget(endpoint);
        impl_->end_connections(endpoint);
        return {};
    });
}

Result<void> HttpServer::remove(std::string_view address, std::uint16_t port) {
    return impl_->with(address, port, [this](HttpEndpoint& endpoint) -> Result<void> {
        impl_->forget(endpoint);
        return {};
    });
}

void HttpServer::reconfigure(const std::vector<HttpListenerOptions>& wanted) {
    impl_->reconfigure(wanted);
}
void HttpServer::reload_tls(bool always) { impl_->reload_tls(always); }

std::vector<broker::ListenerSnapshot> HttpServer::snapshot() const { return impl_->listeners(); }

void HttpServer::add_metrics(metrics::Snapshot& snapshot) const { impl_->add_metrics(snapshot); }

}  // namespace vmq::admin
