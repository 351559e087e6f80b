#include "admin/commands/usage.h"

#include <gtest/gtest.h>

#include "admin/commands/sample_table.h"

namespace vmq::admin::commands {
namespace {

TEST(Usage, OfACommandNamesArgumentsAndOptions) {
    EXPECT_EQ(usage(sample_table(), "session disconnect"),
              "Usage: vmq-admin session disconnect client-id=<ClientId> [options]\n"
              "\n"
              "  Disconnects a client.\n"
              "\n"
              "  It gets the reason \"administrative action\".\n"
              "\n"
              "Arguments\n"
              "\n"
              "  client-id=<ClientId>  The client.\n"
              "\n"
              "Options\n"
              "\n"
              "  -c, --cleanup                  Ends the session, too.\n"
              "  -m, --mountpoint=<Mountpoint>  Of the client.\n"
              "\n"
              "  Sub-commands:\n"
              "    clients  Disconnects several.\n");
}

TEST(Usage, OfAGroupListsWhatFollows) {
    EXPECT_EQ(usage(sample_table(), "session"),
              "Usage: vmq-admin session <sub-command>\n"
              "\n"
              "  Manage MQTT sessions.\n"
              "\n"
              "  Sub-commands:\n"
              "    disconnect  Disconnects a client.\n"
              "    show        Shows sessions.\n"
              "\n"
              "  Use --help after a sub-command for more details.\n");
}

TEST(Usage, OfTheTopListsGroupsAndCommands) {
    const std::string top = usage(sample_table(), "");
    EXPECT_TRUE(top.starts_with("Usage: vmq-admin <sub-command>\n\n  "));
    for (const char* line :
         {"\n    session  Manage MQTT sessions.\n", "\n    show     Shows settings.\n"}) {
        EXPECT_NE(top.find(line), std::string::npos) << top;
    }
}

TEST(Usage, OperandsAndOptionalArguments) {
    EXPECT_TRUE(
        usage(sample_table(), "set").starts_with("Usage: vmq-admin set <key>=<value> ...\n"));
    EXPECT_TRUE(
        usage(sample_table(), "show").starts_with("Usage: vmq-admin show <key> ... [options]\n"));
    EXPECT_TRUE(usage(sample_table(), "api-key create")
                    .starts_with("Usage: vmq-admin api-key create [scope=<Scope>] [size=<N>]\n"));
    EXPECT_NE(usage(sample_table(), "session show").find("  -t, --topic[=<Topic>]"),
              std::string::npos);
}

}  // namespace
}  // namespace vmq::admin::commands
