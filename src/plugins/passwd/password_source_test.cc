#include "plugins/passwd/password_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#include "plugins/passwd/test_values.h"
#include "support/temporary_folder.h"

namespace vmq::plugins::passwd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Seen = PasswordSource::Seen;
using test::line;

constexpr std::int64_t kMuchLater = std::numeric_limits<std::int64_t>::max() / 2;

class PasswordSourceTest : public ::testing::Test {
protected:
    void write(const std::string& text) const {
        // Replaced like vmq-passwd does it, so that it is never the same file.
        const std::string fresh = path + ".new";
        std::ofstream(fresh, std::ios::binary) << text;
        ::chmod(fresh.c_str(), 0600);
        std::filesystem::rename(fresh, path);
    }
    [[nodiscard]] std::int64_t modified_ns() const {
        struct ::stat status{};
        EXPECT_EQ(::stat(path.c_str(), &status), 0);
        return static_cast<std::int64_t>(status.st_mtim.tv_sec) * 1'000'000'000 +
               status.st_mtim.tv_nsec;
    }
    PasswordSource source() {
        return PasswordSource(path, [this](const PasswordChanges& now) {
            ++notified;
            changes = now;
        });
    }

    testing::TemporaryFolder folder;
    std::string path = folder.path() + "/vmq.passwd";
    int notified = 0;
    PasswordChanges changes;
};

TEST_F(PasswordSourceTest, ReadsTheFileAtStartWhichIsNoChange) {
    write(line("bob", 'A'));
    const PasswordSource passwords = source();
    EXPECT_EQ(passwords.current()->size(), 1U);
    EXPECT_EQ(notified, 0);
}

TEST_F(PasswordSourceTest, WithoutAFileThereIsNobodyUntilItComes) {
    PasswordSource passwords = source();
    EXPECT_EQ(passwords.current()->size(), 0U);
    EXPECT_EQ(passwords.look(kMuchLater), Seen::Failed);
    write(line("bob", 'A'));
    EXPECT_EQ(passwords.look(kMuchLater), Seen::Reloaded);
    EXPECT_EQ(passwords.current()->size(), 1U);
    EXPECT_THAT(changes.added, ElementsAre("bob"));
}

TEST_F(PasswordSourceTest, LookingSeesChangesOnly) {
    write(line("bob", 'A'));
    PasswordSource passwords = source();
    EXPECT_EQ(passwords.look(kMuchLater), Seen::Unchanged);
    EXPECT_EQ(passwords.look(kMuchLater), Seen::Unchanged);
    write(line("bob", 'B') + line("zoe", 'A'));
    EXPECT_EQ(passwords.look(kMuchLater), Seen::Reloaded);
    EXPECT_THAT(changes.added, ElementsAre("zoe"));
    EXPECT_THAT(changes.changed, ElementsAre("bob"));
    write(line("zoe", 'A'));
    EXPECT_EQ(passwords.look(kMuchLater), Seen::Reloaded);
    EXPECT_THAT(changes.removed, ElementsAre("bob"));
    EXPECT_EQ(notified, 2);
    write(line("zoe", 'A'));  // another file, the same text
    EXPECT_EQ(passwords.look(kMuchLater), Seen::Unchanged);
    write("# the same users\n" + line("zoe", 'A'));
    EXPECT_EQ(passwords.look(kMuchLater), Seen::Reloaded);
    EXPECT_EQ(notified, 2);
}

TEST_F(PasswordSourceTest, AFileThatIsPerhapsStillWrittenWaits) {
    write(line("bob", 'A'));
    PasswordSource passwords = source();
    write(line("zoe", 'A'));
    const std::int64_t written = modified_ns();
    EXPECT_EQ(passwords.look(written), Seen::Unsettled);
    EXPECT_EQ(passwords.look(written + PasswordSource::kSettledAfterNs - 1), Seen::Unsettled);
    EXPECT_TRUE(passwords.current()->find("bob").has_value());
    EXPECT_EQ(passwords.look(written + PasswordSource::kSettledAfterNs), Seen::Reloaded);
    EXPECT_TRUE(passwords.current()->find("zoe").has_value());
    write(line("kim", 'A'));
    EXPECT_EQ(passwords.look(modified_ns() - 1), Seen::Reloaded) << "a time to come says nothing";
}

