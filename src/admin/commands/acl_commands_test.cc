#include <gtest/gtest.h>

#include "admin/commands/fake_node.h"

namespace vmq::admin::commands {
namespace {

TEST_F(CommandTest, AclPreviewAsksAboutTheFile) {
    EXPECT_EQ(out("acl preview path=/a/b --format=csv"), "client_id\r\na\r\n");
    EXPECT_EQ(calls(), Calls{"preview /a/b"});
    node.outcome = Error{ErrorCode::NotFound, "no such file"};
    EXPECT_EQ(run("acl preview path=/a/b").status, 1);
}

TEST_F(CommandTest, PasswdPreviewAsksAboutTheFile) {
    EXPECT_EQ(out("passwd preview path=/a/b --format=csv"), "client_id\r\na\r\n");
    EXPECT_EQ(calls(), Calls{"preview passwords /a/b"});
}

TEST_F(CommandTest, FilesAreReadAgainOnCommand) {
    EXPECT_EQ(out("acl reload"), "Done\n");
    EXPECT_EQ(out("passwd reload"), "Done\n");
    EXPECT_EQ(calls(), (Calls{"reload acl", "reload passwords"}));
    node.outcome = Error{ErrorCode::NotFound, "no such file"};
    EXPECT_EQ(out("acl reload"), "no such file\n");
    EXPECT_EQ(out("passwd reload"), "no such file\n");
}

}  // namespace
}  // namespace vmq::admin::commands
