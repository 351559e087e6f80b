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

}  // namespace
}  // namespace vmq::admin::commands
