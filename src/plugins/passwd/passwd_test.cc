#include "plugins/passwd/passwd.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <latch>
#include <string>
#include <thread>

#include "plugins/passwd/password_hash.h"
#include "support/temporary_folder.h"
#include "support/test_shards.h"

namespace vmq::plugins::passwd {
namespace {

using hooks::Decision;
using ::testing::ElementsAre;
using testing::TestShards;

constexpr Millis kNever{0};

class PasswdTest : public ::testing::Test {
protected:
    PasswdTest() { write("bob"); }

    /// As if it had been written long ago, so that nobody waits until it is settled.
    void write(const std::string& user) const {
        const std::string fresh = path + ".new";
        std::ofstream(fresh, std::ios::binary) << user + ":" + hash + "\n";
        ::chmod(fresh.c_str(), 0600);
        std::filesystem::last_write_time(
            fresh, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
        std::filesystem::rename(fresh, path);
    }
    [[nodiscard]] PasswdOptions options(Millis interval) const {
        return {path, interval, {1, 10, Seconds(10)}};
    }
    PasswordVerifier::Post post() {
        return [this](ShardId shard, std::function<void()> work) {
            shards.post(shard, std::move(work));
        };
    }

    vmq::testing::TemporaryFolder folder;
    std::string path = folder.path() + "/vmq.passwd";
    const std::string hash = hash_password(Scheme::Vernemq, "secret").value();
    TestShards shards{1};
};

TEST_F(PasswdTest, ReadsTheFileBeforeTheFirstClientAndChecksPasswords) {
    Passwd passwd(options(kNever), post());
    EXPECT_EQ(passwd.users(), 1U);
    const auto plugin = passwd.plugin(0);
    std::latch answered(1);
    shards.post(0, [&] {
        hooks::RegisterContext context;
        context.username = "bob";
        context.password = "secret";
        const auto done = [&answered](const hooks::RegisterVerdict& verdict) {
            EXPECT_EQ(verdict.decision, Decision::Ok);
            answered.count_down();
        };
        EXPECT_FALSE(plugin->auth_on_register(context, done).has_value());
    });
    answered.wait();
    EXPECT_EQ(passwd.counts().right, 1U);
}

TEST_F(PasswdTest, ReadsAChangedFileByItself) {
    std::latch changed(1);
    PasswordChanges changes;
    Passwd passwd(options(Millis(-1)), post(), [&](const PasswordChanges& now) {
        changes = now;
        changed.count_down();
    });
    write("zoe");
    changed.wait();
    EXPECT_THAT(changes.added, ElementsAre("zoe"));
    EXPECT_THAT(changes.removed, ElementsAre("bob"));
}

TEST_F(PasswdTest, ReadsItOnCommandOnlyWithIntervalZeroUntilThatChanges) {
    std::latch changed(2);
    Passwd passwd(options(kNever), post(), [&](const PasswordChanges&) { changed.count_down(); });
    write("zoe");
    EXPECT_THAT(passwd.reload().value().changes.added, ElementsAre("zoe"));
    write("kim");
    passwd.set_reload_interval(Millis(1));
    changed.wait();
    EXPECT_EQ(passwd.users(), 1U);
}

TEST_F(PasswdTest, AnotherFileIsReadAtOnce) {
    Passwd passwd(options(kNever), post());
    path = folder.path() + "/other";
    write("zoe");
    EXPECT_THAT(passwd.set_password_file(path).value().changes.added, ElementsAre("zoe"));
    EXPECT_FALSE(passwd.set_password_file(folder.path() + "/none"));
    EXPECT_EQ(passwd.users(), 1U);
}

TEST_F(PasswdTest, StopsAtOnceAndOnlyOnce) {
    Passwd passwd(options(std::chrono::hours(1)), post());
    passwd.stop();
    passwd.stop();
    hooks::RegisterContext context;
    context.username = "bob";
    context.password = "secret";
    EXPECT_EQ(passwd.plugin(0)->auth_on_register(context, {})->refusal.reason,
              mqtt::ReasonCode::ServerBusy);
}

}  // namespace
}  // namespace vmq::plugins::passwd
