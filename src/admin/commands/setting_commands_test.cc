#include "admin/commands/fake_node.h"

namespace vmq::admin::commands {
namespace {

TEST_F(CommandTest, ShowIsARowOfTheNode) {
    EXPECT_EQ(out("show allow_anonymous max_client_id_size"),
              "+------+-----------------+--------------------+\n"
              "| node | allow_anonymous | max_client_id_size |\n"
              "+------+-----------------+--------------------+\n"
              "| a@b  | on              | 100                |\n"
              "+------+-----------------+--------------------+\n");
    EXPECT_EQ(run("show nope allow_anonymous nada").out, "Invalid config keys: nope nada \n");
    EXPECT_EQ(run("show allow_anonimous").err, "Did you mean `allow_anonymous`?\n");
    EXPECT_EQ(run("show xyzzy").err, "");
}

TEST_F(CommandTest, SecretsAreNotShown) {
    EXPECT_EQ(out("show distributed_cookie --format=csv"),
              "node,distributed_cookie\r\na@b,******\r\n");
}

TEST_F(CommandTest, SetSaysWhatItSet) {
    EXPECT_EQ(out("set allow_anonymous=off max_client_id_size=7"),
              "allow_anonymous set to \"off\"\nmax_client_id_size set to \"7\"\n");
    EXPECT_FALSE(node.settings->mqtt().allow_anonymous);
    EXPECT_EQ(out("set max_client_id_size=8 --format=json"),
              R"({"text":"max_client_id_size set to \"8\"","type":"text"})");
    EXPECT_EQ(out("set max_client_id_size=9 --all --format=csv"),
              "Node,Node Down/Unreachable,Result\r\n"
              "a@b,false,\"max_client_id_size set to \"\"9\"\"\"\r\n");
}

TEST_F(CommandTest, SetTellsWhatHasNoEffectYet) {
    EXPECT_EQ(run("set subscriber_retain_mode=syncwait").status, 0);
    EXPECT_EQ(run("set subscriber_retain_mode=syncwait").err,
              "subscriber_retain_mode has no effect yet: nothing reads it.\n");
}

TEST_F(CommandTest, SetRefusesAsAWhole) {
    const Printed fixed = run("set allow_anonymous=off nodename=x shards=1");
    EXPECT_EQ(fixed.out, "The following config keys are not settable: [\"nodename\",\"shards\"]\n");
    EXPECT_EQ(fixed.status, 1);
    EXPECT_EQ(out("set nokey=1"), "Unknown variable: nokey\n");
    EXPECT_EQ(out("set allow_anonymous=off max_client_id_size=x"),
              "Error transforming datatype for: max_client_id_size\n"
              "\"x\" is not an integer from 0 to 4294967295\n");
    EXPECT_TRUE(node.settings->mqtt().allow_anonymous);
}

TEST_F(CommandTest, OtherNodesAreRefused) {
    EXPECT_EQ(run("show allow_anonymous -n a@b").status, 0);
    EXPECT_EQ(out("set allow_anonymous=off --node=x"), "Invalid node name\n");
    EXPECT_EQ(out("show allow_anonymous --node x@y"), "Target node is down: x@y\n");
    EXPECT_EQ(out("show allow_anonymous -n a@b -a"),
              "Error: Cannot use --all(-a) and --node(-n) at the same time\n");
}

TEST_F(CommandTest, DescribeIsIndented) {
    const std::string page = out("describe max_client_id_size allow_anonymous");
    EXPECT_TRUE(page.starts_with("max_client_id_size:\n  Documentation for max_client_id_size\n"));
    EXPECT_NE(page.find("\n\nallow_anonymous:\n  "), std::string::npos);
    EXPECT_TRUE(page.ends_with("\n\n"));
    EXPECT_EQ(run("describe nope").status, 1);
}

}  // namespace
}  // namespace vmq::admin::commands
