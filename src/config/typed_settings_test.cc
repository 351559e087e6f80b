#include "config/typed_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/test_files.h"

namespace vmq::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::shared_ptr<const Config> typed_config(const std::string& text) {
    LoadResult loaded = load_text(text);
    EXPECT_EQ(all_of(loaded.errors), "");
    return loaded.config == nullptr ? Config::without_file() : loaded.config;
}

/// The only listener of `text`.
ListenerSettings listener_of(const std::string& text) {
    const auto config = typed_config(text);
    EXPECT_EQ(config->listeners().size(), 1U);
    return config->listeners().empty() ? ListenerSettings{} : config->listeners()[0];
}

TEST(TypedSettings, DefaultsOfTheStructsAreThoseOfTheTable) {
    const auto config = typed_config("");
    EXPECT_EQ(config->mqtt(), MqttSettings{});
    EXPECT_EQ(config->node(), NodeSettings{});
    EXPECT_EQ(config->log(), LogSettings{});
    EXPECT_EQ(config->systree(), SystreeSettings{});
    EXPECT_EQ(config->graphite(), GraphiteSettings{});
    EXPECT_THAT(config->listeners(), IsEmpty());
}

TEST(TypedSettings, WhereMetricsGo) {
    const auto config = typed_config(
        "systree_enabled = off\nsystree_interval = 5\nsystree_mountpoint = m\nsystree_qos = 2\n"
        "systree_retain = on\ngraphite_enabled = on\ngraphite_host = h\ngraphite_port = 7\n"
        "graphite_interval = 8\ngraphite_connect_timeout = 9\ngraphite_reconnect_timeout = 10\n"
        "graphite_prefix = p\ngraphite_api_key = k\ngraphite_include_labels = on\n");
    EXPECT_EQ(config->systree(), (SystreeSettings{false, 5, "m", 2, true}));
    EXPECT_EQ(config->graphite(), (GraphiteSettings{true, "h", 7, 8, 9, 10, "p", "k", true}));
}

TEST(TypedSettings, DefaultsOfAListenerAreThoseOfTheTable) {
    ListenerSettings expected;
    expected.name = "x";
    expected.address = "127.0.0.1";
    expected.port = 1;
    for (const ListenerKind kind : kListenerKinds) {
        expected.kind = kind;
        EXPECT_EQ(listener_of(listener_key(kind, "x") + " = 127.0.0.1:1"), expected)
            << word_of(kind);
    }
}

