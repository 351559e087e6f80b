#include <gtest/gtest.h>

#include "admin/commands/fake_node.h"

namespace vmq::admin::commands {
namespace {

class PluginCommands : public CommandTest {
protected:
    PluginCommands() {
        node.chain = {{"vmq_acl", "", {"auth_on_publish", "auth_on_subscribe"}},
                      {"vmq_passwd", "", {"auth_on_register"}},
                      {"mine", "/lib/mine.so", {"on_auth", "on_client_gone"}}};
    }
};

TEST_F(PluginCommands, ShowListsThemAsVerneMQ) {
    EXPECT_EQ(
        out("plugin show --plugin=vmq_acl"),
        "+---------+-------------+----------------------+--------------------------------+\n"
        "| Plugin  | Type        | Hook(s)              | M:F/A                          |\n"
        "+---------+-------------+----------------------+--------------------------------+\n"
        "| vmq_acl | application | auth_on_publish      | vmq_acl:auth_on_publish/6      |\n"
        "|         |             | auth_on_subscribe    | vmq_acl:auth_on_subscribe/3    |\n"
        "|         |             | auth_on_publish_m5   | vmq_acl:auth_on_publish_m5/7   |\n"
        "|         |             | auth_on_subscribe_m5 | vmq_acl:auth_on_subscribe_m5/4 |\n"
        "|         |             |                      |                                |\n"
        "+---------+-------------+----------------------+--------------------------------+\n");
}

TEST_F(PluginCommands, ShowFindsThoseWithAHook) {
    EXPECT_EQ(out("plugin show --hook=auth_on_register_m5 --internal --format=json"),
              R"j({"table":[{"Plugin":"vmq_passwd","Type":"application",)j"
              R"j("Hook(s)":"auth_on_register_m5",)j"
              R"j("M:F/A":"vmq_passwd:auth_on_register_m5/6"}],"type":"table"})j");
    EXPECT_EQ(out("plugin show --hook=on_client_gone --format=csv"),
              "Plugin,Type,Hook(s),M:F/A\r\n"
              "mine,application,on_client_gone,/lib/mine.so:on_client_gone/1\r\n");
    EXPECT_EQ(out("plugin show --hook=nothing"), "");
}

TEST_F(PluginCommands, EnableAndDisable) {
    EXPECT_EQ(out("plugin enable -n vmq_acl"), "Done\n");
    EXPECT_EQ(out("plugin enable --name=mine --path=/lib"), "Done\n");
    EXPECT_EQ(out("plugin disable -n mine"), "Done\n");
    EXPECT_EQ(calls(), (Calls{"enable vmq_acl ", "enable mine /lib", "disable mine"}));
    EXPECT_EQ(out("plugin enable"), "Incomplete plugin specification\n");
    EXPECT_EQ(out("plugin disable"), "Incomplete plugin specification\n");
    node.outcome = Error{ErrorCode::InvalidValue, "already_enabled"};
    EXPECT_EQ(out("plugin enable -n vmq_acl"),
              "Can't enable plugin: vmq_acl due to already_enabled\n");
    EXPECT_EQ(run("plugin enable -n vmq_acl").status, 0);
    node.outcome = Error{ErrorCode::NotFound, "plugin_not_found"};
    EXPECT_EQ(out("plugin disable -n x"), "Can't disable plugin: x due to plugin_not_found\n");
}

}  // namespace
}  // namespace vmq::admin::commands
