#include "vernemq/live_config.h"

#include <gtest/gtest.h>

#include "broker/options_from_config.h"
#include "runtime/guarded.h"

namespace vmq::launcher {
namespace {

std::shared_ptr<const config::Config> loaded(const std::string& text) {
    config::MemoryFiles files;
    files.files["vernemq.conf"] = "listener.tcp.default = 127.0.0.1:0\n" + text;
    return config::Config::load(files, "vernemq.conf").config;
}

class LiveConfigTest : public ::testing::Test {
public:
    ~LiveConfigTest() override { broker_.stop(Millis(0)); }
    LiveConfigTest(const LiveConfigTest&) = delete;
    LiveConfigTest& operator=(const LiveConfigTest&) = delete;

protected:
    explicit LiveConfigTest(const std::string& text = "retry_interval = 5\n")
        : config_(loaded(text + "vmq_generic_msg_store.store_dir = ''\n")),
          broker_(broker::options_from_config(*config_).options),
          live_(
              config_, broker_,
              [this](const config::PluginSettings& settings) { told_.push_back(settings); },
              [this](const config::LogSettings& settings) { log_ = settings; }) {
        EXPECT_TRUE(broker_.start());
    }

    std::shared_ptr<const session::Settings> settings() {
        return broker_.listeners().all().front()->settings.get();
    }

