#include "admin/commands/fake_node.h"

namespace vmq::admin::commands {
namespace {

TEST_F(CommandTest, ClusterShowIsATableOfNodes) {
    node.members.push_back({"c@d", false});
    EXPECT_EQ(out("cluster show"),
              "+------+---------+\n"
              "| Node | Running |\n"
              "+------+---------+\n"
              "| a@b  | true    |\n"
              "+------+---------+\n"
              "| c@d  | false   |\n"
              "+------+---------+\n");
}

TEST_F(CommandTest, ClusterShowHasDetails) {
    node.members = {{"a@b", true, "b:44053"}, {"c@d", false, "d:1", {}, 70, 9, 2, "it hangs"}};
    EXPECT_EQ(
        out("cluster show --details"),
        "+------+---------+---------+---------+-------+--------------+--------------+----------+\n"
        "| Node | Running | Address | Seconds | Links | WaitingBytes | SpooledBytes | Reason   |\n"
        "+------+---------+---------+---------+-------+--------------+--------------+----------+\n"
        "| a@b  | true    | b:44053 | null    | 0     | 0            | 0            |          |\n"
        "+------+---------+---------+---------+-------+--------------+--------------+----------+\n"
        "| c@d  | false   | d:1     | null    | 2     | 70           | 9            | it hangs |\n"
        "+------+---------+---------+---------+-------+--------------+--------------+----------+"
        "\n");
}

TEST_F(CommandTest, ClusterJoinTakesANodeAndPerhapsAPort) {
    EXPECT_EQ(out("cluster join discovery-node=c@d"), "Done\n");
    EXPECT_EQ(out("cluster join discovery-node=c@127.0.0.1:44153"), "Done\n");
    EXPECT_EQ(out("cluster join discovery-node=c@[::1]:1"), "Done\n");
    EXPECT_EQ(out("cluster join discovery-node=c@fd00::1"), "Done\n");
    EXPECT_EQ(calls(), (Calls{"join c@d d 44053", "join c@127.0.0.1 127.0.0.1 44153",
                              "join c@::1 ::1 1", "join c@fd00::1 fd00::1 44053"}));
    for (const char* bad :
         {"c", "@d", "c@", "c@d:", "c@d:0", "c@d:65536", "c@d:x", "c@:1", "c@[::1]1"}) {
        const auto refused = run("cluster join discovery-node=" + std::string(bad));
        EXPECT_EQ(refused.status, 1) << bad;
        EXPECT_NE(refused.err.find("NAME@HOST"), std::string::npos) << bad;
    }
    EXPECT_EQ(calls(), Calls{});
}

TEST_F(CommandTest, ClusterJoinSaysWhatVerneMqSays) {
    EXPECT_EQ(out("cluster join"),
              "You have to provide a discovery node (example discovery-node=vernemq1@127.0.0.1)\n");
    node.outcome = Error{ErrorCode::Unavailable, "not_reachable: connection refused"};
    const auto failed = run("cluster join discovery-node=c@d:1");
    EXPECT_EQ(failed.status, 1);
    EXPECT_NE(failed.err.find("connection refused"), std::string::npos);
    EXPECT_EQ(out("cluster join discovery-node=c@d:1"),
              "RPC to node c@d failed for reason: not_reachable\n");
    node.outcome = Error{ErrorCode::InvalidValue, "self_join"};
    EXPECT_EQ(out("cluster join discovery-node=a@b"),
              "RPC to node a@b failed for reason: self_join\n");
}

TEST_F(CommandTest, ClusterLeaveRemovesANodeThatIsDown) {
    node.members.push_back({"c@d", false});
    EXPECT_EQ(out("cluster leave"), "You have to provide a node\n");
    EXPECT_EQ(run("cluster leave node=e@f").status, 1);
    EXPECT_EQ(calls(), Calls{});
    EXPECT_EQ(out("cluster leave node=c@d"), "Done\n");
    EXPECT_EQ(out("cluster leave node=c@d -k -i 1 -t 2"), "Done\n");
    EXPECT_EQ(calls(), (Calls{"forget c@d", "forget c@d"}));
}

TEST_F(CommandTest, ClusterLeaveOfANodeThatRuns) {
    EXPECT_EQ(out("cluster leave node=a@b"), "Done! Use -k\n");
    EXPECT_EQ(calls(), Calls{"suspend node a@b"});
    for (const auto& [flags, wanted] :
         {std::pair("-k", "5 60"), std::pair("--kill_sessions -i 1 --timeout=7", "1 7"),
          std::pair("-k --summary-interval=2 -t9", "2 9")}) {
        const auto leaving = run("cluster leave node=a@b " + std::string(flags));
        EXPECT_NE(leaving.stream, nullptr) << flags;
        EXPECT_EQ(calls(), Calls{"leave a@b " + std::string(wanted)});
    }
    EXPECT_EQ(run("cluster leave node=a@b -k -i 0").status, 1);
    node.outcome = Error{ErrorCode::Unavailable, "this node is in no cluster"};
    for (const char* flags : {"", " -k"}) {
        const auto refused = run("cluster leave node=a@b" + std::string(flags));
        EXPECT_EQ(refused.status, 1);
        EXPECT_EQ(refused.out, "this node is in no cluster\n");
    }
}

}  // namespace
}  // namespace vmq::admin::commands
