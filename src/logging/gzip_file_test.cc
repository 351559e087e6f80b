#include "logging/gzip_file.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "support/temporary_folder.h"

namespace vmq::logging {
namespace {

namespace fs = std::filesystem;

TEST(GzipFile, HoldsWhatTheFileHeld) {
    const testing::TemporaryFolder folder;
    const std::string path = folder.path() + "/x";
    std::string text;
    for (int i = 0; i < 20'000; ++i) text += std::to_string(i) + "\n";
    std::ofstream(path) << text;
    const std::atomic<bool> stop{false};
    ASSERT_TRUE(gzip_file(path, stop));
    EXPECT_FALSE(fs::exists(path));
    EXPECT_LT(fs::file_size(path + ".gz"), text.size() / 2);
    gzFile file = ::gzopen((path + ".gz").c_str(), "rb");
    std::string found(text.size() + 1, ' ');
    const int size = ::gzread(file, found.data(), static_cast<unsigned>(found.size()));
    ::gzclose(file);
    ASSERT_EQ(static_cast<std::size_t>(size), text.size());
    EXPECT_EQ(found.substr(0, text.size()), text);
}

TEST(GzipFile, ThatIsStoppedLeavesTheFile) {
    const testing::TemporaryFolder folder;
    const std::string path = folder.path() + "/x";
    std::ofstream(path) << "text";
    const std::atomic<bool> stop{true};
    EXPECT_FALSE(gzip_file(path, stop));
    EXPECT_TRUE(fs::exists(path));
    EXPECT_FALSE(fs::exists(path + ".gz"));
    EXPECT_FALSE(fs::exists(path + ".gz.part"));
    EXPECT_FALSE(gzip_file(folder.path() + "/nowhere", stop));
}

}  // namespace
}  // namespace vmq::logging
