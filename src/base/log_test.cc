#include "base/log.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

namespace vmq::log {
namespace {

namespace fs = std::filesystem;

class LogFile : public ::testing::Test {
protected:
    LogFile() : folder_(fs::temp_directory_path() / ("vmq_log_" + std::to_string(::getpid()))) {}
    void TearDown() override {
        (void)configure({});
        fs::remove_all(folder_);
    }
    [[nodiscard]] std::string path() const { return (folder_ / "a/b/console.log").string(); }
    static std::string content(const std::string& path) {
        flush();
        std::ostringstream text;
        text << std::ifstream(path).rdbuf();
        return text.str();
    }

    const fs::path folder_;
};

TEST_F(LogFile, IsMadeWithItsFoldersAndNotReadableByEverybody) {
    ASSERT_TRUE(configure({.level = Level::Info, .console = false, .file = path()}));
    notice("client {} connected", "a");
    EXPECT_TRUE(std::regex_match(
        content(path()),
        std::regex(
            R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d \[notice\] client a connected\n)")))
        << content(path());
    struct stat status{};
    ASSERT_EQ(::stat(path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0027U, 0U);
}

TEST_F(LogFile, LeavesOutWhatIsBelowTheLevel) {
    ASSERT_TRUE(configure({.level = Level::Warning, .console = false, .file = path()}));
    info("not this");
    EXPECT_EQ(content(path()), "");
    set_level(Level::Info);
    info("but this");
    EXPECT_NE(content(path()).find("but this"), std::string::npos);
}

TEST_F(LogFile, CannotBeForgedByALineBreakInATopic) {
    ASSERT_TRUE(configure({.level = Level::Info, .console = false, .file = path()}));
    info("topic {}", "a\n2026-01-02T03:04:05.678+00:00 [info] forged\x1b[1m");
    const std::string text = content(path());
    EXPECT_EQ(text.find('\n'), text.size() - 1);
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST_F(LogFile, GoesOnInANewFileAfterARotation) {
    ASSERT_TRUE(configure({.level = Level::Info, .console = false, .file = path()}));
    info("first");
    fs::rename(path(), path() + ".1");
    info("second");
    flush();
    reopen();
    info("third");
    EXPECT_NE(content(path() + ".1").find("second"), std::string::npos);
    EXPECT_EQ(content(path()).find("second"), std::string::npos);
    EXPECT_NE(content(path()).find("third"), std::string::npos);
}

TEST_F(LogFile, TheLevelIsWhatWasSetLast) {
    ASSERT_TRUE(configure({.level = Level::Warning, .console = false, .file = path()}));
    EXPECT_EQ(level(), Level::Warning);
    set_level(Level::Info);
    EXPECT_EQ(level(), Level::Info);
}

TEST_F(LogFile, ThatCannotBeOpenedIsTheOperatorsError) {
    const auto result = configure({.level = Level::Info, .console = false, .file = "/proc/no/log"});
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().detail.find("/proc/no/log"), std::string::npos);
}

}  // namespace
}  // namespace vmq::log
