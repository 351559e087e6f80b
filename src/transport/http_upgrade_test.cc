#include "transport/http_upgrade.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace vmq::transport {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// The request of RFC 6455 1.2, for MQTT; each part can be another one.
struct Request {
    std::string line = "GET /mqtt HTTP/1.1";
    std::string host = "Host: broker.example:8080\r\n";
    std::string upgrade = "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n";
    std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    std::string version = "Sec-WebSocket-Version: 13\r\n";
    std::string subprotocol = "Sec-WebSocket-Protocol: mqtt\r\n";
    std::string more = {};

    [[nodiscard]] std::string text() const {
        return line + "\r\n" + host + upgrade + key + version + subprotocol + more + "\r\n";
    }
};

/// Gives the request at once with frames behind it, and then to another one byte by byte; both
/// must say the same.
HttpUpgradeResult receive(const std::string& request, const HttpUpgradeOptions& options = {}) {
    HttpUpgrade at_once(options);
    auto result = at_once.receive(request + "\x82\x80");
    EXPECT_EQ(result.consumed, result.status == HttpUpgradeStatus::Refused ? 0U : request.size());

    HttpUpgrade in_bytes(options);
    for (const char byte : request + "\x82\x80") {
        const auto part = in_bytes.receive({&byte, 1});
        if (part.status == HttpUpgradeStatus::NeedMore) {
            EXPECT_EQ(part.consumed, 1U);
            continue;
        }
        EXPECT_EQ(part.status, result.status);
        EXPECT_EQ(part.response, result.response);
        EXPECT_EQ(part.reason, result.reason);
        return result;
    }
    ADD_FAILURE() << "no answer to single bytes";
    return result;
}

HttpUpgradeResult refused(const std::string& request, int code, const char* reason,
                          const HttpUpgradeOptions& options = {}) {
    auto result = receive(request, options);
    EXPECT_EQ(result.status, HttpUpgradeStatus::Refused) << request;
    EXPECT_EQ(result.code, code) << request << result.reason;
    EXPECT_THAT(result.reason, HasSubstr(reason));
    EXPECT_THAT(result.response, StartsWith("HTTP/1.1 " + std::to_string(code) + " "));
    EXPECT_THAT(result.response, HasSubstr("close\r\n"));
    return result;
}

UpgradeRequest accepted(const Request& request, const HttpUpgradeOptions& options = {}) {
    auto result = receive(request.text(), options);
    EXPECT_EQ(result.status, HttpUpgradeStatus::Accepted) << result.reason;
    EXPECT_EQ(result.code, 101);
    return result.request;
}

// [v5 MQTT-6.0.0-4] [v3.1.1 MQTT-6.0.0-4]; the key and its answer are the example of RFC 6455 1.3.
TEST(HttpUpgrade, AcceptsAClientOfMqtt) {
    const auto result = receive(Request{}.text());
    EXPECT_EQ(result.status, HttpUpgradeStatus::Accepted);
    EXPECT_EQ(result.response,
              "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
              "Sec-WebSocket-Protocol: mqtt\r\n\r\n");
    EXPECT_EQ(result.request.subprotocol, "mqtt");
    EXPECT_EQ(result.request.host, "broker.example:8080");
    EXPECT_EQ(result.request.origin, "");
    EXPECT_EQ(result.request.forwarded_for, "");
    EXPECT_EQ(result.request.common_name, "");
}

TEST(HttpUpgrade, TellsWhereTheRequestEndsInTheLastPiece) {
    const HttpUpgradeOptions options;
    HttpUpgrade upgrade(options);
    const auto text = Request{}.text();
    EXPECT_EQ(upgrade.receive("").status, HttpUpgradeStatus::NeedMore);
    EXPECT_EQ(upgrade.receive(text.substr(0, text.size() - 2)).status, HttpUpgradeStatus::NeedMore);
    const auto result = upgrade.receive("\r\n\x82\x85more");
    EXPECT_EQ(result.status, HttpUpgradeStatus::Accepted);
    EXPECT_EQ(result.consumed, 2U);
}

