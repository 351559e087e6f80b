#include "vmq-admin/interruption.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <csignal>

namespace vmq::admin_tool {
namespace {

class Pipe final {
public:
    Pipe() { EXPECT_EQ(::pipe2(ends_.data(), O_CLOEXEC), 0); }
    ~Pipe() {
        ::close(ends_[0]);
        close_writer();
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    [[nodiscard]] int reader() const { return ends_[0]; }
    void write() const { EXPECT_EQ(::write(ends_[1], "x", 1), 1); }
    void close_writer() {
        if (ends_[1] >= 0) ::close(ends_[1]);
        ends_[1] = -1;
    }

private:
    std::array<int, 2> ends_{-1, -1};
};

TEST(Interruption, WhatIsThereToReadIsNone) {
    const Pipe socket;
    const Pipe input;
    Interruption interruption(input.reader());
    socket.write();
    EXPECT_TRUE(interruption.wait_for(socket.reader()));
    input.write();  // thrown away
    EXPECT_TRUE(interruption.wait_for(socket.reader()));
}

TEST(Interruption, EachSignalIsOneAndTheProcessLives) {
    const Pipe socket;
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        Interruption interruption(-1);
        ::raise(signal);
        EXPECT_FALSE(interruption.wait_for(socket.reader())) << signal;
    }
}

TEST(Interruption, TheEndOfTheInputIsOne) {
    const Pipe socket;
    Pipe input;
    Interruption interruption(input.reader());
    input.close_writer();
    EXPECT_FALSE(interruption.wait_for(socket.reader()));
}

TEST(Interruption, AFileThatEndsIsNone) {
    const Pipe socket;
    socket.write();
    const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    Interruption interruption(null);
    EXPECT_TRUE(interruption.wait_for(socket.reader()));
    ::close(null);
}

}  // namespace
}  // namespace vmq::admin_tool
