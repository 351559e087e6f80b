#include "vernemq/control.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace vmq::launcher {
namespace {

namespace fs = std::filesystem;

class Control : public ::testing::Test {
protected:
    Control() : folder_(fs::temp_directory_path() / ("vmq_control_" + std::to_string(::getpid()))) {
        ::setenv("VERNEMQ_RUN_DIR", folder_.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
    }
    void TearDown() override { fs::remove_all(folder_); }

    const fs::path folder_;
};

TEST_F(Control, PathsDependOnTheFileAndNotOnHowItIsWritten) {
    const auto path = [](const char* file) { return control_paths(std::string(file))[0].socket; };
    EXPECT_EQ(path("/a/b.conf"), path("/a/x/../b.conf"));
    EXPECT_NE(path("/a/b.conf"), path("/a/c.conf"));
    EXPECT_EQ(path("/etc/vernemq/vernemq.conf"), (folder_ / "vernemq.ctl").string());
    EXPECT_EQ(control_paths(std::nullopt)[0].pid_file, (folder_ / "vernemq.pid").string());
}

TEST_F(Control, ASecondBrokerOfTheSameFileIsRefused) {
    auto first = ControlServer::claim("a.conf");
    ASSERT_TRUE(first) << first.error().detail;
    EXPECT_EQ(ControlServer::claim("a.conf").error().code, ErrorCode::AddressInUse);
    EXPECT_TRUE(ControlServer::claim("b.conf"));
}

TEST_F(Control, FilesAreGoneAfterwards) {
    const auto paths = control_paths("a.conf")[0];
    {
        const auto server = ControlServer::claim("a.conf");
        ASSERT_TRUE(server);
        EXPECT_TRUE(fs::exists(paths.pid_file));
        EXPECT_EQ(fs::status(paths.socket).permissions(),
                  fs::perms::owner_read | fs::perms::owner_write);
    }
    EXPECT_FALSE(fs::exists(paths.pid_file));
    EXPECT_FALSE(fs::exists(paths.socket));
}

TEST_F(Control, WhatACrashLeftBehindDoesNotHinder) {
    const auto paths = control_paths("a.conf")[0];
    fs::create_directories(folder_);
    std::ofstream(paths.pid_file) << "1\n";
    std::ofstream(paths.socket) << "";
    EXPECT_FALSE(ControlClient("a.conf").connected());
    EXPECT_TRUE(ControlServer::claim("a.conf"));
}

}  // namespace
}  // namespace vmq::launcher
