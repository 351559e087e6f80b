#include "admin/http_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/file_source.h"

namespace vmq::admin {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ConfiguredHttp configured(const std::string& text) {
    config::MemoryFiles files;
    files.files["vernemq.conf"] = text;
    const auto loaded = config::Config::load(files, "vernemq.conf");
    EXPECT_NE(loaded.config, nullptr);
    return http_from_config(loaded.config ? *loaded.config : *config::Config::without_file());
}

TEST(HttpFromConfig, WithoutAFileServesEverythingOnLoopback) {
    const auto http = http_from_config(*config::Config::without_file());
    ASSERT_EQ(http.options.listeners.size(), 1U);
    const auto& listener = http.options.listeners[0];
    EXPECT_EQ(listener.socket.address, "127.0.0.1");
    EXPECT_EQ(listener.socket.port, 8888);
    EXPECT_TRUE(listener.modules.status && listener.modules.health && listener.modules.metrics);
    EXPECT_EQ(http.options.metrics_prefix, "vernemq_");
    EXPECT_THAT(http.warnings, IsEmpty());
}

TEST(HttpFromConfig, TakesHttpListenersAndTheirLimits) {
    const auto http = configured(
        "listener.tcp.a = 127.0.0.1:1\nlistener.http.b = [::1]:2\n"
        "listener.http.b.max_request_line_length = 100\n"
        "listener.http.b.max_header_value_length = 200\nlistener.http.b.max_connections = 3\n"
        "listener.http.c = 127.0.0.1:3\nprometheus_namespace = ''\n");
    ASSERT_EQ(http.options.listeners.size(), 2U);
    const auto& b = http.options.listeners[0];
    EXPECT_EQ(b.name, "b");
    EXPECT_EQ(b.socket.address, "::1");
    EXPECT_EQ(b.socket.port, 2);
    EXPECT_EQ(b.max_request_line_length, 100U);
    EXPECT_EQ(b.max_header_value_length, 200U);
    EXPECT_EQ(b.max_connections, 3U);
    EXPECT_EQ(http.options.listeners[1].max_connections, kMaxHttpConnections);
    EXPECT_EQ(http.options.metrics_prefix, "");
}

TEST(HttpFromConfig, TheModulesOfAListenerReplaceThoseOfAll) {
    const auto http = configured(
        "http_modules = [vmq_health_http, vmq_http_v2_api]\nlistener.http.a = 127.0.0.1:1\n"
        "listener.http.b = 127.0.0.1:2\nlistener.http.b.http_modules = vmq_metrics_http\n");
    const auto& a = http.options.listeners[0].modules;
    EXPECT_TRUE(a.health && !a.status && !a.metrics);
    const auto& b = http.options.listeners[1].modules;
    EXPECT_TRUE(b.metrics && !b.status && !b.health);
}

TEST(HttpFromConfig, AModuleThatAsksForAnApiKeyIsNotServed) {
    const auto http = configured(
        "listener.http.a = 127.0.0.1:1\nhttp_module.vmq_metrics_http.auth.mode = apikey\n"
        "listener.http.b = 127.0.0.1:2\n"
        "listener.http.b.http_module.vmq_metrics_http.auth.mode = noauth\n"
        "listener.http.b.http_module.vmq_status_http.auth.mode = apikey\n");
    EXPECT_FALSE(http.options.listeners[0].modules.metrics);
    EXPECT_TRUE(http.options.listeners[0].modules.status);
    EXPECT_TRUE(http.options.listeners[1].modules.metrics);
    EXPECT_FALSE(http.options.listeners[1].modules.status);
    EXPECT_THAT(http.warnings,
                ElementsAre("listener.http.a: vmq_metrics_http asks for an API key, which is not "
                            "built yet, so it is not served",
                            "listener.http.b: vmq_status_http asks for an API key, which is not "
                            "built yet, so it is not served"));
}

}  // namespace
}  // namespace vmq::admin