    std::shared_ptr<const config::Config> config_;
    broker::Broker broker_;
    std::vector<config::PluginSettings> told_;
    config::LogSettings log_;
    LiveConfig live_;
};

TEST_F(LiveConfigTest, AChangeReachesTheNextSessionsOfAllListeners) {
    EXPECT_FALSE(settings()->allow_anonymous);
    ASSERT_TRUE(live_.change({{"allow_anonymous", "on"}, {"max_client_id_size", "7"}}));
    EXPECT_TRUE(settings()->allow_anonymous);
    EXPECT_EQ(settings()->max_client_id_size, 7U);
    EXPECT_EQ(live_.get()->text("max_client_id_size").value(), "7");
}

TEST_F(LiveConfigTest, PluginsAreToldOfWhatConcernsThem) {
    ASSERT_TRUE(live_.change({{"allow_anonymous", "on"}}));
    EXPECT_TRUE(told_.empty());
    ASSERT_TRUE(live_.change({{"vmq_acl.acl_file", "other.acl"}}));
    ASSERT_EQ(told_.size(), 1U);
    EXPECT_EQ(told_[0].acl_file, "other.acl");
    live_.reload(nullptr);
    ASSERT_EQ(told_.size(), 2U);
    EXPECT_EQ(told_[1].acl_file, "other.acl");
}

TEST_F(LiveConfigTest, TheLogIsToldOfWhatConcernsIt) {
    ASSERT_TRUE(live_.change({{"log.console.level", "debug"}, {"log.connections", "off"}}));
    EXPECT_EQ(log_.console_level, log::Level::Debug);
    EXPECT_FALSE(broker_.shared().session_log.connections.load());
    ASSERT_TRUE(live_.change({{"logging.keepalive_as_warning", "off"}}));
    EXPECT_FALSE(broker_.shared().session_log.keepalive_as_warning.load());
}

TEST_F(LiveConfigTest, OthersAreToldOfWhatHoldsAtOnceAndAfterEachChange) {
    std::vector<std::string> told;
    live_.on_change([&](const config::Config& now) {
        const auto days = now.text("max_apikey_expiry_days");
        told.push_back(now.text("min_apikey_length").value() + " " +
                       (days ? days.value() : "unset"));
    });
    ASSERT_TRUE(live_.change({{"min_apikey_length", "40"}}));
    EXPECT_FALSE(live_.change({{"min_apikey_length", "257"}}));
    live_.reload(
        loaded("vmq_generic_msg_store.store_dir = ''\nretry_interval = 5\n"
               "max_apikey_expiry_days = 9\n"));
    EXPECT_EQ(told, (std::vector<std::string>{"0 unset", "40 unset", "40 9"}));
}

/// Writes down what change_config tells.
class Listening final : public hooks::Plugin {
public:
    explicit Listening(runtime::Guarded<std::vector<std::string>>& told) : told_(told) {}
    [[nodiscard]] std::string_view name() const noexcept override { return "listening"; }
    [[nodiscard]] hooks::HookSet hooks() const noexcept override {
        return hook_bit(hooks::Hook::ChangeConfig);
    }
    void change_config(const hooks::ConfigContext& context) override {
        told_.with([&](std::vector<std::string>& told) {
            if (context.at_start) {
                told.push_back(context.entries->size() > 100 ? "all" : "too few");
                return;
            }
            for (const auto& [key, value] : *context.entries) {
                std::string line = key;
                told.push_back(line.append("=").append(value));
            }
        });
    }

private:
    runtime::Guarded<std::vector<std::string>>& told_;
};

TEST(LiveConfigHooks, PluginsAreToldOfChangedSettings) {
    const std::string base =
        "vmq_generic_msg_store.store_dir = ''\nretry_interval = 5\n"
        "plugins.mine = on\nplugins.mine.path = /nowhere\n";
    const auto config = loaded(base + "mine.url = a\n");
    ASSERT_TRUE(config);
    runtime::Guarded<std::vector<std::string>> told;
    auto options = broker::options_from_config(*config).options;
    options.shards = 1;
    broker::Broker broker(std::move(options));
    broker.add_plugin([&told](ShardId) { return std::make_unique<Listening>(told); });
    LiveConfig live(
        config, broker, [](const config::PluginSettings&) {}, [](const config::LogSettings&) {});
    live.tell_all_settings();
    ASSERT_TRUE(broker.start());
    ASSERT_TRUE(live.change({{"max_client_id_size", "7"}}));
    ASSERT_TRUE(live.change({{"max_client_id_size", "7"}}));  // is so already
    live.reload(loaded(base + "mine.url = b\nnodename = other@host\n"));
    broker.stop(Millis(0));
    EXPECT_EQ(told.with([](const auto& all) { return all; }),
              (std::vector<std::string>{"all", "max_client_id_size=7", "mine.url=b"}));
}

TEST(LiveConfigHooks, APluginThatIsSwitchedOnIsToldOfAllSettings) {
    const auto config = loaded("vmq_generic_msg_store.store_dir = ''\n");
    runtime::Guarded<std::vector<std::string>> first;
    runtime::Guarded<std::vector<std::string>> second;
    broker::Broker broker(broker::options_from_config(*config).options);
    broker.add_plugin([&first](ShardId) { return std::make_unique<Listening>(first); });
    LiveConfig live(
        config, broker, [](const config::PluginSettings&) {}, [](const config::LogSettings&) {});
    ASSERT_TRUE(broker.start());
    broker.add_plugin([&second](ShardId) { return std::make_unique<Listening>(second); });
    live.tell_all_settings(hooks::PluginPlace{1});
    broker.stop(Millis(0));
    const auto all = [](const auto& told) { return told; };
    EXPECT_EQ(first.with(all), std::vector<std::string>{});
    EXPECT_EQ(second.with(all), std::vector<std::string>(broker.shard_count(), "all"));
}

TEST_F(LiveConfigTest, AllChangesHoldOrNone) {
    EXPECT_FALSE(live_.change({{"allow_anonymous", "on"}, {"max_client_id_size", "x"}}));
    EXPECT_FALSE(settings()->allow_anonymous);
}

TEST_F(LiveConfigTest, AListenersOwnOptionsStay) {
    config::ListenerSettings own = config_->listeners()[0];
    own.allow_anonymous_override = true;
    live_.add_listener(own);
    ASSERT_TRUE(live_.change({{"allow_anonymous", "off"}}));
    EXPECT_TRUE(settings()->allow_anonymous);
    EXPECT_TRUE(live_.listener("mqtt", "default"));
    EXPECT_FALSE(live_.listener("mqtts", "default"));
}

TEST_F(LiveConfigTest, ReloadTakesOverWhatTheFileHasChangedAndNothingElse) {
    ASSERT_TRUE(live_.change({{"max_client_id_size", "7"}}));
    live_.reload(loaded("retry_interval = 9\nvmq_generic_msg_store.store_dir = ''\n"));
    EXPECT_EQ(settings()->retry_interval_ms, 9000U);
    EXPECT_EQ(settings()->max_client_id_size, 7U);
    live_.reload(loaded("vmq_generic_msg_store.store_dir = ''\n"));  // the line is gone
    EXPECT_EQ(settings()->retry_interval_ms, 20'000U);
}

TEST_F(LiveConfigTest, HttpIsToldWhenTheFileHasChangedSomethingOfIt) {
    const std::string more = "retry_interval = 5\nvmq_generic_msg_store.store_dir = ''\n";
    std::vector<std::size_t> told;  // how many listeners there are then
    live_.on_http_change(
        [&](const config::Config& config) { told.push_back(config.listeners().size()); });
    live_.reload(loaded(more));
    EXPECT_TRUE(told.empty());
    live_.reload(loaded(more + "listener.http.x = 127.0.0.1:1\n"));
    EXPECT_EQ(told, std::vector<std::size_t>{2});
    ASSERT_TRUE(live_.listener("http", "x"));
    EXPECT_EQ(live_.listener("http", "x")->port, 1);
    live_.reload(loaded(more + "listener.http.x = 127.0.0.1:2\n"));
    EXPECT_EQ(live_.listener("http", "x")->port, 2);
    live_.reload(loaded(more));
    EXPECT_EQ(told.size(), 3U);
}

TEST_F(LiveConfigTest, WhatIsSetForTheClusterCountsMoreThanTheFile) {
    using cluster::FactKind;
    const std::string more = "vmq_generic_msg_store.store_dir = ''\n";
    live_.follow_cluster({{FactKind::Setting, "retry_interval", "7", 1},
                          {FactKind::Setting, "unknown", "7", 1},
                          {FactKind::ApiKey, "id", "hash", 1}});
    EXPECT_EQ(settings()->retry_interval_ms, 7000U);
    live_.reload(loaded("retry_interval = 9\n" + more));
    EXPECT_EQ(settings()->retry_interval_ms, 7000U);
    ASSERT_TRUE(live_.change({{"retry_interval", "8"}}));
    EXPECT_EQ(settings()->retry_interval_ms, 8000U);
    EXPECT_EQ(live_.unset({"retry_interval", "max_client_id_size"}),
              std::vector<std::string>{"retry_interval"});
    EXPECT_EQ(settings()->retry_interval_ms, 7000U);
    live_.follow_cluster({{FactKind::Setting, "retry_interval", std::nullopt, 2}});
    EXPECT_EQ(settings()->retry_interval_ms, 9000U);
    EXPECT_EQ(live_.get()->origin("retry_interval").value(), "vernemq.conf:2");
}

}  // namespace
}  // namespace vmq::launcher
