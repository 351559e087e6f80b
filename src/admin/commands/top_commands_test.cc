#include "admin/commands/fake_node.h"

namespace vmq::admin::commands {
namespace {

class TopCommands : public CommandTest {};

TEST_F(TopCommands, TopGoesOn) {
    EXPECT_TRUE(run("top").stream);
    EXPECT_EQ(node.topped.interval, Seconds(2));
    EXPECT_FALSE(node.topped.once);
    EXPECT_TRUE(run("top --once -i 5 --sort=bytes").stream);
    EXPECT_EQ(node.topped.interval, Seconds(5));
    EXPECT_TRUE(node.topped.once);
}

TEST_F(TopCommands, WhatCannotBeIsRefused) {
    EXPECT_EQ(out("top --sort=age"), "Invalid value: \"age\" for flag: sort\n");
    EXPECT_EQ(out("top --interval=0"), "Invalid value: \"0\" for flag: interval\n");
    node.outcome = Error{ErrorCode::Unavailable, "4 others watch already."};
    EXPECT_EQ(out("top"), "4 others watch already.\n");
    EXPECT_EQ(run("top").status, 1);
}

}  // namespace
}  // namespace vmq::admin::commands
