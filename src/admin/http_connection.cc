#include "admin/http_connection.h"

#include <fmt/core.h>

#include <algorithm>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <string_view>
#include <utility>
#include <variant>

#include "admin/commands/table.h"
#include "admin/http_api.h"
#include "admin/http_api_v2.h"
#include "admin/http_credentials.h"
#include "admin/http_target.h"
#include "base/log.h"

namespace vmq::admin {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

std::string_view view_of(beast::string_view text) { return {text.data(), text.size()}; }

/// Bytes of a request line that are not method and target: two blanks and the version.
constexpr std::size_t kRestOfRequestLine = std::string_view("  HTTP/1.1").size();
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

bool is_api(HttpModule module) { return module == HttpModule::Api || module == HttpModule::ApiV2; }

http::response<http::string_body> make_response(HttpResponse answer, unsigned version, bool keep,
                                                bool head) {
    http::response<http::string_body> response(static_cast<http::status>(answer.status), version);
    if (!answer.content_type.empty()) {
        response.set(http::field::content_type, answer.content_type);
    }
    response.set(http::field::cache_control, "no-store");
    response.set("X-Content-Type-Options", "nosniff");
    response.set("Referrer-Policy", "no-referrer");
    // For answers that are no page, should a browser show one; pages bring their own.
    response.set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    for (const auto& [name, value] : answer.headers) response.set(name, value);
    if (answer.status == 405 && response[http::field::allow].empty()) {
        response.set(http::field::allow, "GET, HEAD");
    }
    response.keep_alive(keep);
    if (answer.status != 204) response.content_length(answer.body.size());
    if (!head) response.body() = std::move(answer.body);
    return response;
}

HttpResponse unauthorized() {
    // One answer for no key, a wrong one, an expired one and one for something else, so that
    // nobody learns which keys there are. The words of the header are VerneMQ's.
    HttpResponse response = api_error(401, "this needs an API key of its scope",
                                      "Send it as user name of HTTP Basic or as x-api-key; "
                                      "`vmq-admin api-key create` makes one.");
    response.headers.emplace_back("WWW-Authenticate", "Authorization realm=\"VerneMQ\"");
    return response;
}

HttpResponse try_again(unsigned status, std::string_view text, std::string_view hint = {}) {
    HttpResponse response = api_error(status, text, hint);
    response.headers.emplace_back("Retry-After", "1");
    return response;
}

HttpResponse too_busy() { return try_again(503, "too many requests are under way: try again"); }

HttpResponse too_many_checks(KeyChecks::Taken refused) {
    constexpr std::string_view kHint =
        "Keys that `vmq-admin api-key create` makes are checked at once, and so are others that "
        "were used within the last minutes.";
    if (refused == KeyChecks::Taken::TooManyOfAddress) {
        return try_again(429, "too many API keys from this address are being checked: try again",
                         kHint);
    }
    return try_again(503, "too many API keys are being checked: try again", kHint);
}

std::string peer_of(const tcp::socket& socket) {
    error_code ignored;
    const auto peer = socket.remote_endpoint(ignored);
    return peer.address().to_string();
}

/// Without the port.
std::string_view name_in(std::string_view host) {
    if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
    return host.substr(0, host.find(':'));
}

/// Not a name that somebody's DNS could say is this machine; "": whoever sends no Host is no
/// browser.
bool is_loopback(std::string_view host) {
    if (host.empty() || beast::iequals({host.data(), host.size()}, "localhost")) return true;
    error_code no_address;
    const auto address = asio::ip::make_address(host, no_address);
    return !no_address && address.is_loopback();
}

std::string neighbourhood_of(const std::string& peer) {
    error_code no_address;
    auto address = asio::ip::make_address(peer, no_address);
    if (no_address || !address.is_v6() || address.to_v6().is_v4_mapped()) return peer;
    auto bytes = address.to_v6().to_bytes();
    std::fill(bytes.begin() + bytes.size() / 2, bytes.end(), 0);
    return asio::ip::address_v6(bytes).to_string();
}

}  // namespace

