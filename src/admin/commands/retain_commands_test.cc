#include "admin/commands/fake_node.h"

namespace vmq::admin::commands {
namespace {

TEST_F(CommandTest, RetainDeleteNeedsATopicThatIsThere) {
    EXPECT_EQ(out("retain delete -t=a/b -m mp"), "Done\n");
    EXPECT_EQ(calls(), Calls{"delete mp/a/b"});
    EXPECT_EQ(out("retain delete"), "No valid topic given.\n");
    node.there = false;
    EXPECT_EQ(out("retain delete --topic=x"), "No valid topic given.\n");
    EXPECT_EQ(run("retain delete").status, 0);
}

TEST_F(CommandTest, RetainDeleteExpiredSaysHowManyItWere) {
    EXPECT_EQ(out("retain delete-expired --format=csv"), "expired\r\n3\r\n");
}

}  // namespace
}  // namespace vmq::admin::commands
