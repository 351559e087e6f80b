#include "vernemq/setting_layers.h"

#include <gtest/gtest.h>

#include <string>

namespace vmq::launcher {
namespace {

class SettingLayersTest : public ::testing::Test {
protected:
    static std::shared_ptr<const config::Config> file(const std::string& text) {
        config::MemoryFiles files;
        files.files["a.conf"] = text;
        return config::Config::load(files, "a.conf").config;
    }
    std::string shown(const std::string& key = "max_client_id_size") const {
        const auto config = layers_.compose();
        return config->text(key).value() + ", " + config->origin(key).value();
    }

    SettingLayers layers_{file("max_client_id_size = 1\n")};
};

TEST_F(SettingLayersTest, TheNodesOwnValueCountsThenTheClustersThenTheFiles) {
    EXPECT_EQ(shown(), "1, a.conf:1");
    ASSERT_TRUE(layers_.set_cluster("max_client_id_size", "2", 100));
    EXPECT_EQ(shown(), "2, set for the cluster");
    layers_.set_own("max_client_id_size", "3", 200);
    EXPECT_EQ(shown(), "3, set at run time");
    EXPECT_TRUE(layers_.unset_own("max_client_id_size"));
    EXPECT_FALSE(layers_.unset_own("max_client_id_size"));
    EXPECT_EQ(shown(), "2, set for the cluster");
    ASSERT_TRUE(layers_.set_cluster("max_client_id_size", std::nullopt, 300));
    EXPECT_EQ(shown(), "1, a.conf:1");
}

TEST_F(SettingLayersTest, WhatIsSaidLaterForAllTakesBackWhatTheNodeWasSetTo) {
    layers_.set_own("max_client_id_size", "3", 200);
    ASSERT_TRUE(layers_.set_cluster("max_client_id_size", "2", 199));
    EXPECT_EQ(shown(), "3, set at run time") << "that comes late, after a split";
    ASSERT_TRUE(layers_.set_cluster("max_client_id_size", "4", 200));
    EXPECT_EQ(shown(), "4, set for the cluster");
    layers_.set_own("max_client_id_size", "5", 300);
    ASSERT_TRUE(layers_.set_cluster("max_client_id_size", std::nullopt, 400));
    EXPECT_EQ(shown(), "1, a.conf:1");
}

TEST_F(SettingLayersTest, WhatANodeCannotUseIsKeptAndDoesNoHarm) {
    ASSERT_TRUE(layers_.set_cluster("retry_interval", "7", 100));
    EXPECT_FALSE(layers_.set_cluster("of_a_newer_version", "1", 100));
    EXPECT_FALSE(layers_.set_cluster("nodename", "x@y", 100)) << "not while it runs";
    const auto bad = layers_.set_cluster("max_client_id_size", "secret words", 100);
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().detail.find("secret"), std::string::npos) << bad.error().detail;
    EXPECT_EQ(shown(), "1, a.conf:1");
    EXPECT_EQ(shown("retry_interval"), "7, set for the cluster");
    EXPECT_TRUE(layers_.has_cluster("of_a_newer_version"));
}

}  // namespace
}  // namespace vmq::launcher
