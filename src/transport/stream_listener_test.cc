#include "transport/stream_listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "support/temporary_folder.h"

namespace vmq::transport {
namespace {

class Idle final : public runtime::TurnHandler {
public:
    [[nodiscard]] bool has_mail() const override { return false; }
    void on_mail() override {}
    void on_turn_end() override {}
};

/// Descriptors that are closed at the end of the test.
class Descriptors final {
public:
    Descriptors() = default;
    Descriptors(const Descriptors&) = delete;
    Descriptors& operator=(const Descriptors&) = delete;
    ~Descriptors() { close_all(); }

    void add(int fd) { fds_.push_back(fd); }
    void add(const std::vector<int>& fds) { fds_.insert(fds_.end(), fds.begin(), fds.end()); }
    void close_all() {
        for (const int fd : fds_) ::close(fd);
        fds_.clear();
    }

private:
    std::vector<int> fds_;
};

ListenOptions on(std::string address, std::uint16_t port = 0) {
    ListenOptions options;
    options.address = std::move(address);
    options.port = port;
    return options;
}

/// A socket connected to an address of any family; -1 if nobody listens.
template <typename Address>
int connected(const Address& address) {
    const auto* general = reinterpret_cast<const sockaddr*>(&address);
    const int fd = ::socket(general->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(fd, general, sizeof address) == 0) return fd;
    ::close(fd);
    return -1;
}

int connect_to(const ListenOptions& options) {
    if (options.address.find(':') != std::string::npos) {
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(options.port);
        (void)inet_pton(AF_INET6, options.address.c_str(), &v6.sin6_addr);
        const int fd = connected(v6);
        EXPECT_GE(fd, 0);
        return fd;
    }
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(options.port);
    (void)inet_pton(AF_INET, options.address.c_str(), &v4.sin_addr);
    const int fd = connected(v4);
    EXPECT_GE(fd, 0);
    return fd;
}

/// A shard that accepts; turn() lets it.
struct AcceptorLoop {
    explicit AcceptorLoop(int listening_fd)
        : acceptor(std::make_unique<Acceptor>(
              loop, listening_fd,
              [this](int fd, PeerAddress peer) {
                  accepted.add(fd);
                  peers.push_back(std::move(peer));
                  last = fd;
                  if (stop_after_first) acceptor.reset();
              },
              [this] { return peers.size() < most ? Millis(0) : Millis(50); })) {}
    void turn(TimePoint now = steady_now()) {
        Idle idle;
        loop.step(idle, now);
    }
    /// The client may know of its connection before the listening socket does.
    void turn_until_accepted(std::size_t count) {
        const TimePoint limit = steady_now() + Seconds(30);
        while (peers.size() < count && steady_now() < limit) turn();
    }

    runtime::ShardLoop loop{0};
    Descriptors accepted;
    std::vector<PeerAddress> peers;
    int last = -1;
    bool stop_after_first = false;
    std::size_t most = 1000;
    std::unique_ptr<Acceptor> acceptor;
};

/// A Unix socket in a folder of its own.
class UnixListener : public ::testing::Test {
protected:
    UnixListener() { options_.unix_path = folder_.path() + "/mqtt.sock"; }
    [[nodiscard]] unsigned mode() const {
        struct stat found{};
        EXPECT_EQ(::lstat(options_.unix_path.c_str(), &found), 0);
        return found.st_mode & 0777U;
    }
    [[nodiscard]] int connected() const {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, options_.unix_path.data(), options_.unix_path.size());
        return transport::connected(address);
    }

    vmq::testing::TemporaryFolder folder_;
    ListenOptions options_;
    Descriptors closed_;
};

TEST_F(UnixListener, ShardsAcceptFromOneSocketWithTheModeAskedFor) {
    options_.unix_mode = 0640;
    auto fds = open_listeners(options_, 2);
    ASSERT_TRUE(fds) << fds.error().detail;
    ASSERT_EQ(fds.value().size(), 2U);
    EXPECT_EQ(mode(), 0640U);
    AcceptorLoop first(fds.value()[0]);
    AcceptorLoop second(fds.value()[1]);
    for (int i = 0; i < 2; ++i) {
        const int fd = connected();
        ASSERT_GE(fd, 0);
        closed_.add(fd);
        AcceptorLoop& turn = i == 0 ? first : second;
        turn.turn_until_accepted(1);
        ASSERT_EQ(turn.peers.size(), 1U);
        EXPECT_EQ(turn.peers[0], (PeerAddress{"local", 0}));
    }
    remove_socket_file(options_);
    EXPECT_EQ(connected(), -1);
}

TEST_F(UnixListener, OneInUseIsRefusedAndOneLeftBehindReplaced) {
    auto first = open_listeners(options_, 1);
    ASSERT_TRUE(first);
    const auto second = open_listeners(options_, 1);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::AddressInUse);
    EXPECT_NE(second.error().detail.find(options_.unix_path), std::string::npos);
    ::close(first.value()[0]);  // like the end of its process: the file stays
    auto third = open_listeners(options_, 1);
    ASSERT_TRUE(third) << third.error().detail;
    closed_.add(third.value());
    const int fd = connected();
    EXPECT_GE(fd, 0);
    closed_.add(fd);
}

