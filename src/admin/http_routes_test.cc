#include "admin/http_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/metrics_text.h"
#include "admin/page_files.h"
#include "admin/view_sample.h"

namespace vmq::admin {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

HttpSources sources(NodeView (*view)() = sample_view) {
    return {view, [] { return metrics_text(sample_metrics(), "a@b", "vernemq_"); }};
}

HttpResponse answer_to(std::string_view target, const HttpModules& modules = {},
                       std::string_view accept = {}) {
    return respond({"GET", target, accept}, modules, sources());
}

std::string policy_of(const HttpResponse& response) {
    for (const auto& [name, value] : response.headers) {
        if (name == "Content-Security-Policy") return value;
    }
    return "none";
}

TEST(HttpRoutes, ThePageStandsAtTwoPathsAndIsBuiltIn) {
    for (const auto* path : {"/", "/status", "/status?x=1"}) {
        const auto response = answer_to(path);
        EXPECT_EQ(response.status, 200U);
        EXPECT_EQ(response.content_type, "text/html; charset=utf-8");
        EXPECT_THAT(response.body, StartsWith("<!doctype html>"));
    }
    EXPECT_THAT(answer_to("/status/status.mjs").content_type, StartsWith("text/javascript"));
    EXPECT_THAT(answer_to("/status/status.css").content_type, StartsWith("text/css"));
    EXPECT_EQ(answer_to("/status/icon.svg").content_type, "image/svg+xml");
    EXPECT_EQ(answer_to("/status/index.html").status, 404U);
}

TEST(HttpRoutes, ThePageLoadsNothingFromElsewhereAndHasNoMarkupFromValues) {
    for (const PageFile& file : page_files()) {
        std::string body(file.content);
        EXPECT_THAT(body, Not(IsEmpty())) << file.name;
        constexpr std::string_view kNameOfSvg = "http://www.w3.org/2000/svg";
        if (const auto at = body.find(kNameOfSvg); at != std::string::npos) {
            body.erase(at, kNameOfSvg.size());
        }
        EXPECT_THAT(body, Not(HasSubstr("http://")));
        EXPECT_THAT(body, Not(HasSubstr("https://")));
        for (const auto* markup : {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write",
                                   "eval(", " onclick=", " style="}) {
            EXPECT_THAT(body, Not(HasSubstr(markup))) << file.name;
        }
    }
}

TEST(HttpRoutes, ThePageMayReachThisListenerAndThePortsOfWebSocketsOnly) {
    const auto with_websockets = [] {
        auto view = sample_view();
        auto listener = view.node.listeners[0];
        listener.type = "mqttws";
        listener.port = 8080;
        view.node.listeners.push_back(listener);
        listener.type = "mqttwss";
        listener.port = 8443;
        view.node.listeners.push_back(listener);
        return view;
    };
    const auto policy = policy_of(respond({"GET", "/status"}, {}, sources(with_websockets)));
    EXPECT_THAT(policy, StartsWith("default-src 'none'; script-src 'self'; style-src 'self'; "));
    EXPECT_THAT(policy, HasSubstr("connect-src 'self' ws://*:8080 wss://*:8443; "));
    EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
    EXPECT_THAT(policy_of(answer_to("/status")), HasSubstr("connect-src 'self'; "));
}

TEST(HttpRoutes, NumbersComeAsJsonAndAsText) {
    EXPECT_EQ(answer_to("/status.json").content_type, "application/json");
    EXPECT_THAT(answer_to("/status.json").body, StartsWith(R"([{"a@b":{"num_online":2,)"));
    EXPECT_EQ(answer_to("/metrics").content_type, "text/plain; version=0.0.4; charset=utf-8");
    EXPECT_THAT(answer_to("/metrics").body, StartsWith("# HELP vernemq_"));
}

TEST(HttpRoutes, MetricsAreTextOnly) {
    EXPECT_EQ(answer_to("/metrics", {}, "application/json").status, 406U);
    EXPECT_EQ(answer_to("/metrics", {}, "application/json, */*;q=0.1").status, 200U);
    EXPECT_EQ(answer_to("/metrics", {}, "Text/Plain;version=0.0.4").status, 200U);
}

TEST(HttpRoutes, HealthFollowsTheListeners) {
    EXPECT_EQ(answer_to("/health").body, R"({"status":"OK"})");
    const auto down = [] {
        auto view = sample_view();
        view.node.listeners[0].running = false;
        return view;
    };
    const auto health = respond({"GET", "/health", {}}, {}, sources(down));
    EXPECT_EQ(health.status, 503U);
    EXPECT_EQ(health.body, R"({"status":"DOWN","reasons":["Listeners are not ready: [mqtt]"]})");
    const auto listeners = respond({"GET", "/health/listeners", {}}, {}, sources(down));
    EXPECT_EQ(listeners.status, 503U);
    EXPECT_EQ(listeners.body, R"({"status":"DOWN","reason":"Listeners are not ready: [mqtt]"})");
    EXPECT_EQ(respond({"GET", "/health/ping", {}}, {}, sources(down)).status, 200U);
    EXPECT_EQ(respond({"GET", "/health/listeners_full_cluster", {}}, {}, sources(down)).body,
              listeners.body);
}

TEST(HttpRoutes, OnlyOneProbeFailsWhenAnotherNodeIsAway) {
    const auto split = [] {
        auto view = sample_view();
        view.node.cluster.nodes.resize(2);
        view.node.cluster.nodes[0].running = true;
        return view;
    };
    const auto full = respond({"GET", "/health/listeners_full_cluster", {}}, {}, sources(split));
    EXPECT_EQ(full.status, 503U);
    EXPECT_EQ(full.body, R"({"status":"DOWN","reason":"At least one node is offline"})");
    for (const auto* path : {"/health", "/health/listeners", "/health/ping"}) {
        EXPECT_EQ(respond({"GET", path, {}}, {}, sources(split)).status, 200U) << path;
    }
    EXPECT_EQ(answer_to("/health/listeners_full_cluster").body, R"({"status":"OK"})");
}

TEST(HttpRoutes, HealthTellsThatTheNodeIsStopping) {
    const auto stopping = [] {
        auto view = sample_view();
        view.stopping = true;
        return view;
    };
    const auto health = respond({"GET", "/health", {}}, {}, sources(stopping));
    EXPECT_EQ(health.status, 503U);
    EXPECT_EQ(health.body, R"({"status":"DOWN","reasons":["The node is stopping"]})");
    const auto listeners = respond({"GET", "/health/listeners", {}}, {}, sources(stopping));
    EXPECT_EQ(listeners.status, 503U);
    EXPECT_EQ(listeners.body, R"({"status":"DOWN","reason":"The node is stopping"})");
    EXPECT_EQ(respond({"GET", "/health/ping", {}}, {}, sources(stopping)).status, 200U);
}

TEST(HttpRoutes, TheApiIsDescribed) {
    const auto response = answer_to("/api/v1/openapi.json");
    EXPECT_EQ(response.status, 200U);
    EXPECT_EQ(response.content_type, "application/json");
    EXPECT_THAT(response.body, StartsWith(R"({"openapi":"3.0.3",)"));
    EXPECT_THAT(answer_to("/").body, Not(HasSubstr("openapi")));
    EXPECT_THAT(answer_to("/nothing").body, HasSubstr("/api/v1/openapi.json"));
}

TEST(HttpRoutes, OtherMethodsAreRefused) {
    EXPECT_EQ(respond({"POST", "/status", {}}, {}, sources()).status, 405U);
    EXPECT_EQ(respond({"get", "/status", {}}, {}, sources()).status, 405U);
    EXPECT_EQ(respond({"HEAD", "/status", {}}, {}, sources()).status, 200U);
}

TEST(HttpRoutes, AnUnknownPathIsToldWhatThereIsButNotRepeated) {
    for (const auto* path : {"/<script>", "/statusx", "/status/", "/status/../x", "", "*"}) {
        const auto response = answer_to(path);
        EXPECT_EQ(response.status, 404U) << path;
        EXPECT_THAT(response.content_type, StartsWith("text/plain"));
        EXPECT_THAT(response.body, HasSubstr("/metrics"));
        EXPECT_THAT(response.body, Not(HasSubstr("<script>")));
    }
}

TEST(HttpRoutes, AListenerServesItsModulesOnly) {
    const HttpModules only_metrics{
        .status = false, .health = false, .metrics = true, .api = false, .api_v2 = false};
    EXPECT_EQ(answer_to("/metrics", only_metrics).status, 200U);
    for (const auto* path : {"/", "/status", "/status.json", "/health", "/health/ping"}) {
        const auto response = answer_to(path, only_metrics);
        EXPECT_EQ(response.status, 404U) << path;
        EXPECT_THAT(response.body, Not(HasSubstr("/status")));
        EXPECT_THAT(response.body, Not(HasSubstr("/api")));
    }
    const HttpModules no_metrics{.metrics = false};
    EXPECT_EQ(answer_to("/metrics", no_metrics).status, 404U);
}

}  // namespace
}  // namespace vmq::admin
