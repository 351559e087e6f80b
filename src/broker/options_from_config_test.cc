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

ConfiguredBroker from(const std::string& text) {
    config::MemoryFiles files;
    files.files["vernemq.conf"] = text;
    const auto loaded = config::Config::load(files, "vernemq.conf");
    for (const auto& error : loaded.errors) ADD_FAILURE() << config::to_string(error);
    if (!loaded.config) return {};
    return options_from_config(*loaded.config);
}

/// The only listener of `text` and a plain tcp listener.
ListenerOptions listener_of(const std::string& text) {
    const auto result = from("listener.tcp.a = 127.0.0.1:0\n" + text);
    EXPECT_EQ(result.options.listeners.size(), 1U);
    return result.options.listeners.empty() ? ListenerOptions{} : result.options.listeners[0];
}

TEST(OptionsFromConfig, WithoutAFileThereAreOnlyLoopbackListenersOpenToAll) {
    const auto result = options_from_config(*config::Config::without_file());
    ASSERT_EQ(result.options.listeners.size(), 2U);
    EXPECT_EQ(result.options.listeners[0].tcp.address, "127.0.0.1");
    EXPECT_EQ(result.options.listeners[1].tcp.address, "::1");
    for (const auto& listener : result.options.listeners) {
        EXPECT_EQ(listener.tcp.port, 1883);
        EXPECT_TRUE(listener.policy.allow_anonymous);
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
    EXPECT_FALSE(listener.policy.allow_anonymous);
}

TEST(OptionsFromConfig, NodeWideSettingsAreTakenOver) {
    const auto result = from(
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
        listener_of("listener.tcp.a.allow_anonymous_override = on\n").policy.allow_anonymous);
    EXPECT_TRUE(listener_of("allow_anonymous = on\n").policy.allow_anonymous);
}

TEST(OptionsFromConfig, ListenerOptionsAreTakenOver) {
    const auto listener = listener_of(
        "listener.tcp.a.mountpoint = m\nlistener.tcp.a.allowed_protocol_versions = 4,5\n"
        "listener.tcp.a.backlog = 9\nlistener.tcp.a.buffer_sizes = 4096,0,32768\n");
    EXPECT_EQ(listener.policy.mountpoint, "m");
    EXPECT_THAT(listener.policy.allowed_protocol_versions, ElementsAre(4, 5));
    EXPECT_EQ(listener.tcp.backlog, 9);
    EXPECT_EQ(listener.tcp.send_buffer, 4096);
    EXPECT_EQ(listener.tcp.receive_buffer, std::nullopt);
}

TEST(OptionsFromConfig, WhatCannotBeOpenedYetIsLeftOutAndNamed) {
    const auto result = from(
        "listener.tcp.a = 127.0.0.1:0\nlistener.tcp.sock = local:/tmp/x.sock:0\n"
        "listener.ssl.b = 127.0.0.1:0\n");
    ASSERT_EQ(result.options.listeners.size(), 1U);
    EXPECT_EQ(result.options.listeners[0].name, "a");
    EXPECT_THAT(result.warnings, ElementsAre(HasSubstr("listener.tcp.sock")));
}

TEST(OptionsFromConfig, AConfigurationWithoutAListenerIsWorthAWarning) {
    EXPECT_THAT(from("allow_anonymous = on\n").warnings, ElementsAre(HasSubstr("nobody can")));
}

}  // namespace
}  // namespace vmq::broker
