#include "admin/commands/command.h"

#include <gtest/gtest.h>

#include "admin/commands/sample_table.h"

namespace vmq::admin::commands {
namespace {

TEST(CommandTable, KnowsWhatFollowsWords) {
    std::vector<std::string> below;
    for (const auto& child : sample_table().children("session")) below.emplace_back(child.word);
    EXPECT_EQ(below, (std::vector<std::string>{"disconnect", "show"}));
    EXPECT_TRUE(sample_table().children("session show").empty());
    EXPECT_EQ(sample_table().find_command("session"), nullptr);
    EXPECT_NE(sample_table().find_group("session"), nullptr);
}

TEST(CommandTable, NearestIsNearOrNothing) {
    EXPECT_EQ(sample_table().nearest("", "sesion"), "session");
    EXPECT_EQ(sample_table().nearest("session", "dissconect"), "disconnect");
    EXPECT_EQ(sample_table().nearest("", "xyzzy"), "");
}

TEST(CommandTableDeathTest, TwoCommandsOfTheSameWordsAreOurBug) {
    const Command command{
        .words = "show", .summary = "", .help = "", .arguments = {}, .flags = {}, .run = nothing};
    EXPECT_DEATH(CommandTable({}, {command, command}), "find_command");
}

TEST(IntegerOf, TakesWholeNumbersOnly) {
    EXPECT_EQ(integer_of("-12"), -12);
    for (const char* word : {"", "1x", "1.0", " 1", "99999999999999999999"}) {
        EXPECT_FALSE(integer_of(word)) << word;
    }
}

}  // namespace
}  // namespace vmq::admin::commands
