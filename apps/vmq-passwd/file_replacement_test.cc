#include "vmq-passwd/file_replacement.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "runtime/work_queue.h"
#include "support/temporary_folder.h"

namespace vmq::passwd_tool {
namespace {

namespace fs = std::filesystem;

Result<std::string> add_x(std::string_view text) { return std::string(text) + "x"; }

class FileReplacementTest : public ::testing::Test {
protected:
    void write(const std::string& text, mode_t mode = 0640) const {
        std::ofstream(path, std::ios::binary) << text;
        ::chmod(path.c_str(), mode);
    }
    [[nodiscard]] std::string read() const {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    [[nodiscard]] struct ::stat status() const {
        struct ::stat result{};
        EXPECT_EQ(::stat(path.c_str(), &result), 0);
        return result;
    }
    void expect_alone() const {
        EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
    }

    vmq::testing::TemporaryFolder folder;
    std::string path = folder.path() + "/file";
};

TEST_F(FileReplacementTest, ReplacesTheTextAndKeepsTheMode) {
    write("a");
    const auto before = status();
    ASSERT_TRUE(rewrite_file(path, Existing::Required, add_x));
    EXPECT_EQ(read(), "ax");
    EXPECT_EQ(status().st_mode & 07777U, 0640U);
    EXPECT_EQ(status().st_uid, before.st_uid);
    EXPECT_NE(status().st_ino, before.st_ino);
    expect_alone();
}

TEST_F(FileReplacementTest, KeepsTheOwnerOrChangesNothing) {
    if (::getuid() != 0) GTEST_SKIP() << "only root can give files away";
    write("a");
    ASSERT_EQ(::chown(path.c_str(), 1234, 5678), 0);
    ASSERT_TRUE(rewrite_file(path, Existing::Required, add_x));
    EXPECT_EQ(status().st_uid, 1234U);
    EXPECT_EQ(status().st_gid, 5678U);
    EXPECT_EQ(status().st_mode & 07777U, 0640U);
}

TEST_F(FileReplacementTest, ANewFileIsForItsOwnerAlone) {
    ASSERT_TRUE(rewrite_file(path, Existing::Forbidden, add_x));
    EXPECT_EQ(read(), "x");
    EXPECT_EQ(status().st_mode & 07777U, 0600U);
    ASSERT_TRUE(rewrite_file(path, Existing::Ignored, [](std::string_view text) {
        EXPECT_EQ(text, "");
        return Result<std::string>("y");
    }));
    EXPECT_EQ(read(), "y");
    fs::remove(path);
    ASSERT_TRUE(rewrite_file(path, Existing::Ignored, add_x));
    EXPECT_EQ(read(), "x");
}

TEST_F(FileReplacementTest, WhatMustOrMustNotBeThereIsChecked) {
    EXPECT_EQ(rewrite_file(path, Existing::Required, add_x).error().detail,
              "No such file or directory");
    EXPECT_EQ(check_existing(path, Existing::Required).error().code, ErrorCode::NotFound);
    EXPECT_TRUE(check_existing(path, Existing::Forbidden));
    EXPECT_TRUE(check_existing(path, Existing::Ignored));
    write("a");
    EXPECT_EQ(rewrite_file(path, Existing::Forbidden, add_x).error().code, ErrorCode::Unavailable);
    EXPECT_EQ(check_existing(path, Existing::Forbidden).error().code, ErrorCode::Unavailable);
    EXPECT_TRUE(check_existing(path, Existing::Required));
    EXPECT_EQ(read(), "a");
}

TEST_F(FileReplacementTest, AnErrorOfTheEditLeavesTheFile) {
    write("a");
    const auto before = status();
    const auto failed = rewrite_file(path, Existing::Required, [](std::string_view) {
        return Result<std::string>(Error{ErrorCode::SyntaxError, "no"});
    });
    EXPECT_EQ(failed.error().detail, "no");
    EXPECT_EQ(status().st_ino, before.st_ino);
    expect_alone();
}

TEST_F(FileReplacementTest, TheSameTextIsTheSameFile) {
    write("a");
    const auto before = status();
    EXPECT_TRUE(rewrite_file(path, Existing::Required,
                             [](std::string_view text) { return Result(std::string(text)); }));
    EXPECT_EQ(status().st_ino, before.st_ino);
}

TEST_F(FileReplacementTest, WhatSomebodyLeftWhoWasKilledIsNoHindrance) {
    write("a");
    std::ofstream(path + ".tmp") << "half";
    EXPECT_TRUE(rewrite_file(path, Existing::Required, add_x));
    EXPECT_EQ(read(), "ax");
    expect_alone();
}

TEST_F(FileReplacementTest, ALinkStaysAndItsTargetChanges) {
    write("a");
    const std::string link = folder.path() + "/link";
    fs::create_symlink("file", link);
    EXPECT_TRUE(rewrite_file(link, Existing::Required, add_x));
    EXPECT_TRUE(fs::is_symlink(link));
    EXPECT_EQ(read(), "ax");
}

TEST_F(FileReplacementTest, WhatIsNoFileIsRefused) {
    fs::create_directory(path);
    EXPECT_EQ(rewrite_file(path, Existing::Required, add_x).error().detail, "Not a file");
    EXPECT_EQ(rewrite_file(folder.path() + "/none/file", Existing::Ignored, add_x).error().code,
              ErrorCode::NotFound);
}

TEST_F(FileReplacementTest, WritersAtTheSameTimeLoseNothing) {
    write("");
    {
        const auto write_many = [this] {
            for (int i = 0; i < 50; ++i) EXPECT_TRUE(rewrite_file(path, Existing::Required, add_x));
        };
        const runtime::WorkThread one(write_many);
        const runtime::WorkThread two(write_many);
    }
    EXPECT_EQ(read(), std::string(100, 'x'));
}

}  // namespace
}  // namespace vmq::passwd_tool
