#include <gtest/gtest.h>

#include "admin/commands/fake_node.h"
#include "admin/commands/limits.h"

namespace vmq::admin::commands {
namespace {

TEST_F(CommandTest, SessionShowHandsFieldsOnAndSaysWhatIsMissing) {
    EXPECT_EQ(run("session show --client_id --user=alice --limit=5").err,
              "shard 1 has not answered\n");
    EXPECT_EQ(calls(), Calls{"rows sessions client_id user=alice limit=5"});
    EXPECT_EQ(out("session show --format=csv"), "client_id\r\na\r\n");
    EXPECT_EQ(run("session show --nonsense").status, 1);
}

TEST_F(CommandTest, RetainShowHandsFieldsOn) {
    EXPECT_EQ(run("retain show --topic --mountpoint --mountpoint=mp --topic=a/+ --limit=3").status,
              0);
    EXPECT_EQ(calls(), Calls{"rows retain_srv topic mountpoint mountpoint=mp topic=a/+ limit=3"});
}

TEST_F(CommandTest, RetainShowRefusesWhatIsNoFilter) {
    EXPECT_EQ(out("retain show --topic=a#b"), "a#b is no topic filter\n");
    EXPECT_EQ(run("retain show --topic=a#b").status, 1);
    EXPECT_EQ(calls(), Calls{});
}

TEST_F(CommandTest, NoLimitIsAboveWhatAnAnswerHolds) {
    for (const char* words : {"retain show", "session show"}) {
        (void)run(std::string(words) + " --limit=99999999999");
        const std::string table =
            words == std::string_view("retain show") ? "retain_srv" : "sessions";
        EXPECT_EQ(calls(), Calls{"rows " + table + " limit=" + std::to_string(kMaxRows)});
    }
}

TEST_F(CommandTest, DropsShowHandsFieldsOn) {
    EXPECT_EQ(run("drops show --reason=queue_full").status, 0);
    EXPECT_EQ(calls(), Calls{"rows drops reason=queue_full"});
    node.outcome = Error{ErrorCode::Unavailable, "no answer"};
    EXPECT_EQ(run("drops show").status, 1);
}

}  // namespace
}  // namespace vmq::admin::commands
