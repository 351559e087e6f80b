#include <ctime>

#include "admin/commands/fake_node.h"

namespace vmq::admin::commands {
namespace {

class ApiKeyCommands : public CommandTest {
protected:
    const std::vector<ApiKeyView>& kept() { return node.keys.kept; }
};

TEST_F(ApiKeyCommands, CreatePrintsTheKeyWhateverTheOrderOfItsArguments) {
    EXPECT_EQ(out("api-key create"), "made\n");
    EXPECT_EQ(out("api-key create expires=2999-01-02T03:04:05 scope=metrics"), "made\n");
    ASSERT_EQ(kept().size(), 2U);
    EXPECT_EQ(kept()[0].scope, ApiScope::Mgmt);
    EXPECT_FALSE(kept()[0].expires);
    EXPECT_EQ(kept()[1].scope, ApiScope::Metrics);
    const std::time_t expires = kept()[1].expires.value();
    std::tm local{};
    ::localtime_r(&expires, &local);
    EXPECT_EQ(local.tm_year, 2999 - 1900);
    EXPECT_EQ(local.tm_hour, 3);
    EXPECT_EQ(local.tm_sec, 5);
}

TEST_F(ApiKeyCommands, AddAndDeleteSayOk) {
    EXPECT_EQ(out("api-key add scope=status key=secret"), "ok\n");
    EXPECT_EQ(kept().size(), 1U);
    EXPECT_EQ(out("api-key delete key=secret"), "{error,key_not_found}\n");
    EXPECT_EQ(out("api-key delete scope=status key=secret"), "ok\n");
    EXPECT_TRUE(kept().empty());
}

TEST_F(ApiKeyCommands, WhatDoesNotWorkIsToldInVerneMqsWordsAndIsNoFailure) {
    EXPECT_EQ(out("api-key create scope=all"), "{error,invalid_scope}\n");
    EXPECT_EQ(out("api-key add key=k scope=x"), "{error,invalid_scope}\n");
    EXPECT_EQ(out("api-key show scope=x"), "{error,invalid_scope}\n");
    node.keys.outcome = Error{ErrorCode::InvalidValue, "key_already_exists"};
    const Printed printed = run("api-key add key=k");
    EXPECT_EQ(printed.out, "{error,key_already_exists}\n");
    EXPECT_EQ(printed.status, 0);
    node.keys.outcome = Error{ErrorCode::StorageFailed, "no room"};
    EXPECT_EQ(out("api-key add key=k --format=json"),
              R"({"alert":[{"text":"no room","type":"text"}],"type":"alert"})");
}

TEST_F(ApiKeyCommands, ADateThatIsNoneIsRefused) {
    for (const char* date :
         {"2999-01-02", "2999-02-31T00:00:00", "2999-01-02T25:00:00", "2999-01-02 03:04:05",
          "2999-13-01T00:00:00", "2999-01-02T03:04:05Z", "x999-01-02T03:04:05"}) {
        // Words of a test are separated by blanks, which one of the dates has.
        const std::vector<std::string> line{"api-key", "create", std::string("expires=") + date};
        EXPECT_EQ(execute(line, false, node).out, "{error,invalid_expiry_date}\n") << date;
    }
    EXPECT_TRUE(kept().empty());
}

TEST_F(ApiKeyCommands, ShowHasVerneMqsColumns) {
    node.keys.kept = {{"abc*1", ApiScope::Mgmt, std::nullopt, false},
                      {"def*2", ApiScope::Health, 1'000'000'000, true}};
    EXPECT_EQ(out("api-key show --format=csv"),
              "Key,Scope,Expires (UTC),has expired\r\n"
              "abc*1,mgmt,never,false\r\n"
              "def*2,health,2001-09-09 01:46:40,true\r\n");
    EXPECT_EQ(out("api-key show scope=health --format=csv"),
              "Key,Scope,Expires (UTC),has expired\r\n"
              "def*2,health,2001-09-09 01:46:40,true\r\n");
}

TEST_F(ApiKeyCommands, AMissingKeyIsAnAlertWithTheUsage) {
    const Printed printed = run("api-key add scope=mgmt");
    EXPECT_EQ(printed.status, 0);
    EXPECT_TRUE(printed.out.starts_with("Usage: vmq-admin api-key add key=<Key>")) << printed.out;
}

}  // namespace
}  // namespace vmq::admin::commands
