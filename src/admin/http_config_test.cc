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
    EXPECT_EQ(listener.modules, HttpModules{});
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
    EXPECT_TRUE(a.health && a.api_v2 && !a.status && !a.metrics && !a.api);
    const auto& b = http.options.listeners[1].modules;
    EXPECT_TRUE(b.metrics && !b.status && !b.health && !b.api && !b.api_v2);
}

TEST(HttpFromConfig, KeysAreAskedForAsTheSettingOrTheListenerSays) {
    const auto http = configured(
        "listener.http.a = 127.0.0.1:1\nhttp_module.vmq_metrics_http.auth.mode = apikey\n"
        "http_module.vmq_http_v2_api.auth.mode = noauth\n"
        "listener.http.b = 127.0.0.1:2\n"
        "listener.http.b.http_module.vmq_metrics_http.auth.mode = noauth\n"
        "listener.http.b.http_module.vmq_health_http.auth.mode = apikey\n"
        "listener.http.b.http_module.vmq_http_mgmt_api.auth.mode = noauth\n");
    EXPECT_EQ(
        http.options.listeners[0].modules.keys,
        (HttpModuleFlags{
            .status = false, .health = false, .metrics = true, .api = true, .api_v2 = false}));
    EXPECT_EQ(
        http.options.listeners[1].modules.keys,
        (HttpModuleFlags{
            .status = false, .health = true, .metrics = false, .api = false, .api_v2 = false}));
    EXPECT_THAT(http.warnings, IsEmpty());
}

TEST(HttpFromConfig, AnApiThatIsOpenToAllIsWarnedOf) {
    const auto http = configured(
        "listener.http.a = 0.0.0.0:1\nhttp_module.vmq_http_mgmt_api.auth.mode = noauth\n");
    EXPECT_THAT(http.warnings,
                ElementsAre("listener.http.a: vmq_http_mgmt_api asks for no API key, so whoever "
                            "reaches this address can do everything"));
}

TEST(HttpFromConfig, HttpsHasTheOptionsOfTls) {
    const auto http = configured(
        "listener.https.s = 127.0.0.1:1\nlistener.https.s.certfile = c.pem\n"
        "listener.https.s.keyfile = k.pem\nlistener.https.tls_handshake_timeout = 7\n"
        "listener.https.s.http_modules = vmq_health_http\n");
    ASSERT_EQ(http.options.listeners.size(), 1U);
    const auto& listener = http.options.listeners[0];
    ASSERT_TRUE(listener.tls);
    EXPECT_EQ(listener.tls->certificate.certfile, "c.pem");
    EXPECT_EQ(listener.tls_handshake_timeout, Millis(7));
    EXPECT_TRUE(listener.modules.health && !listener.modules.api);
    EXPECT_STREQ(listener.type(), "https");
}

TEST(HttpFromConfig, KeysHaveTheirFileAndTheirRules) {
    const auto http =
        configured("platform_data_dir = d\nmin_apikey_length = 40\nmax_apikey_expiry_days = 30\n");
    EXPECT_EQ(http.key_file, "d/api_keys.json");
    EXPECT_EQ(http.key_rules.min_length, 40U);
    EXPECT_EQ(http.key_rules.max_days, 30);
    EXPECT_FALSE(http_from_config(*config::Config::without_file()).key_rules.max_days);
}

TEST(HttpFromConfig, ItKnowsItsSettings) {
    for (const char* key : {"listener.http.a", "listener.https.a.certfile", "http_modules",
                            "http_module.vmq_health_http.auth.mode"}) {
        EXPECT_TRUE(concerns_http_listeners(key)) << key;
    }
    EXPECT_FALSE(concerns_http_listeners("listener.tcp.a"));
    EXPECT_FALSE(concerns_http_listeners("min_apikey_length"));
}

}  // namespace
}  // namespace vmq::admin