TEST(HttpUpgrade, ChoosesTheFirstSubprotocolOfTheClientThatItKnows) {
    const auto chosen = [](const char* headers) {
        return accepted({.subprotocol = headers}).subprotocol;
    };
    EXPECT_EQ(chosen("Sec-WebSocket-Protocol: mqttv3.1\r\n"), "mqttv3.1");
    EXPECT_EQ(chosen("Sec-WebSocket-Protocol: mqttv3.1,mqtt\r\n"), "mqttv3.1");
    EXPECT_EQ(chosen("Sec-WebSocket-Protocol: stomp , mqtt, mqttv3.1\r\n"), "mqtt");
    EXPECT_EQ(chosen("Sec-WebSocket-Protocol: stomp\r\nsec-websocket-protocol: mqtt\r\n"), "mqtt");
}

// [v5 MQTT-6.0.0-3] [v3.1.1 MQTT-6.0.0-3]
TEST(HttpUpgrade, RefusesAClientWithoutASubprotocolThatItKnows) {
    for (const char* headers :
         {"", "Sec-WebSocket-Protocol:\r\n", "Sec-WebSocket-Protocol: stomp, MQTT, mqttv3.1.1\r\n"})
        refused(Request{.subprotocol = headers}.text(), 400, "neither subprotocol mqtt nor");
}

TEST(HttpUpgrade, TakesTheGivenPathsWithOrWithoutAQuery) {
    for (const char* target : {"/mqtt", "/mqtt/", "/mqtt?", "/mqtt?token=a/b", "/mqtt/?x",
                               "http://broker.example/mqtt?x", "ws://broker.example:80/mqtt"})
        (void)accepted({.line = std::string("GET ") + target + " HTTP/1.1"});
    for (const char* target : {"/", "/mqtt2", "/mqtt//", "//mqtt", "/MQTT", "/%6Dqtt", "mqtt", "*",
                               "/x://y/mqtt", "http://broker.example", "/?/mqtt"})
        refused(Request{.line = std::string("GET ") + target + " HTTP/1.1"}.text(), 404,
                "no WebSocket at");
    HttpUpgradeOptions options;
    options.paths = {"/a", "/b/"};
    (void)accepted({.line = "GET /a HTTP/1.1"}, options);
    (void)accepted({.line = "GET /b HTTP/1.1"}, options);
    EXPECT_THAT(refused(Request{}.text(), 404, "/mqtt", options).response, HasSubstr("/a or /b/"));
}

TEST(HttpUpgrade, AnswersOtherVersionsOfWebSocketWithItsOwn) {
    for (const char* version :
         {"", "Sec-WebSocket-Version: 8\r\n", "Sec-WebSocket-Version: 13, 8\r\n"})
        EXPECT_THAT(refused(Request{.version = version}.text(), 426, "version is not 13").response,
                    AllOf(HasSubstr("\r\nSec-WebSocket-Version: 13\r\n"),
                          HasSubstr("\r\nUpgrade: websocket\r\n")));
}

