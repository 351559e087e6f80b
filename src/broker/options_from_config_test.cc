#include "broker/options_from_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace vmq::broker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ConfiguredBroker options_of(const std::string& text) {
    config::MemoryFiles files;
    files.files["vernemq.conf"] = text;
    const auto loaded = config::Config::load(files, "vernemq.conf");
    for (const auto& error : loaded.errors) ADD_FAILURE() << config::to_string(error);
    if (!loaded.config) return {};
    return options_from_config(*loaded.config);
}

/// The only listener of `text` and a plain tcp listener.
ListenerOptions listener_of(const std::string& text) {
    const auto result = options_of("listener.tcp.a = 127.0.0.1:0\n" + text);
    EXPECT_EQ(result.options.listeners.size(), 1U);
    return result.options.listeners.empty() ? ListenerOptions{} : result.options.listeners[0];
}

TEST(OptionsFromConfig, WithoutAFileThereAreOnlyLoopbackListenersOpenToAll) {
    const auto result = options_from_config(*config::Config::without_file());
    ASSERT_EQ(result.options.listeners.size(), 3U);
    EXPECT_EQ(result.options.listeners[0].socket.address, "127.0.0.1");
    EXPECT_EQ(result.options.listeners[1].socket.address, "::1");
    EXPECT_EQ(result.options.listeners[2].socket.address, "127.0.0.1");
    for (const auto& listener : result.options.listeners) {
        const bool websocket = listener.kind == ListenerKind::MqttWs;
        EXPECT_EQ(listener.socket.port, websocket ? 8080 : 1883);
        EXPECT_TRUE(listener.settings.allow_anonymous);
    }
    EXPECT_THAT(result.warnings, IsEmpty());
}

