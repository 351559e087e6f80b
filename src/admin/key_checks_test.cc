#include "admin/key_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <thread>

#include "admin/limits.h"

namespace vmq::admin {
namespace {

using commands::ApiScope;
using Outcome = ApiKeyStore::Outcome;
using Taken = KeyChecks::Taken;
using ::testing::Each;
using ::testing::ElementsAre;

/// The thread that checks stands still until go_on().
class KeyChecksShards : public ::testing::Test {
public:
    ~KeyChecksShards() override { checks_.stop(); }
    KeyChecksShards(const KeyChecksShards&) = delete;
    KeyChecksShards& operator=(const KeyChecksShards&) = delete;

protected:
    KeyChecksShards() { EXPECT_TRUE(keys_.add("chosen", ApiScope::Mgmt, std::nullopt)); }

    Taken check(const std::string& address, std::string key, ApiScope scope = ApiScope::Mgmt) {
        return checks_.check(
            address, std::move(key), scope,
            [this](const ApiKeyStore::Verdict& verdict) { outcomes_.push_back(verdict.outcome); });
    }
    void go_on() { go_.count_down(); }
    void run_until(std::size_t answers) {
        while (outcomes_.size() < answers) io_.run_one();
    }

    const std::thread::id here_ = std::this_thread::get_id();
    std::latch go_{1};
    ApiKeyStore keys_{"", "a@b", {.min_length = 0, .max_days = {}, .rounds = 2}, [this] {
                          if (std::this_thread::get_id() != here_) go_.wait();
                          return ApiKeyStore::now_millis();
                      }};
    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
        io_.get_executor()};
    std::vector<Outcome> outcomes_;
    KeyChecks checks_{io_, keys_};
};

TEST_F(KeyChecksShards, AnAddressHasAFewAndOneTooManyIsRefused) {
    for (std::size_t i = 0; i < kMaxKeyChecksOfAddress; ++i) {
        EXPECT_EQ(check("a", "wrong" + std::to_string(i)), Taken::Yes);
    }
    EXPECT_EQ(check("a", "one too many"), Taken::TooManyOfAddress);
    EXPECT_EQ(check("b", "chosen"), Taken::Yes);
    EXPECT_EQ(checks_.refused(), 1U);
    go_on();
    run_until(kMaxKeyChecksOfAddress + 1);
    EXPECT_THAT(outcomes_, ElementsAre(Outcome::Refused, Outcome::Refused, Outcome::Granted));
    EXPECT_EQ(checks_.begun(), 3U);
    // Their places are free again.
    EXPECT_EQ(check("a", "another"), Taken::Yes);
    EXPECT_EQ(check("a", "and another"), Taken::Yes);
    run_until(kMaxKeyChecksOfAddress + 3);
}

TEST_F(KeyChecksShards, OneTooManyInAllIsRefused) {
    for (std::size_t i = 0; i < kMaxKeyChecks; ++i) {
        EXPECT_EQ(check(std::to_string(i), "wrong" + std::to_string(i)), Taken::Yes);
    }
    EXPECT_EQ(check("new", "one too many"), Taken::TooMany);
    EXPECT_EQ(checks_.refused(), 1U);
    go_on();
    run_until(kMaxKeyChecks);
    EXPECT_THAT(outcomes_, Each(Outcome::Refused));
}

TEST_F(KeyChecksShards, RequestsWithTheSameKeyShareACheck) {
    for (std::size_t i = 0; i < 3 * kMaxKeyChecksOfAddress; ++i) {
        EXPECT_EQ(check("a", "chosen"), Taken::Yes);
    }
    EXPECT_EQ(check("a", "chosen", ApiScope::Health), Taken::Yes);  // another question
    go_on();
    run_until(3 * kMaxKeyChecksOfAddress + 1);
    EXPECT_EQ(outcomes_.back(), Outcome::Refused);
    outcomes_.pop_back();
    EXPECT_THAT(outcomes_, Each(Outcome::Granted));
    EXPECT_EQ(checks_.begun(), 2U);
}

TEST_F(KeyChecksShards, AtTheEndThoseWhoWaitAreRefused) {
    EXPECT_EQ(check("a", "chosen"), Taken::Yes);
    EXPECT_EQ(check("a", "wrong"), Taken::Yes);
    go_on();
    checks_.stop();
    run_until(2);
    EXPECT_EQ(outcomes_.back(), Outcome::Refused);
    EXPECT_EQ(check("a", "late"), Taken::TooMany);
}

}  // namespace
}  // namespace vmq::admin
