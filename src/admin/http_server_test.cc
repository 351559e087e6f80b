#include "admin/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <string>
#include <vector>

#include "admin/view_sample.h"

namespace vmq::admin {
namespace {

using boost::asio::ip::tcp;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

HttpOptions on_any_port() {
    HttpOptions options;
    options.listeners.resize(1);
    options.listeners[0].socket.address = "127.0.0.1";
    return options;
}

broker::NodeSnapshot sample_node() { return sample_view().node; }

class HttpServerShards : public ::testing::Test {
protected:
    void serve(HttpOptions options) {
        server_.emplace(std::move(options), sample_node, collector_);
        collector_.add([this](metrics::Snapshot& snapshot) { server_->add_metrics(snapshot); });
        const auto started = server_->start();
        ASSERT_TRUE(started) << started.error().detail;
    }

    tcp::socket connect() {
        tcp::socket socket(io_);
        socket.connect(
            {boost::asio::ip::make_address("127.0.0.1"), server_->listeners()[0].socket.port});
        return socket;
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
        boost::asio::write(socket, boost::asio::buffer(request));
        return rest_of(socket);
    }

    boost::asio::io_context io_;
    MetricsCollector collector_{"a@b"};
    std::optional<HttpServer> server_;
};

std::string get(const std::string& target, const std::string& headers = {}) {
    return "GET " + target + " HTTP/1.1\r\nHost: x\r\n" + headers + "Connection: close\r\n\r\n";
}

/// A target that makes the whole request line `length` bytes long.
std::string target_for_line(std::size_t length) {
    const std::string rest = "GET /? HTTP/1.1";
    return "/?" + std::string(length - rest.size(), 'x');
}

TEST_F(HttpServerShards, AnswersARequest) {
    serve(on_any_port());
    const auto answer = ask(get("/health"));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Type: application/json\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Length: 15\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Security-Policy: default-src 'none'; frame-ancestors"));
    EXPECT_THAT(answer, EndsWith("\r\n\r\n{\"status\":\"OK\"}"));
}

TEST_F(HttpServerShards, ThePageComesWithAPolicyOfItsOwn) {
    serve(on_any_port());
    EXPECT_THAT(ask(get("/status")),
                HasSubstr("Content-Security-Policy: default-src 'none'; script-src 'self'; "));
}

TEST_F(HttpServerShards, WhatHasHappenedSinceTheStartIsRecentForWhoeverLooksFirst) {
    std::atomic<std::uint64_t> drops{100};
    server_.emplace(
        on_any_port(),
        [&drops] {
            auto node = sample_node();
            node.numbers.totals.cells[metrics::cell::of(metrics::Counter::QueueMessageDrop)] =
                drops.load();
            return node;
        },
        collector_);
    ASSERT_TRUE(server_->start());
    drops = 107;
    EXPECT_THAT(ask(get("/status.json")), HasSubstr(R"("drops_last_minute":{"queue_full":7,)"));
    server_.reset();
}

TEST_F(HttpServerShards, KeepsAConnectionForSeveralRequests) {
    serve(on_any_port());
    const auto answers = ask("GET /health HTTP/1.1\r\nHost: x\r\n\r\n" + get("/nope"));
    EXPECT_THAT(answers, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answers, HasSubstr("HTTP/1.1 404 Not Found\r\n"));
}

TEST_F(HttpServerShards, HeadHasTheHeadersOfGetAndNoBody) {
    serve(on_any_port());
    const auto answer = ask("HEAD /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Length: 15\r\n"));
    EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerShards, RefusesOtherMethodsAndNeverTakesABodyForARequest) {
    serve(on_any_port());
    const std::string body = get("/metrics");
    const auto answer =
        ask("POST /status HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) +
            "\r\n\r\n" + body);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
    EXPECT_THAT(answer, HasSubstr("Allow: GET, HEAD\r\n"));
    EXPECT_EQ(answer.find("HTTP/1.1", 1), std::string::npos);
}

TEST_F(HttpServerShards, ARequestLineMayBeAsLongAsConfiguredAndNoLonger) {
    auto options = on_any_port();
    options.listeners[0].max_request_line_length = 100;
    serve(std::move(options));
    EXPECT_THAT(ask(get(target_for_line(100))), StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(ask(get(target_for_line(101))), StartsWith("HTTP/1.1 414 "));
    EXPECT_THAT(ask(get(target_for_line(100 + 2 * kMaxHeaderSize))), StartsWith("HTTP/1.1 414 "));
}

TEST_F(HttpServerShards, AHeaderMayBeAsLongAsConfiguredAndNoLonger) {
    auto options = on_any_port();
    options.listeners[0].max_header_value_length = 100;
    serve(std::move(options));
    EXPECT_THAT(ask(get("/", "X: " + std::string(100, 'x') + "\r\n")), StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(ask(get("/", "X: " + std::string(101, 'x') + "\r\n")), StartsWith("HTTP/1.1 431 "));
}

TEST_F(HttpServerShards, AllHeadersTogetherHaveALimit) {
    serve(on_any_port());
    std::string headers;
    while (headers.size() <= 8000 + kMaxHeaderSize)
        headers += "X: " + std::string(1000, 'x') + "\r\n";
    EXPECT_THAT(ask(get("/", headers)), StartsWith("HTTP/1.1 431 "));
}

TEST_F(HttpServerShards, WhatIsNoHttpIsToldSo) {
    serve(on_any_port());
    EXPECT_THAT(ask("hello there\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
}

TEST_F(HttpServerShards, OneConnectionTooManyIsClosedAndCounted) {
    serve(on_any_port());
    std::vector<tcp::socket> sockets;
    for (std::uint32_t i = 0; i < kMaxHttpConnections; ++i) sockets.push_back(connect());
    auto extra = connect();
    EXPECT_EQ(rest_of(extra), "");
    boost::asio::write(sockets.back(), boost::asio::buffer(get("/metrics")));
    EXPECT_THAT(rest_of(sockets.back()),
                HasSubstr("vernemq_http_connections_refused{node=\"a@b\"} 1\n"));
}

TEST_F(HttpServerShards, ItsListenersAreMetricsForOtherThreads) {
    serve(on_any_port());
    auto socket = connect();
    boost::asio::write(socket, boost::asio::buffer(get("/health")));
    (void)rest_of(socket);
    const metrics::Snapshot all = collector_.snapshot();
    const auto listener = std::ranges::find(all, "listener_connections", &metrics::Sample::name);
    ASSERT_NE(listener, all.end());
    const std::vector<metrics::Label> labels{{"type", "http"}, {"listener", "default"}};
    EXPECT_EQ(listener->labels, labels);
    EXPECT_LE(listener->value, 1U);
}

TEST_F(HttpServerShards, AListenerMayHaveALowerLimit) {
    auto options = on_any_port();
    options.listeners[0].max_connections = 1;
    serve(std::move(options));
    auto first = connect();
    auto second = connect();
    EXPECT_EQ(rest_of(second), "");
    boost::asio::write(first, boost::asio::buffer(get("/health")));
    EXPECT_THAT(rest_of(first), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerShards, AClientThatDoesNotFinishItsRequestIsClosed) {
    auto options = on_any_port();
    options.timeout = Millis(50);
    serve(std::move(options));
    auto socket = connect();
    boost::asio::write(socket, boost::asio::buffer(std::string("GET / HTTP/1.1\r\nHost")));
    EXPECT_EQ(rest_of(socket), "");
}

TEST_F(HttpServerShards, AnAddressInUseIsAnErrorThatNamesIt) {
    serve(on_any_port());
    auto options = on_any_port();
    options.listeners[0].name = "other";
    options.listeners[0].socket.port = server_->listeners()[0].socket.port;
    HttpServer second(std::move(options), sample_node, collector_);
    const auto started = second.start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, ErrorCode::AddressInUse);
    EXPECT_THAT(started.error().detail,
                StartsWith("listener.http.other: cannot listen on 127.0.0.1:"));
}

TEST_F(HttpServerShards, StopsWhileClientsAreConnected) {
    serve(on_any_port());
    auto idle = connect();
    auto waiting = connect();
    boost::asio::write(waiting, boost::asio::buffer(std::string("GET /")));
    EXPECT_THAT(ask(get("/health")), StartsWith("HTTP/1.1 200 "));
    server_.reset();
    EXPECT_EQ(rest_of(idle), "");
}

}  // namespace
}  // namespace vmq::admin
