#include "admin/commands/fake_node.h"

namespace vmq::admin::commands {
namespace {

TEST_F(CommandTest, SessionDisconnectIsDoneWhetherThereIsSuchAClientOrNot) {
    EXPECT_EQ(out("session disconnect client-id=a --cleanup -m mp"), "Done\n");
    node.there = false;
    EXPECT_EQ(out("session disconnect client-id=b"), "Done\n");
    EXPECT_EQ(calls(), (Calls{"disconnect mp/a cleanup", "disconnect /b"}));
}

TEST_F(CommandTest, SessionDisconnectOfSeveral) {
    EXPECT_EQ(out("session disconnect clients client-ids=a,,b"), "Done\n");
    EXPECT_EQ(calls(), (Calls{"disconnect /a", "disconnect /b"}));
    EXPECT_EQ(out("session disconnect batch count=3 -f x,y -c"), "Done\n");
    EXPECT_EQ(calls(), Calls{"disconnect 3 cleanup not x not y"});
    EXPECT_EQ(out("session disconnect batch count=3 --node=other@b"), "Done\n");
    EXPECT_EQ(calls(), Calls{"disconnect 3 of other@b"});
    EXPECT_EQ(out("session disconnect batch count=0"), "Invalid arguments: count=0 \n");
}

TEST_F(CommandTest, SessionCommandsSayWhenTheShardsDoNotAnswer) {
    node.outcome = Error{ErrorCode::Unavailable, "busy"};
    EXPECT_EQ(run("session disconnect client-id=a").status, 1);
    EXPECT_EQ(out("session unsubscribe client-id=a topic=t"), "busy\n");
}

TEST_F(CommandTest, SessionUnsubscribeTakesItsArgumentsInAnyOrder) {
    EXPECT_EQ(out("session unsubscribe topic=a/# --plugin client-id=c"), "Done\n");
    EXPECT_EQ(calls(), Calls{"unsubscribe /c a/# plugins"});
    node.there = false;
    EXPECT_EQ(out("session unsubscribe client-id=c topic=b"), "Not successfull\n");
    EXPECT_EQ(run("session unsubscribe client-id=c topic=b").status, 0);
}

TEST_F(CommandTest, AMountpointNeedsAValue) {
    EXPECT_EQ(out("session disconnect client-id=a --mountpoint"), "Invalid mountpoint value\n");
    EXPECT_EQ(out("session unsubscribe client-id=a topic=b -m"), "Invalid mountpoint value\n");
    EXPECT_EQ(calls(), Calls{});
}

TEST_F(CommandTest, SessionReauthorizeSaysWhetherSomethingHasChanged) {
    EXPECT_EQ(out("session reauthorize username=u client-id=c"), "Done\n");
    EXPECT_EQ(out("session reauthorize client-id=c -m mp"), "Done\n");
    EXPECT_EQ(calls(), (Calls{"reauthorize /c as u", "reauthorize mp/c as itself"}));
    node.reauthorized = Node::Reauthorized::Unchanged;
    EXPECT_EQ(out("session reauthorize username=u client-id=c"), "Unchanged\n");
    node.reauthorized = Node::Reauthorized::NoSession;
    EXPECT_EQ(out("session reauthorize username=u client-id=c"),
              "There is no session of this client\n");
    EXPECT_EQ(out("session reauthorize client-id=c -m"), "Invalid mountpoint value\n");
}

}  // namespace
}  // namespace vmq::admin::commands
