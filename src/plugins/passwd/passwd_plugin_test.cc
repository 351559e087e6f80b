#include "plugins/passwd/passwd_plugin.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <atomic>
#include <fstream>
#include <functional>
#include <latch>
#include <string>
#include <utility>
#include <vector>

#include "hooks/chain.h"
#include "plugins/passwd/test_values.h"
#include "runtime/work_queue.h"
#include "support/temporary_folder.h"
#include "support/test_shards.h"

namespace vmq::plugins::passwd {
namespace {

using hooks::Decision;
using hooks::RegisterContext;
using hooks::RegisterVerdict;
using mqtt::ReasonCode;
using test::line;
using testing::TestShards;

constexpr ShardId kShard = 3;

/// The password "right" is right for every hash.
bool is_right(std::string_view /*hash*/, std::string_view password) { return password == "right"; }

void write_file(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
    ::chmod(path.c_str(), 0600);
}

/// What is posted to the shard waits until the test runs it.
class PasswdPluginTest : public ::testing::Test {
protected:
    void write(const std::string& text) {
        write_file(path, text);
        ASSERT_TRUE(source.reload());
    }
    std::optional<RegisterVerdict> ask(std::optional<std::string_view> user,
                                       std::optional<std::string_view> password, bool v5 = false) {
        RegisterContext context;
        context.username = user;
        context.password = password;
        context.v5 = v5;
        return plugin.auth_on_register(
            context, [this](RegisterVerdict verdict) { answers.push_back(std::move(verdict)); });
    }
    /// The answer to what cannot be answered at once.
    RegisterVerdict ask_and_wait(std::string_view user, std::string_view password,
                                 bool v5 = false) {
        EXPECT_FALSE(ask(user, password, v5).has_value());
        wait_for_posted();
        return run_posted();
    }
    void wait_for_posted() { posted.take(work, Seconds(30)); }
    RegisterVerdict run_posted() {
        EXPECT_EQ(work.size(), 1U);
        for (auto& function : work) function();
        work.clear();
        EXPECT_EQ(answers.size(), 1U);
        RegisterVerdict answer = answers.empty() ? RegisterVerdict{} : answers.front();
        answers.clear();
        return answer;
    }
    Decision decision_at_once(std::optional<std::string_view> user,
                              std::optional<std::string_view> password) {
        const auto verdict = ask(user, password);
        EXPECT_TRUE(verdict.has_value());
        return verdict ? verdict->decision : Decision::Error;
    }

