#include "admin/http_server.h"

#include <algorithm>
#include <atomic>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "admin/http_server_fixture.h"

namespace vmq::admin {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class HttpServerShards : public HttpServerTest {};

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
            auto node = sample_view().node;
            node.numbers.totals.cells[metrics::cell::of(metrics::Counter::QueueMessageDrop)] =
                drops.load();
            return node;
        },
        collector_, keys_);
    server_->serve_commands(*node_);
    ASSERT_TRUE(server_->start());
    drops = 107;
    EXPECT_THAT(ask(get("/status.json")), HasSubstr(R"("drops_last_minute":{"queue_full":7,)"));
    server_.reset();
}

TEST_F(HttpServerShards, OneConnectionTooManyIsClosedAndCounted) {
    serve(on_any_port());
    auto sockets = fair_connections(kMaxHttpConnections, port());
    auto extra = connect();
    EXPECT_EQ(rest_of(extra), "");
    send(sockets.back(), get("/metrics"));
    EXPECT_THAT(rest_of(sockets.back()),
                HasSubstr("vernemq_http_connections_refused{node=\"a@b\"} 1\n"));
}

TEST_F(HttpServerShards, ItsListenersAreMetricsForOtherThreads) {
    serve(on_any_port());
    auto socket = connect();
    send(socket, get("/health"));
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
    send(first, get("/health"));
    EXPECT_THAT(rest_of(first), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerShards, AnAddressInUseIsAnErrorThatNamesIt) {
    serve(on_any_port());
    auto options = on_any_port();
    options.listeners[0].name = "other";
    options.listeners[0].socket.port = port();
    HttpServer second(std::move(options), [] { return sample_view().node; }, collector_, keys_);
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
    send(waiting, "GET /");
    EXPECT_THAT(ask(get("/health")), StartsWith("HTTP/1.1 200 "));
    server_.reset();
    EXPECT_EQ(rest_of(idle), "");
}

/// A command that takes until it is let go.
class SlowNode final : public commands::FakeNode {
public:
    Result<bool> disconnect(const commands::SessionName& /*session*/, bool /*cleanup*/) override {
        ++begun;
        go.wait();
        return true;
    }
    std::atomic<std::size_t> begun{0};
    std::latch go{1};
};

class SlowHttpServerShards : public HttpServerTest {
protected:
    SlowHttpServerShards() { node_ = &slow_; }
    SlowNode slow_;
};

TEST_F(SlowHttpServerShards, HealthAnswersWhileCommandsTakeLongAndTooManyAreRefused) {
    auto options = on_any_port();
    options.listeners[0].modules.keys.api = false;
    serve(std::move(options));
    std::vector<tcp::socket> waiting;
    for (std::size_t i = 0; i < kMaxApiRequests; ++i) {
        waiting.push_back(connect());
        send(waiting.back(), get("/api/v1/session/disconnect?client-id=x"));
    }
    std::string busy;
    do {
        busy = ask(get("/api/v1/cluster/show"));  // those above may still be on their way
    } while (busy.starts_with("HTTP/1.1 200 "));
    EXPECT_THAT(busy, StartsWith("HTTP/1.1 503 "));
    EXPECT_THAT(busy, HasSubstr("Retry-After: 1\r\n"));
    EXPECT_THAT(ask(get("/health")), StartsWith("HTTP/1.1 200 "));
    EXPECT_GE(metric("http_requests_busy"), 1U);
    EXPECT_LE(slow_.begun, kApiThreads);
    slow_.go.count_down();
    for (auto& socket : waiting) EXPECT_THAT(rest_of(socket), StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(ask(get("/api/v1/cluster/show")), StartsWith("HTTP/1.1 200 "));
}

TEST_F(SlowHttpServerShards, AtTheEndCommandsUnderWayAreAwaitedAndOthersRefused) {
    auto options = on_any_port();
    options.listeners[0].modules.keys.api = false;
    options.command_threads = 1;
    serve(std::move(options));
    auto running = connect();
    send(running, get("/api/v1/session/disconnect?client-id=x"));
    while (slow_.begun == 0) std::this_thread::yield();
    auto queued = connect();
    send(queued, get("/api/v1/session/disconnect?client-id=y"));
    slow_.go.count_down();
    server_->close_commands();
    EXPECT_THAT(rest_of(running), StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(rest_of(queued), StartsWith("HTTP/1.1 "));
    EXPECT_THAT(ask(get("/api/v1/cluster/show")), StartsWith("HTTP/1.1 503 "));
    EXPECT_THAT(ask(get("/health")), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerShards, SlowClientsMakeRoomForOthers) {
    auto options = on_any_port();
    options.patience = Millis(0);
    serve(std::move(options));
    std::vector<tcp::socket> slow;
    for (std::uint32_t i = 0; i < kMaxHttpConnections; ++i) {
        slow.push_back(connect());
        send(slow.back(), "GET /health HT");
    }
    for (int i = 0; i < 3; ++i) EXPECT_THAT(ask(get("/health")), StartsWith("HTTP/1.1 200 "));
    EXPECT_GE(metric("http_connections_dropped"), 1U);
    EXPECT_EQ(metric("http_connections_refused"), 0U);
    EXPECT_EQ(rest_of(slow.front()), "");
    send(slow.back(), "TP/1.1\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(rest_of(slow.back()), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerShards, WhoHasManyConnectionsMakesRoomForOthers) {
    serve(on_any_port());
    std::vector<tcp::socket> many;
    for (std::uint32_t i = 0; i < kMaxHttpConnections; ++i) {
        many.push_back(connect_from("127.0.0.2", port()));
        send(many.back(), "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
        std::string first(12, ' ');
        boost::asio::read(many.back(), boost::asio::buffer(first));
    }
    for (int i = 0; i < 3; ++i) EXPECT_THAT(ask(get("/health")), StartsWith("HTTP/1.1 200 "));
    EXPECT_EQ(metric("http_connections_refused"), 0U);
    EXPECT_GE(metric("http_connections_dropped"), 1U);
    EXPECT_THAT(rest_of(many.front()), EndsWith("OK\"}"));
    send(many.back(), get("/health/ping"));
    EXPECT_THAT(rest_of(many.back()), HasSubstr("HTTP/1.1 200 "));
}

TEST_F(HttpServerShards, ClientsThatDoNotReadTheirAnswersMakeRoomForOthers) {
    auto options = on_any_port();
    options.listeners[0].max_connections = kFairHttpConnections + 1;
    serve(std::move(options));
    const std::string one = "GET /status/status.mjs HTTP/1.1\r\nHost: localhost\r\n\r\n";
    std::vector<tcp::socket> deaf;
    for (std::size_t i = 0; i < kFairHttpConnections + 1; ++i) {
        deaf.push_back(connect_from("127.0.0.2", port()));
        // Nothing is read any more when neither answers nor requests find room.
        deaf.back().non_blocking(true);
        boost::system::error_code error;
        std::uint64_t before = 0;
        do {
            before = metric("http_requests");
            for (int sent = 0; sent < 1000 && !error; ++sent) {
                boost::asio::write(deaf.back(), boost::asio::buffer(one), error);
            }
        } while (!error || metric("http_requests") != before);
    }
    EXPECT_THAT(ask(get("/health")), StartsWith("HTTP/1.1 200 "));
    EXPECT_EQ(metric("http_connections_refused"), 0U);
    EXPECT_EQ(metric("http_connections_dropped"), 1U);
}

TEST_F(HttpServerShards, EachListenerKeepsPlacesOfItsOwn) {
    auto options = on_any_port();
    options.listeners.push_back(options.listeners[0]);
    options.listeners[1].name = "other";
    serve(std::move(options));
    const std::uint16_t other = server_->snapshot().at(1).port;
    auto taken = fair_connections(kMaxHttpConnections, port());
    while (server_->snapshot().at(0).connections < kMaxHttpConnections) std::this_thread::yield();
    auto own = fair_connections(kMaxHttpConnections / 2, other);
    while (metric("http_connections_dropped") < own.size()) std::this_thread::yield();
    EXPECT_EQ(metric("http_connections_refused"), 0U);
    auto extra = connect(other);
    EXPECT_EQ(rest_of(extra), "");
}

TEST_F(HttpServerShards, ListenersComeAndGoWhileItRuns) {
    serve(on_any_port());
    HttpListenerOptions more;
    more.name = "more";
    more.socket.address = "127.0.0.1";
    more.modules = {
        .status = false, .health = true, .metrics = false, .api = false, .api_v2 = false};
    ASSERT_TRUE(server_->open(more));
    const std::uint16_t second = server_->snapshot().at(1).port;
    EXPECT_TRUE(server_->has("127.0.0.1", second));
    more.socket.port = second;
    EXPECT_EQ(server_->open(more).error().code, ErrorCode::AddressInUse);
    const auto health = [&] {
        auto socket = connect(second);
        send(socket, get("/health"));
        return rest_of(socket);
    };
    EXPECT_THAT(health(), StartsWith("HTTP/1.1 200 "));
    auto kept = connect(second);
    send(kept, "GET /health HTTP/1.1\r\n\r\n");
    std::string first(12, ' ');
    boost::asio::read(kept, boost::asio::buffer(first));
    ASSERT_TRUE(server_->suspend("127.0.0.1", second));
    EXPECT_FALSE(server_->snapshot().at(1).running);
    EXPECT_THROW(connect(second), boost::system::system_error);
    ASSERT_TRUE(server_->resume("127.0.0.1", second));
    ASSERT_TRUE(server_->resume("127.0.0.1", second));
    // The listener itself is healthy again.
    EXPECT_THAT(health(), StartsWith("HTTP/1.1 200 "));
    ASSERT_TRUE(server_->stop("127.0.0.1", second));
    EXPECT_THAT(rest_of(kept), HasSubstr("OK"));  // the rest of its answer, and the end
    EXPECT_FALSE(server_->has("127.0.0.1", second));
    EXPECT_EQ(server_->stop("127.0.0.1", second).error().code, ErrorCode::NotFound);
    EXPECT_THROW(connect(second), boost::system::system_error);
    EXPECT_THAT(ask(get("/health")), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerShards, ReconfiguringTouchesWhatHasChangedAndNothingElse) {
    auto options = on_any_port();
    options.listeners.push_back(options.listeners[0]);
    options.listeners[1].name = "goes";
    serve(options);
    HttpListenerOptions started = options.listeners[0];
    started.name = "started";
    ASSERT_TRUE(server_->open(started));
    const auto before = server_->snapshot();
    auto wanted = options.listeners;
    wanted[0].modules.metrics = false;
    wanted[1].name = "comes";
    auto kept = connect(before[1].port);
    server_->reconfigure(wanted);
    EXPECT_EQ(rest_of(kept), "");  // its rules have gone with its listener
    const auto after = server_->snapshot();
    ASSERT_EQ(after.size(), 3U);
    EXPECT_EQ(after[0].name, "default");
    EXPECT_EQ(after[0].port, before[0].port);
    EXPECT_EQ(after[1].name, "started");
    EXPECT_EQ(after[2].name, "comes");
    EXPECT_THAT(ask(get("/metrics")), StartsWith("HTTP/1.1 404 "));
    EXPECT_THROW(connect(before[1].port), boost::system::system_error);
    server_->reconfigure({});
    ASSERT_EQ(server_->snapshot().size(), 1U);
    EXPECT_EQ(server_->snapshot()[0].name, "started");
}

}  // namespace
}  // namespace vmq::admin
