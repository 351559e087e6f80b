#include "admin/commands/fake_node.h"
#include "admin/commands/limits.h"

namespace vmq::admin::commands {
namespace {

TEST_F(CommandTest, RetainShowHasPayloadAndTopic) {
    node.kept = {{"a/b", "x"}, {"c", std::string("\xFF", 1)}};
    EXPECT_EQ(out("retain show --format=csv"), "payload,topic\r\nx,a/b\r\n<<255>>,c\r\n");
    EXPECT_EQ(calls(), Calls{"retained /# 100"});
}

TEST_F(CommandTest, RetainShowChoosesColumnsAndMessages) {
    node.kept = {{"a/b", "x"}};
    EXPECT_EQ(
        out("retain show --topic --mountpoint --mountpoint=mp --topic=a/+ --limit=3 --format=json"),
        R"({"table":[{"mountpoint":"mp","topic":"a/b"}],"type":"table"})");
    EXPECT_EQ(calls(), Calls{"retained mp/a/+ 3"});
    (void)run("retain show --limit=99999999999");
    EXPECT_EQ(calls(), Calls{"retained /# " + std::to_string(kMaxRows)});
}

TEST_F(CommandTest, RetainShowSaysWhatItCannot) {
    EXPECT_EQ(run("retain show --topic=~a.*").status, 1);
    EXPECT_EQ(calls(), Calls{});
    node.outcome = Error{ErrorCode::TopicFilterInvalid, "a#b is no topic filter"};
    EXPECT_EQ(out("retain show --topic=a#b"), "a#b is no topic filter\n");
}

TEST_F(CommandTest, RetainDeleteNeedsATopicThatIsThere) {
    EXPECT_EQ(out("retain delete -t=a/b -m mp"), "Done\n");
    EXPECT_EQ(calls(), Calls{"delete mp/a/b"});
    EXPECT_EQ(out("retain delete"), "No valid topic given.\n");
    node.there = false;
    EXPECT_EQ(out("retain delete --topic=x"), "No valid topic given.\n");
    EXPECT_EQ(run("retain delete").status, 0);
}

}  // namespace
}  // namespace vmq::admin::commands
