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
    EXPECT_FALSE(node.in_force->mqtt().allow_anonymous);
    EXPECT_EQ(out("set max_client_id_size=8 --format=json"),
              R"({"text":"max_client_id_size set to \"8\"","type":"text"})");
}

TEST_F(CommandTest, SetForAllSaysWhatBecameOfItOnEachNode) {
    node.outcomes = {{"a@b"}, {"c@d", true, "it is away"}};
    EXPECT_EQ(out("set max_client_id_size=9 --all --format=csv"),
              "Node,Node Down/Unreachable,Result\r\n"
              "a@b,false,\"max_client_id_size set to \"\"9\"\"\"\r\n"
              "c@d,true,it is away\r\n");
    EXPECT_EQ(node.in_force->mqtt().max_client_id_size, 9U);
    EXPECT_EQ(calls(), Calls{"set on all"});
    EXPECT_TRUE(
        out("set max_client_id_size=9 --all").starts_with("Setting config across the cluster\n"));
}

TEST_F(CommandTest, UnsetTakesBackWhatSetDid) {
    EXPECT_EQ(out("unset allow_anonymous max_client_id_size"),
              "allow_anonymous unset\nmax_client_id_size unset\n");
    EXPECT_EQ(calls(), Calls{"unset on  allow_anonymous max_client_id_size"});
    EXPECT_EQ(out("unset allow_anonymous --all --format=csv"),
              "Node,Node Down/Unreachable,Result\r\na@b,false,allow_anonymous unset\r\n");
    EXPECT_EQ(calls(), Calls{"unset on all allow_anonymous"});
    EXPECT_EQ(run("unset nope").status, 1);
}

TEST_F(CommandTest, ShowSaysWhereValuesComeFromAndWhoDidNotAnswer) {
    ASSERT_EQ(run("set max_client_id_size=9 --all").status, 0);
    EXPECT_EQ(out("show max_client_id_size --origin --format=csv"),
              "node,max_client_id_size,max_client_id_size origin\r\na@b,9,set for the cluster\r\n");
    node.silent = {"c@d", "e@f"};
    EXPECT_TRUE(out("show max_client_id_size --all")
                    .ends_with("Failed to get config for: ['c@d','e@f']\n"));
    EXPECT_EQ(out("show max_client_id_size").find("Failed"), std::string::npos);
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
    EXPECT_TRUE(node.in_force->mqtt().allow_anonymous);
}

TEST_F(CommandTest, OtherNodesAreRefused) {
    EXPECT_EQ(run("show allow_anonymous -n a@b").status, 0);
    EXPECT_EQ(out("set allow_anonymous=off --node=x"), "Invalid node name\n");
    EXPECT_EQ(out("show allow_anonymous --node x@y"), "Target node is down: x@y\n");
    node.members = {{"a@b", true}, {"x@y", false}, {"c@d", true}};
    EXPECT_EQ(out("show allow_anonymous --node x@y"), "Target node is down: x@y\n");
    EXPECT_EQ(out("show allow_anonymous --node c@d --format=csv"),
              "node,allow_anonymous\r\nc@d,on\r\n");
    EXPECT_EQ(out("set allow_anonymous=off --node=c@d"), "allow_anonymous set to \"off\"\n");
    EXPECT_EQ(calls(), Calls{"set on c@d"});
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
