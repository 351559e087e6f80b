#include "logging/syslog_sender.h"

#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/local/datagram_protocol.hpp>
#include <boost/asio/read.hpp>
#include <string>

#include "support/temporary_folder.h"

namespace vmq::logging {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;
using Protocol = SyslogTarget::Protocol;

std::unique_ptr<SyslogSender> sender(Protocol protocol, std::string host, std::uint16_t port,
                                     bool counted = true) {
    SyslogTarget target;
    target.protocol = protocol;
    target.host = std::move(host);
    target.port = port;
    target.counted = counted;
    auto started = SyslogSender::start(std::move(target));
    EXPECT_TRUE(started);
    return std::move(started).value();
}

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
    TcpServer server;
    const auto stream = sender(Protocol::Tcp, "127.0.0.1", server.port());
    EXPECT_TRUE(stream->send("first"));
    EXPECT_EQ(server.read(7), "5 first");
    server.drop();
    EXPECT_TRUE(stream->send("lost or not"));
    EXPECT_TRUE(stream->send("after"));
    std::string all;
    while (!all.ends_with("5 after")) all += server.read(1);
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
