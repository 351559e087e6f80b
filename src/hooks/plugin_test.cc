#include "hooks/plugin.h"

#include <gtest/gtest.h>

namespace vmq::hooks {
namespace {

TEST(Hook, HasTheNameThatVerneMqGivesIt) {
    EXPECT_EQ(name_of(Hook::AuthOnRegister), "auth_on_register");
    EXPECT_EQ(name_of(Hook::OnDeliver), "on_deliver");
    EXPECT_EQ(name_of(Hook::OnSessionExpired), "on_session_expired");
}

}  // namespace
}  // namespace vmq::hooks
