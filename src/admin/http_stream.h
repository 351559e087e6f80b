// The bytes of one HTTP connection: TCP, with TLS or without.
#pragma once

#include <openssl/ssl.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "transport/tls_context.h"

namespace vmq::admin {

/// A stream as Asio and Beast know it, for completion handlers. One thread.
class HttpStream {  // not final: Asio derives from it to look at it
public:
    using tcp = boost::asio::ip::tcp;
    using executor_type = tcp::socket::executor_type;

    /// `context`: null without TLS.
    HttpStream(tcp::socket socket, std::shared_ptr<const transport::TlsContext> context)
        : socket_(std::move(socket)), context_(std::move(context)) {
        // Null, for want of memory, makes the handshake fail below.
        if (ssl_st* ssl = context_ ? context_->new_connection() : nullptr; ssl != nullptr) {
            tls_.emplace(socket_, ssl);
        }
    }

    [[nodiscard]] executor_type get_executor() { return socket_.get_executor(); }
    [[nodiscard]] tcp::socket& socket() noexcept { return socket_; }
    [[nodiscard]] bool secure() const noexcept { return tls_.has_value(); }
    /// TLS is wanted and cannot be had.
    [[nodiscard]] bool broken() const noexcept { return context_ && !tls_; }

    template <typename Buffers, typename Handler>
    void async_read_some(const Buffers& buffers, Handler&& handler) {
        if (tls_) {
            tls_->async_read_some(buffers, std::forward<Handler>(handler));
        } else {
            socket_.async_read_some(buffers, std::forward<Handler>(handler));
        }
    }
    template <typename Buffers, typename Handler>
    void async_write_some(const Buffers& buffers, Handler&& handler) {
        if (tls_) {
            tls_->async_write_some(buffers, std::forward<Handler>(handler));
        } else {
            socket_.async_write_some(buffers, std::forward<Handler>(handler));
        }
    }
    /// Requires secure().
    template <typename Handler>
    void async_handshake(Handler&& handler) {
        tls_->async_handshake(boost::asio::ssl::stream_base::server,
                              std::forward<Handler>(handler));
    }
    /// Says that nothing more will be sent. Requires secure().
    template <typename Handler>
    void async_shutdown(Handler&& handler) {
        tls_->async_shutdown(std::forward<Handler>(handler));
    }

private:
    tcp::socket socket_;
    std::shared_ptr<const transport::TlsContext> context_;
    std::optional<boost::asio::ssl::stream<tcp::socket&>> tls_;
};

}  // namespace vmq::admin
