#include "admin/http_connection.h"

#include <atomic>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "admin/http_server_fixture.h"

namespace vmq::admin {
namespace {

using commands::ApiScope;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class HttpConnectionShards : public HttpServerTest {
protected:
    std::string with_key(const std::string& key) { return "x-api-key: " + key + "\r\n"; }
};

/// Checks of slow keys can be made to stand still.
class HeldKeyChecksShards : public HttpConnectionShards {
public:
    ~HeldKeyChecksShards() override {
        let_go();
        server_.reset();  // it uses what is here
    }
    HeldKeyChecksShards(const HeldKeyChecksShards&) = delete;
    HeldKeyChecksShards& operator=(const HeldKeyChecksShards&) = delete;

protected:
    HeldKeyChecksShards() {
        on_view_ = [this] { server_thread_ = std::this_thread::get_id(); };
        on_key_clock_ = [this] {
            const auto thread = std::this_thread::get_id();
            if (held_ && thread != here_ && thread != server_thread_) may_go_.wait();
        };
    }
    void hold() {
        ask(get("/status.json"));  // so that the server's thread is known
        held_ = true;
    }
    void let_go() {
        if (held_.exchange(false)) may_go_.count_down();
    }

private:
    const std::thread::id here_ = std::this_thread::get_id();
    std::atomic<std::thread::id> server_thread_{};
    std::atomic<bool> held_{false};
    std::latch may_go_{1};
};

/// A target that makes the whole request line `length` bytes long.
std::string target_for_line(std::size_t length) {
    const std::string rest = "GET /? HTTP/1.1";
    return "/?" + std::string(length - rest.size(), 'x');
}

TEST_F(HttpConnectionShards, KeepsAConnectionForSeveralRequests) {
    serve(on_any_port());
    const auto answers = ask("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" + get("/nope"));
    EXPECT_THAT(answers, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answers, HasSubstr("HTTP/1.1 404 Not Found\r\n"));
}

TEST_F(HttpConnectionShards, HeadHasTheHeadersOfGetAndNoBody) {
    serve(on_any_port());
    const auto answer =
        ask("HEAD /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Length: 15\r\n"));
    EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(HttpConnectionShards, RefusesOtherMethodsAndNeverTakesABodyForARequest) {
    serve(on_any_port());
    const std::string body = get("/metrics");
    const auto answer = ask("POST /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
                            std::to_string(body.size()) + "\r\n\r\n" + body);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
    EXPECT_THAT(answer, HasSubstr("Allow: GET, HEAD\r\n"));
    EXPECT_EQ(answer.find("HTTP/1.1", 1), std::string::npos);
}

TEST_F(HttpConnectionShards, ARequestLineMayBeAsLongAsConfiguredAndNoLonger) {
    auto options = on_any_port();
    options.listeners[0].max_request_line_length = 100;
    serve(std::move(options));
    EXPECT_THAT(ask(get(target_for_line(100))), StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(ask(get(target_for_line(101))), StartsWith("HTTP/1.1 414 "));
    EXPECT_THAT(ask(get(target_for_line(100 + 2 * kMaxHeaderSize))), StartsWith("HTTP/1.1 414 "));
}

TEST_F(HttpConnectionShards, AHeaderMayBeAsLongAsConfiguredAndNoLonger) {
    auto options = on_any_port();
    options.listeners[0].max_header_value_length = 100;
    serve(std::move(options));
    EXPECT_THAT(ask(get("/", "X: " + std::string(100, 'x') + "\r\n")), StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(ask(get("/", "X: " + std::string(101, 'x') + "\r\n")), StartsWith("HTTP/1.1 431 "));
}

TEST_F(HttpConnectionShards, AllHeadersTogetherHaveALimit) {
    serve(on_any_port());
    std::string headers;
    while (headers.size() <= 8000 + kMaxHeaderSize)
        headers += "X: " + std::string(1000, 'x') + "\r\n";
    EXPECT_THAT(ask(get("/", headers)), StartsWith("HTTP/1.1 431 "));
}

// Else a page whose name has been given the address 127.0.0.1 would be of the same origin.
TEST_F(HttpConnectionShards, OnLoopbackItAnswersToNamesOfThisMachineOnly) {
    serve(on_any_port());
    const auto with_host = [&](const std::string& host) {
        return ask("GET /status.json HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n");
    };
    for (const char* host :
         {"localhost", "LOCALHOST:8888", "127.0.0.1", "127.1.2.3:1", "[::1]:8", "[::1]"}) {
        EXPECT_THAT(with_host(host), StartsWith("HTTP/1.1 200 ")) << host;
    }
    for (const char* host : {"x", "127.0.0.1.x", "127.x:1", "localhost.x", "10.0.0.1", "[::2]:1"}) {
        EXPECT_THAT(with_host(host), StartsWith("HTTP/1.1 403 ")) << host;
    }
    EXPECT_THAT(ask("GET /health HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.0 200 "));
}

TEST_F(HttpConnectionShards, ElsewhereItAnswersToAnyName) {
    auto options = on_any_port();
    options.listeners[0].socket.address = "0.0.0.0";
    serve(std::move(options));
    EXPECT_THAT(ask("GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
                StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpConnectionShards, WhatIsNoHttpIsToldSo) {
    serve(on_any_port());
    EXPECT_THAT(ask("hello there\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
}

TEST_F(HttpConnectionShards, AClientThatDoesNotFinishItsRequestIsClosed) {
    auto options = on_any_port();
    options.timeout = Millis(50);
    serve(std::move(options));
    auto socket = connect();
    send(socket, "GET / HTTP/1.1\r\nHost");
    EXPECT_EQ(rest_of(socket), "");
}

TEST_F(HttpConnectionShards, TheApiWantsAKeyOfItsScope) {
    serve(on_any_port());
    const std::string mgmt = keys_.create(ApiScope::Mgmt, std::nullopt).value();
    const std::string status = keys_.create(ApiScope::Status, std::nullopt).value();
    const std::string target = "/api/v1/cluster/show";
    EXPECT_THAT(ask(get(target, with_key(mgmt))), StartsWith("HTTP/1.1 200 "));
    // Wrong, of another scope, none, and for what is no command: nobody learns which it was.
    const std::string refused = ask(get(target));
    EXPECT_THAT(refused, StartsWith("HTTP/1.1 401 "));
    EXPECT_THAT(refused, HasSubstr("WWW-Authenticate: Authorization realm=\"VerneMQ\"\r\n"));
    EXPECT_EQ(ask(get(target, with_key(status))), refused);
    EXPECT_EQ(ask(get(target, with_key("x"))), refused);
    EXPECT_EQ(ask(get("/api/v1/no/such/command")), refused);
    EXPECT_EQ(ask(get("/api/v1/cluster/show?--nothing")), refused);
    EXPECT_EQ(ask(get("/api/v2/client?client_id=c", with_key(mgmt))), refused);
    EXPECT_EQ(ask(get(target, "Authorization: Bearer x\r\n" + with_key(mgmt))), refused);
    EXPECT_EQ(metric("http_requests_unauthorized"), 7U);
    ASSERT_TRUE(keys_.remove(mgmt, ApiScope::Mgmt));
    EXPECT_EQ(ask(get(target, with_key(mgmt))), refused);
}

TEST_F(HttpConnectionShards, AKeyMayBeTheUserNameOfBasic) {
    serve(on_any_port());
    ASSERT_TRUE(keys_.add("key", ApiScope::Mgmt, std::nullopt));  // hashed slowly
    for (int i = 0; i < 2; ++i) {
        EXPECT_THAT(ask(get("/api/v1/cluster/show", "Authorization: Basic a2V5Og==\r\n")),
                    StartsWith("HTTP/1.1 200 "));
    }
    EXPECT_THAT(ask(get("/api/v1/cluster/show", "Authorization: Basic a2V6Og==\r\n")),
                StartsWith("HTTP/1.1 401 "));
}

TEST_F(HeldKeyChecksShards, StrangersKeysHoldUpNobodyWhoseKeyIsRemembered) {
    serve(on_any_port());
    ASSERT_TRUE(keys_.add("chosen", ApiScope::Mgmt, std::nullopt));
    const std::string made = keys_.create(ApiScope::Mgmt, std::nullopt).value();
    const std::string target = "/api/v1/cluster/show";
    EXPECT_THAT(ask(get(target, with_key("chosen"))), StartsWith("HTTP/1.1 200 "));
    hold();
    std::vector<tcp::socket> strangers;
    int keys_tried = 0;
    const auto try_a_key = [&](const std::string& address) {
        strangers.push_back(connect_from(address, port()));
        send(strangers.back(), get(target, with_key("wrong" + std::to_string(++keys_tried))));
    };
    const auto first_answer = [&] {
        for (;; std::this_thread::yield()) {
            const auto told = std::ranges::find_if(
                strangers, [](const tcp::socket& each) { return each.available() > 0; });
            if (told == strangers.end()) continue;
            const std::string answer = rest_of(*told);
            strangers.erase(told);
            return answer;
        }
    };
    for (std::size_t i = 0; i <= kMaxKeyChecksOfAddress; ++i) try_a_key("127.0.2.1");
    const std::string too_many = first_answer();
    EXPECT_THAT(too_many, StartsWith("HTTP/1.1 429 Too Many Requests\r\n"));
    EXPECT_THAT(too_many, HasSubstr("Retry-After: 1\r\n"));
    EXPECT_THAT(too_many, HasSubstr("from this address"));
    EXPECT_EQ(metric("http_key_checks_refused"), 1U);
    for (std::size_t i = kMaxKeyChecksOfAddress; i <= kMaxKeyChecks; ++i) {
        try_a_key("127.0.3." + std::to_string(i));
    }
    const std::string busy = first_answer();
    EXPECT_THAT(busy, StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
    EXPECT_THAT(busy, HasSubstr("Retry-After: 1\r\n"));
    EXPECT_EQ(metric("http_key_checks_refused"), 2U);

    for (const std::string& key : {std::string("chosen"), made}) {
        EXPECT_THAT(ask(get(target, with_key(key))), StartsWith("HTTP/1.1 200 ")) << key;
    }
    let_go();
    for (std::size_t i = 0; i < kMaxKeyChecks; ++i) {
        EXPECT_THAT(first_answer(), StartsWith("HTTP/1.1 401 "));
    }
    EXPECT_EQ(metric("http_key_checks"), 1 + kMaxKeyChecks);
}

TEST_F(HttpConnectionShards, EveryModuleMayAskForKeysButThePageAndTheDescriptionDoNot) {
    auto options = on_any_port();
    options.listeners[0].modules.keys = {
        .status = true, .health = true, .metrics = true, .api = true, .api_v2 = true};
    serve(std::move(options));
    const std::string health = keys_.create(ApiScope::Health, std::nullopt).value();
    for (const char* target : {"/status.json", "/health", "/health/ping", "/metrics"}) {
        EXPECT_THAT(ask(get(target)), StartsWith("HTTP/1.1 401 ")) << target;
    }
    EXPECT_THAT(ask(get("/health", with_key(health))), StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(ask(get("/metrics", with_key(health))), StartsWith("HTTP/1.1 401 "));
    for (const char* target : {"/status", "/status/status.mjs", "/api/v1/openapi.json"}) {
        EXPECT_THAT(ask(get(target)), StartsWith("HTTP/1.1 200 ")) << target;
    }
}

TEST_F(HttpConnectionShards, WhatIsNotServedAsksForNoKey) {
    auto options = on_any_port();
    options.listeners[0].modules.api = false;
    serve(std::move(options));
    EXPECT_THAT(ask(get("/api/v1/cluster/show")), StartsWith("HTTP/1.1 404 "));
    EXPECT_THAT(ask(get("/api/v1/openapi.json")), StartsWith("HTTP/1.1 404 "));
}

TEST_F(HttpConnectionShards, ABodyIsTakenFromWhoHasAKey) {
    serve(on_any_port());
    const std::string key = keys_.create(ApiScope::Mgmt, std::nullopt).value();
    const std::string body = R"({"arguments":{"client-id":"c"}})";
    const std::string target = "/api/v1/session/disconnect";
    EXPECT_THAT(ask(post(target, body)), StartsWith("HTTP/1.1 401 "));
    EXPECT_TRUE(fake_.calls.empty());
    EXPECT_THAT(ask(post(target, body, with_key(key))), StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(ask(post(target, body, with_key(key) + "Expect: 100-continue\r\n")),
                StartsWith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 "));
    EXPECT_THAT(
        ask("POST " + target +
            " HTTP/1.1\r\nContent-Type: application/json\r\nConnection: close\r\n" + with_key(key) +
            "Transfer-Encoding: chunked\r\n\r\n1f\r\n" + body + "\r\n0\r\n\r\n"),
        StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(fake_.calls, ElementsAre("disconnect /c", "disconnect /c", "disconnect /c"));
}

TEST_F(HttpConnectionShards, ABodyHasALimit) {
    auto options = on_any_port();
    options.listeners[0].modules.keys.api = false;
    serve(std::move(options));
    const std::string target = "/api/v1/session/disconnect";
    const auto body = [](std::size_t size) {
        const std::string start = R"({"arguments":{"client-id":")";
        return start + std::string(size - start.size() - 3, 'c') + "\"}}";
    };
    EXPECT_THAT(ask(post(target, body(kMaxHttpBody))), StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(ask(post(target, body(kMaxHttpBody + 1))), StartsWith("HTTP/1.1 413 "));
    EXPECT_EQ(fake_.calls.size(), 1U);
    EXPECT_THAT(ask("POST " + target +
                    " HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked"
                    "\r\n\r\n10001\r\n" +
                    body(kMaxHttpBody + 1) + "\r\n0\r\n\r\n"),
                StartsWith("HTTP/1.1 413 "));
    EXPECT_EQ(fake_.calls.size(), 1U);
}

TEST_F(HttpConnectionShards, OptionsTellsBrowsersWhatIsPossible) {
    serve(on_any_port());
    const auto answer = ask(
        "OPTIONS /api/v1/session/show HTTP/1.1\r\nOrigin: http://x\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 204 "));
    EXPECT_THAT(answer, HasSubstr("Access-Control-Allow-Origin: *\r\n"));
    EXPECT_THAT(answer, HasSubstr("Access-Control-Allow-Methods: HEAD, GET, POST\r\n"));
    EXPECT_THAT(answer, HasSubstr("Access-Control-Max-Age: 1728000\r\n"));
    EXPECT_THAT(answer, Not(HasSubstr("Content-Length")));
}

TEST_F(HttpConnectionShards, AMethodThatIsNotPossibleIsToldWhichAre) {
    auto options = on_any_port();
    options.listeners[0].modules.keys.api = false;
    serve(std::move(options));
    const auto answer = ask("DELETE /api/v1/session/show HTTP/1.1\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 "));
    EXPECT_THAT(answer, HasSubstr("Allow: GET, HEAD, POST, OPTIONS\r\n"));
    const auto head = ask("HEAD /api/v1/cluster/show HTTP/1.1\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(head, StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(head, EndsWith("\r\n\r\n"));
}

TEST_F(HttpConnectionShards, APathLeadsNowhereElse) {
    auto options = on_any_port();
    options.listeners[0].modules.keys.api = false;
    serve(std::move(options));
    for (const char* target :
         {"/../../etc/passwd", "/status/../../../etc/passwd", "/status/%2e%2e/%2e%2e/etc/passwd",
          "//etc/passwd", "/status/..%2f..%2fetc/passwd", "/./status.json", "/status.json/",
          "http://x/status.json"}) {
        EXPECT_THAT(ask(get(target)), StartsWith("HTTP/1.1 404 ")) << target;
    }
    EXPECT_THAT(ask(get("/api/v1/../../status.json")), StartsWith("HTTP/1.1 400 "));
}

}  // namespace
}  // namespace vmq::admin