TEST(TypedSettings, EveryMqttFieldIsReadFromItsKey) {
    const auto config = typed_config(
        "allow_anonymous = on\nallow_multiple_sessions = on\n"
        "allow_register_during_netsplit = on\nallow_publish_during_netsplit = on\n"
        "allow_subscribe_during_netsplit = on\nallow_unsubscribe_during_netsplit = on\n"
        "suppress_lwt_on_session_takeover = on\ndisconnect_on_unauthorized_publish_v3 = on\n"
        "override_max_online_messages = on\nupgrade_outgoing_qos = on\n"
        "mqtt_connect_timeout = 1\nmax_client_id_size = 2\nmax_subscriptions_per_client = 3\n"
        "persistent_client_expiration = 4s\nmax_last_will_delay = 5s\n"
        "max_session_expiry_interval = 6\nserver_keep_alive_max = 7\nretry_interval = 0\n"
        "max_inflight_messages = 8\nreceive_max_client = 9\nreceive_max_broker = 10\n"
        "topic_alias_max_client = 11\ntopic_alias_max_broker = 12\ntopic_max_depth = 13\n"
        "max_message_size = 14\nmax_message_rate = 15\nmax_online_messages = -1\n"
        "max_offline_messages = 0\nmax_retained_messages = 16\nexpire_retain_cache = 17\n"
        "queue_type = lifo\nqueue_deliver_mode = balance\n"
        "shared_subscription_policy = local_only\nshared_subscription_timeout_action = requeue\n"
        "subscriber_retain_mode = syncwait\n");
    MqttSettings expected;
    expected.allow_anonymous = expected.allow_multiple_sessions = true;
    expected.allow_register_during_netsplit = expected.allow_publish_during_netsplit = true;
    expected.allow_subscribe_during_netsplit = expected.allow_unsubscribe_during_netsplit = true;
    expected.suppress_lwt_on_session_takeover = true;
    expected.disconnect_on_unauthorized_publish_v3 = true;
    expected.override_max_online_messages = expected.upgrade_outgoing_qos = true;
    expected.mqtt_connect_timeout_ms = 1;
    expected.max_client_id_size = 2;
    expected.max_subscriptions_per_client = 3;
    expected.persistent_client_expiration_s = 4;
    expected.max_last_will_delay_s = 5;
    expected.max_session_expiry_interval_s = 6;
    expected.server_keep_alive_max_s = 7;
    expected.retry_interval_s = 0;
    expected.max_inflight_messages = 8;
    expected.receive_max_client = 9;
    expected.receive_max_broker = 10;
    expected.topic_alias_max_client = 11;
    expected.topic_alias_max_broker = 12;
    expected.topic_max_depth = 13;
    expected.max_message_size = 14;
    expected.max_message_rate = 15;
    expected.max_online_messages = -1;
    expected.max_offline_messages = 0;
    expected.max_retained_messages = 16;
    expected.expire_retain_cache_s = 17;
    expected.queue_type = QueueType::Lifo;
    expected.queue_deliver_mode = QueueDeliverMode::Balance;
    expected.shared_subscription_policy = SharedSubscriptionPolicy::LocalOnly;
    expected.shared_subscription_timeout_action = SharedSubscriptionTimeoutAction::Requeue;
    expected.subscriber_retain_mode = SubscriberRetainMode::Syncwait;
    EXPECT_EQ(config->mqtt(), expected);
}

TEST(TypedSettings, EnumeratorsStandForTheirWords) {
    const auto policy = [](const std::string& word) {
        return typed_config("shared_subscription_policy = " + word)
            ->mqtt()
            .shared_subscription_policy;
    };
    EXPECT_EQ(policy("prefer_local"), SharedSubscriptionPolicy::PreferLocal);
    EXPECT_EQ(policy("random"), SharedSubscriptionPolicy::Random);
    EXPECT_EQ(policy("prefer_online_before_local"),
              SharedSubscriptionPolicy::PreferOnlineBeforeLocal);
    EXPECT_EQ(typed_config("durability = memory")->node().durability, Durability::Memory);
    EXPECT_EQ(typed_config("durability = fsync")->node().durability, Durability::Fsync);
    EXPECT_EQ(typed_config("netsplit_policy = quorum")->node().netsplit_policy,
              NetsplitPolicy::Quorum);
    EXPECT_EQ(typed_config("netsplit_policy = none")->node().netsplit_policy, NetsplitPolicy::None);
    const auto destination = [](const std::string& word) {
        return typed_config("log.console = " + word)->log().console;
    };
    EXPECT_EQ(destination("off"), LogDestination::Off);
    EXPECT_EQ(destination("file"), LogDestination::File);
    EXPECT_EQ(destination("console"), LogDestination::Console);
    EXPECT_EQ(destination("both"), LogDestination::Both);
    EXPECT_EQ(typed_config("log.console.level = emergency")->log().console_level,
              log::Level::Emergency);
    EXPECT_EQ(typed_config("log.console.level = warning")->log().console_level,
              log::Level::Warning);
}

