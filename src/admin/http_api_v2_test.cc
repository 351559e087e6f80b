#include "admin/http_api_v2.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/commands/fake_node.h"

namespace vmq::admin {
namespace {

using ::testing::ElementsAre;

class HttpApiV2 : public ::testing::Test {
protected:
    HttpResponse ask(std::string_view target, std::string_view method = "GET") {
        const auto plan = plan_api_v2_call({method, target});
        if (const auto* refused = std::get_if<HttpResponse>(&plan)) return *refused;
        return run_api_v2_call(std::get<ApiV2Call>(plan), node_);
    }
    std::string body(std::string_view target) { return ask(target).body; }

    commands::FakeNode node_;
};

TEST_F(HttpApiV2, TellsOfAClient) {
    EXPECT_EQ(body("/api/v2/client?client_id=c"), R"({"status":"no_queue"})");
    node_.known = commands::ClientView{true, {}};
    EXPECT_EQ(body("/api/v2/client?client_id=c&mountpoint=m"), R"({"status":"online"})");
    EXPECT_EQ(body("/api/v2/client?client_id=c&topics"), R"({"status":"online","topics":[]})");
    node_.known = commands::ClientView{false, {{"a/b", 1}, {"c", 0}}};
    EXPECT_EQ(body("/api/v2/client?client_id=a%20b&topics"),
              R"({"status":"offline","topics":{"a/b":1,"c":0}})");
    EXPECT_THAT(node_.calls,
                ElementsAre("client /c", "client m/c", "client /c topics", "client /a b topics"));
    node_.outcome = Error{ErrorCode::Unavailable, "no answer"};
    EXPECT_EQ(body("/api/v2/client?client_id=c"), R"({"status":"unknown"})");
}

TEST_F(HttpApiV2, Disconnects) {
    EXPECT_EQ(body("/api/v2/disconnect?client_id=c"), R"("ok")");
    EXPECT_EQ(ask("/api/v2/disconnect?client_id=c&cleanup&mountpoint=m", "POST").body, R"("ok")");
    EXPECT_THAT(node_.calls, ElementsAre("disconnect /c", "disconnect m/c cleanup"));
    node_.there = false;
    EXPECT_EQ(body("/api/v2/disconnect?client_id=c"), R"("not_found")");
    node_.outcome = Error{ErrorCode::Unavailable, "no answer"};
    EXPECT_EQ(body("/api/v2/disconnect?client_id=c"), R"("unknown")");
}

TEST_F(HttpApiV2, WhatItDoesNotUnderstandDoesNothing) {
    EXPECT_EQ(body("/api/v2/nothing"),
              R"({"error":"invalid_command","hint":"There are client and disconnect."})");
    for (const char* target :
         {"/api/v2/", "/api/v2/client", "/api/v2/client?client_id", "/api/v2/client?client_id=",
          "/api/v2/client?client_id=c&cleanup", "/api/v2/client?client_id=c&topics=true",
          "/api/v2/disconnect?client_id=c&cleanup=true", "/api/v2/client?client_id=%",
          "/api/v2/client/x?client_id=c", "/api/v2/../v2/client?client_id=c"}) {
        EXPECT_EQ(ask(target).status, 400U) << target;
    }
    EXPECT_EQ(ask("/api/v2/client?client_id=c", "POST").status, 405U);
    EXPECT_EQ(ask("/api/v2/disconnect?client_id=c", "HEAD").status, 405U);
    EXPECT_EQ(ask("/api/v2/disconnect?client_id=c", "DELETE").status, 405U);
    const auto plan = plan_api_v2_call(
        {.method = "GET", .target = "/api/v2/disconnect?client_id=c", .fetch_site = "cross-site"});
    EXPECT_EQ(std::get<HttpResponse>(plan).status, 403U);
    const auto other = plan_api_v2_call({.method = "POST",
                                         .target = "/api/v2/disconnect?client_id=c",
                                         .origin = "http://b",
                                         .host = "a"});
    EXPECT_EQ(std::get<HttpResponse>(other).status, 403U);
    EXPECT_TRUE(node_.calls.empty());
}

}  // namespace
}  // namespace vmq::admin
