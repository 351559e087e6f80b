#include "config/setting_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "config/test_files.h"
#include "config/value.h"

namespace vmq::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const SettingTable& table() { return SettingTable::instance(); }

std::string row_for(std::string_view key) {
    const Setting* setting = table().find(key);
    return setting == nullptr ? "(none)" : std::string(setting->key);
}

TEST(SettingTable, NamesNoKeyTwice) {
    std::set<std::string_view> keys;
    for (const Setting& setting : table().rows()) {
        EXPECT_TRUE(keys.insert(setting.key).second) << setting.key;
    }
}

TEST(SettingTable, DocumentsEveryRow) {
    for (const Setting& setting : table().rows()) EXPECT_FALSE(setting.doc.empty()) << setting.key;
}

TEST(SettingTable, HasDefaultsThatAreValid) {
    for (const Setting& setting : table().rows()) {
        if (!setting.fallback || setting.fallback->empty()) continue;
        EXPECT_TRUE(parse_value(setting, *setting.fallback)) << setting.key;
    }
}

TEST(SettingTable, FindsExactRowsBeforePatternsBeforeFamilies) {
    EXPECT_EQ(row_for("plugins.vmq_acl"), "plugins.vmq_acl");
    EXPECT_EQ(row_for("plugins.mine"), "plugins.$N");
    EXPECT_EQ(row_for("plugins.mine.path"), "plugins.$N.path");
    EXPECT_EQ(row_for("listener.tcp.max_connections"), "listener.tcp.max_connections");
    EXPECT_EQ(row_for("listener.tcp.default"), "listener.tcp.$N");
    EXPECT_EQ(row_for("listener.tcp.a\\.b"), "listener.tcp.$N");
    EXPECT_EQ(row_for("listener.tcp.a.b"), "(none)");
    EXPECT_EQ(row_for("erlang.x.y"), "erlang.*");
    EXPECT_EQ(row_for("erlang."), "(none)");
    EXPECT_EQ(row_for("Allow_anonymous"), "(none)");
    EXPECT_EQ(row_for("plugins."), "(none)");
    EXPECT_EQ(row_for(""), "(none)");
}

TEST(SettingTable, SuggestsTheNearestNames) {
    EXPECT_THAT(table().nearest("allow_anonymos", 1), ElementsAre("allow_anonymous"));
    EXPECT_THAT(
        table().nearest("max_online_mesages", 3),
        ElementsAre("max_online_messages", "max_offline_messages", "max_inflight_messages"));
    EXPECT_THAT(table().nearest("listener.tcp.mine.mountpiont", 1),
                ElementsAre("listener.tcp.mine.mountpoint"));
    EXPECT_THAT(table().nearest(std::string(129, 'x'), 3), IsEmpty());
}

TEST(SettingTable, KnowsTheMisspellingsOfTheDocumentation) {
    EXPECT_EQ(meant_by("mqtt.connect.timeout"), "mqtt_connect_timeout");
    EXPECT_EQ(meant_by("vmq_reg_view"), "default_reg_view");
    EXPECT_EQ(meant_by("listeners.https.default"), "listener.https.default");
    EXPECT_EQ(meant_by("http_module.vmq_mgmt_http.auth.mode"),
              "http_module.vmq_http_mgmt_api.auth.mode");
    EXPECT_EQ(meant_by("allow_anonymous"), "");
}

TEST(SettingTable, KnowsSecrets) {
    for (const auto key :
         {"distributed_cookie", "listener.ssl.keypasswd", "listener.ssl.a.keypasswd",
          "graphite_api_key", "vmq_web_ui.admin.user_pwd", "vmq_diversity.postgres.password",
          "vmq_bridge.ssl.b.psk", "vmq_webhooks.x.api_key"}) {
        EXPECT_TRUE(is_secret(*table().find(key), key)) << key;
    }
    for (const auto key : {"nodename", "vmq_diversity.postgres.host", "listener.ssl.keyfile",
                           "vmq_passwd.password_file", "vmq_passwd.password_reload_interval"}) {
        EXPECT_FALSE(is_secret(*table().find(key), key)) << key;
    }
    EXPECT_TRUE(is_secret(foreign_plugin_setting(), "mine.acme.password"));
    EXPECT_FALSE(is_secret(foreign_plugin_setting(), "mine.url"));
}

TEST(SettingTable, CutsKeysAtUnescapedDots) {
    EXPECT_THAT(raw_words("a.b\\.c.d"), ElementsAre("a", "b\\.c", "d"));
    EXPECT_THAT(raw_words(""), ElementsAre(""));
    EXPECT_THAT(raw_words("a\\"), ElementsAre("a\\"));
}

TEST(EditDistance, CountsInsertionsDeletionsAndReplacements) {
    EXPECT_EQ(edit_distance("", ""), 0U);
    EXPECT_EQ(edit_distance("abc", ""), 3U);
    EXPECT_EQ(edit_distance("", "abc"), 3U);
    EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
    EXPECT_EQ(edit_distance("same", "same"), 0U);
    EXPECT_EQ(edit_distance("kitten", "sitting", 3), 3U);
    EXPECT_GT(edit_distance("kitten", "sitting", 2), 2U);
}

}  // namespace
}  // namespace vmq::config
