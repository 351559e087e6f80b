#include "broker/broker.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/limits.h"

namespace vmq::broker {
namespace {

using namespace std::string_view_literals;

constexpr Millis kPatience{10'000};

BrokerOptions on_port(std::uint16_t port, std::uint32_t shards = 2) {
    BrokerOptions options;
    options.shards = shards;
    ListenerOptions listener;
    listener.name = "test";
    listener.tcp.address = "127.0.0.1";
    listener.tcp.port = port;
    listener.policy.allow_anonymous = true;
    options.listeners.push_back(std::move(listener));
    return options;
}

/// A blocking client; what does not come within kPatience does not come.
class Peer final {
public:
    explicit Peer(const Broker& broker) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(broker.listeners().front()->port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    }
    ~Peer() { ::close(fd_); }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    [[nodiscard]] bool connected() const noexcept { return connected_; }
    void send(std::string_view bytes) {
        (void)::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
    /// Reads until `count` bytes have come or the stream has ended.
    std::string receive(std::size_t count) {
        std::string got;
        while (got.size() < count) {
            pollfd ready{fd_, POLLIN, 0};
            if (::poll(&ready, 1, static_cast<int>(kPatience.count())) <= 0) break;
            std::array<char, 4096> buffer;
            const ssize_t size =
                ::recv(fd_, buffer.data(), std::min(buffer.size(), count - got.size()), 0);
            if (size <= 0) break;
            got.append(buffer.data(), static_cast<std::size_t>(size));
        }
        return got;
    }
    /// A whole packet with a one-byte length.
    std::string receive_packet() {
        std::string header = receive(2);
        if (header.size() < 2) return header;
        return header + receive(static_cast<unsigned char>(header[1]));
    }

private:
    int fd_;
    bool connected_ = false;
};

std::string connect_as(char id) {
    std::string packet("\x10\x0E\0\x04MQTT\x05\x02\0\0\0\0\x01"sv);
    return packet + id;
}

TEST(BrokerShards, DeliversBetweenItsShardsAndSaysGoodByeWhenStopped) {
    Broker broker(on_port(0));
    ASSERT_TRUE(broker.start());
    ASSERT_NE(broker.listeners().front()->port, 0);
    EXPECT_EQ(broker.shard_count(), 2U);
    std::vector<std::unique_ptr<Peer>> peers;
    for (char id = 'a'; id < 'i'; ++id) {
        peers.push_back(std::make_unique<Peer>(broker));
        ASSERT_TRUE(peers.back()->connected());
        peers.back()->send(connect_as(id));
        peers.back()->send("\x82\x07\0\x01\0\0\x01t\x01"sv);  // SUBSCRIBE t, QoS 1
        EXPECT_EQ(peers.back()->receive_packet().substr(0, 1), "\x20"sv);
        EXPECT_EQ(peers.back()->receive_packet(), "\x90\x04\0\x01\0\x01"sv);
    }
    peers.front()->send("\x32\x07\0\x01t\0\x07\0x"sv);  // PUBLISH t, QoS 1, "x"
    for (std::size_t i = 1; i < peers.size(); ++i) {
        EXPECT_EQ(peers[i]->receive_packet(), "\x32\x07\0\x01t\0\x01\0x"sv);
    }
    const auto started = steady_now();
    broker.stop();
    EXPECT_LT(steady_now() - started, Seconds(5));
    EXPECT_EQ(peers.back()->receive_packet().substr(0, 1), "\xE0"sv);
    for (std::size_t i = 1; i + 1 < peers.size(); ++i) {
        EXPECT_EQ(peers[i]->receive(3).substr(0, 1), "\xE0"sv);  // DISCONNECT [v5 3.14.2.1]
    }
}

TEST(BrokerShards, StopTellsTheReason) {
    Broker broker(on_port(0, 1));
    ASSERT_TRUE(broker.start());
    Peer peer(broker);
    peer.send(connect_as('a'));
    EXPECT_EQ(peer.receive_packet().substr(0, 1), "\x20"sv);
    broker.stop();
    const std::string packet = peer.receive_packet();
    ASSERT_GE(packet.size(), 3U);
    EXPECT_EQ(packet[0], '\xE0');
    EXPECT_EQ(packet[2], '\x8B');
    EXPECT_EQ(peer.receive(1), "");
}

TEST(BrokerShards, ASecondBrokerOnTheSamePortFailsAndNamesTheListener) {
    Broker first(on_port(0));
    ASSERT_TRUE(first.start());
    Broker second(on_port(first.listeners().front()->port));
    const auto started = second.start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, ErrorCode::AddressInUse);
    EXPECT_NE(started.error().detail.find("listener.tcp.test"), std::string::npos);
    Peer peer(first);  // the first is not disturbed
    peer.send(connect_as('a'));
    EXPECT_EQ(peer.receive_packet().substr(0, 1), "\x20"sv);
}

TEST(BrokerShards, WithoutAStartThereIsNothingToStop) {
    Broker broker(on_port(0));
    broker.stop();
}

TEST(BrokerShards, StopWaitsNoLongerThanItsPatienceForAClientThatStays) {
    Broker broker(on_port(0));
    ASSERT_TRUE(broker.start());
    Peer peer(broker);
    ASSERT_TRUE(peer.connected());
    peer.send("\x10\x0d\0\x04MQTT\x05\x02\0\x3c\0\0\0"sv);
    ASSERT_EQ(peer.receive_packet().front(), '\x20');
    const TimePoint before = steady_now();
    broker.stop(Millis(50));
    // Waiting for the peer to close would take kCloseTimeout.
    EXPECT_LT(steady_now() - before, kCloseTimeout);
}

}  // namespace
}  // namespace vmq::broker
