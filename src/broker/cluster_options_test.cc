#include "broker/cluster_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vmq::broker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Configured {
    Result<std::optional<ClusterOptions>> options;
    std::vector<std::string> warnings = {};
};

Configured from(const std::string& text) {
    config::MemoryFiles files;
    files.files["vernemq.conf"] = text;
    const auto loaded = config::Config::load(files, "vernemq.conf");
    for (const auto& error : loaded.errors) ADD_FAILURE() << config::to_string(error);
    Configured result{std::optional<ClusterOptions>()};
    if (loaded.config)
        result.options = cluster_options_from_config(*loaded.config, result.warnings);
    return result;
}

TEST(ClusterOptionsFromConfig, WithoutAListenerTheNodeStaysAlone) {
    const auto result = from("listener.tcp.a = 127.0.0.1:0\n");
    ASSERT_TRUE(result.options);
    EXPECT_FALSE(result.options.value().has_value());
    EXPECT_THAT(result.warnings, IsEmpty());
}

TEST(ClusterOptionsFromConfig, TakesWhatIsConfigured) {
    const auto result = from(
        "nodename = a@example.org\ndistributed_cookie = secret\n"
        "listener.vmq.clustering = 0.0.0.0:44153\nsetup.data_dir = /var/lib/vernemq\n"
        "outgoing_clustering_buffer_size = 1000\nincoming_clustering_buffer_size = 300000\n"
        "cluster.heartbeat_interval = 100\ncluster.heartbeat_timeout = 900\n"
        "cluster.subscribe_timeout = 50\n");
    ASSERT_TRUE(result.options);
    ASSERT_TRUE(result.options.value());
    const ClusterOptions& options = *result.options.value();
    EXPECT_EQ(options.node, "a@example.org");
    EXPECT_EQ(options.cookie, "secret");
    ASSERT_EQ(options.listeners.size(), 1U);
    EXPECT_EQ(options.listeners[0].where.address, "0.0.0.0");
    EXPECT_EQ(options.listeners[0].where.port, 44153);
    EXPECT_EQ(options.listeners[0].tls, nullptr);
    EXPECT_EQ(options.outgoing_bytes, 1000U);
    EXPECT_EQ(options.longest_frame, 300'000U);
    EXPECT_EQ(options.links.heartbeat_interval, Millis(100));
    EXPECT_EQ(options.links.silence_timeout, Millis(900));
    EXPECT_EQ(options.filters_known_timeout, Millis(50));
    EXPECT_EQ(options.wills_after, Millis(30'000));
    EXPECT_THAT(result.warnings, IsEmpty());
}

TEST(ClusterOptionsFromConfig, WillsMayWaitForTheirNodeForEver) {
    const std::string listener = "listener.vmq.clustering = 127.0.0.1:44053\n";
    const auto soon = from(listener + "cluster.wills_after = 0\n");
    EXPECT_EQ(soon.options.value()->wills_after, Millis(0));
    const auto never = from(listener + "cluster.wills_after = infinity\n");
    EXPECT_FALSE(never.options.value()->wills_after);
}

// Nobody from another machine gets in without having been given a secret.
TEST(ClusterOptionsFromConfig, WithVerneMqsCookieOtherMachinesStayOut) {
    const auto open = from("listener.vmq.clustering = 0.0.0.0:44053\n");
    ASSERT_TRUE(open.options);
    EXPECT_EQ(open.options.value()->listeners[0].where.address, "127.0.0.1");
    EXPECT_THAT(open.warnings, ElementsAre(HasSubstr("distributed_cookie is the default")));
    const auto six = from("listener.vmq.clustering = [::]:44053\n");
    EXPECT_EQ(six.options.value()->listeners[0].where.address, "::1");
    const auto local = from("listener.vmq.clustering = 127.0.0.1:44053\n");
    EXPECT_EQ(local.options.value()->listeners[0].where.address, "127.0.0.1");
    EXPECT_THAT(local.warnings, IsEmpty());
}

TEST(ClusterOptionsFromConfig, TlsNeedsItsFiles) {
    const auto result = from(
        "listener.vmqs.clustering = 127.0.0.1:44054\nlistener.vmqs.clustering.certfile = /none\n"
        "listener.vmqs.clustering.keyfile = /none\n");
    ASSERT_FALSE(result.options);
    EXPECT_THAT(result.options.error().detail, HasSubstr("/none"));
}

}  // namespace
}  // namespace vmq::broker
