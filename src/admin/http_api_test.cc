#include "admin/http_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/commands/fake_node.h"

namespace vmq::admin {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class HttpApi : public ::testing::Test {
protected:
    HttpResponse ask(const HttpRequest& request) {
        const auto& table = commands::command_table();
        const auto plan = plan_api_call(request, table);
        if (const auto* refused = std::get_if<HttpResponse>(&plan)) return *refused;
        return run_api_call(std::get<ApiCall>(plan), table, node_);
    }
    HttpResponse get(std::string_view target) { return ask({"GET", target}); }
    HttpResponse post(std::string_view target, std::string_view body = {},
                      std::string_view content_type = "application/json") {
        return ask(
            {.method = "POST", .target = target, .content_type = content_type, .body = body});
    }

    commands::FakeNode node_;
};

std::string allowed(const HttpResponse& response) {
    for (const auto& [name, value] : response.headers) {
        if (name == "Allow") return value;
    }
    return {};
}

TEST_F(HttpApi, APathIsACommandAndTheQueryItsArguments) {
    const auto response = get("/api/v1/cluster/show");
    EXPECT_EQ(response.status, 200U);
    EXPECT_EQ(response.content_type, "application/json");
    EXPECT_EQ(response.body, R"({"table":[{"Node":"a@b","Running":true}],"type":"table"})");
    EXPECT_EQ(get("/api/v1/session/show?--client_id&--is_online=true&--limit=10").body,
              R"({"table":[{"client_id":"a"}],"type":"table"})");
    EXPECT_EQ(get("/api/v1/session/disconnect?--cleanup&client-id=a%3Db").body,
              R"({"text":"Done","type":"text"})");
    EXPECT_THAT(node_.calls, ElementsAre("rows sessions client_id is_online=true limit=10",
                                         "disconnect /a=b cleanup"));
}

TEST_F(HttpApi, VerneMqsShortPathsAreKnown) {
    EXPECT_EQ(get("/api/v1/cluster").body, get("/api/v1/cluster/show").body);
    EXPECT_EQ(get("/api/v1/listeners").body, R"({"table":[],"type":"table"})");
    EXPECT_EQ(get("/api/v1/listeners/show").body, R"({"table":[],"type":"table"})");
    EXPECT_EQ(get("/api/v1/sessions?--client_id").status, 200U);
    EXPECT_EQ(get("/api/v1/sessions/disconnect?client-id=c").status, 200U);
    EXPECT_THAT(node_.calls, ElementsAre("rows sessions client_id", "disconnect /c"));
}

TEST_F(HttpApi, KeysStandInThePathAndAssignmentsInTheQuery) {
    EXPECT_EQ(get("/api/v1/show/max_client_id_size").body,
              R"({"table":[{"node":"a@b","max_client_id_size":"100"}],"type":"table"})");
    EXPECT_EQ(get("/api/v1/set?max_client_id_size=7").status, 200U);
    EXPECT_EQ(post("/api/v1/set", R"({"arguments":{"retry_interval":9}})").status, 200U);
    EXPECT_EQ(node_.in_force->text("max_client_id_size").value(), "7");
    EXPECT_EQ(node_.in_force->text("retry_interval").value(), "9");
}

TEST_F(HttpApi, WhatChangesSomethingTakesPostWithAQueryOrABody) {
    EXPECT_EQ(post("/api/v1/session/disconnect?client-id=c").status, 200U);
    EXPECT_EQ(post("/api/v1/session/disconnect",
                   R"({"arguments":{"client-id":"a b"},"flags":{"cleanup":true}})")
                  .status,
              200U);
    EXPECT_EQ(post("/api/v1/session/disconnect?client-id=d",
                   R"({"flags":{"cleanup":false,"mountpoint":"m"}})")
                  .status,
              200U);
    EXPECT_EQ(post("/api/v1/session/disconnect/batch", R"({"arguments":{"count":3}})").status,
              200U);
    EXPECT_THAT(node_.calls, ElementsAre("disconnect /c", "disconnect /a b cleanup",
                                         "disconnect m/d", "disconnect 3"));
}

TEST_F(HttpApi, ABodyThatIsNotUnderstoodDoesNothing) {
    const std::string_view target = "/api/v1/session/disconnect?client-id=c";
    for (const char* body :
         {"x", "[]", "1", "{", R"({"x":{}})", R"({"arguments":1})", R"({"arguments":{"a":[]}})",
          R"({"arguments":{"a":null}})", R"({"arguments":{"":"x"}})", R"({"flags":{"-c":true}})",
          R"({"arguments":{"a=b":"x"}})", R"({"arguments":{"--cleanup":"x"}})"}) {
        EXPECT_EQ(post(target, body).status, 400U) << body;
    }
    EXPECT_EQ(post(target, "{}", "text/plain").status, 415U);
    EXPECT_EQ(post(target, "{}", "").status, 415U);
    EXPECT_TRUE(node_.calls.empty());
    EXPECT_EQ(post(target, "{}", "application/json; charset=utf-8").status, 200U);
}

TEST_F(HttpApi, EachMethodHasItsPlace) {
    EXPECT_EQ(ask({"HEAD", "/api/v1/cluster/show"}).status, 200U);
    const auto read = post("/api/v1/cluster/show");
    EXPECT_EQ(read.status, 405U);
    EXPECT_EQ(allowed(read), "GET, HEAD, OPTIONS");
    const auto head = ask({"HEAD", "/api/v1/session/disconnect?client-id=c"});
    EXPECT_EQ(head.status, 405U);
    EXPECT_EQ(allowed(head), "GET, POST, OPTIONS");
    EXPECT_EQ(ask({"DELETE", "/api/v1/cluster/show"}).status, 405U);
    EXPECT_EQ(ask({"get", "/api/v1/cluster/show"}).status, 405U);
    EXPECT_TRUE(node_.calls.empty());
}

TEST_F(HttpApi, CommandsForATerminalAreRefused) {
    for (const char* target :
         {"/api/v1/completion/bash", "/api/v1/trace/client?client-id=c", "/api/v1/top",
          "/api/v1/top?--help", "/api/v1/backup?path=/x", "/api/v1/plugin/enable?--path=/x.so",
          "/api/v1/plugin/enable?-p=/x", "/api/v1/plugin/enable?--name=n&--path=/x"}) {
        const auto response = get(target);
        EXPECT_EQ(response.status, 403U) << target;
        EXPECT_THAT(response.body, HasSubstr("use vmq-admin"));
    }
    EXPECT_TRUE(node_.calls.empty());
}

TEST_F(HttpApi, PagesOfOtherOriginsChangeNothing) {
    const auto status = [&](const char* site, const char* origin, const char* host) {
        return ask({.method = "POST",
                    .target = "/api/v1/session/disconnect?client-id=c",
                    .fetch_site = site,
                    .origin = origin,
                    .host = host})
            .status;
    };
    EXPECT_EQ(status("same-site", "", ""), 403U);
    EXPECT_EQ(status("", "null", "a:1"), 403U);
    EXPECT_EQ(status("", "http://b:1", "a:1"), 403U);
    EXPECT_EQ(status("", "http://a:2", "a:1"), 403U);
    EXPECT_EQ(status("", "http://a:1", ""), 403U);
    EXPECT_TRUE(node_.calls.empty());
    EXPECT_EQ(status("none", "", ""), 200U);
    EXPECT_EQ(status("", "http://A:1", "a:1"), 200U);
    EXPECT_EQ(status("same-origin", "https://outside", "inside:1"), 200U);
}

TEST_F(HttpApi, PagesOfOtherSitesChangeNothing) {
    EXPECT_EQ(ask({.method = "GET",
                   .target = "/api/v1/session/disconnect?client-id=c",
                   .fetch_site = "cross-site"})
                  .status,
              403U);
    EXPECT_TRUE(node_.calls.empty());
    EXPECT_EQ(ask({.method = "GET",
                   .target = "/api/v1/session/disconnect?client-id=c",
                   .fetch_site = "same-origin"})
                  .status,
              200U);
}

TEST_F(HttpApi, ABrowserThatDoesNotSayForWhomChangesNothingWithGet) {
    constexpr const char* kFirefox =
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    const auto status = [&](const char* method, const char* referer, const char* agent) {
        return ask({.method = method,
                    .target = "/api/v1/session/disconnect?client-id=c",
                    .referer = referer,
                    .user_agent = agent,
                    .host = "a:1"})
            .status;
    };
    // An image of a page that forbids its browser to say where it is.
    EXPECT_EQ(status("GET", "", kFirefox), 403U);
    EXPECT_EQ(status("GET", "http://b:1/page", kFirefox), 403U);
    EXPECT_EQ(status("GET", "http://b:1/http://a:1/", kFirefox), 403U);
    EXPECT_EQ(status("GET", "http://a:1@b/", kFirefox), 403U);
    EXPECT_EQ(status("GET", "http://a:2/", kFirefox), 403U);
    EXPECT_EQ(status("GET", "about:client", kFirefox), 403U);
    EXPECT_EQ(status("POST", "http://b:1/page", kFirefox), 403U);
    EXPECT_TRUE(node_.calls.empty());
    EXPECT_EQ(status("GET", "http://A:1/status?x", kFirefox), 200U);
    EXPECT_EQ(status("POST", "", kFirefox), 200U);  // of another site it would have an Origin
    for (const char* agent :
         {"", "curl/8.5.0", "Wget/1.21", "python-requests/2.31", "node", "Go-http-client/1.1",
          "Mozilla/5.0 (Windows NT; Windows NT 10.0; de-DE) WindowsPowerShell/5.1.19041.1682"}) {
        EXPECT_EQ(status("GET", "", agent), 200U) << agent;
    }
    EXPECT_EQ(
        ask({.method = "GET", .target = "/api/v1/cluster/show", .user_agent = kFirefox}).status,
        200U);
    EXPECT_EQ(ask({.method = "GET",
                   .target = "/api/v1/session/disconnect?client-id=c",
                   .fetch_site = "none",
                   .user_agent = kFirefox})
                  .status,
              200U);
}

TEST_F(HttpApi, WrongCommandsAreToldWhy) {
    EXPECT_EQ(get("/api/v1/session/shwo").body,
              R"({"error":"there is no such command","hint":"Unknown sub-command \"shwo\". Did )"
              R"(you mean `vmq-admin session show`?"})");
    for (const char* target :
         {"/api/v1/", "/api/v1/session", "/api/v1/nothing", "/api/v1/session/show/more",
          "/api/v1/session/show?foo", "/api/v1/session/show?--nothing", "/api/v1/session/show?%",
          "/api/v1/session/show?a=b", "/api/v1/session/show?--limit=x"}) {
        EXPECT_EQ(get(target).status, 400U) << target;
    }
    EXPECT_EQ(get("/api/v1/session/show?--nothing").body,
              R"({"error":"Invalid key: \"nothing\""})");
    node_.outcome = Error{ErrorCode::NotFound, "there is no listener at ::1:1"};
    EXPECT_EQ(get("/api/v1/listener/stop?address=::1&port=1").body,
              R"({"error":"there is no listener at ::1:1"})");
}

