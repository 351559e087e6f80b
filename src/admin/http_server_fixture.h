// A real HTTP server on loopback and a client of it, for tests.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "admin/commands/fake_node.h"
#include "admin/http_server.h"
#include "admin/view_sample.h"

namespace vmq::admin {

inline HttpOptions on_any_port() {
    HttpOptions options;
    options.listeners.resize(1);
    options.listeners[0].socket.address = "127.0.0.1";
    options.patience = kHttpTimeout;  // however slow the machine is
    return options;
}

inline std::string get(const std::string& target, const std::string& headers = {}) {
    return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n" + headers +
           "Connection: close\r\n\r\n";
}

inline std::string post(const std::string& target, const std::string& body,
                        const std::string& headers = {}) {
    return "POST " + target + " HTTP/1.1\r\nHost: localhost\r\n" + headers +
           "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\nConnection: close\r\n\r\n" + body;
}

class HttpServerTest : public ::testing::Test {
protected:
    using tcp = boost::asio::ip::tcp;

    void serve(HttpOptions options) {
        server_.emplace(
            std::move(options),
            [this] {
                if (on_view_) on_view_();
                return sample_view().node;
            },
            collector_, keys_);
        collector_.add([this](metrics::Snapshot& snapshot) { server_->add_metrics(snapshot); });
        server_->serve_commands(*node_);
        const auto started = server_->start();
        ASSERT_TRUE(started) << started.error().detail;
    }
    std::uint16_t port() const { return server_->snapshot().at(0).port; }

    tcp::socket connect() { return connect(port()); }
    tcp::socket connect(std::uint16_t port) { return connect_from("127.0.0.1", port); }
    tcp::socket connect_from(const std::string& address, std::uint16_t port) {
        tcp::socket socket(io_, {boost::asio::ip::make_address(address), 0});
        socket.connect({boost::asio::ip::make_address("127.0.0.1"), port});
        return socket;
    }
    /// `count` connections that are fairly distributed: of other addresses for each call.
    std::vector<tcp::socket> fair_connections(std::size_t count, std::uint16_t port) {
        std::vector<tcp::socket> sockets;
        for (std::size_t i = 0; i < count; ++i) {
            if (i % kFairHttpConnections == 0) ++neighbour_;
            sockets.push_back(connect_from("127.0.1." + std::to_string(neighbour_), port));
        }
        return sockets;
    }

    static void send(tcp::socket& socket, const std::string& bytes) {
        boost::system::error_code ignored;  // the server may have had enough of it
        boost::asio::write(socket, boost::asio::buffer(bytes), ignored);
    }
    /// Everything the server sends until it closes.
    static std::string rest_of(tcp::socket& socket) {
        std::string received;
        boost::system::error_code error;
        boost::asio::read(socket, boost::asio::dynamic_buffer(received), error);
        return received;
    }

    std::string ask(const std::string& request) {
        auto socket = connect();
        send(socket, request);
        return rest_of(socket);
    }

    std::uint64_t metric(std::string_view name) {
        const metrics::Snapshot all = collector_.snapshot();
        const auto found = std::ranges::find(all, name, &metrics::Sample::name);
        return found == all.end() ? 0 : found->value;
    }

    boost::asio::io_context io_;
    MetricsCollector collector_{"a@b"};
    // For those who set them before serve().
    std::function<void()> on_view_;       // on the server's thread
    std::function<void()> on_key_clock_;  // where a key is looked at: any thread
    ApiKeyStore keys_{"", "a@b", {.min_length = 0, .max_days = {}, .rounds = 2}, [this] {
                          if (on_key_clock_) on_key_clock_();
                          return ApiKeyStore::now_millis();
                      }};
    commands::FakeNode fake_;
    commands::Node* node_ = &fake_;
    std::optional<HttpServer> server_;
    int neighbour_ = 0;
};

}  // namespace vmq::admin
