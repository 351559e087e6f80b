#include "base/small_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

namespace vmq {
namespace {

class SmallFileTest : public testing::Test {
protected:
    SmallFileTest() {
        char name[] = "/tmp/small_file_XXXXXX";
        folder = ::mkdtemp(name);
    }
    ~SmallFileTest() override { std::filesystem::remove_all(folder); }

    std::string folder;
};

TEST_F(SmallFileTest, IsThereAsAWholeAndForItsOwnerAlone) {
    const std::string path = folder + "/a/b/file";
    const auto none = read_small_file(path, 100);
    ASSERT_TRUE(none);
    EXPECT_FALSE(none.value().has_value());
    ASSERT_TRUE(replace_small_file(path, "one"));
    ASSERT_TRUE(replace_small_file(path, "another"));
    const auto found = read_small_file(path, 100);
    ASSERT_TRUE(found);
    EXPECT_EQ(found.value(), "another");
    struct ::stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
}

TEST_F(SmallFileTest, SaysWhatItCannotReadOrWrite) {
    const std::string path = folder + "/file";
    ASSERT_TRUE(replace_small_file(path, "0123456789"));
    EXPECT_TRUE(read_small_file(path, 10));
    EXPECT_NE(read_small_file(path, 9).error().detail.find(path), std::string::npos);
    EXPECT_FALSE(read_small_file(folder, 10));
    const auto below_a_file = replace_small_file(path + "/below", "x");
    ASSERT_FALSE(below_a_file);
    EXPECT_NE(below_a_file.error().detail.find(path), std::string::npos);
}

}  // namespace
}  // namespace vmq