HttpConnection::HttpConnection(HttpShared& shared, std::shared_ptr<HttpEndpoint> endpoint,
                               tcp::socket socket)
    : shared_(shared),
      endpoint_(std::move(endpoint)),
      options_(endpoint_->options.get()),
      place_(shared.clients.insert(shared.clients.end(), this)),
      stream_(std::move(socket), endpoint_->tls.get()),
      deadline_(stream_.get_executor()),
      peer_(peer_of(stream_.socket())),
      neighbourhood_(neighbourhood_of(peer_)),
      line_limit_(std::min(options_->max_request_line_length, kMaxRequestLine)),
      buffer_(std::size_t{line_limit_} + 2 * kMaxHeaderSize) {
    ++shared_.open;
    ++endpoint_->connections;
}

HttpConnection::~HttpConnection() {
    leave();
    shared_.clients.erase(place_);
    if (under_way_) --shared_.under_way;
}

void HttpConnection::leave() {
    if (!std::exchange(counted_, false)) return;
    --shared_.open;
    --endpoint_->connections;
}

void HttpConnection::expires_after(Millis time) {
    deadline_.expires_after(time);
    deadline_.async_wait([weak = weak_from_this()](error_code error) {
        const auto self = weak.lock();
        if (error || !self) return;
        // It may have been moved while this was on its way.
        if (self->deadline_.expiry() > asio::steady_timer::clock_type::now()) return;
        error_code ignored;
        self->stream_.socket().close(ignored);
    });
}

void HttpConnection::expires_never() {
    deadline_.expires_at(asio::steady_timer::time_point::max());
}

void HttpConnection::start() {
    if (stream_.broken()) return;
    if (!stream_.secure()) return read();
    waits_since_ = steady_now();
    expires_after(options_->tls_handshake_timeout);
    stream_.async_handshake([self = shared_from_this()](error_code error) {
        if (!error) self->read();
    });
}

void HttpConnection::close() {
    leave();
    close_after_ = true;
    if (!waits_since_) return;
    error_code ignored;
    stream_.socket().close(ignored);
}

void HttpConnection::drop() {
    leave();
    close_after_ = true;
    error_code ignored;
    stream_.socket().close(ignored);
}

void HttpConnection::read() {
    parser_.emplace();
    parser_->header_limit(line_limit_ + kMaxHeaderSize);
    parser_->body_limit(kMaxHttpBody);
    request_ = {};
    key_name_.clear();
    shared_.clients.splice(shared_.clients.end(), shared_.clients, place_);
    waits_since_ = steady_now();
    expires_after(shared_.timeout);
    http::async_read_header(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](error_code error, std::size_t) { self->on_header(error); });
}

void HttpConnection::on_header(error_code error) {
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
        return refuse(request_too_long());
    }
    if (error == http::error::body_limit) {
        return refuse(api_error(413, fmt::format("a body is longer than {} bytes", kMaxHttpBody)));
    }
    if (error == http::error::end_of_stream) return shut_down();
    if (error.category() == http::make_error_code(http::error::bad_method).category()) {
        return refuse(plain_answer(400, "this is not a valid HTTP request"));
    }
    if (error) return;  // gone, or too slow
    if (auto refused = too_much()) return refuse(std::move(*refused));
    const Request& message = parser_->get();
    request_.method = view_of(message.method_string());
    request_.target = view_of(message.target());
    request_.accept = view_of(message[http::field::accept]);
    request_.content_type = view_of(message[http::field::content_type]);
    request_.fetch_site = view_of(message["Sec-Fetch-Site"]);
    request_.origin = view_of(message[http::field::origin]);
    request_.referer = view_of(message[http::field::referer]);
    request_.user_agent = view_of(message[http::field::user_agent]);
    request_.host = view_of(message[http::field::host]);
    ++shared_.requests;
    on_request();
}

