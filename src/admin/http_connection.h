// One client of the HTTP server.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "admin/http_endpoint.h"
#include "admin/http_stream.h"
#include "base/clock.h"

namespace vmq::admin {

/// Lives as long as one of its handlers waits or its request is worked on. On the server's thread;
/// `shared` outlives it.
class HttpConnection final : public std::enable_shared_from_this<HttpConnection> {
public:
    HttpConnection(HttpShared& shared, std::shared_ptr<HttpEndpoint> endpoint,
                   boost::asio::ip::tcp::socket socket);
    ~HttpConnection();
    HttpConnection(const HttpConnection&) = delete;
    HttpConnection& operator=(const HttpConnection&) = delete;

    void start();

    [[nodiscard]] const HttpEndpoint& endpoint() const noexcept { return *endpoint_; }
    /// Since when it has waited for the client to send a request; nothing while there is one.
    [[nodiscard]] std::optional<TimePoint> waits_since() const noexcept { return waits_since_; }

    /// Whose places it shares: the address of the client, of IPv6 its /64.
    [[nodiscard]] const std::string& neighbourhood() const noexcept { return neighbourhood_; }

    /// close() or drop() has been called.
    [[nodiscard]] bool leaving() const noexcept { return !counted_; }
    /// Nothing is being done for it: it waits for its client to send or to read.
    [[nodiscard]] bool waits_for_client() const noexcept { return waits_since_ || response_; }
    /// Ends it now, or, if a request is being answered, after the answer.
    void close();
    /// Ends it now, also if its answer is under way. Requires waits_for_client().
    void drop();

private:
    using Response = boost::beast::http::response<boost::beast::http::string_body>;
    using Request = boost::beast::http::request<boost::beast::http::string_body>;
    using error_code = boost::system::error_code;

    void read();
    void on_header(error_code error);
    [[nodiscard]] std::optional<HttpResponse> too_much() const;
    void on_request();
    void check_key(HttpModule module);
    void on_verdict(HttpModule module, const ApiKeyStore::Verdict& verdict);
    void answer(HttpModule module);
    void read_body(HttpModule module);
    void run(HttpModule module);
    void run_off_thread(std::string what, OffThread<HttpResponse>::Work work);

    [[nodiscard]] HttpResponse request_too_long() const;
    [[nodiscard]] HttpResponse line_too_long() const;
    [[nodiscard]] HttpResponse header_too_long() const;

    void respond_with(HttpResponse response);
    /// And close: what follows cannot be understood.
    void refuse(HttpResponse response);
    void write(Response response);
    void on_written(error_code error);
    void shut_down();
    void linger();
    void discard();

    void expires_after(Millis time);
    void expires_never();
    void leave();

    HttpShared& shared_;
    const std::shared_ptr<HttpEndpoint> endpoint_;
    const std::shared_ptr<const HttpListenerOptions> options_;
    std::list<HttpConnection*>::iterator place_;
    bool counted_ = true;  // among the open ones
    HttpStream stream_;
    boost::asio::steady_timer deadline_;
    const std::string peer_;
    const std::string neighbourhood_;
    const std::uint32_t line_limit_;
    boost::beast::flat_buffer buffer_;
    std::optional<TimePoint> waits_since_;

    // Of the request at hand.
    std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
    HttpRequest request_;
    std::string key_name_;  // of the key it was let in with; empty: without
    std::optional<Response> response_;
    std::optional<boost::beast::http::response_serializer<boost::beast::http::string_body>>
        serializer_;
    bool under_way_ = false;  // counted as an API request
    bool close_after_ = false;
    std::size_t discarded_ = 0;
};

}  // namespace vmq::admin