TEST_F(UnixListener, WhatIsNoSocketIsLeftAlone) {
    std::ofstream(options_.unix_path) << "precious";
    const auto opened = open_listeners(options_, 1);
    ASSERT_FALSE(opened);
    EXPECT_NE(opened.error().detail.find("is no socket"), std::string::npos);
    std::string kept;
    std::ifstream(options_.unix_path) >> kept;
    EXPECT_EQ(kept, "precious");
}

TEST_F(UnixListener, BadOwnersAndPathsAreSaid) {
    options_.unix_group = "no-such-group";
    auto opened = open_listeners(options_, 1);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().detail, "this machine has no group named no-such-group");
    EXPECT_EQ(connected(), -1);  // and nothing is left of it
    options_.unix_group.clear();
    options_.unix_owner = "no-such-user";
    opened = open_listeners(options_, 1);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().detail, "this machine has no user named no-such-user");
    options_.unix_owner = std::to_string(::geteuid());
    options_.unix_group = std::to_string(::getegid());
    opened = open_listeners(options_, 1);
    ASSERT_TRUE(opened) << opened.error().detail;
    closed_.add(opened.value());
    options_.unix_path = "/" + std::string(108, 'x');
    opened = open_listeners(options_, 1);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::InvalidValue);
}

TEST(TcpListener, Port0IsChosenByTheSystemAndTold) {
    auto options = on("127.0.0.1");
    auto fds = open_listeners(options, 1);
    ASSERT_TRUE(fds);
    Descriptors closed;
    closed.add(fds.value());
    EXPECT_NE(options.port, 0);
    closed.add(connect_to(options));
}

TEST(TcpListener, AnAddressInUseIsSaidClearly) {
    auto first = on("127.0.0.1");
    auto fds = open_listeners(first, 2);
    ASSERT_TRUE(fds);
    Descriptors closed;
    closed.add(fds.value());
    auto second = on("127.0.0.1", first.port);
    const auto refused = open_listeners(second, 2);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::AddressInUse);
    const std::string where = "127.0.0.1:" + std::to_string(first.port);
    EXPECT_NE(refused.error().detail.find(where), std::string::npos) << refused.error().detail;
    EXPECT_NE(refused.error().detail.find("another process"), std::string::npos);
    closed.close_all();
    auto again = open_listeners(second, 2);
    ASSERT_TRUE(again) << "the address is free again";
    closed.add(again.value());
}

TEST(TcpListener, OnlyLiteralAddressesAreTaken) {
    for (const char* address : {"localhost", "", "1.2.3", "[::1]", "::1%lo", "300.1.1.1"}) {
        auto options = on(address);
        const auto fds = open_listeners(options, 1);
        ASSERT_FALSE(fds) << address;
        EXPECT_EQ(fds.error().code, ErrorCode::InvalidValue) << address;
    }
}

TEST(TcpListener, AnAddressOfAnotherMachineIsASystemError) {
    auto options = on("192.0.2.1");
    const auto fds = open_listeners(options, 1);
    ASSERT_FALSE(fds);
    EXPECT_EQ(fds.error().code, ErrorCode::SystemError);
    EXPECT_NE(fds.error().detail.find("no interface"), std::string::npos);
}

TEST(TcpListener, IPv6LeavesTheSamePortOfIPv4Free) {
    auto six = on("::1");
    auto fds = open_listeners(six, 1);
    if (!fds) GTEST_SKIP() << "no IPv6 here: " << fds.error().detail;
    AcceptorLoop acceptor(fds.value()[0]);
    Descriptors closed;
    auto four = on("127.0.0.1", six.port);
    auto other = open_listeners(four, 1);
    if (other) closed.add(other.value());
    closed.add(connect_to(six));
    acceptor.turn_until_accepted(1);
    ASSERT_EQ(acceptor.peers.size(), 1U);
    EXPECT_EQ(acceptor.peers[0].address, "::1");
}

