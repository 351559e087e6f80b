#include "admin/commands/table.h"

#include <gtest/gtest.h>

#include <set>

#include "admin/commands/fake_node.h"

namespace vmq::admin::commands {
namespace {

TEST(Table, EveryFlagAndArgumentIsNamedOnceAndExplained) {
    for (const Command& command : command_table().commands()) {
        std::set<std::string_view> names;
        std::set<char> letters;
        EXPECT_FALSE(command.summary.empty()) << command.words;
        for (const Flag& flag : command.flags) {
            EXPECT_TRUE(names.insert(flag.name).second) << command.words << " " << flag.name;
            EXPECT_TRUE(flag.letter == 0 || letters.insert(flag.letter).second)
                << command.words << " " << flag.letter;
            EXPECT_NE(flag.letter, 'h') << command.words;
            EXPECT_FALSE(flag.help.empty()) << command.words << " " << flag.name;
            EXPECT_EQ(flag.value.empty(), flag.takes == Takes::Nothing)
                << command.words << " " << flag.name;
        }
        for (const Argument& argument : command.arguments) {
            EXPECT_TRUE(names.insert(argument.name).second) << command.words;
            EXPECT_FALSE(argument.help.empty()) << command.words << " " << argument.name;
        }
    }
}

TEST(Table, HelpAndRefusalsNeedNoNode) {
    EXPECT_EQ(execute_without_node(words("session --help"), false)->status, 0);
    EXPECT_EQ(execute_without_node(words("nonsense"), false)->status, 1);
    EXPECT_EQ(execute_without_node(words("cluster show --nonsense"), false)->out,
              "Invalid key: \"nonsense\"\n");
    EXPECT_EQ(execute_without_node(words("completion bash"), false)->status, 0);
    EXPECT_FALSE(execute_without_node(words("cluster show"), false));
}

TEST(Table, AnUnknownFormatIsToldBesideTheAnswer) {
    FakeNode node;
    const Printed printed = execute(words("metrics reset --format=xml"), false, node);
    EXPECT_EQ(printed.out, "Done\n");
    EXPECT_EQ(printed.err, "Invalid format \"xml\"! Defaulted to human-readable.\n");
    EXPECT_EQ(printed.status, 0);
}

}  // namespace
}  // namespace vmq::admin::commands
