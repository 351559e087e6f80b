#include "transport/tls_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "support/temporary_folder.h"
#include "support/tls/test_certificates.h"

namespace vmq::transport {
namespace {

using ::testing::HasSubstr;
using vmq::testing::write_private;

class TlsFilesTest : public ::testing::Test {
protected:
    std::string error_of(const std::string& path) {
        const auto text = read_file("certfile", path, notes);
        return text ? "" : text.error().detail;
    }

    vmq::testing::TemporaryFolder folder;
    TlsLoadNotes notes;
};

TEST_F(TlsFilesTest, ReadsAFileWholeAndWatchesIt) {
    const std::string path = write_private(folder.path(), "a.pem", "content");
    const auto text = read_file("certfile", path, notes);
    ASSERT_TRUE(text);
    EXPECT_EQ(text.value().bytes(), "content");
    EXPECT_FALSE(text.value().others_may_read());
    ASSERT_EQ(notes.files.size(), 1U);
    EXPECT_EQ(notes.files[0].path, path);
    EXPECT_FALSE(any_changed(notes.files));
}

TEST_F(TlsFilesTest, SeesWritingReplacingAndRemoving) {
    const std::string path = write_private(folder.path(), "a.pem", "content");
    ASSERT_TRUE(read_file("certfile", path, notes));
    write_private(folder.path(), "a.pem", "longer content");
    EXPECT_TRUE(any_changed(notes.files));

    notes.files.clear();
    ASSERT_TRUE(read_file("certfile", path, notes));
    const std::string other = write_private(folder.path(), "b.pem", "longer content");
    std::filesystem::last_write_time(other, std::filesystem::last_write_time(path));
    std::filesystem::rename(other, path);
    EXPECT_TRUE(any_changed(notes.files));

    notes.files.clear();
    ASSERT_TRUE(read_file("certfile", path, notes));
    std::filesystem::remove(path);
    EXPECT_TRUE(any_changed(notes.files));
}

TEST_F(TlsFilesTest, ErrorsNameOptionFileAndRemedy) {
    const std::string missing = folder.path() + "/none.pem";
    EXPECT_EQ(error_of(missing), "certfile " + missing +
                                     ": No such file or directory; correct the path or create the "
                                     "file");
    EXPECT_THAT(error_of(folder.path()), HasSubstr("is not a regular file"));
}

TEST_F(TlsFilesTest, SaysThatAFileCannotBeRead) {
    if (::geteuid() == 0) GTEST_SKIP() << "root reads everything";
    const std::string path = write_private(folder.path(), "a.pem", "content");
    ASSERT_EQ(::chmod(path.c_str(), 0), 0);
    EXPECT_THAT(error_of(path), HasSubstr("let the user that runs the broker read the file"));
}

TEST_F(TlsFilesTest, KnowsWhoMayRead) {
    const std::string path = write_private(folder.path(), "a.pem", "content");
    ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
    const auto text = read_file("certfile", path, notes);
    ASSERT_TRUE(text);
    EXPECT_TRUE(text.value().others_may_read());
}

}  // namespace
}  // namespace vmq::transport