    vmq::testing::TemporaryFolder folder;
    std::string path = folder.path() + "/vmq.passwd";
    PasswordSource source{path};
    runtime::WorkQueue<std::function<void()>> posted;
    std::vector<std::function<void()>> work;
    std::vector<RegisterVerdict> answers;
    PasswordVerifier verifier{{1, 10, Seconds(10)},
                              [this](ShardId shard, std::function<void()> function) {
                                  EXPECT_EQ(shard, kShard);
                                  posted.push(std::move(function));
                              },
                              {&is_right, &steady_now}};
    PasswdPlugin plugin{kShard, source, verifier};
};

TEST_F(PasswdPluginTest, ImplementsAuthOnRegisterOnly) {
    EXPECT_EQ(plugin.name(), "vmq_passwd");
    EXPECT_EQ(plugin.hooks(), hooks::hook_bit(hooks::Hook::AuthOnRegister));
}

TEST_F(PasswdPluginTest, HasNoOpinionOnWhoIsNotInTheFile) {
    write(line("bob", 'A'));
    EXPECT_EQ(decision_at_once("eve", "right"), Decision::Next);
    EXPECT_EQ(decision_at_once("", ""), Decision::Next);
    EXPECT_EQ(decision_at_once(std::nullopt, std::nullopt), Decision::Next);
}

TEST_F(PasswdPluginTest, HasNoOpinionWithoutUserNameOrPassword) {
    write(line("bob", 'A'));
    EXPECT_EQ(decision_at_once("bob", std::nullopt), Decision::Next);
    EXPECT_EQ(decision_at_once(std::nullopt, "right"), Decision::Next);
}

TEST_F(PasswdPluginTest, TheRightPasswordIsAcceptedLater) {
    write(line("bob", 'A'));
    for (const bool v5 : {false, true}) {
        EXPECT_EQ(ask_and_wait("bob", "right", v5).decision, Decision::Ok);
    }
}

TEST_F(PasswdPluginTest, AWrongPasswordEndsTheChain) {
    write(line("bob", 'A'));
    for (const char* password : {"wrong", ""}) {  // an empty one is a password as well
        const auto verdict = ask_and_wait("bob", password);
        EXPECT_EQ(verdict.decision, Decision::Error);
        EXPECT_EQ(verdict.refusal.reason, ReasonCode::BadUserNameOrPassword);
        EXPECT_EQ(verdict.refusal.reason_string, "");
    }
}

TEST_F(PasswdPluginTest, ARemovedUserDoesNotSlipInWhileBeingChecked) {
    write(line("bob", 'A') + line("zoe", 'A'));
    EXPECT_FALSE(ask("bob", "right").has_value());
    wait_for_posted();
    write(line("zoe", 'A'));
    const auto verdict = run_posted();
    EXPECT_EQ(verdict.decision, Decision::Error);
    EXPECT_EQ(verdict.refusal.reason, ReasonCode::ServerBusy);
}

TEST_F(PasswdPluginTest, AnOldPasswordDoesNotSlipInWhileBeingChecked) {
    write(line("bob", 'A'));
    EXPECT_FALSE(ask("bob", "right").has_value());
    wait_for_posted();
    write(line("bob", 'B'));
    EXPECT_EQ(run_posted().refusal.reason, ReasonCode::ServerBusy);
}

TEST_F(PasswdPluginTest, ChangesOfOthersMeanwhileDoNotMatter) {
    write(line("bob", 'A') + line("zoe", 'A'));
    EXPECT_FALSE(ask("bob", "right").has_value());
    wait_for_posted();
    write(line("adam", 'A') + line("bob", 'A') + line("zoe", 'B'));
    EXPECT_EQ(run_posted().decision, Decision::Ok);
}

TEST_F(PasswdPluginTest, WithNoRoomTheBrokerIsBusy) {
    write(line("bob", 'A'));
    verifier.stop();
    const auto verdict = ask("bob", "right");
    ASSERT_TRUE(verdict.has_value());
    EXPECT_EQ(verdict->decision, Decision::Error);
    EXPECT_EQ(verdict->refusal.reason, ReasonCode::ServerBusy);
    EXPECT_TRUE(answers.empty());
}

TEST_F(PasswdPluginTest, AnswersMayComeAfterThePluginIsGone) {
    write(line("bob", 'A'));
    auto shorter = std::make_unique<PasswdPlugin>(kShard, source, verifier);
    RegisterContext context;
    context.username = "bob";
    context.password = "right";
    EXPECT_FALSE(
        shorter
            ->auth_on_register(
                context, [this](RegisterVerdict verdict) { answers.push_back(std::move(verdict)); })
            .has_value());
    shorter.reset();
    wait_for_posted();
    EXPECT_EQ(run_posted().decision, Decision::Ok);
}

TEST(PasswdPlugins, TwoShardsWithTheirChainsWhileTheFileChanges) {
    constexpr std::size_t kRounds = 100;
    constexpr ShardId kShards = 2;
    const vmq::testing::TemporaryFolder folder;
    const std::string path = folder.path() + "/vmq.passwd";
    write_file(path, line("bob", 'A') + line("zoe", 'A'));
    PasswordSource source(path);
    std::latch answered(static_cast<std::ptrdiff_t>(kRounds * kShards * 2));
    std::array<hooks::Chain, kShards> chains;
    std::atomic<std::size_t> accepted{0};
    TestShards shards(kShards);
    PasswordVerifier verifier({2, kRounds * kShards * 2, Seconds(600)},
                              [&shards](ShardId shard, std::function<void()> work) {
                                  shards.post(shard, std::move(work));
                              },
                              {&is_right, &steady_now});
    for (ShardId shard = 0; shard < kShards; ++shard) {
        chains.at(shard).add(std::make_unique<PasswdPlugin>(shard, source, verifier));
        shards.post(shard, [&, shard] {
            const auto done = [&, shard](const RegisterVerdict& verdict, std::size_t next) {
                EXPECT_EQ(TestShards::current_shard, shard);
                EXPECT_EQ(next, 1U);
                accepted += verdict.decision == Decision::Ok ? 1U : 0U;
                answered.count_down();
            };
            for (std::size_t i = 0; i < kRounds; ++i) {
                for (const char* user : {"bob", "zoe"}) {
                    RegisterContext context;
                    context.username = user;
                    context.password = "right";
                    EXPECT_FALSE(chains.at(shard).auth_on_register(context, done).has_value());
                }
            }
        });
    }
    for (int i = 0; i < 20; ++i) {
        write_file(path, line("bob", 'A') + line("zoe", i % 2 == 0 ? 'B' : 'A'));
        EXPECT_TRUE(source.reload());
    }
    answered.wait();
    EXPECT_GE(accepted,
              kRounds * kShards);  // all of bob's, perhaps some of zoe's
}

}  // namespace
}  // namespace vmq::plugins::passwd