std::optional<HttpResponse> HttpConnection::too_much() const {
    const Request& message = parser_->get();
    if (message.method_string().size() + message.target().size() + kRestOfRequestLine >
        line_limit_) {
        return line_too_long();
    }
    for (const auto& field : message) {
        if (field.value().size() > options_->max_header_value_length) return header_too_long();
    }
    return std::nullopt;
}

void HttpConnection::on_request() {
    if (is_loopback(endpoint_->address) && !is_loopback(name_in(request_.host))) {
        return respond_with(
            api_error(403, "this listener is for this machine: its name here is localhost",
                      "A proxy has to send the header Host: localhost."));
    }
    const auto module = guarded_module(path_of(request_.target));
    const auto options = endpoint_->options.get();  // as they are now
    if (!module || !options->modules.served().has(*module)) {
        return respond_with(respond(request_, options->modules, shared_.sources));
    }
    // A browser asks this before it sends a key, and there is nothing in the answer.
    if (is_api(*module) && request_.method == "OPTIONS") return respond_with(api_options());
    if (options->modules.keys.has(*module)) return check_key(*module);
    answer(*module);
}

void HttpConnection::check_key(HttpModule module) {
    const Request& message = parser_->get();
    std::string key =
        shown_key(view_of(message[http::field::authorization]), view_of(message["x-api-key"]));
    const auto verdict = shared_.keys.look_up(key, scope_of(module));
    if (verdict.outcome != ApiKeyStore::Outcome::Unknown) return on_verdict(module, verdict);
    waits_since_.reset();
    expires_never();
    const auto taken = shared_.key_checks.check(
        neighbourhood_, std::move(key), scope_of(module),
        [self = shared_from_this(), module](const ApiKeyStore::Verdict& found) {
            self->on_verdict(module, found);
        });
    if (taken != KeyChecks::Taken::Yes) respond_with(too_many_checks(taken));
}

void HttpConnection::on_verdict(HttpModule module, const ApiKeyStore::Verdict& verdict) {
    if (verdict.outcome == ApiKeyStore::Outcome::Granted) {
        key_name_ = verdict.name;
        return answer(module);
    }
    ++shared_.unauthorized;
    respond_with(unauthorized());
}

void HttpConnection::answer(HttpModule module) {
    if (!is_api(module)) {
        return respond_with(respond(request_, endpoint_->options.get()->modules, shared_.sources));
    }
    if (request_.method == "POST" && !parser_->is_done()) return read_body(module);
    run(module);
}

void HttpConnection::read_body(HttpModule module) {
    waits_since_ = steady_now();
    expires_after(shared_.timeout);
    const auto read = [self = shared_from_this(), module] {
        http::async_read(self->stream_, self->buffer_, *self->parser_,
                         [self, module](error_code error, std::size_t) {
                             if (error) return self->on_header(error);
                             self->run(module);
                         });
    };
    const std::string_view expected = view_of(parser_->get()[http::field::expect]);
    if (!beast::iequals({expected.data(), expected.size()}, "100-continue")) return read();
    asio::async_write(stream_, asio::buffer(kContinue.data(), kContinue.size()),
                      [read](error_code error, std::size_t) {
                          if (!error) read();
                      });
}

void HttpConnection::run(HttpModule module) {
    if (request_.method == "POST") request_.body = parser_->get().body();
    const auto& table = commands::command_table();
    if (module == HttpModule::ApiV2) {
        auto plan = plan_api_v2_call(request_);
        if (auto* refused = std::get_if<HttpResponse>(&plan)) return respond_with(*refused);
        auto& call = std::get<ApiV2Call>(plan);
        const bool changes = call.what == ApiV2Call::What::Disconnect;
        return run_off_thread(
            changes ? "disconnect" : "",
            [call = std::move(call), node = shared_.node] { return run_api_v2_call(call, *node); });
    }
    auto plan = plan_api_call(request_, table);
    if (auto* refused = std::get_if<HttpResponse>(&plan)) return respond_with(*refused);
    auto& call = std::get<ApiCall>(plan);
    const bool changes = call.command->access == commands::Access::Change;
    std::string what(changes ? call.command->words : std::string_view());
    run_off_thread(std::move(what), [call = std::move(call), &table, node = shared_.node] {
        return run_api_call(call, table, *node);
    });
}

