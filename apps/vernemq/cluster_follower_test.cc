#include "vernemq/cluster_follower.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "broker/options_from_config.h"
#include "support/cluster_test_node.h"

namespace vmq::launcher {
namespace {

using admin::commands::ApiScope;
using testing::comes_true;

std::shared_ptr<const config::Config> loaded() {
    config::MemoryFiles files;
    files.files["a.conf"] =
        "listener.tcp.default = 127.0.0.1:0\nvmq_generic_msg_store.store_dir = ''\n"
        "max_client_id_size = 5\n";
    return config::Config::load(files, "a.conf").config;
}

/// A node with everything that settings and keys need.
struct FollowerNode {
    explicit FollowerNode(const std::string& node)
        : config(loaded()),
          broker(broker::options_from_config(*config).options),
          live(
              config, broker, [](const config::PluginSettings&) {},
              [](const config::LogSettings&) {}),
          keys("", node, {}),
          name(node) {
        broker::ClusterOptions options;
        options.node = node;
        options.cookie = "secret";
        broker::ClusterListener listener;
        listener.where.address = "127.0.0.1";
        options.listeners.push_back(std::move(listener));
        options.netsplit_policy = config::NetsplitPolicy::None;
        options.on_shared_facts = [this](std::vector<broker::SharedFact> changes) {
            follower.on_changes(std::move(changes));
        };
        cluster = std::make_unique<broker::ClusterService>(broker, std::move(options));
        broker.before_listening([this] { return cluster->prepare(); });
        EXPECT_TRUE(broker.start());
        cluster->start();
        follower.start(*cluster);
    }
    ~FollowerNode() {
        follower.stop();
        cluster->stop_accepting();
        broker.stop(Millis(500));
        cluster.reset();
    }
    FollowerNode(const FollowerNode&) = delete;
    FollowerNode& operator=(const FollowerNode&) = delete;

    Result<void> join(const FollowerNode& other) const {
        return cluster->join(other.name,
                             {"127.0.0.1", other.cluster->listeners().front().where.port, false});
    }
    std::string value() const { return live.get()->text("max_client_id_size").value(); }
    bool opens(const std::string& key) const {
        return keys.check(key, ApiScope::Mgmt).outcome == admin::ApiKeyStore::Outcome::Granted;
    }

    std::shared_ptr<const config::Config> config;
    broker::Broker broker;
    LiveConfig live;
    admin::ApiKeyStore keys;
    ClusterFollower follower{live, keys};
    std::unique_ptr<broker::ClusterService> cluster;
    const std::string name;
};

TEST(ClusterFollower, SettingsAndKeysHoldOnAllNodes) {
    FollowerNode a("a@127.0.0.1");
    FollowerNode b("b@127.0.0.1");
    ASSERT_TRUE(a.follower.set_everywhere("max_client_id_size", "6"));
    EXPECT_EQ(a.value(), "6") << "at once, and without others as well";
    const std::string key = b.keys.create(ApiScope::Mgmt, std::nullopt).value();
    ASSERT_TRUE(b.join(a));
    EXPECT_TRUE(comes_true([&] { return b.value() == "6" && a.opens(key); }));
    ASSERT_TRUE(b.follower.set_everywhere("max_client_id_size", "7"));
    EXPECT_TRUE(comes_true([&] { return a.value() == "7"; }));
    ASSERT_TRUE(a.keys.remove(a.keys.all()[0].name, ApiScope::Mgmt));
    EXPECT_TRUE(comes_true([&] { return !b.opens(key); }));
    ASSERT_TRUE(a.follower.set_everywhere("max_client_id_size", std::nullopt));
    EXPECT_EQ(a.value(), "5");
    EXPECT_TRUE(comes_true([&] { return b.value() == "5"; }));
}

TEST(ClusterFollower, WithoutAClusterASettingOfAllIsThisNodes) {
    const auto config = loaded();
    broker::Broker broker(broker::options_from_config(*config).options);
    LiveConfig live(
        config, broker, [](const config::PluginSettings&) {}, [](const config::LogSettings&) {});
    admin::ApiKeyStore keys("", "a@h", {});
    ClusterFollower follower(live, keys);
    ASSERT_TRUE(broker.start());
    ASSERT_TRUE(follower.set_everywhere("max_client_id_size", "6"));
    EXPECT_EQ(live.get()->origin("max_client_id_size").value(), "set for the cluster");
    ASSERT_TRUE(follower.set_everywhere("max_client_id_size", std::nullopt));
    EXPECT_EQ(live.get()->text("max_client_id_size").value(), "5");
    broker.stop(Millis(0));
}

}  // namespace
}  // namespace vmq::launcher
