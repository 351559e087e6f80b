#include "admin/commands/api_keys.h"

#include <gtest/gtest.h>

namespace vmq::admin::commands {
namespace {

TEST(ApiKeys, ScopesHaveVerneMqsNames) {
    for (const char* name : {"status", "mgmt", "metrics", "health", "api2", "httppub"}) {
        const auto scope = scope_of(name);
        ASSERT_TRUE(scope) << name;
        EXPECT_EQ(name_of(*scope), name);
    }
    EXPECT_EQ(scope_of("mgmt"), ApiScope::Mgmt);
    EXPECT_FALSE(scope_of("MGMT"));
    EXPECT_FALSE(scope_of(""));
}

}  // namespace
}  // namespace vmq::admin::commands
