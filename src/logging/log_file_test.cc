#include "logging/log_file.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/stat.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/log.h"
#include "runtime/work_queue.h"
#include "support/temporary_folder.h"

namespace vmq::logging {
namespace {

namespace fs = std::filesystem;

/// What the files themselves log.
class LoggedByFiles final : public log::Output {
public:
    LoggedByFiles() { log::set_output(this); }
    ~LoggedByFiles() override { log::set_output(nullptr); }
    LoggedByFiles(const LoggedByFiles&) = delete;
    LoggedByFiles& operator=(const LoggedByFiles&) = delete;
    void write(const log::Line& line) noexcept override { lines.emplace_back(line.text); }

    std::vector<std::string> lines;
};

/// As long as it lives no thread can be made: none has room for such a stack.
class NoThreads final {
public:
    NoThreads() {
        ::pthread_getattr_default_np(&before_);
        pthread_attr_t huge{};
        ::pthread_attr_init(&huge);
        ::pthread_attr_setstacksize(&huge, std::size_t{1} << 47U);
        EXPECT_EQ(::pthread_setattr_default_np(&huge), 0);
        ::pthread_attr_destroy(&huge);
    }
    ~NoThreads() { ::pthread_setattr_default_np(&before_); }
    NoThreads(const NoThreads&) = delete;
    NoThreads& operator=(const NoThreads&) = delete;

private:
    pthread_attr_t before_{};
};

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
    ASSERT_EQ(::stat(fs::path(path()).parent_path().c_str(), &status), 0);
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

TEST_F(LogFileTest, ThatCannotBeOpenedAgainIsToldOnceAndTriedAgain) {
    const auto file = open();
    fs::rename(path(), path(".1"));
    fs::create_directory(path());  // nothing can be written there
    LoggedByFiles said;
    for (int i = 0; i < 100; ++i) EXPECT_EQ(file->write("line\n", 1), 0U);
    ASSERT_EQ(said.lines.size(), 1U);
    EXPECT_NE(said.lines[0].find(path()), std::string::npos);
    EXPECT_EQ(content(path(".1")).size(), 500U) << "the lines go on to the file that is open";
    file->reopen();
    EXPECT_EQ(said.lines.size(), 2U) << "who asks for it is told";
    fs::remove(path());
    for (int i = 0; i < 6000 && !fs::exists(path()); ++i) {
        (void)file->write("again\n", 1);
        runtime::pause(Millis(5));
    }
    EXPECT_EQ(content(path()), "again\n");
    EXPECT_EQ(said.lines.size(), 3U);
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

TEST_F(LogFileTest, ThatCannotBeBegunAnewGrowsOnAndKeepsOlderOnes) {
    const auto file = open({.path = {}, .rotate_at = 10, .keep = 2});
    (void)file->write("one\ntwo\nthree\nfour\nfive\nsix\nseven\n", 7);
    fs::create_directory(path(".new"));  // the next one cannot be opened
    LoggedByFiles said;
    for (int i = 0; i < 5; ++i) EXPECT_EQ(file->write("more lines\n", 1), 0U);
    EXPECT_EQ(content(path(".1")), "one\ntwo\nthree\n");
    EXPECT_EQ(content(path(".0")), "four\nfive\n");
    EXPECT_EQ(content(path()).size(), 10U + 5 * 11U);
    EXPECT_EQ(said.lines.size(), 1U);
}

TEST_F(LogFileTest, ThatCannotBeRenamedLeavesOlderOnesWhereTheyAre) {
    const auto file = open({.path = {}, .rotate_at = 10, .keep = 2});
    (void)file->write("one\ntwo\nthree\nfour\nfive\nsix\nseven\n", 7);
    std::ofstream(path(".1.gz")) << "packed";
    fs::create_directories(path(".2.gz") + "/x");  // .1.gz cannot become that
    LoggedByFiles said;
    for (int i = 0; i < 5; ++i) EXPECT_EQ(file->write("more lines\n", 1), 0U);
    EXPECT_EQ(content(path(".1.gz")), "packed");
    EXPECT_EQ(content(path(".1")), "one\ntwo\nthree\n");
    EXPECT_EQ(content(path(".0")), "four\nfive\n");
    EXPECT_FALSE(fs::exists(path(".2")));
    EXPECT_FALSE(fs::exists(path(".new")));
    EXPECT_EQ(said.lines.size(), 1U);
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

TEST_F(LogFileTest, OlderOnesStayAsTheyAreIfThereCanBeNoThread) {
    const auto file = open({.path = {}, .rotate_at = 10, .keep = 2, .compress = true});
    LoggedByFiles said;
    {
        const NoThreads no_threads;
        (void)file->write("1234567890\n", 1);
        EXPECT_EQ(file->write("next\n", 1), 0U);
    }
    EXPECT_EQ(content(path(".0")), "1234567890\n");
    EXPECT_EQ(content(path()), "next\n");
    ASSERT_EQ(said.lines.size(), 1U);
    EXPECT_NE(said.lines[0].find("cannot compress"), std::string::npos);
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
