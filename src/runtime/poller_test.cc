#include "runtime/poller.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>

namespace vmq::runtime {
namespace {

struct Count final : ReadyHandler {
    void on_ready(std::uint8_t) override { ++calls; }
    int calls = 0;
};

TEST(Poller, WakesTheAsioLoopOnceSomethingIsReady) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    boost::asio::io_context io(1);
    Poller poller(io);
    Count count;
    ASSERT_TRUE(poller.add(ends[0], count, ReadyHandler::kReadable));
    poller.arm();
    EXPECT_EQ(io.poll(), 0U);
    EXPECT_EQ(poller.dispatch(), 0);
    ASSERT_EQ(::write(ends[1], "x", 1), 1);
    EXPECT_EQ(io.run_one(), 1U);
    EXPECT_EQ(poller.dispatch(), 1);
    EXPECT_EQ(count.calls, 1);
    // Still ready: arming again wakes at once.
    io.restart();
    poller.arm();
    EXPECT_EQ(io.run_one(), 1U);
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST(Poller, RefusesADescriptorThatIsNotOpen) {
    boost::asio::io_context io(1);
    Poller poller(io);
    Count count;
    EXPECT_FALSE(poller.add(-1, count, ReadyHandler::kReadable));
}

}  // namespace
}  // namespace vmq::runtime