TEST_F(HttpApi, PathsLeadNowhereElse) {
    for (const char* target :
         {"/api/v1/../v1/cluster/show", "/api/v1/cluster/../cluster/show",
          "/api/v1/cluster/%2e%2e/cluster/show", "/api/v1/cluster%2Fshow", "/api/v1//cluster/show",
          "/api/v1/cluster/show/", "/api/v1/session/disconnect/client-id=c",
          "/api/v1/session/disconnect/--cleanup", "/api/v1/cluster/show%00"}) {
        EXPECT_EQ(get(target).status, 400U) << target;
    }
    EXPECT_TRUE(node_.calls.empty());
}

TEST_F(HttpApi, AlertsAndHelpAreAnswersInJson) {
    const auto alert = get("/api/v1/session/disconnect");
    EXPECT_EQ(alert.status, 200U);
    EXPECT_THAT(alert.body, HasSubstr(R"("type":"alert"})"));
    EXPECT_THAT(alert.body, HasSubstr("Usage: vmq-admin session disconnect"));
    const auto help = get("/api/v1/session/show?--help");
    EXPECT_EQ(help.status, 200U);
    EXPECT_THAT(help.body, HasSubstr(R"("type":"text"})"));
    EXPECT_EQ(get("/api/v1/cluster/show?--format=csv").body, get("/api/v1/cluster/show").body);
}

}  // namespace
}  // namespace vmq::admin