TEST(TypedSettings, LimitsHoldAtTheirEdges) {
    struct Case {
        const char* key;
        const char* good;
        const char* bad;
    };
    constexpr Case kCases[] = {
        {"topic_max_depth", "1", "0"},
        {"receive_max_client", "1", "0"},
        {"receive_max_client", "65535", "65536"},
        {"receive_max_broker", "65535", "65536"},
        {"topic_alias_max_client", "65535", "65536"},
        {"max_online_messages", "-1", "-2"},
        {"max_online_messages", "2147483647", "2147483648"},
        {"max_offline_messages", "-1", "-2"},
        {"retry_interval", "0", "-1"},
        {"max_client_id_size", "4294967295", "4294967296"},
        {"max_message_size", "0", "-1"},
        {"server_keep_alive_max", "65535", "65536"},
        {"mqtt_connect_timeout", "1", "0"},
        {"shards", "1024", "1025"},
        {"systree_qos", "2", "3"},
        {"vmq_swc.swc_groups", "100", "101"},
        {"listener.backlog", "1", "0"},
        {"listener.max_connections", "-1", "-2"},
        {"listener.tcp.x.max_connections", "1", "0"},
    };
    for (const Case& c : kCases) {
        const std::string key(c.key);
        EXPECT_EQ(all_of(load_text(key + " = " + c.good).errors), "") << key;
        EXPECT_EQ(load_text(key + " = " + c.bad).errors.size(), 1U) << key << " = " << c.bad;
    }
}

TEST(TypedSettings, NeverAndClientAreNoLimit) {
    const auto config =
        typed_config("persistent_client_expiration = never\nmax_last_will_delay = client");
    EXPECT_EQ(config->mqtt().persistent_client_expiration_s, std::nullopt);
    EXPECT_EQ(config->mqtt().max_last_will_delay_s, std::nullopt);
    EXPECT_EQ(typed_config("max_last_will_delay = 0s")->mqtt().max_last_will_delay_s, 0U);
}

/// Two valid texts for an option, other than its default and each other.
std::pair<std::string, std::string> samples_of(const ListenerOption& option) {
    const Setting& setting = option.setting;
    const auto words = split(setting.words, '|');
    if (setting.type == ValueType::Flag) {
        return setting.fallback == "on" ? std::pair{"off", "on"} : std::pair{"on", "off"};
    }
    if (setting.count == 3) return {"1,2,3", "4,5,6"};
    if (!setting.words.empty()) return {std::string(words[0]), std::string(words[1])};
    if (setting.type == ValueType::IntegerList) return {"1", "2"};
    if (setting.type == ValueType::Integer || setting.type == ValueType::IntegerOrInfinity) {
        return {"111", "222"};
    }
    return {"one", "two"};
}

TEST(Inheritance, MostSpecificLevelWinsForEveryOptionOfEveryKind) {
    for (const ListenerOption& option : listener_options()) {
        const std::string name(option.setting.key);
        if (name.find('$') != std::string::npos) continue;
        const auto [wide, narrow] = samples_of(option);
        for (const ListenerKind kind : kListenerKinds) {
            if (!option.has(kind)) continue;
            const std::string address = listener_key(kind, "x") + " = 127.0.0.1:1\n";
            const std::string root = "listener." + name + " = ";
            const std::string protocol =
                "listener." + std::string(word_of(kind)) + "." + name + " = ";
            const std::string own = listener_key(kind, "x") + "." + name + " = ";
            const auto resolved = [&](const std::string& text) {
                const auto config = typed_config(text + address);
                for (const EffectiveSetting& setting : config->effective()) {
                    if (setting.key + " = " == own) return setting.value;
                }
                return std::string("(unset)");
            };
            const bool secret = option.setting.secret;
            EXPECT_EQ(resolved(root + wide + "\n"), secret ? "******" : wide) << own;
            if (secret) continue;
            EXPECT_EQ(resolved(root + wide + "\n" + protocol + narrow + "\n"), narrow) << own;
            EXPECT_EQ(resolved(protocol + wide + "\n" + own + narrow + "\n"), narrow) << own;
            EXPECT_EQ(resolved(own + "''\n" + root + narrow + "\n"), narrow) << own;
            EXPECT_EQ(resolved(root + wide + "\n" + protocol + wide + "\n" + own + narrow + "\n"),
                      narrow)
                << own;
        }
    }
}