/// `what` is to be changed, for the log: arguments may be secret. Empty: nothing.
void HttpConnection::run_off_thread(std::string what, OffThread<HttpResponse>::Work work) {
    if (shared_.node == nullptr || shared_.under_way >= kMaxApiRequests) {
        ++shared_.busy;
        return respond_with(too_busy());
    }
    waits_since_.reset();
    expires_never();
    const auto done = [self = shared_from_this()](HttpResponse response) {
        self->respond_with(std::move(response));
    };
    if (!shared_.commands.run(std::move(work), done)) {
        ++shared_.busy;
        return respond_with(too_busy());
    }
    under_way_ = true;
    ++shared_.under_way;
    if (what.empty()) return;
    log::notice("`{}` over HTTP from {}, {}", what, peer_,
                key_name_.empty() ? std::string("without a key") : "with the key " + key_name_);
}

HttpResponse HttpConnection::request_too_long() const {
    const std::string_view seen(static_cast<const char*>(buffer_.data().data()),
                                buffer_.data().size());
    return std::min(seen.find("\r\n"), seen.size()) > line_limit_ ? line_too_long()
                                                                  : header_too_long();
}

HttpResponse HttpConnection::line_too_long() const {
    return plain_answer(414, fmt::format("the request line is longer than {} bytes "
                                         "(max_request_line_length)",
                                         line_limit_));
}

HttpResponse HttpConnection::header_too_long() const {
    return plain_answer(
        431, fmt::format("a header is longer than {} bytes (max_header_value_length), or all "
                         "together than {}",
                         options_->max_header_value_length, kMaxHeaderSize));
}

void HttpConnection::respond_with(HttpResponse response) {
    const Request& message = parser_->get();
    // What follows a body that was not read cannot be understood.
    const bool keep = message.keep_alive() && parser_->is_done() && !close_after_;
    const bool head = message.method() == http::verb::head;
    write(make_response(std::move(response), message.version(), keep, head));
}

void HttpConnection::refuse(HttpResponse response) {
    write(make_response(std::move(response), 11, false, false));
}

void HttpConnection::write(Response response) {
    waits_since_.reset();
    response_ = std::move(response);
    const bool head = parser_->get().method() == http::verb::head;
    serializer_.emplace(*response_);
    expires_after(shared_.timeout);
    const auto written = [self = shared_from_this()](error_code error, std::size_t) {
        self->on_written(error);
    };
    if (head) {
        http::async_write_header(stream_, *serializer_, written);
    } else {
        http::async_write(stream_, *serializer_, written);
    }
}

void HttpConnection::on_written(error_code error) {
    if (std::exchange(under_way_, false)) --shared_.under_way;
    const bool keep = response_->keep_alive() && !close_after_;
    serializer_.reset();
    response_.reset();
    if (error) return;
    if (keep) return read();
    shut_down();
}

void HttpConnection::shut_down() {
    if (!stream_.secure()) return linger();
    waits_since_ = steady_now();
    expires_after(std::min<Millis>(kHttpLinger, shared_.timeout));
    stream_.async_shutdown([self = shared_from_this()](error_code) {});
}

// Closing while something unread arrives would reset the connection, and the client might never
// see the answer.
void HttpConnection::linger() {
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    waits_since_ = steady_now();
    expires_after(std::min<Millis>(kHttpLinger, shared_.timeout));
    buffer_.clear();
    discard();
}

void HttpConnection::discard() {
    stream_.async_read_some(buffer_.prepare(4096),
                            [self = shared_from_this()](error_code error, std::size_t size) {
                                self->discarded_ += size;
                                if (!error && self->discarded_ < kMaxLingerBytes) self->discard();
                            });
}

}  // namespace vmq::admin
