#include "logging/console.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <string>

#include "runtime/work_queue.h"

namespace vmq::logging {
namespace {

class ConsoleTest : public ::testing::Test {
protected:
    ConsoleTest() {
        EXPECT_EQ(::pipe2(ends_.data(), O_CLOEXEC), 0);
        (void)::fcntl(ends_[0], F_SETFL, O_NONBLOCK);
        (void)::fcntl(ends_[0], F_SETPIPE_SZ, 4096);
    }
    ~ConsoleTest() override {
        ::close(ends_[0]);
        ::close(ends_[1]);
    }
    ConsoleTest(const ConsoleTest&) = delete;
    ConsoleTest& operator=(const ConsoleTest&) = delete;

    std::string read_all() {
        std::string all;
        std::array<char, 4096> piece{};
        for (ssize_t got = 0; (got = ::read(ends_[0], piece.data(), piece.size())) > 0;) {
            all.append(piece.data(), static_cast<std::size_t>(got));
        }
        return all;
    }

    std::array<int, 2> ends_{};
};

TEST_F(ConsoleTest, TakesWholeLines) {
    Console console(ends_[1]);
    EXPECT_EQ(console.write("a\nb\n", 2), 0U);
    EXPECT_EQ(read_all(), "a\nb\n");
}

TEST_F(ConsoleTest, APipeThatNobodyReadsCostsLinesNotTime) {
    Console console(ends_[1]);
    std::string lines;
    for (int i = 0; i < 2000; ++i) lines += "line\n";
    const std::size_t lost = console.write(lines, 2000);
    EXPECT_GT(lost, 0U);
    EXPECT_EQ(console.write("lost\n", 1), 1U);
    const std::string text = read_all();
    EXPECT_LE(std::count(text.begin(), text.end(), '\n'), static_cast<std::ptrdiff_t>(2000 - lost));
    EXPECT_EQ(console.write("read again\n", 1), 0U);
    // On a line of its own.
    EXPECT_EQ(read_all(), "\nread again\n");
}

TEST_F(ConsoleTest, OneThatIsReadSlowlyIsWaitedForASecondInAll) {
    std::string lines;
    for (int i = 0; i < 20'000; ++i) lines += "line\n";
    std::atomic<bool> stop{false};
    const runtime::WorkThread reader([this, &stop] {
        std::array<char, 4096> piece{};
        while (!stop.load()) {
            (void)::read(ends_[0], piece.data(), piece.size());
            runtime::pause(Millis(200));  // never a second without progress
        }
    });
    Console console(ends_[1]);
    EXPECT_GT(console.write(lines, 20'000), 0U);
    stop.store(true);
}

}  // namespace
}  // namespace vmq::logging