TEST(TcpListener, TwoShardsShareAPortAndTheConnections) {
    auto options = on("127.0.0.1");
    auto fds = open_listeners(options, 2);
    ASSERT_TRUE(fds);
    ASSERT_EQ(fds.value().size(), 2U);
    AcceptorLoop first(fds.value()[0]);
    AcceptorLoop second(fds.value()[1]);
    Descriptors clients;
    for (int i = 0; i < 100; ++i) clients.add(connect_to(options));
    const TimePoint limit = steady_now() + Seconds(30);
    while (first.peers.size() + second.peers.size() < 100 && steady_now() < limit) {
        first.turn();
        second.turn();
    }
    EXPECT_EQ(first.peers.size() + second.peers.size(), 100U);
    EXPECT_FALSE(first.peers.empty());
    EXPECT_FALSE(second.peers.empty());
}

TEST(Acceptor, HandsOverNonBlockingSocketsWithTheirPeer) {
    auto options = on("127.0.0.1");
    auto fds = open_listeners(options, 1);
    ASSERT_TRUE(fds);
    AcceptorLoop acceptor(fds.value()[0]);
    Descriptors clients;
    const int client = connect_to(options);
    clients.add(client);
    sockaddr_in own{};
    socklen_t size = sizeof own;
    ASSERT_EQ(::getsockname(client, reinterpret_cast<sockaddr*>(&own), &size), 0);
    acceptor.turn_until_accepted(1);
    ASSERT_EQ(acceptor.peers.size(), 1U);
    EXPECT_EQ(acceptor.peers[0].address, "127.0.0.1");
    EXPECT_EQ(acceptor.peers[0].port, ntohs(own.sin_port));
    EXPECT_NE(::fcntl(acceptor.last, F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(::fcntl(acceptor.last, F_GETFD) & FD_CLOEXEC, 0);
    int no_delay = 0;
    size = sizeof no_delay;
    ASSERT_EQ(::getsockopt(acceptor.last, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size), 0);
    EXPECT_NE(no_delay, 0);
}

TEST(Acceptor, LeavesConnectionsInTheBacklogWhileItIsHeld) {
    auto options = on("127.0.0.1");
    auto fds = open_listeners(options, 1);
    ASSERT_TRUE(fds);
    AcceptorLoop acceptor(fds.value()[0]);
    acceptor.most = 2;
    Descriptors clients;
    for (int i = 0; i < 5; ++i) clients.add(connect_to(options));
    acceptor.turn_until_accepted(2);
    const TimePoint later = steady_now() + Seconds(1);
    for (int i = 0; i < 10; ++i) acceptor.turn(later + Millis(50 * i));  // asks again, in vain
    EXPECT_EQ(acceptor.peers.size(), 2U);
    acceptor.most = 5;
    for (int i = 20; i < 30; ++i) acceptor.turn(later + Millis(50 * i));
    EXPECT_EQ(acceptor.peers.size(), 5U);
}

TEST(Acceptor, MayBeDestroyedByWhoeverItHandsAConnectionTo) {
    auto options = on("127.0.0.1");
    auto fds = open_listeners(options, 1);
    ASSERT_TRUE(fds);
    AcceptorLoop acceptor(fds.value()[0]);
    acceptor.stop_after_first = true;
    Descriptors clients;
    clients.add(connect_to(options));
    clients.add(connect_to(options));
    acceptor.turn_until_accepted(1);
    acceptor.turn();
    EXPECT_EQ(acceptor.peers.size(), 1U);
}

TEST(Acceptor, GoesOnAfterTheProcessRanOutOfDescriptors) {
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
    GTEST_SKIP() << "UndefinedBehaviorSanitizer itself needs descriptors to look at objects; "
                    "integration.low_file_limit asks the same of the program";
#endif
#endif
    auto options = on("127.0.0.1");
    auto fds = open_listeners(options, 1);
    ASSERT_TRUE(fds);
    AcceptorLoop acceptor(fds.value()[0]);
    Descriptors clients;
    const int client = connect_to(options);
    clients.add(client);
    // The client may know of its connection before the listening socket does.
    pollfd listening{fds.value()[0], POLLIN, 0};
    ASSERT_EQ(::poll(&listening, 1, 30'000), 1);
    const int next_free = ::dup(client);
    ASSERT_GE(next_free, 0);
    ::close(next_free);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit none{static_cast<rlim_t>(next_free), before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const TimePoint now = steady_now();
    acceptor.turn(now);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_TRUE(acceptor.peers.empty());
    for (int i = 0; i < 2; ++i) acceptor.turn(now + Seconds(1));
    EXPECT_EQ(acceptor.peers.size(), 1U);
}

}  // namespace
}  // namespace vmq::transport
