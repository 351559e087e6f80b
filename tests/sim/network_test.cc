#include "sim/network.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

namespace vmq::sim {
namespace {

class NetworkTest : public ::testing::Test {
protected:
    NetworkTest() {
        network.host(1).accept = [this](int fd, const transport::PeerAddress&) { other = fd; };
        own = network.open(0, Network::address_of(1));
        run();
    }
    ~NetworkTest() override {
        ::close(own);
        ::close(other);
    }
    void run(Millis time = Millis(50)) {
        const TimePoint end = world.now + time;
        while (world.now < end) {
            (void)network.carry(0);
            (void)network.carry(1);
            world.now += Millis(1);
            world.run_events();
        }
    }
    static std::string read(int fd) {
        std::array<char, 100> buffer{};
        const ssize_t size = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (size < 0) return "nothing";
        return size == 0 ? "end" : std::string(buffer.data(), static_cast<std::size_t>(size));
    }
    static void write(int fd, std::string_view text) {
        ASSERT_EQ(::send(fd, text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }

    World world{1};
    Network network{world, 2};
    int own = -1;
    int other = -1;
};

TEST_F(NetworkTest, BytesArriveInOrderBothWays) {
    ASSERT_GE(other, 0);
    write(own, "one ");
    run(Millis(1));
    write(own, "two");
    write(other, "back");
    run();
    EXPECT_EQ(read(other), "one two");
    EXPECT_EQ(read(own), "back");
    ::shutdown(own, SHUT_WR);
    run();
    EXPECT_EQ(read(other), "end");
    EXPECT_EQ(network.connections(), 1U);
    ::shutdown(other, SHUT_WR);
    run();
    EXPECT_EQ(network.connections(), 0U);
}

TEST_F(NetworkTest, WhereOneDirectionIsCutItsBytesWait) {
    network.set_cut(0, 1, true);
    write(own, "there");
    write(other, "back");
    run();
    EXPECT_EQ(read(other), "nothing");
    EXPECT_EQ(read(own), "back");
    network.set_cut(0, 1, false);
    run();
    EXPECT_EQ(read(other), "there");
}

TEST_F(NetworkTest, AResetAndADeadHostEndConnections) {
    network.reset(0, 1, 1);
    EXPECT_EQ(read(own), "end");
    EXPECT_EQ(network.connections(), 0U);
    const int second = network.open(0, Network::address_of(1));
    const int first_other = other;
    run();
    network.kill(1);
    run();
    EXPECT_EQ(read(second), "end");
    network.host(1).accept = {};
    const int third = network.open(0, Network::address_of(1));
    run();
    EXPECT_EQ(read(third), "end") << "nobody listens";
    for (const int fd : {second, third, first_other}) ::close(fd);
}

}  // namespace
}  // namespace vmq::sim
