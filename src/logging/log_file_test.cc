#include "logging/log_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "runtime/work_queue.h"
#include "support/temporary_folder.h"

namespace vmq::logging {
namespace {

namespace fs = std::filesystem;

class LogFileTest : public ::testing::Test {
protected:
    [[nodiscard]] std::string path(const std::string& suffix = "") const {
        return folder_.path() + "/a/b/console.log" + suffix;
    }
    static std::string content(const std::string& path) {
        std::ostringstream text;
        text << std::ifstream(path).rdbuf();
        return text.str();
    }
    static std::string unpacked(const std::string& path) {
        gzFile file = ::gzopen(path.c_str(), "rb");
        if (file == nullptr) return "(none)";
        std::string text(4096, '\0');
        const int size = ::gzread(file, text.data(), static_cast<unsigned>(text.size()));
        ::gzclose(file);
        text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
        return text;
    }
    std::unique_ptr<LogFile> open(LogFileOptions options = {}) {
        options.path = path();
        auto opened = LogFile::open(std::move(options));
        EXPECT_TRUE(opened);
        return std::move(opened).value();
    }
    static void wait_for(const std::string& file) {
        for (int i = 0; i < 2000 && !fs::exists(file); ++i) runtime::pause(Millis(5));
    }

    testing::TemporaryFolder folder_;
};

TEST_F(LogFileTest, IsMadeWithItsFoldersAndNotReadableByEverybody) {
    const auto file = open();
    EXPECT_EQ(file->write("a\nb\n", 2), 0U);
    EXPECT_EQ(content(path()), "a\nb\n");
    struct stat status{};
    ASSERT_EQ(::stat(path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0027U, 0U);
}

TEST_F(LogFileTest, ThatCannotBeOpenedIsTheOperatorsError) {
    LogFileOptions options;
    options.path = "/proc/no/log";
    const auto opened = LogFile::open(options);
    ASSERT_FALSE(opened);
    EXPECT_NE(opened.error().detail.find("/proc/no/log"), std::string::npos);
}

TEST_F(LogFileTest, IsOpenedAgainWhenItWasMovedOrRemoved) {
    const auto file = open();
    (void)file->write("first\n", 1);
    fs::rename(path(), path(".1"));
    (void)file->write("second\n", 1);
    EXPECT_EQ(content(path()), "second\n");
    fs::remove_all(folder_.path() + "/a");
    (void)file->write("third\n", 1);
    EXPECT_EQ(content(path()), "third\n");
}

TEST_F(LogFileTest, ThatOthersHaveCutGoesOnAtItsBeginning) {
    const auto file = open({.path = {}, .rotate_at = 10});
    (void)file->write("12345678\n", 1);
    fs::resize_file(path(), 0);
    (void)file->write("second\n", 1);
    EXPECT_EQ(content(path()), "second\n");
    EXPECT_FALSE(fs::exists(path(".0")));
}

TEST_F(LogFileTest, IsBegunAnewWhenItIsFull) {
    const auto file = open({.path = {}, .rotate_at = 10, .keep = 2});
    (void)file->write("one\ntwo\nthree\nfour\nfive\nsix\nseven\n", 7);
    EXPECT_EQ(content(path(".1")), "one\ntwo\nthree\n");
    EXPECT_EQ(content(path(".0")), "four\nfive\n");
    EXPECT_EQ(content(path()), "six\nseven\n");
    (void)file->write("eight\n", 1);
    EXPECT_EQ(content(path(".1")), "four\nfive\n");
    EXPECT_EQ(content(path(".0")), "six\nseven\n");
    EXPECT_EQ(content(path()), "eight\n");
    EXPECT_FALSE(fs::exists(path(".2")));
}

TEST_F(LogFileTest, WithoutOlderOnesItIsEmptied) {
    const auto file = open({.path = {}, .rotate_at = 10, .keep = 0});
    (void)file->write("12345678\n9\n", 2);
    (void)file->write("next\n", 1);
    EXPECT_EQ(content(path()), "next\n");
    EXPECT_FALSE(fs::exists(path(".0")));
}

TEST_F(LogFileTest, OlderOnesAreCompressed) {
    const auto file = open({.path = {}, .rotate_at = 10, .keep = 2, .compress = true});
    (void)file->write("1234567890\n", 1);
    (void)file->write("next\n", 1);
    wait_for(path(".0.gz"));
    EXPECT_EQ(unpacked(path(".0.gz")), "1234567890\n");
    for (int i = 0; i < 2000 && fs::exists(path(".0")); ++i) runtime::pause(Millis(5));
    EXPECT_FALSE(fs::exists(path(".0")));
    EXPECT_FALSE(fs::exists(path(".0.gz.part")));
    struct stat status{};
    ASSERT_EQ(::stat(path(".0.gz").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0027U, 0U);
    // The next one, as soon as this one is done with.
    for (int i = 0; i < 2000 && !fs::exists(path(".1.gz")); ++i) {
        (void)file->write("more and more\n", 1);
        runtime::pause(Millis(5));
    }
    EXPECT_EQ(unpacked(path(".1.gz")), "1234567890\n");
}

TEST_F(LogFileTest, AFullDiskCostsLinesAndNothingElse) {
    LogFileOptions options;
    options.path = "/dev/full";
    auto opened = LogFile::open(options);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened.value()->write("a\nb\n", 2), 2U);
    EXPECT_EQ(opened.value()->write("c\n", 1), 1U);
}

TEST_F(LogFileTest, FilesOfOthersAreMovedWhenTheyAreLarge) {
    fs::create_directories(folder_.path() + "/a/b");
    std::ofstream(path()) << "1234567890";
    rotate_if_large(path(), 11, 3);
    EXPECT_TRUE(fs::exists(path()));
    rotate_if_large(path(), 10, 3);
    EXPECT_FALSE(fs::exists(path()));
    EXPECT_EQ(content(path(".0")), "1234567890");
}

}  // namespace
}  // namespace vmq::logging
