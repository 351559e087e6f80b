#include "admin/http_modules.h"

#include <gtest/gtest.h>

namespace vmq::admin {
namespace {

TEST(HttpModules, KeysAreAskedForWhereVerneMqDoes) {
    const HttpModules modules;
    for (const HttpModule module : kHttpModules) {
        EXPECT_TRUE(modules.served().has(module));
        EXPECT_EQ(modules.keys.has(module),
                  module == HttpModule::Api || module == HttpModule::ApiV2);
    }
}

TEST(HttpModules, EachPathIsGuardedByTheScopeOfItsModule) {
    const auto scope = [](std::string_view path) {
        const auto module = guarded_module(path);
        return module ? commands::name_of(scope_of(*module)) : std::string_view("none");
    };
    EXPECT_EQ(scope("/status.json"), "status");
    EXPECT_EQ(scope("/metrics"), "metrics");
    EXPECT_EQ(scope("/health"), "health");
    EXPECT_EQ(scope("/health/ping"), "health");
    EXPECT_EQ(scope("/api/v1/"), "mgmt");
    EXPECT_EQ(scope("/api/v1/session/show"), "mgmt");
    EXPECT_EQ(scope("/api/v1/openapi.json/"), "mgmt");
    EXPECT_EQ(scope("/api/v2/client"), "api2");
    for (const char* path : {"/", "/status", "/status/status.js", "/api/v1/openapi.json", "/api",
                             "/healthy", "/api/v3/x", "", "*"}) {
        EXPECT_EQ(scope(path), "none") << path;
    }
}

}  // namespace
}  // namespace vmq::admin
