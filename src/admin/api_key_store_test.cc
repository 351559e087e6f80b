#include "admin/api_key_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>

#include "admin/limits.h"
#include "support/temporary_folder.h"

namespace vmq::admin {
namespace {

using commands::ApiScope;
using Outcome = ApiKeyStore::Outcome;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::int64_t kNow = 1'800'000'000;  // seconds
constexpr std::int64_t kDay = 86'400;

std::string text_of(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

class ApiKeyStoreTest : public ::testing::Test {
protected:
    std::string path() const { return folder_.path() + "/data/api_keys.json"; }
    ApiKeyStore open(ApiKeyRules rules = {.min_length = 0, .max_days = {}, .rounds = 2}) {
        return ApiKeyStore(path(), "a@b", rules, [this] { return now_; });
    }
    /// One that does `meanwhile` when its clock is looked at for the second time from now on.
    ApiKeyStore interrupted(const std::function<void()>& meanwhile) {
        return ApiKeyStore("", "a@b", {.min_length = 0, .max_days = {}, .rounds = 2},
                           [this, &meanwhile] {
                               if (looks_left_ != 0 && --looks_left_ == 0) meanwhile();
                               return now_;
                           });
    }
    static Outcome outcome(const ApiKeyStore& store, std::string_view key,
                           ApiScope scope = ApiScope::Mgmt) {
        return store.check(key, scope).outcome;
    }

    testing::TemporaryFolder folder_;
    std::int64_t now_ = kNow * 1000;
    int looks_left_ = 0;
};

TEST_F(ApiKeyStoreTest, AKeyOpensItsScopeAloneAndAtOnce) {
    ApiKeyStore store = open();
    const auto key = store.create(ApiScope::Metrics, std::nullopt);
    ASSERT_TRUE(key);
    EXPECT_EQ(key.value().size(), 32U);
    EXPECT_EQ(store.look_up(key.value(), ApiScope::Metrics).outcome, Outcome::Granted);
    EXPECT_EQ(store.look_up(key.value(), ApiScope::Mgmt).outcome, Outcome::Refused);
    EXPECT_EQ(store.look_up(key.value() + "x", ApiScope::Metrics).outcome, Outcome::Refused);
    EXPECT_EQ(store.look_up("", ApiScope::Metrics).outcome, Outcome::Refused);
}

TEST_F(ApiKeyStoreTest, AKeyOfSomebodysChoiceIsHashedSlowlyOnceAndRememberedThen) {
    ApiKeyStore store = open();
    ASSERT_TRUE(store.add("hunter2", ApiScope::Mgmt, std::nullopt));
    EXPECT_EQ(store.look_up("hunter2", ApiScope::Mgmt).outcome, Outcome::Unknown);
    const auto verdict = store.check("hunter2", ApiScope::Mgmt);
    EXPECT_EQ(verdict.outcome, Outcome::Granted);
    EXPECT_EQ(verdict.name, store.all()[0].name);
    EXPECT_EQ(store.look_up("hunter2", ApiScope::Mgmt).outcome, Outcome::Granted);
    EXPECT_EQ(store.look_up("hunter2", ApiScope::Health).outcome, Outcome::Refused);
    EXPECT_EQ(outcome(store, "hunter3"), Outcome::Refused);
    EXPECT_EQ(store.look_up("hunter3", ApiScope::Mgmt).outcome, Outcome::Refused);
}

TEST_F(ApiKeyStoreTest, ADeletedKeyIsRefusedAtOnceByKeyOrByName) {
    ApiKeyStore store = open();
    const std::string made = store.create(ApiScope::Mgmt, std::nullopt).value();
    ASSERT_TRUE(store.add("chosen", ApiScope::Mgmt, std::nullopt));
    EXPECT_EQ(outcome(store, "chosen"), Outcome::Granted);
    EXPECT_EQ(store.remove("chosen", ApiScope::Health).error().detail, "key_not_found");
    ASSERT_TRUE(store.remove("chosen", ApiScope::Mgmt));
    EXPECT_EQ(store.look_up("chosen", ApiScope::Mgmt).outcome, Outcome::Refused);
    EXPECT_EQ(outcome(store, made), Outcome::Granted);
    ASSERT_TRUE(store.remove(store.all()[0].name, ApiScope::Mgmt));
    EXPECT_EQ(outcome(store, made), Outcome::Refused);
    EXPECT_TRUE(store.all().empty());
    EXPECT_EQ(store.remove(made, ApiScope::Mgmt).error().detail, "key_not_found");
}

// check() looks at the clock in look_up(), and again when it has hashed and before it judges.
TEST_F(ApiKeyStoreTest, AKeyThatIsDeletedWhileItIsCheckedOpensNothing) {
    for (const ApiScope asked : {ApiScope::Mgmt, ApiScope::Health}) {
        std::function<void()> meanwhile;
        ApiKeyStore store = interrupted(meanwhile);
        meanwhile = [&store] { ASSERT_TRUE(store.remove("chosen", ApiScope::Health)); };
        ASSERT_TRUE(store.add("chosen", ApiScope::Health, std::nullopt));
        ASSERT_TRUE(store.add("other", ApiScope::Health, std::nullopt));
        looks_left_ = 2;
        EXPECT_EQ(outcome(store, "chosen", asked), Outcome::Refused);
        EXPECT_EQ(looks_left_, 0);
        EXPECT_EQ(outcome(store, "other", ApiScope::Health), Outcome::Granted);
    }
}

TEST_F(ApiKeyStoreTest, AKeyThatIsMadeWhileItIsCheckedOpensItsScope) {
    std::function<void()> meanwhile;
    ApiKeyStore store = interrupted(meanwhile);
    meanwhile = [&store] { ASSERT_TRUE(store.add("chosen", ApiScope::Mgmt, std::nullopt)); };
    ASSERT_TRUE(store.add("other", ApiScope::Mgmt, std::nullopt));
    looks_left_ = 2;
    EXPECT_EQ(outcome(store, "chosen"), Outcome::Granted);
    EXPECT_EQ(looks_left_, 0);
}

TEST_F(ApiKeyStoreTest, TheSameKeyMayHaveSeveralScopesButEachOnce) {
    ApiKeyStore store = open();
    ASSERT_TRUE(store.add("chosen", ApiScope::Mgmt, std::nullopt));
    ASSERT_TRUE(store.add("chosen", ApiScope::Status, std::nullopt));
    EXPECT_EQ(store.add("chosen", ApiScope::Status, std::nullopt).error().detail,
              "key_already_exists");
    EXPECT_EQ(outcome(store, "chosen", ApiScope::Mgmt), Outcome::Granted);
    EXPECT_EQ(outcome(store, "chosen", ApiScope::Status), Outcome::Granted);
    ASSERT_TRUE(store.remove("chosen", ApiScope::Mgmt));
    EXPECT_EQ(outcome(store, "chosen", ApiScope::Mgmt), Outcome::Refused);
    EXPECT_EQ(outcome(store, "chosen", ApiScope::Status), Outcome::Granted);
}

TEST_F(ApiKeyStoreTest, AGoodKeyIsRememberedForAWhileAfterItsLastUse) {
    ApiKeyStore store = open();
    ASSERT_TRUE(store.add("chosen", ApiScope::Mgmt, std::nullopt));
    EXPECT_EQ(outcome(store, "chosen"), Outcome::Granted);
    for (int i = 0; i < 3; ++i) {
        now_ += kRememberKey.count() - 1;
        EXPECT_EQ(store.look_up("chosen", ApiScope::Mgmt).outcome, Outcome::Granted);
    }
    now_ += kRememberKey.count();
    EXPECT_EQ(store.look_up("chosen", ApiScope::Mgmt).outcome, Outcome::Unknown);
    EXPECT_EQ(outcome(store, "chosen"), Outcome::Granted);
}

TEST_F(ApiKeyStoreTest, ChangesOfOtherKeysLetItBeRememberedItsOwnDoNot) {
    ApiKeyStore store = open();
    ASSERT_TRUE(store.add("chosen", ApiScope::Mgmt, std::nullopt));
    ASSERT_TRUE(store.add("other", ApiScope::Mgmt, std::nullopt));
    EXPECT_EQ(outcome(store, "chosen"), Outcome::Granted);
    EXPECT_EQ(store.look_up("chosen", ApiScope::Health).outcome, Outcome::Refused);
    ASSERT_TRUE(store.remove("other", ApiScope::Mgmt));
    EXPECT_EQ(store.look_up("chosen", ApiScope::Mgmt).outcome, Outcome::Granted);
    // It may be good for more by now.
    ASSERT_TRUE(store.add("chosen", ApiScope::Health, std::nullopt));
    EXPECT_EQ(store.look_up("chosen", ApiScope::Mgmt).outcome, Outcome::Granted);
    EXPECT_EQ(store.look_up("chosen", ApiScope::Health).outcome, Outcome::Unknown);
    EXPECT_EQ(outcome(store, "chosen", ApiScope::Health), Outcome::Granted);
    EXPECT_EQ(store.look_up("chosen", ApiScope::Metrics).outcome, Outcome::Refused);

    auto changed = store.facts();
    for (ApiKeyFact& fact : changed) {
        ++fact.stamp.millis;
        if (!fact.deleted) fact.hash.digest[0] = static_cast<char>(fact.hash.digest[0] ^ 1);
    }
    ASSERT_TRUE(store.merge(changed));
    EXPECT_EQ(outcome(store, "chosen"), Outcome::Refused);
}

TEST_F(ApiKeyStoreTest, AnExpiredKeyIsRefusedAlsoIfItWasRemembered) {
    ApiKeyStore store = open();
    const std::string key = store.create(ApiScope::Mgmt, kNow + 10).value();
    ASSERT_TRUE(store.add("chosen", ApiScope::Mgmt, kNow + 10));
    EXPECT_EQ(outcome(store, key), Outcome::Granted);
    EXPECT_EQ(outcome(store, "chosen"), Outcome::Granted);
    now_ += 9'999;
    EXPECT_EQ(outcome(store, "chosen"), Outcome::Granted);
    EXPECT_FALSE(store.all()[0].expired);
    now_ += 1;
    EXPECT_EQ(outcome(store, key), Outcome::Refused);
    EXPECT_EQ(outcome(store, "chosen"), Outcome::Refused);
    EXPECT_TRUE(store.all()[0].expired);
}

TEST_F(ApiKeyStoreTest, AKeyThatNoRequestCanCarryIsRefused) {
    ApiKeyStore store = open();
    for (const char* key : {"with blank", "a:b", "\x1b[31m", "\xc3\xa4", "del\x7f"}) {
        EXPECT_EQ(store.add(key, ApiScope::Mgmt, std::nullopt).error().detail, "invalid_key");
    }
    EXPECT_TRUE(store.add("!~0-_", ApiScope::Mgmt, std::nullopt));
}

TEST_F(ApiKeyStoreTest, LengthAndLifeHaveTheLimitsOfTheSettings) {
    ApiKeyStore store = open({.min_length = 40, .max_days = 2, .rounds = 2});
    EXPECT_EQ(store.create(ApiScope::Mgmt, std::nullopt).value().size(), 40U);
    EXPECT_EQ(store.add(std::string(39, 'k'), ApiScope::Mgmt, std::nullopt).error().detail,
              "invalid_key_length");
    EXPECT_TRUE(store.add(std::string(40, 'k'), ApiScope::Mgmt, kNow + 2 * kDay));
    EXPECT_EQ(store.add(std::string(kMaxApiKeyLength + 1, 'k'), ApiScope::Mgmt, std::nullopt)
                  .error()
                  .detail,
              "invalid_key_length");
    for (const std::int64_t expires : {kNow - 1, kNow, kNow + 2 * kDay + 1}) {
        EXPECT_EQ(store.create(ApiScope::Mgmt, expires).error().detail, "invalid_expiry_date");
    }
}

TEST_F(ApiKeyStoreTest, OtherRulesHoldForKeysThatAreMadeFromThenOn) {
    ApiKeyStore store = open();
    ASSERT_TRUE(store.add("k", ApiScope::Mgmt, kNow + 2 * kDay));
    store.set_rules({.min_length = 40, .max_days = 1, .rounds = 2});
    EXPECT_EQ(outcome(store, "k"), Outcome::Granted);
    EXPECT_EQ(store.add("other", ApiScope::Mgmt, std::nullopt).error().detail,
              "invalid_key_length");
    EXPECT_EQ(store.create(ApiScope::Mgmt, kNow + 2 * kDay).error().detail, "invalid_expiry_date");
    EXPECT_EQ(store.create(ApiScope::Mgmt, kNow + kDay).value().size(), 40U);
}

TEST_F(ApiKeyStoreTest, OneKeyTooManyIsRefused) {
    ApiKeyStore store("", "a@b", {.min_length = 0, .max_days = {}, .rounds = 2});
    std::vector<ApiKeyFact> many(kMaxApiKeys - 1);
    for (std::size_t i = 0; i < many.size(); ++i) many[i].id = std::to_string(i);
    ASSERT_TRUE(store.merge(many));
    EXPECT_TRUE(store.create(ApiScope::Mgmt, std::nullopt));
    const auto refused = store.create(ApiScope::Mgmt, std::nullopt);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().detail, HasSubstr("delete some first"));
}

TEST_F(ApiKeyStoreTest, KeysSurviveARestartInAFileOfTheOwnerWithoutTheKeys) {
    std::string made;
    {
        ApiKeyStore store = open();
        made = store.create(ApiScope::Mgmt, kNow + kDay).value();
        ASSERT_TRUE(store.add("chosen", ApiScope::Health, std::nullopt));
        ASSERT_TRUE(store.add("gone", ApiScope::Mgmt, std::nullopt));
        ASSERT_TRUE(store.remove("gone", ApiScope::Mgmt));
    }
    struct ::stat status{};
    ASSERT_EQ(::stat(path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    const std::string text = text_of(path());
    EXPECT_THAT(text, Not(HasSubstr(made)));
    EXPECT_THAT(text, Not(HasSubstr(made.substr(8))));
    EXPECT_THAT(text, Not(HasSubstr("chosen")));
    EXPECT_FALSE(std::filesystem::exists(path() + ".tmp"));
    ApiKeyStore store = open();
    EXPECT_EQ(store.problem(), "");
    EXPECT_EQ(outcome(store, made), Outcome::Granted);
    EXPECT_EQ(outcome(store, "chosen", ApiScope::Health), Outcome::Granted);
    EXPECT_EQ(outcome(store, "gone"), Outcome::Refused);
    EXPECT_EQ(store.all()[0].expires, kNow + kDay);
    EXPECT_THAT(store.all()[0].name, StartsWith(made.substr(0, 8) + "*"));
    EXPECT_THAT(store.all()[1].name, StartsWith("c*"));
}

TEST_F(ApiKeyStoreTest, AFileThatOthersMayReadIsClosedToThem) {
    ASSERT_TRUE(open().create(ApiScope::Mgmt, std::nullopt));
    ASSERT_EQ(::chmod(path().c_str(), 0644), 0);
    EXPECT_EQ(open().all().size(), 1U);
    struct ::stat status{};
    ASSERT_EQ(::stat(path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(ApiKeyStoreTest, ADamagedFileLetsNobodyInAndIsLeftAlone) {
    const std::string key = open().create(ApiScope::Mgmt, std::nullopt).value();
    std::ofstream(path(), std::ios::app) << "x";
    const std::string damaged = text_of(path());
    ApiKeyStore store = open();
    EXPECT_THAT(store.problem(), HasSubstr("api_keys.json cannot be read"));
    EXPECT_EQ(outcome(store, key), Outcome::Refused);
    EXPECT_EQ(store.create(ApiScope::Mgmt, std::nullopt).error().code, ErrorCode::StorageFailed);
    EXPECT_EQ(text_of(path()), damaged);
}

TEST_F(ApiKeyStoreTest, WhatCannotBeWrittenDoesNotHold) {
    std::filesystem::create_directories(path() + ".tmp/in/the/way");
    ApiKeyStore store = open();
    const auto refused = store.add("chosen", ApiScope::Mgmt, std::nullopt);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::StorageFailed);
    EXPECT_EQ(outcome(store, "chosen"), Outcome::Refused);
    EXPECT_TRUE(store.all().empty());
}

TEST_F(ApiKeyStoreTest, OfTwoFactsTheLaterOneHoldsWhateverTheOrder) {
    ApiKeyStore one("", "one", {.min_length = 0, .max_days = {}, .rounds = 2});
    ApiKeyStore two("", "two", {.min_length = 0, .max_days = {}, .rounds = 2});
    const std::string key = one.create(ApiScope::Mgmt, std::nullopt).value();
    const auto before = one.facts();
    ASSERT_TRUE(two.merge(before));
    EXPECT_EQ(outcome(two, key), Outcome::Granted);
    ASSERT_TRUE(two.remove(key, ApiScope::Mgmt));
    ASSERT_TRUE(one.merge(two.facts()));
    EXPECT_EQ(outcome(one, key), Outcome::Refused);
    ASSERT_TRUE(one.merge(before));
    EXPECT_EQ(outcome(one, key), Outcome::Refused);
}

TEST_F(ApiKeyStoreTest, DeletedKeysAreForgottenAfterAWhile) {
    ApiKeyStore store = open();
    const std::string key = store.create(ApiScope::Mgmt, std::nullopt).value();
    ASSERT_TRUE(store.remove(key, ApiScope::Mgmt));
    EXPECT_EQ(store.facts().size(), 1U);
    now_ += 31 * kDay * 1000;
    ASSERT_TRUE(store.create(ApiScope::Mgmt, std::nullopt));
    EXPECT_EQ(store.facts().size(), 1U);
}

TEST_F(ApiKeyStoreTest, OfTooManyDeletedKeysTheNewestAreKept) {
    ApiKeyStore store = open();
    std::vector<ApiKeyFact> many(kMaxDeletedApiKeys);
    for (std::size_t i = 0; i < many.size(); ++i) {
        many[i].id = std::to_string(i);
        many[i].stamp = {now_ + static_cast<std::int64_t>((i + 7) % many.size()), "n"};
        many[i].deleted = true;
    }
    ASSERT_TRUE(store.merge(many));
    EXPECT_EQ(store.facts().size(), kMaxDeletedApiKeys);
    const std::string key = store.create(ApiScope::Mgmt, std::nullopt).value();
    EXPECT_EQ(store.facts().size(), kMaxDeletedApiKeys + 1);
    ASSERT_TRUE(store.remove(key, ApiScope::Mgmt));
    const auto facts = store.facts();
    EXPECT_EQ(facts.size(), kMaxDeletedApiKeys);
    EXPECT_TRUE(std::ranges::none_of(
        facts, [&](const ApiKeyFact& fact) { return fact.stamp.millis == now_; }));
    EXPECT_EQ(open().problem(), "");
}

TEST_F(ApiKeyStoreTest, ExpiredKeysAreForgottenAfterADay) {
    ApiKeyStore store = open();
    ASSERT_TRUE(store.create(ApiScope::Mgmt, kNow + 10));
    now_ += (10 + kDay) * 1000;
    const auto before = store.facts();
    ASSERT_TRUE(store.create(ApiScope::Mgmt, std::nullopt));
    EXPECT_EQ(store.facts().size(), 2U);
    now_ += 1000;
    ASSERT_TRUE(store.create(ApiScope::Mgmt, std::nullopt));
    EXPECT_EQ(store.facts().size(), 2U);
    ASSERT_TRUE(store.merge(before));
    EXPECT_EQ(store.facts().size(), 2U);
}

TEST_F(ApiKeyStoreTest, AFileThatCouldNotBeReadIsNotWritten) {
    ApiKeyStore store = open();
    const std::string key = store.create(ApiScope::Mgmt, std::nullopt).value();
    std::vector<ApiKeyFact> large(2);
    for (std::size_t i = 0; i < large.size(); ++i) {
        large[i].id = std::to_string(i);
        large[i].start = std::string(std::size_t{2} * 1024 * 1024, 'x');
    }
    EXPECT_EQ(store.merge(large).error().code, ErrorCode::StorageFailed);
    EXPECT_EQ(store.facts().size(), 1U);
    large.pop_back();
    EXPECT_TRUE(store.merge(large));
    ApiKeyStore again = open();
    EXPECT_EQ(again.problem(), "");
    EXPECT_EQ(outcome(again, key), Outcome::Granted);
}

TEST(ApiKeyFile, DamageIsNamed) {
    for (const char* text : {"", "[]", "{}", R"({"version":2,"keys":[]})",
                             R"({"version":1,"keys":[1]})", R"({"version":1,"keys":[{"id":"a"}]})",
                             R"({"version":1,"keys":[{"id":"a","stamp":1,"node":"n","start":"",)"
                             R"("scope":"mgmt","rounds":0,"salt":"","digest":""}]})"}) {
        EXPECT_FALSE(api_keys_from_json(text)) << text;
    }
    EXPECT_TRUE(api_keys_from_json(R"({"version":1,"keys":[]})"));
}

TEST_F(ApiKeyStoreTest, WhoeverWantsToKnowIsToldOfChangesMadeHere) {
    ApiKeyStore store = open();
    int told = 0;
    store.on_change([&] { ++told; });
    const std::string key = store.create(ApiScope::Mgmt, std::nullopt).value();
    ASSERT_TRUE(store.add("chosen", ApiScope::Mgmt, std::nullopt));
    EXPECT_FALSE(store.add("chosen", ApiScope::Mgmt, std::nullopt));
    EXPECT_EQ(told, 2);
    ASSERT_TRUE(store.remove(key, ApiScope::Mgmt));
    EXPECT_FALSE(store.remove(key, ApiScope::Mgmt));
    EXPECT_EQ(told, 3);
    ASSERT_TRUE(store.merge(store.facts()));
    EXPECT_EQ(told, 3);
    store.on_change(nullptr);
    ASSERT_TRUE(store.create(ApiScope::Mgmt, std::nullopt));
    EXPECT_EQ(told, 3);
}

TEST_F(ApiKeyStoreTest, AKeyThatNobodyElseKnowsIsDeleted) {
    ApiKeyStore store = open();
    const std::string key = store.create(ApiScope::Mgmt, std::nullopt).value();
    const std::string other = store.create(ApiScope::Mgmt, std::nullopt).value();
    ASSERT_TRUE(store.forget({store.facts()[0].id, "unknown"}));
    EXPECT_EQ(outcome(store, key), Outcome::Refused);
    EXPECT_EQ(outcome(store, other), Outcome::Granted);
    ASSERT_TRUE(store.facts()[0].deleted);
    EXPECT_TRUE(store.is_needed(store.facts()[0]));
    now_ += 31 * kDay * 1000;
    EXPECT_FALSE(store.is_needed(store.facts()[0]));
    EXPECT_TRUE(store.is_needed(store.facts()[1]));
}

}  // namespace
}  // namespace vmq::admin