TEST(HttpUpgrade, TellsABrowserWhatThisPortIs) {
    for (const auto& request :
         {std::string("GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
          std::string("GET /mqtt HTTP/1.0\r\n\r\n"),
          Request{.upgrade = "Upgrade: websocket\r\n"}.text(),
          Request{.upgrade = "Connection: Upgrade\r\n"}.text(),
          Request{.upgrade = "Upgrade: h2c\r\nConnection: Upgrade\r\n"}.text(),
          Request{.line = "GET /mqtt HTTP/1.0"}.text()}) {
        const auto& response = refused(request, 426, "a plain HTTP request").response;
        EXPECT_THAT(response, HasSubstr("\r\nUpgrade: websocket\r\n"));
        EXPECT_THAT(response, HasSubstr("ws://HOST:PORT/mqtt"));
        EXPECT_THAT(response, HasSubstr("/status"));
    }
}

TEST(HttpUpgrade, TakesUpgradeHeadersInAnyCaseAndOnSeveralLines) {
    (void)accepted({.upgrade = "UPGRADE: h2c, WebSocket\r\nConnection: close\r\n"
                               "connection: x,UPGRADE\r\n"});
}

TEST(HttpUpgrade, RefusesOtherMethods) {
    for (const char* method : {"POST", "PUT", "OPTIONS", "CONNECT", "BREW", "get"})
        EXPECT_THAT(
            refused(Request{.line = std::string(method) + " /mqtt HTTP/1.1"}.text(), 405, "not GET")
                .response,
            HasSubstr("\r\nAllow: GET\r\n"));
    EXPECT_THAT(refused(Request{.line = "HEAD /mqtt HTTP/1.1"}.text(), 405, "not GET").response,
                AllOf(HasSubstr("Content-Length: "), EndsWith("\r\n\r\n")));
}

TEST(HttpUpgrade, SaysHowLongItsTextIs) {
    const auto response = refused(Request{.key = ""}.text(), 400, "Sec-WebSocket-Key").response;
    const auto body = response.substr(response.find("\r\n\r\n") + 4);
    EXPECT_THAT(response, HasSubstr("Content-Length: " + std::to_string(body.size()) + "\r\n"));
    EXPECT_THAT(body, EndsWith("\n"));
}

TEST(HttpUpgrade, RepeatsNothingTheClientSent) {
    EXPECT_THAT(refused(Request{.line = "GET /secret HTTP/1.1"}.text(), 404, "/secret").response,
                Not(HasSubstr("secret")));
}

TEST(HttpUpgrade, RefusesAKeyThatIsNotOne) {
    for (const char* key :
         {"", "Sec-WebSocket-Key:\r\n", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n",
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQA=\r\n",
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAA==\r\n",
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub_5jZQ==\r\n"})
        refused(Request{.key = key}.text(), 400, "Sec-WebSocket-Key");
}

TEST(HttpUpgrade, RefusesARequestThatBreaksTheRules) {
    const Request good;
    refused(Request{.host = ""}.text(), 400, "no Host");
    refused(Request{.host = good.host + good.host}.text(), 400, "Host is there twice");
    refused(Request{.key = good.key + good.key}.text(), 400, "Sec-WebSocket-Key is there twice");
    refused(Request{.version = good.version + good.version}.text(), 400, "Version is there twice");
    refused(Request{.more = "Content-Length: 5\r\n"}.text(), 400, "body");
    refused(Request{.more = "Content-Length: 99999999999\r\n"}.text(), 400, "body");
    refused(Request{.more = "Transfer-Encoding: chunked\r\n"}.text(), 400, "body");
    refused(Request{.more = "Content-Length: x\r\n"}.text(), 400, "no HTTP request");
    refused(Request{.more = "no colon\r\n"}.text(), 400, "no HTTP request");
    refused(Request{.more = "Name : value\r\n"}.text(), 400, "no HTTP request");
    refused(Request{.line = "GET /mqtt"}.text(), 400, "no HTTP request");
    refused(Request{.line = "GET /mqtt HTTP/2.0"}.text(), 400, "no HTTP request");
    (void)accepted({.more = "Content-Length: 0\r\n"});
}

TEST(HttpUpgrade, RefusesTheFirstByteThatCannotBeginARequest) {
    refused("\x16\x03\x01", 400, "begins like TLS");
    refused("\x10\x0C", 400, "begins like MQTT");
    refused("\r\nGET /mqtt HTTP/1.1", 400, "no HTTP request");
}

TEST(HttpUpgrade, TakesARequestOfTheLargestSizeAndNotOneByteMore) {
    HttpUpgradeOptions options;
    options.max_request_size = 1'000;
    Request request{.more = "X: "};
    request.more += std::string(1'000 - request.text().size() - 2, 'x') + "\r\n";
    ASSERT_EQ(request.text().size(), 1'000U);
    (void)accepted(request, options);
    request.more.insert(3, "x");
    refused(request.text(), 431, "more than 1000 bytes", options);
    refused("GET /" + std::string(2'000, 'x'), 431, "more than 1000 bytes", options);
}

TEST(HttpUpgrade, NeverTakesMoreThanTheParserCan) {
    HttpUpgradeOptions options;
    options.max_request_size = 1'000'000;
    options.max_request_line = 1'000'000;
    options.max_header_value = 1'000'000;
    refused("GET /mqtt HTTP/1.1\r\nX: " + std::string(70'000, 'x') + "\r\n\r\n", 431,
            "more than 65535 bytes", options);
    Request request{.more = "X: "};
    request.more += std::string(65'535 - request.text().size() - 2, 'x') + "\r\n";
    (void)accepted(request, options);
}

TEST(HttpUpgrade, TakesARequestLineOfTheLargestSizeAndNotOneByteMore) {
    HttpUpgradeOptions options;
    options.max_request_line = 100;
    std::string line = "GET /mqtt?" + std::string(100 - 19, 'q') + " HTTP/1.1";
    ASSERT_EQ(line.size(), 100U);
    (void)accepted({.line = line}, options);
    line.insert(10, "q");
    refused(Request{.line = line}.text(), 414, "more than 100 bytes", options);
}

TEST(HttpUpgrade, TakesAHeaderOfTheLargestSizeAndNotOneByteMore) {
    HttpUpgradeOptions options;
    options.max_header_value = 100;
    (void)accepted({.more = "X: " + std::string(100, 'x') + "\r\n"}, options);
    refused(Request{.more = "X: " + std::string(101, 'x') + "\r\n"}.text(), 431,
            "a header of 101 bytes", options);
}

TEST(HttpUpgrade, TellsWhatLogsAndProxiesNeed) {
    HttpUpgradeOptions options;
    options.common_name_header = "x-ssl-client-cn";
    const auto request = accepted(
        {.more = "Origin: https://app.example\r\nUser-Agent: tests/1\r\n"
                 "X-SSL-Client-CN: device-7\r\nX-Forwarded-For: 192.0.2.1, 198.51.100.2\r\n"},
        options);
    EXPECT_EQ(request.origin, "https://app.example");
    EXPECT_EQ(request.user_agent, "tests/1");
    EXPECT_EQ(request.common_name, "device-7");
    EXPECT_EQ(request.forwarded_for, "192.0.2.1");
    EXPECT_EQ(accepted({.more = "X-SSL-Client-CN: device-7\r\n"}).common_name, "");
    refused(Request{.more = "X-SSL-Client-CN: a\r\nx-ssl-client-cn: b\r\n"}.text(), 400,
            "x-ssl-client-cn is there twice", options);
}

TEST(HttpUpgrade, TakesTheFirstForwardedAddress) {
    const auto first = [](const std::string& value) {
        return accepted({.more = "X-Forwarded-For: " + value + "\r\n"}).forwarded_for;
    };
    EXPECT_EQ(first("192.0.2.1"), "192.0.2.1");
    EXPECT_EQ(first(" \t192.0.2.1:1234 ,10.0.0.1"), "192.0.2.1");
    EXPECT_EQ(first("[2001:DB8::1]:1234"), "2001:db8::1");
    EXPECT_EQ(first("192.0.2.1\r\nX-Forwarded-For: 192.0.2.2"), "192.0.2.1");
    EXPECT_EQ(first("unknown, 192.0.2.1"), "");
    EXPECT_EQ(first(", 192.0.2.1"), "");
    EXPECT_EQ(first(""), "");
}

TEST(HttpUpgradeDeathTest, AskingAgainAfterTheAnswerIsOurBug) {
    const HttpUpgradeOptions options;
    HttpUpgrade upgrade(options);
    (void)upgrade.receive(Request{}.text());
    EXPECT_DEATH((void)upgrade.receive("x"), "!answered_");
}

TEST(HttpUpgrade, PagesOfOtherOriginsMayBeRefused) {
    HttpUpgradeOptions options;
    options.allowed_origins = {"localhost", "https://app.example"};
    const auto status = [&](const std::string& origin) {
        Request request;
        if (!origin.empty()) request.more = "Origin: " + origin + "\r\n";
        return receive(request.text(), options).code;
    };
    for (const char* good : {"", "https://app.example", "https://APP.example", "http://localhost",
                             "http://localhost:8888", "https://127.0.0.1:1", "http://[::1]:80"}) {
        EXPECT_EQ(status(good), 101) << good;
    }
    for (const char* bad :
         {"https://app.example:444", "http://app.example", "null", "http://localhost.evil.example",
          "http://127.0.0.1.evil.example", "http://evil.example/http://localhost", "localhost"}) {
        EXPECT_EQ(status(bad), 403) << bad;
    }
    Request request;
    request.more = "Origin: https://evil.example\r\n";
    (void)refused(request.text(), 403,
                  "a page of https://evil.example may not connect here (allowed_origins)", options);
    EXPECT_EQ(receive(request.text()).code, 101) << "without allowed_origins everybody's may";
}

}  // namespace
}  // namespace vmq::transport
