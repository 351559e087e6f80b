#include "hooks/anonymous.h"

#include <gtest/gtest.h>

namespace vmq::hooks {
namespace {

/// The decision of each hook for a client that may be anonymous, or may not.
void expect_everywhere(bool anonymous_allowed, Decision expected) {
    Anonymous plugin;
    RegisterContext connect;
    connect.anonymous_allowed = anonymous_allowed;
    EXPECT_EQ(plugin.auth_on_register(connect, {})->decision, expected);
    PublishContext publish;
    publish.anonymous_allowed = anonymous_allowed;
    EXPECT_EQ(plugin.auth_on_publish(publish, {})->decision, expected);
    SubscribeContext subscribe;
    subscribe.anonymous_allowed = anonymous_allowed;
    EXPECT_EQ(plugin.auth_on_subscribe(subscribe, {})->decision, expected);
}

TEST(Anonymous, SaysOkWhereAnonymousClientsAreAllowed) { expect_everywhere(true, Decision::Ok); }

TEST(Anonymous, HasNoOpinionOtherwise) { expect_everywhere(false, Decision::Next); }

TEST(Anonymous, ImplementsTheThreeAuthorisationHooksOnly) {
    const HookSet expected = hook_bit(Hook::AuthOnRegister) | hook_bit(Hook::AuthOnPublish) |
                             hook_bit(Hook::AuthOnSubscribe);
    EXPECT_EQ(Anonymous().hooks(), expected);
}

}  // namespace
}  // namespace vmq::hooks
