#include "config/file_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace vmq::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class DiskFilesTest : public ::testing::Test {
protected:
    void SetUp() override {
        directory_ = ::testing::TempDir() + "vmq_config_" + std::to_string(::getpid());
        std::filesystem::create_directories(directory_ + "/folder");
        std::ofstream(directory_ + "/a.conf") << "text\n";
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }

    std::string directory_;
    DiskFiles files_;
};

TEST_F(DiskFilesTest, ReadsAFile) {
    const auto text = files_.read(directory_ + "/a.conf");
    ASSERT_TRUE(text);
    EXPECT_EQ(text.value(), "text\n");
}

TEST_F(DiskFilesTest, TellsAMissingFileFromAFolder) {
    EXPECT_EQ(files_.read(directory_ + "/b.conf").error().code, ErrorCode::NotFound);
    EXPECT_EQ(files_.read(directory_ + "/folder").error().code, ErrorCode::SystemError);
}

TEST_F(DiskFilesTest, ListsFilesButNotFolders) {
    EXPECT_THAT(files_.list(directory_), UnorderedElementsAre("a.conf"));
    EXPECT_THAT(files_.list(directory_ + "/none"), IsEmpty());
}

TEST_F(DiskFilesTest, ReadsTheEnvironment) {
    ::setenv("VMQ_CONFIG_TEST", "x", 1);
    EXPECT_EQ(files_.environment("VMQ_CONFIG_TEST"), "x");
    ::unsetenv("VMQ_CONFIG_TEST");
    EXPECT_EQ(files_.environment("VMQ_CONFIG_TEST"), std::nullopt);
}

TEST(MemoryFiles, BehaveLikeADisk) {
    MemoryFiles files;
    files.files = {{"a.conf", "1"}, {"d/b.conf", "2"}, {"d/e/c.conf", "3"}};
    files.variables = {{"HOME", "h"}};
    EXPECT_EQ(files.read("d/b.conf").value(), "2");
    EXPECT_EQ(files.read("b.conf").error().code, ErrorCode::NotFound);
    EXPECT_THAT(files.list("."), ElementsAre("a.conf"));
    EXPECT_THAT(files.list("d"), ElementsAre("b.conf"));
    EXPECT_EQ(files.environment("HOME"), "h");
    EXPECT_EQ(files.environment("PATH"), std::nullopt);
}

TEST(Paths, AreSeenFromTheFolderOfAFile) {
    EXPECT_EQ(directory_of("vernemq.conf"), ".");
    EXPECT_EQ(directory_of("/vernemq.conf"), "/");
    EXPECT_EQ(directory_of("/etc/vernemq/vernemq.conf"), "/etc/vernemq");
    EXPECT_EQ(path_from("/etc", "a"), "/etc/a");
    EXPECT_EQ(path_from("/", "a"), "/a");
    EXPECT_EQ(path_from(".", "a"), "a");
    EXPECT_EQ(path_from("/etc", "/var/a"), "/var/a");
}

}  // namespace
}  // namespace vmq::config