TEST(OptionsFromConfig, DefaultsAreThoseOfASession) {
    const auto listener = listener_of("");
    const session::Settings defaults;
    EXPECT_EQ(listener.settings.retry_interval_ms, 20'000U);
    EXPECT_EQ(listener.settings.max_inflight_messages, defaults.max_inflight_messages);
    EXPECT_EQ(listener.settings.max_online_messages, defaults.max_online_messages);
    EXPECT_EQ(listener.settings.mqtt_connect_timeout, defaults.mqtt_connect_timeout);
    EXPECT_EQ(listener.settings.topic_max_depth, defaults.topic_max_depth);
    EXPECT_EQ(listener.max_connections, 10'000U);
    EXPECT_FALSE(listener.settings.allow_anonymous);
}

TEST(OptionsFromConfig, NodeWideSettingsAreTakenOver) {
    const auto result = options_of(
        "shards = 3\nmax_retained_messages = 7\nexpire_retain_cache = 60\n"
        "listener.tcp.a = 127.0.0.1:0\n");
    EXPECT_EQ(result.options.shards, 3U);
    EXPECT_EQ(result.options.max_retained_messages, 7U);
    EXPECT_EQ(result.options.expire_retain_cache, Seconds(60));
}

TEST(OptionsFromConfig, SessionSettingsAreTakenOverWithTheirUnits) {
    const auto settings = listener_of(
                              "retry_interval = 3\nmax_inflight_messages = 70000\n"
                              "queue_type = lifo\nqueue_deliver_mode = balance\n"
                              "allow_multiple_sessions = on\nmqtt_connect_timeout = 1500\n"
                              "max_session_expiry_interval = 9\nserver_keep_alive_max = 8\n"
                              "max_online_messages = -1\nmax_offline_messages = 5\n"
                              "persistent_client_expiration = 1h\nmax_last_will_delay = 2h\n"
                              "listener.tcp.a.max_connection_lifetime = 11\n")
                              .settings;
    EXPECT_EQ(settings.retry_interval_ms, 3000U);
    EXPECT_EQ(settings.max_inflight_messages, 65'535);  // as many as there are packet ids
    EXPECT_TRUE(settings.queue_lifo);
    EXPECT_TRUE(settings.balance_sessions);
    EXPECT_TRUE(settings.allow_multiple_sessions);
    EXPECT_EQ(settings.mqtt_connect_timeout, Millis(1500));
    EXPECT_EQ(settings.session_expiry_cap_s, 9U);
    EXPECT_EQ(settings.keep_alive_cap_s, 8U);
    EXPECT_EQ(settings.max_online_messages, -1);
    EXPECT_EQ(settings.max_offline_messages, 5);
    EXPECT_EQ(settings.persistent_client_expiration_s, 3600U);
    EXPECT_EQ(settings.max_last_will_delay_s, 7200U);
    EXPECT_EQ(settings.max_connection_lifetime_s, 11U);
}

TEST(OptionsFromConfig, NoLimitOnConnectionsIsZero) {
    EXPECT_EQ(listener_of("listener.tcp.a.max_connections = infinity\n").max_connections, 0U);
    EXPECT_EQ(listener_of("listener.max_connections = 5\n").max_connections, 5U);
}

TEST(OptionsFromConfig, AListenerMayLetEverybodyInWhereTheNodeDoesNot) {
    EXPECT_TRUE(
        listener_of("listener.tcp.a.allow_anonymous_override = on\n").settings.allow_anonymous);
    EXPECT_TRUE(listener_of("allow_anonymous = on\n").settings.allow_anonymous);
}

TEST(OptionsFromConfig, ListenerOptionsAreTakenOver) {
    const auto listener = listener_of(
        "listener.tcp.a.mountpoint = m\nlistener.tcp.a.allowed_protocol_versions = 4,5\n"
        "listener.tcp.a.backlog = 9\nlistener.tcp.a.buffer_sizes = 4096,0,32768\n");
    EXPECT_EQ(listener.policy.mountpoint, "m");
    EXPECT_THAT(listener.policy.allowed_protocol_versions, ElementsAre(4, 5));
    EXPECT_EQ(listener.socket.backlog, 9);
    EXPECT_EQ(listener.socket.send_buffer, 4096);
    EXPECT_EQ(listener.socket.receive_buffer, std::nullopt);
}

TEST(OptionsFromConfig, EveryKindOfMqttListenerHasItsLayers) {
    const auto result = options_of(
        "allow_anonymous = on\n"
        "listener.tcp.a = local:/tmp/x.sock:0\nlistener.tcp.a.unix_socket_mode = 0600\n"
        "listener.tcp.a.unix_socket_group = mqtt\nlistener.tcp.proxy_protocol = on\n"
        "listener.ssl.b = 127.0.0.1:0\nlistener.ssl.b.certfile = c.pem\n"
        "listener.ssl.more_certfiles = d.pem, e.pem\nlistener.ssl.more_keyfiles = d.key, e.key\n"
        "listener.ssl.b.tls_handshake_timeout = 7\nlistener.ssl.b.max_tls_handshakes = 8\n"
        "listener.ssl.pskfile_separator = ,\n"
        "listener.ws.c = 127.0.0.1:0\nmax_ws_frame_size = 9\n"
        "listener.ws.c.max_authentications = 10\n"
        "listener.wss.d = 127.0.0.1:1\nlistener.http.e = 127.0.0.1:2\n");
    EXPECT_THAT(result.warnings, IsEmpty());
    ASSERT_EQ(result.options.listeners.size(), 4U);
    const ListenerOptions& a = result.options.listeners[0];
    EXPECT_EQ(a.kind, ListenerKind::Mqtt);
    EXPECT_EQ(a.socket.unix_path, "/tmp/x.sock");
    EXPECT_EQ(a.socket.unix_mode, 0600U);
    EXPECT_EQ(a.socket.unix_group, "mqtt");
    EXPECT_TRUE(a.layers.proxy_header);
    EXPECT_FALSE(a.tls);
    EXPECT_FALSE(a.layers.websocket);
    const ListenerOptions& b = result.options.listeners[1];
    EXPECT_EQ(b.kind, ListenerKind::Mqtts);
    ASSERT_TRUE(b.tls);
    EXPECT_EQ(b.tls->certificate.certfile, "c.pem");
    ASSERT_EQ(b.tls->more_certificates.size(), 2U);
    EXPECT_EQ(b.tls->more_certificates[1].certfile, "e.pem");
    EXPECT_EQ(b.tls->more_certificates[1].keyfile, "e.key");
    EXPECT_THAT(b.tls->tls_version, ElementsAre("tlsv1.2", "tlsv1.3"));
    EXPECT_EQ(b.tls->pskfile_separator, ',');
    EXPECT_EQ(b.tls_handshake_timeout, Millis(7));
    EXPECT_EQ(b.max_handshakes, 8U);
    EXPECT_FALSE(b.layers.proxy_header);
    const ListenerOptions& c = result.options.listeners[2];
    EXPECT_EQ(c.kind, ListenerKind::MqttWs);
    ASSERT_TRUE(c.layers.websocket);
    EXPECT_EQ(c.layers.websocket->max_frame_size, 9U);
    EXPECT_EQ(c.max_authentications, 10U);
    EXPECT_FALSE(c.tls);
    const ListenerOptions& d = result.options.listeners[3];
    EXPECT_EQ(d.kind, ListenerKind::MqttWss);
    EXPECT_TRUE(d.tls);
    EXPECT_TRUE(d.layers.websocket);
}

TEST(OptionsFromConfig, ProxiesThatMaySpeakForClientsAreReadAndCheckedWithoutStopping) {
    const std::string ws =
        "allow_anonymous = on\nlistener.ws.a = 127.0.0.1:0\nlistener.ws.a.proxy_xff_support = on\n";
    auto result = options_of(ws);
    EXPECT_THAT(result.warnings, ElementsAre(HasSubstr("without proxy_xff_trusted_intermediate")));
    result = options_of(ws +
                        "listener.ws.proxy_xff_trusted_intermediate = 10.0.0.1; 2001:DB8::1;proxy\n"
                        "listener.ws.a.proxy_xff_use_cn_as_username = on\n");
    EXPECT_THAT(result.warnings, ElementsAre(HasSubstr("proxy is no IP address")));
    const auto& websocket = *result.options.listeners.at(0).layers.websocket;
    EXPECT_THAT(websocket.trusted_proxies, ElementsAre("10.0.0.1", "2001:db8::1"));
    EXPECT_TRUE(websocket.common_name_as_username);
    EXPECT_EQ(websocket.upgrade.common_name_header, "x-ssl-client-cn");
}

TEST(OptionsFromConfig, AModeThatIsNoneLeavesTheSocketToItsOwner) {
    const auto result =
        options_of("listener.tcp.a = local:/tmp/x.sock:0\nlistener.tcp.a.unix_socket_mode = rw\n");
    EXPECT_THAT(result.warnings, ElementsAre(HasSubstr("rw is no mode like 0660")));
    EXPECT_EQ(result.options.listeners.at(0).socket.unix_mode, 0600U);
}

TEST(OptionsFromConfig, OneThatLetsNobodyInIsWorthAWarning) {
    const std::string one =
        "plugins.vmq_passwd = off\nlistener.tcp.a = 127.0.0.1:0\nlistener.ws.b = 127.0.0.1:0\n";
    EXPECT_THAT(options_of(one).warnings, ElementsAre(HasSubstr("every client will be refused")));
    EXPECT_THAT(options_of(one + "listener.ws.b.allow_anonymous_override = on\n").warnings,
                IsEmpty());
    EXPECT_THAT(options_of(one + "allow_anonymous = on\n").warnings, IsEmpty());
    EXPECT_THAT(options_of(one + "plugins.mine = on\n").warnings, IsEmpty());
    EXPECT_THAT(options_of("listener.tcp.a = 127.0.0.1:0\n").warnings, IsEmpty());
}

TEST(OptionsFromConfig, AConfigurationWithoutAListenerIsWorthAWarning) {
    EXPECT_THAT(options_of("allow_anonymous = on\n").warnings,
                ElementsAre(HasSubstr("nobody can")));
}

}  // namespace
}  // namespace vmq::broker
