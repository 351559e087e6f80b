#include "config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/test_files.h"

namespace vmq::config {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::shared_ptr<const Config> config_of(const std::string& text,
                                        std::map<std::string, std::string> variables = {}) {
    LoadResult loaded = load_text(text, std::move(variables));
    EXPECT_EQ(all_of(loaded.errors), "");
    return loaded.config == nullptr ? Config::without_file() : loaded.config;
}

std::string in_force(const Config& config, std::string_view key) {
    for (const EffectiveSetting& setting : config.effective()) {
        if (setting.key == key) return setting.value + " <- " + setting.origin;
    }
    return "(none)";
}

TEST(ConfigWithoutFile, ListensOnLoopbackOnlyAndAsksForNoPassword) {
    const auto config = Config::without_file();
    EXPECT_TRUE(config->mqtt().allow_anonymous);
    EXPECT_EQ(config->log().console, LogDestination::Console);
    ASSERT_EQ(config->listeners().size(), 4U);
    EXPECT_EQ(config->listeners()[0].address, "127.0.0.1");
    EXPECT_EQ(config->listeners()[0].port, 1883);
    EXPECT_EQ(config->listeners()[1].address, "::1");
    EXPECT_EQ(config->listeners()[1].port, 1883);
    EXPECT_EQ(config->listeners()[2].kind, ListenerKind::Ws);
    EXPECT_EQ(config->listeners()[2].address, "127.0.0.1");
    EXPECT_EQ(config->listeners()[2].port, 8080);
    EXPECT_EQ(config->listeners()[3].kind, ListenerKind::Http);
    EXPECT_EQ(config->listeners()[3].address, "127.0.0.1");
    EXPECT_EQ(config->listeners()[3].port, 8888);
}

TEST(Config, AnswersAnySettingToTools) {
    const auto config = config_of("retry_interval = 7\ndistributed_cookie = s3cret");
    EXPECT_FALSE(config->flag("allow_anonymous"));
    EXPECT_EQ(config->integer("retry_interval"), 7);
    EXPECT_EQ(config->text("nodename").value(), "VerneMQ@127.0.0.1");
    EXPECT_EQ(config->text("distributed_cookie").value(), "******");
    EXPECT_EQ(config->text("plugins.x").error().code, ErrorCode::NotFound);
    EXPECT_EQ(config->text("nope").error().detail, "Variable 'nope' not found");
}

TEST(Config, EffectiveTellsWhereEachValueComesFrom) {
    const auto config = config_of(
        "retry_interval = 7\nsetup.log_dir = $(LOGS)\nlistener.tcp.x = 127.0.0.1:1\n"
        "listener.max_connections = 9\nlistener.tcp.x.mountpoint = m\n",
        {{"LOGS", "/l"}});
    EXPECT_EQ(in_force(*config, "retry_interval"), "7 <- vernemq.conf:1");
    EXPECT_EQ(in_force(*config, "setup.log_dir"), "/l <- vernemq.conf:2, environment");
    EXPECT_EQ(in_force(*config, "log.console.file"), "/l/console.log <- default");
    EXPECT_EQ(in_force(*config, "allow_anonymous"), "off <- default");
    EXPECT_EQ(in_force(*config, "listener.tcp.x.max_connections"), "9 <- vernemq.conf:4");
    EXPECT_EQ(in_force(*config, "listener.tcp.x.mountpoint"), "m <- vernemq.conf:5");
    EXPECT_EQ(in_force(*config, "listener.tcp.x.backlog"), "1024 <- default");
}

TEST(Config, EffectiveIsSorted) {
    const auto settings = Config::without_file()->effective();
    EXPECT_TRUE(std::is_sorted(settings.begin(), settings.end(),
                               [](const auto& a, const auto& b) { return a.key < b.key; }));
}

TEST(Config, EffectiveTextReadsBackToTheSameConfiguration) {
    const auto config = config_of(
        "listener.tcp.a\\.b = [::1]:1883\nlistener.tcp.mountpoint = 'x # y'\n"
        "persistent_client_expiration = 3d\nprometheus_namespace = ''\n"
        "graphite_prefix = '''two\nlines'''\n");
    const auto again = config_of(config->effective_text());
    EXPECT_EQ(again->mqtt(), config->mqtt());
    EXPECT_EQ(again->node().nodename, config->node().nodename);
    ASSERT_EQ(again->listeners().size(), 1U);
    EXPECT_EQ(again->listeners()[0], config->listeners()[0]);
    const auto before = config->effective();
    const auto after = again->effective();
    ASSERT_EQ(before.size(), after.size());
    for (std::size_t i = 0; i < before.size(); ++i) {
        EXPECT_EQ(after[i].key, before[i].key);
        EXPECT_EQ(after[i].value, before[i].value) << before[i].key;
    }
}

TEST(Config, NeverShowsSecrets) {
    const auto config = config_of(
        "distributed_cookie = s3cret\nlistener.ssl.x = 127.0.0.1:1\n"
        "listener.ssl.keypasswd = s3cret\nvmq_diversity.redis.password = s3cret\n"
        "logging.obfuscation_secret = s3cret\n");
    EXPECT_THAT(config->effective_text(), Not(HasSubstr("s3cret")));
    EXPECT_EQ(in_force(*config, "listener.ssl.x.keypasswd"), "****** <- vernemq.conf:3");
    for (const auto key :
         {"distributed_cookie", "listener.ssl.keypasswd", "vmq_diversity.redis.password"}) {
        EXPECT_THAT(config->describe(key).value(), Not(HasSubstr("s3cret")));
    }
}

TEST(Config, DescribesASetting) {
    const auto config = config_of("receive_max_client = 10");
    EXPECT_EQ(config->describe("receive_max_client").value(),
              "Documentation for receive_max_client\n"
              "MQTT 5: upper bound of the Receive Maximum a client may ask for.\n"
              "\n"
              "   Valid Values:\n"
              "     - an integer from 1 to 65535\n"
              "   Default Value : 65535\n"
              "   Set Value     : 10 (vernemq.conf:1)\n"
              "   Settable      : yes, for new sessions\n"
              "   Status        : in use\n");
    EXPECT_THAT(config->describe("retry_interval").value(),
                HasSubstr("Value not set in the configuration"));
    EXPECT_THAT(config->describe("retry_interval").value(), HasSubstr("an integer from 0 to "));
    EXPECT_THAT(config->describe("plugins.x.path").value(), HasSubstr("No default set"));
    EXPECT_THAT(config->describe("distributed_cookie").value(),
                HasSubstr("Default Value : ******"));
    EXPECT_THAT(config->describe("http_module.vmq_http_pub.auth.mode").value(),
                HasSubstr("not built yet"));
    EXPECT_THAT(config->describe("erlang.K").value(), HasSubstr("accepted without effect"));
    EXPECT_THAT(config->describe("accept_eula").value(), HasSubstr("obsolete"));
    EXPECT_EQ(config->describe("x").error().detail, "Variable 'x' not found");
}

TEST(Config, ChangesAtRunTimeAreANewConfig) {
    const auto config = config_of("retry_interval = 7\nlistener.tcp.x = 127.0.0.1:1");
    const auto changed = config->with("retry_interval", "8");
    ASSERT_TRUE(changed);
    EXPECT_EQ(changed.value()->mqtt().retry_interval_s, 8U);
    EXPECT_EQ(config->mqtt().retry_interval_s, 7U);
    EXPECT_EQ(changed.value()->listeners().size(), 1U);
    EXPECT_EQ(in_force(*changed.value(), "retry_interval"), "8 <- set at run time");
}

TEST(Config, RefusesChangesThatAreWrongOrNotPossibleAtRunTime) {
    const auto config = Config::without_file();
    EXPECT_EQ(config->with("nope", "1").error().code, ErrorCode::UnknownKey);
    EXPECT_EQ(config->with("nodename", "a@b").error().detail,
              "nodename cannot be set while the broker runs");
    EXPECT_EQ(config->with("retry_interval", "-1").error().detail,
              "retry_interval: expected an integer from 0 to 4294967295");
}

TEST(Quoted, IsNeededForWhatTheGrammarWouldReadOtherwise) {
    EXPECT_EQ(quoted("plain text"), "plain text");
    EXPECT_EQ(quoted("it's"), "it's");
    EXPECT_EQ(quoted(""), "''");
    EXPECT_EQ(quoted("a#b"), "'a#b'");
    EXPECT_EQ(quoted(" a"), "' a'");
    EXPECT_EQ(quoted("a\t"), "'a\t'");
    EXPECT_EQ(quoted("a\nb"), "'''\na\nb\n'''");
    EXPECT_EQ(quoted("'a'"), "'''\n'a'\n'''");
}

TEST(ConfigLayers, AValueSaysWhereItComesFrom) {
    MemoryFiles files;
    files.files["a.conf"] = "max_client_id_size = 7\nretry_interval = 5\n";
    const auto file = Config::load(files, "a.conf").config;
    ASSERT_TRUE(file);
    EXPECT_EQ(file->origin("max_client_id_size").value(), "a.conf:1");
    EXPECT_EQ(file->origin("allow_anonymous").value(), "default");
    EXPECT_FALSE(file->origin("nope"));
    const auto cluster = file->with("max_client_id_size", "8", true).value();
    EXPECT_EQ(cluster->origin("max_client_id_size").value(), "set for the cluster");
    const auto own = cluster->with("max_client_id_size", "9").value();
    EXPECT_EQ(own->origin("max_client_id_size").value(), "set at run time");
    const auto back = own->with("max_client_id_size", *file).value();
    EXPECT_EQ(back->text("max_client_id_size").value(), "7");
    EXPECT_EQ(back->origin("max_client_id_size").value(), "a.conf:1");
    EXPECT_FALSE(own->with("nodename", *file)) << "it cannot be set while the broker runs";
}

}  // namespace
}  // namespace vmq::config
