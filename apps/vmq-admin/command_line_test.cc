#include "vmq-admin/command_line.h"

#include <gtest/gtest.h>

namespace vmq::admin_tool {
namespace {

using Words = std::vector<const char*>;

TEST(AdminCommandLine, OnlyTheConfigurationFileIsTakenOff) {
    for (const Words& line : {Words{"session", "--config", "a.conf", "show", "-c"},
                              Words{"--config=a.conf", "session", "show", "-c"}}) {
        const auto parsed = parse_command_line(line);
        ASSERT_TRUE(parsed);
        EXPECT_EQ(parsed.value().config_file, "a.conf");
        EXPECT_EQ(parsed.value().words, (std::vector<std::string>{"session", "show", "-c"}));
    }
    EXPECT_FALSE(parse_command_line(Words{"show", "x"}).value().config_file);
    EXPECT_EQ(parse_command_line(Words{"--configure"}).value().words.size(), 1U);
}

TEST(AdminCommandLine, TheOptionNeedsAFile) {
    EXPECT_FALSE(parse_command_line(Words{"show", "--config"}));
    EXPECT_FALSE(parse_command_line(Words{"--config=", "show"}));
}

}  // namespace
}  // namespace vmq::admin_tool