TEST(Inheritance, MinusOneTakesTheNextWiderLevel) {
    const auto listener = listener_of(
        "listener.tcp.x = 127.0.0.1:1\nlistener.tcp.x.max_connections = -1\n"
        "listener.tcp.max_connections = 7\nlistener.max_connections = 8\n");
    EXPECT_EQ(listener.max_connections, 7U);
    EXPECT_EQ(listener_of("listener.tcp.x = 127.0.0.1:1\nlistener.max_connections = -1\n")
                  .max_connections,
              10000U);
}

TEST(Inheritance, DoesNotReachOtherProtocolsOrListeners) {
    const auto config = typed_config(
        "listener.tcp.a = 127.0.0.1:1\nlistener.tcp.b = 127.0.0.1:2\nlistener.ws.c = 127.0.0.1:3\n"
        "listener.tcp.mountpoint = m\nlistener.tcp.a.mountpoint = off\n");
    ASSERT_EQ(config->listeners().size(), 3U);
    EXPECT_EQ(config->listeners()[0].mountpoint, "");
    EXPECT_EQ(config->listeners()[1].mountpoint, "m");
    EXPECT_EQ(config->listeners()[2].mountpoint, "");
}

TEST(Listeners, ReadEveryTcpOption) {
    const auto listener = listener_of(
        "listener.tcp.my\\.name = 10.0.0.1:1883\n"
        "listener.tcp.my\\.name.max_connections = infinity\n"
        "listener.tcp.my\\.name.mountpoint = a/b//\n"
        "listener.tcp.my\\.name.allowed_protocol_versions = [4,5]\n"
        "listener.tcp.my\\.name.allow_anonymous_override = on\n"
        "listener.tcp.my\\.name.buffer_sizes = 1,2,3\n"
        "listener.tcp.my\\.name.max_connection_lifetime = 4\n"
        "listener.tcp.my\\.name.backlog = 5\n"
        "listener.tcp.my\\.name.auth_plugins = [vmq_passwd]\n"
        "listener.tcp.my\\.name.proxy_protocol_use_cn_as_username = off\n");
    EXPECT_EQ(listener.kind, ListenerKind::Tcp);
    EXPECT_EQ(listener.name, "my.name");
    EXPECT_EQ(listener.address, "10.0.0.1");
    EXPECT_EQ(listener.port, 1883);
    EXPECT_EQ(listener.max_connections, std::nullopt);
    EXPECT_EQ(listener.mountpoint, "a/b");
    EXPECT_THAT(listener.allowed_protocol_versions, ElementsAre(4, 5));
    EXPECT_TRUE(listener.allow_anonymous_override);
    EXPECT_EQ(listener.buffer_sizes, (BufferSizes{1, 2}));
    EXPECT_EQ(listener.max_connection_lifetime_s, 4U);
    EXPECT_EQ(listener.backlog, 5U);
    EXPECT_THAT(listener.auth_plugins.value(), ElementsAre("vmq_passwd"));
    EXPECT_FALSE(listener.proxy.proxy_protocol_use_cn_as_username);
}

TEST(Listeners, ReadTlsOptions) {
    const auto listener = listener_of(
        "listener.ssl.x = 127.0.0.1:8883\nlistener.ssl.certfile = c\nlistener.ssl.keyfile = k\n"
        "listener.ssl.tls_version = tlsv1.2,tlsv1.3\nlistener.ssl.eccs = [secp384r1,secp256r1]\n"
        "listener.ssl.require_certificate = on\nlistener.ssl.tls_handshake_timeout = infinity\n"
        "listener.ssl.pskfile = p\nlistener.ssl.depth = 3\n");
    EXPECT_EQ(listener.tls.certfile, "c");
    EXPECT_EQ(listener.tls.keyfile, "k");
    EXPECT_THAT(listener.tls.tls_versions, ElementsAre("tlsv1.2", "tlsv1.3"));
    EXPECT_THAT(listener.tls.eccs, ElementsAre("secp384r1", "secp256r1"));
    EXPECT_TRUE(listener.tls.require_certificate);
    EXPECT_EQ(listener.tls.tls_handshake_timeout_ms, std::nullopt);
    EXPECT_EQ(listener.tls.pskfile, "p");
    EXPECT_EQ(listener.tls.depth, 3U);
}

