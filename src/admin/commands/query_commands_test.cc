#include <gtest/gtest.h>

#include "admin/commands/fake_node.h"

namespace vmq::admin::commands {
namespace {

TEST_F(CommandTest, SessionShowHandsFieldsOnAndSaysWhatIsMissing) {
    EXPECT_EQ(run("session show --client_id --user=alice --limit=5").err,
              "shard 1 has not answered\n");
    EXPECT_EQ(calls(), Calls{"rows sessions client_id user=alice limit=5"});
    EXPECT_EQ(out("session show --format=csv"), "client_id\r\na\r\n");
    EXPECT_EQ(run("session show --nonsense").status, 1);
}

TEST_F(CommandTest, DropsShowHandsFieldsOn) {
    EXPECT_EQ(run("drops show --reason=queue_full").status, 0);
    EXPECT_EQ(calls(), Calls{"rows drops reason=queue_full"});
    node.outcome = Error{ErrorCode::Unavailable, "no answer"};
    EXPECT_EQ(run("drops show").status, 1);
}

}  // namespace
}  // namespace vmq::admin::commands
