#include "logging/syslog_sender.h"

#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/local/datagram_protocol.hpp>
#include <boost/asio/read.hpp>
#include <latch>
#include <string>
#include <vector>

#include "base/log.h"
#include "runtime/guarded.h"
#include "runtime/work_queue.h"
#include "support/temporary_folder.h"

namespace vmq::logging {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;
using Protocol = SyslogTarget::Protocol;

std::unique_ptr<SyslogSender> sender(Protocol protocol, std::string host, std::uint16_t port,
                                     bool counted = true, SyslogPatience patience = {}) {
    SyslogTarget target;
    target.protocol = protocol;
    target.host = std::move(host);
    target.port = port;
    target.counted = counted;
    auto started = SyslogSender::start(std::move(target), patience);
    EXPECT_TRUE(started);
    return std::move(started).value();
}

constexpr Millis kForLong = std::chrono::hours(1);

/// Lines of the log.
class Said final : public log::Output {
public:
    Said() { log::set_output(this); }
    ~Said() override { log::set_output(nullptr); }
    Said(const Said&) = delete;
    Said& operator=(const Said&) = delete;
    void write(const log::Line& line) noexcept override {
        lines_.with([&](auto& lines) { lines.emplace_back(line.text); });
    }
    std::vector<std::string> lines() {
        return lines_.with([](const auto& lines) { return lines; });
    }
    std::vector<std::string> wait_for(std::size_t count) {
        while (lines().size() < count) runtime::pause(Millis(1));
        return lines();
    }

private:
    runtime::Guarded<std::vector<std::string>> lines_;
};

class TcpServer {
public:
    std::uint16_t port() { return acceptor_.local_endpoint().port(); }
    std::string read(std::size_t size) {
        if (!socket_.is_open()) socket_ = acceptor_.accept();
        std::string text(size, '\0');
        asio::read(socket_, asio::buffer(text));
        return text;
    }
    void drop() { socket_.close(); }
    /// Takes a connection and closes it at once, as a balancer without servers does; what came.
    std::string take_and_drop() {
        socket_ = acceptor_.accept();
        socket_.shutdown(tcp::socket::shutdown_send);
        std::string all;
        boost::system::error_code end;
        asio::read(socket_, asio::dynamic_buffer(all), end);
        socket_.close();
        return all;
    }

private:
    asio::io_context io_;
    tcp::acceptor acceptor_{io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
    tcp::socket socket_{io_};
};

TEST(SyslogSender, CountsMessagesOfAStreamOrEndsThem) {
    TcpServer server;
    {
        const auto counted = sender(Protocol::Tcp, "127.0.0.1", server.port());
        EXPECT_TRUE(counted->send("first"));
        EXPECT_TRUE(counted->send("second one"));
        EXPECT_EQ(server.read(20), "5 first10 second one");
    }
    server.drop();
    const auto lines = sender(Protocol::Tcp, "127.0.0.1", server.port(), false);
    EXPECT_TRUE(lines->send("first"));
    EXPECT_EQ(server.read(6), "first\n");
}

TEST(SyslogSender, GoesOnWhenTheServerIsBack) {
    Said said;
    TcpServer server;
    const auto stream = sender(Protocol::Tcp, "127.0.0.1", server.port(), true,
                               {Millis(10), Millis(40), Millis(50)});
    EXPECT_TRUE(stream->send("first"));
    EXPECT_EQ(server.read(7), "5 first");
    server.drop();
    EXPECT_TRUE(stream->send("lost or not"));
    EXPECT_NE(said.wait_for(1)[0].find("cannot be reached"), std::string::npos);
    EXPECT_TRUE(stream->send("after"));
    std::string all;
    while (!all.ends_with("5 after")) all += server.read(1);
}

TEST(SyslogSender, ABalancerWithoutServersIsOneLineAndGetsOneMessage) {
    Said said;
    TcpServer server;
    const auto start = steady_now();
    const auto stream =
        sender(Protocol::Tcp, "127.0.0.1", server.port(), true, {Millis(10), Millis(40), kForLong});
    EXPECT_TRUE(stream->send("lost or not"));
    (void)server.take_and_drop();
    EXPECT_TRUE(stream->send("waits"));
    std::string got;
    for (int i = 0; i < 5; ++i) got += server.take_and_drop();
    EXPECT_EQ(got.find("waits"), std::string::npos);
    EXPECT_GE(steady_now() - start, Millis(10 + 20 + 40 + 40 + 40));  // less and less often
    const auto lines = said.lines();
    ASSERT_EQ(lines.size(), 1U) << lines.back();
    EXPECT_NE(lines[0].find("cannot be reached"), std::string::npos);
}

TEST(SyslogSender, AStreamWorksAgainWhenItHasLasted) {
    Said said;
    TcpServer server;
    const auto stream = sender(Protocol::Tcp, "127.0.0.1", server.port(), true,
                               {Millis(10), Millis(40), Millis(100)});
    (void)server.take_and_drop();
    EXPECT_TRUE(stream->send("waits"));
    EXPECT_EQ(server.read(7), "5 waits");
    EXPECT_NE(said.wait_for(2)[1].find("takes messages again"), std::string::npos);
}

TEST(SyslogSender, ARefusedDatagramIsOneLineAndNoMoreAreLost) {
    Said said;
    asio::io_context io;
    const udp::endpoint anywhere(asio::ip::address_v4::loopback(), 0);
    const auto port = udp::socket(io, anywhere).local_endpoint().port();
    const auto datagrams =
        sender(Protocol::Udp, "127.0.0.1", port, true, {Millis(1), Millis(4), kForLong});
    EXPECT_TRUE(datagrams->send("lost"));
    EXPECT_NE(said.wait_for(1)[0].find("cannot be reached"), std::string::npos);
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(datagrams->send(std::to_string(i)));
    udp::socket server(io, udp::endpoint(anywhere.address(), port));
    std::string got(100, ' ');
    EXPECT_EQ(server.receive(asio::buffer(got)), 1U);
    EXPECT_EQ(got[0], '0');
    EXPECT_EQ(datagrams->lost(), 1U);
    EXPECT_EQ(said.lines().size(), 1U);
    EXPECT_EQ(server.available(), 0U);  // the others wait until it works
}

TEST(SyslogSender, DatagramsWorkAgainWhenNobodyRefusesThemForAWhile) {
    Said said;
    asio::io_context io;
    const udp::endpoint anywhere(asio::ip::address_v4::loopback(), 0);
    const auto port = udp::socket(io, anywhere).local_endpoint().port();
    const auto datagrams =
        sender(Protocol::Udp, "127.0.0.1", port, true, {Millis(1), Millis(4), Millis(100)});
    EXPECT_TRUE(datagrams->send("lost"));
    (void)said.wait_for(1);
    udp::socket server(io, udp::endpoint(anywhere.address(), port));
    EXPECT_TRUE(datagrams->send("1"));
    EXPECT_TRUE(datagrams->send("2"));
    std::string got(100, ' ');
    EXPECT_EQ(server.receive(asio::buffer(got)), 1U);
    EXPECT_EQ(server.receive(asio::buffer(got)), 1U);
    EXPECT_EQ(got[0], '2');
    EXPECT_NE(said.wait_for(2)[1].find("takes messages again"), std::string::npos);
}

TEST(SyslogSender, ItsEndWaitsForNoNameServer) {
    struct Latches {
        std::latch begun{1}, go{1}, done{1};
    };
    const auto latches = std::make_shared<Latches>();
    SyslogTarget target;
    target.protocol = Protocol::Udp;
    target.host = "log.example";
    {
        auto started =
            SyslogSender::start(target, {}, [latches](const std::string&, std::uint16_t, auto&) {
                latches->begun.count_down();
                latches->go.wait();
                latches->done.count_down();
                return runtime::NameLookup::Addresses();
            });
        ASSERT_TRUE(started);
        EXPECT_TRUE(started.value()->send("x"));
        latches->begun.wait();
    }
    latches->go.count_down();
    latches->done.wait();
}

TEST(SyslogSender, SendsDatagrams) {
    asio::io_context io;
    udp::socket server(io, udp::endpoint(asio::ip::address_v4::loopback(), 0));
    const auto datagrams = sender(Protocol::Udp, "127.0.0.1", server.local_endpoint().port());
    EXPECT_TRUE(datagrams->send("one"));
    EXPECT_TRUE(datagrams->send(std::string(SyslogSender::kLongestMessage + 1, 'x')));
    std::string got(65'536, ' ');
    EXPECT_EQ(server.receive(asio::buffer(got)), 3U);
    EXPECT_EQ(got.substr(0, 3), "one");
    EXPECT_EQ(server.receive(asio::buffer(got)), SyslogSender::kLongestMessage);
}

TEST(SyslogSender, SpeaksToTheSocketOfThisMachine) {
    const testing::TemporaryFolder folder;
    const std::string path = folder.path() + "/log";
    asio::io_context io;
    asio::local::datagram_protocol::socket server(io,
                                                  asio::local::datagram_protocol::endpoint(path));
    const auto local = sender(Protocol::Local, path, 0);
    EXPECT_TRUE(local->send("one"));
    std::string got(100, ' ');
    EXPECT_EQ(server.receive(asio::buffer(got)), 3U);
}

TEST(SyslogSender, HoldsSoMuchAndNoMore) {
    const testing::TemporaryFolder folder;
    const auto nowhere = sender(Protocol::Local, folder.path() + "/nobody", 0);
    const std::string message(SyslogSender::kLongestMessage, 'x');
    const std::size_t most = SyslogSender::kMostWaiting / message.size();
    for (std::size_t i = 0; i < most; ++i) ASSERT_TRUE(nowhere->send(message)) << i;
    EXPECT_FALSE(nowhere->send("x"));
}

}  // namespace
}  // namespace vmq::logging