TEST(Listeners, MayBeUnixSockets) {
    const auto listener = listener_of("listener.tcp.x = local:/run/mqtt.sock:0");
    EXPECT_EQ(listener.unix_path, "/run/mqtt.sock");
    EXPECT_EQ(listener.address, "");
    EXPECT_EQ(listener_of("listener.wss.x = unix:/run/mqtt.sock:0").unix_path, "/run/mqtt.sock");
    EXPECT_EQ(load_text("listener.http.x = local:/run/mqtt.sock:0").errors.size(), 1U);
}

TEST(Listeners, KeepTheOrderOfTheFile) {
    const auto config =
        typed_config("listener.tcp.z = 127.0.0.1:1\nlistener.tcp.a = 127.0.0.1:2\n");
    ASSERT_EQ(config->listeners().size(), 2U);
    EXPECT_EQ(config->listeners()[0].name, "z");
}

TEST(Listeners, OfTwoAtOneAddressTheLastStays) {
    const auto loaded = load_text("listener.tcp.b = [::1]:1883\nlistener.ws.a = 0::1:1883\n");
    ASSERT_NE(loaded.config, nullptr);
    ASSERT_EQ(loaded.config->listeners().size(), 1U);
    EXPECT_EQ(loaded.config->listeners()[0].kind, ListenerKind::Ws);
    EXPECT_THAT(lines_of(loaded.warnings),
                ::testing::Contains("vernemq.conf:2:1: listener.ws.a: listens at 0::1:1883 like "
                                    "listener.tcp.b, which is left out: the last one wins"));
}

TEST(Listeners, MayAllLetTheSystemChooseAPort) {
    EXPECT_EQ(typed_config("listener.tcp.a = 127.0.0.1:0\nlistener.tcp.b = 127.0.0.1:0\n")
                  ->listeners()
                  .size(),
              2U);
}

TEST(Listeners, NeedAnAddress) {
    const auto loaded = load_text(
        "listener.tcp.name.allow_anonymous_override = off\n"
        "listener.wss.name.certfile = x\n");
    ASSERT_NE(loaded.config, nullptr);
    EXPECT_THAT(loaded.config->listeners(), IsEmpty());
    EXPECT_THAT(lines_of(loaded.warnings), IsEmpty());
}

std::vector<std::string> enabled(const std::string& lines) {
    std::vector<std::string> names;
    const auto config = typed_config(lines);
    for (const EnabledPlugin& plugin : config->plugins().enabled) {
        names.push_back(plugin.name);
    }
    return names;
}

TEST(TypedSettings, PluginsAreInTheOrderOfTheirPriorityThenOfTheirName) {
    EXPECT_THAT(enabled(""), ElementsAre("vmq_acl", "vmq_passwd"));
    EXPECT_THAT(enabled("plugins.vmq_acl = off\nplugins.mine = on\nplugins.not = off\n"),
                ElementsAre("mine", "vmq_passwd"));
    EXPECT_THAT(enabled("plugins.vmq_passwd.priority = 5\nplugins.z = on\n"
                        "plugins.z.priority = -1\nplugins.a = on\n"),
                ElementsAre("z", "vmq_passwd", "a", "vmq_acl"));
}

TEST(TypedSettings, AForeignPluginIsGivenItsSettings) {
    const auto config = typed_config(
        "mine.deep.key = x y\nplugins.mine = on\nplugins.mine.path = /p\nmine.url = u\n");
    const EnabledPlugin& mine = config->plugins().enabled.front();
    EXPECT_EQ(mine.path, "/p");
    using Settings = std::map<std::string, std::string, std::less<>>;
    EXPECT_EQ(mine.settings, (Settings{{"deep.key", "x y"}, {"url", "u"}}));
}

}  // namespace
}  // namespace vmq::config