TEST_F(PasswordSourceTest, ReloadReadsWhateverTheTime) {
    write(line("bob", 'A'));
    PasswordSource passwords = source();
    write(line("zoe", 'A') + "damaged\n");
    const auto summary = passwords.reload();
    ASSERT_TRUE(summary);
    EXPECT_EQ(summary.value().users, 1U);
    EXPECT_EQ(summary.value().faults, 1U);
    EXPECT_THAT(summary.value().changes.removed, ElementsAre("bob"));
    EXPECT_EQ(notified, 1);
    const auto again = passwords.reload();
    ASSERT_TRUE(again);
    EXPECT_TRUE(again.value().changes.empty());
    EXPECT_EQ(notified, 1);
}

TEST_F(PasswordSourceTest, AnUnreadableFileLeavesTheUsersThereAre) {
    write(line("bob", 'A'));
    PasswordSource passwords = source();
    std::filesystem::remove(path);
    EXPECT_EQ(passwords.look(kMuchLater), Seen::Failed);
    EXPECT_EQ(passwords.look(kMuchLater), Seen::Failed);
    std::filesystem::create_directory(path);
    EXPECT_THAT(passwords.reload().error().detail, HasSubstr("is not a regular file"));
    EXPECT_EQ(passwords.current()->size(), 1U);
    std::filesystem::remove(path);
    write(line("bob", 'A'));
    EXPECT_EQ(passwords.look(kMuchLater), Seen::Reloaded);
    EXPECT_EQ(notified, 0);
}

TEST_F(PasswordSourceTest, AnotherFileTakesOverWhenItCanBeRead) {
    write(line("bob", 'A'));
    PasswordSource passwords = source();
    path = folder.path() + "/other";
    EXPECT_EQ(passwords.set_path(path).error().code, ErrorCode::NotFound);
    EXPECT_TRUE(passwords.current()->find("bob").has_value());
    write(line("zoe", 'A'));
    EXPECT_EQ(passwords.look(kMuchLater), Seen::Reloaded);
    EXPECT_THAT(changes.removed, ElementsAre("bob"));
    EXPECT_TRUE(passwords.set_path(path));
    EXPECT_EQ(notified, 1);
}

TEST_F(PasswordSourceTest, TheLogNamesLinesAndNeverHashes) {
    write("bob:$6$hidden$hidden\nzoe:hidden\n" + line("kim", 'A'));
    ::chmod(path.c_str(), 0644);
    ::testing::internal::CaptureStderr();
    const PasswordSource passwords = source();
    const std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_THAT(said, HasSubstr("vmq_passwd: " + path + ": users: 1"));
    EXPECT_THAT(said, HasSubstr(path + ", line 1: the hash is damaged"));
    EXPECT_THAT(said, HasSubstr(path + ", line 2: "));
    EXPECT_THAT(said, HasSubstr("every user of this machine can read it"));
    EXPECT_THAT(said, ::testing::Not(HasSubstr("hidden")));
}

TEST_F(PasswordSourceTest, TheLogSaysOnceWhyTheFileCannotBeRead) {
    ::testing::internal::CaptureStderr();
    PasswordSource passwords = source();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(passwords.look(kMuchLater), Seen::Failed);
    const std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_EQ(said.find("No such file"), said.rfind("No such file"));
    EXPECT_THAT(said, HasSubstr("No such file"));
    std::string many;
    for (int i = 0; i < 25; ++i) many += "x\n";
    write(many);
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(passwords.look(kMuchLater), Seen::Reloaded);
    EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("5 more such lines"));
}

TEST_F(PasswordSourceTest, APreviewChangesNothing) {
    write(line("bob", 'A') + line("eve", 'A') + line("joe", 'A'));
    const PasswordSource passwords = source();
    const std::string other = folder.path() + "/other";
    std::ofstream(other) << line("bob", 'B') + line("joe", 'A');
    ::chmod(other.c_str(), 0600);
    const auto changed = passwords.preview(other);
    ASSERT_TRUE(changed);
    EXPECT_THAT(changed.value().changed, ElementsAre("bob"));
    EXPECT_THAT(changed.value().removed, ElementsAre("eve"));
    EXPECT_EQ(passwords.current()->size(), 3U);
    EXPECT_EQ(notified, 0);
    EXPECT_FALSE(passwords.preview(folder.path() + "/nowhere"));
}

}  // namespace
}  // namespace vmq::plugins::passwd
