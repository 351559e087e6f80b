#include "cluster/connector.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "cluster/link_fixture.h"
#include "runtime/work_queue.h"

namespace vmq::cluster {
namespace {

using ::testing::HasSubstr;
using testing::kPatience;
using testing::listen_on;
using testing::News;
using testing::ThreadedNode;

/// A Connector on a loop of its own; the test hears what it tells.
class ConnectorTest : public ::testing::Test, public ConnectorHandler {
protected:
    ~ConnectorTest() override {
        node_.run([this] {
            connector_.reset();
            connections_.clear();
        });
    }

    void dial(const std::string& host, std::uint16_t port) {
        node_.run([&] {
            connector_ = std::make_unique<Connector>(node_.loop, *this, settings_, 7);
            connector_->dial(host, port);
        });
    }
    /// The next thing told.
    std::string told() { return news_.next(); }

    void on_connected(Connector& /*connector*/, int fd, transport::PeerAddress address) override {
        connections_.push_back(std::make_unique<Descriptor>(fd));
        news_.tell("connected to " + address.address + " " + std::to_string(address.port));
    }
    void on_dial_failed(Connector& /*connector*/, const std::string& why) override {
        news_.tell(why);
    }

    DialSettings settings_;
    News news_;
    std::vector<std::unique_ptr<Descriptor>> connections_;
    std::unique_ptr<Connector> connector_;
    ThreadedNode node_{"a@host", 1};
};

TEST_F(ConnectorTest, ConnectsToAnAddress) {
    const auto [fd, port] = listen_on("127.0.0.1");
    const Descriptor listener(fd);
    dial("127.0.0.1", port);
    EXPECT_EQ(told(), "connected to 127.0.0.1 " + std::to_string(port));
    node_.run([this] {
        EXPECT_EQ(connector_->stage(), ConnectorPlan::Stage::Connected);
        // It does not block.
        EXPECT_NE(::fcntl(connections_[0]->get(), F_GETFL) & O_NONBLOCK, 0);
    });
    const int accepted = ::accept(fd, nullptr, nullptr);
    EXPECT_GE(accepted, 0);
    ::close(accepted);
}

TEST_F(ConnectorTest, ConnectsOverIpv6) {
    if (const Descriptor probe(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
        probe.get() < 0) {
        GTEST_SKIP() << "no IPv6";
    }
    const auto [fd, port] = listen_on("::1");
    const Descriptor listener(fd);
    dial("::1", port);
    EXPECT_EQ(told(), "connected to ::1 " + std::to_string(port));
}

TEST_F(ConnectorTest, TriesTheAddressesOfAName) {
    const auto [fd, port] = listen_on("127.0.0.1");
    const Descriptor listener(fd);
    dial("localhost", port);  // often ::1 as well, where nobody listens
    EXPECT_EQ(told(), "connected to 127.0.0.1 " + std::to_string(port));
}

TEST_F(ConnectorTest, GoesOnUntilSomebodyListens) {
    std::uint16_t port = 0;
    {
        const auto [fd, free_port] = listen_on("127.0.0.1");
        const Descriptor brief(fd);
        port = free_port;
    }
    dial("127.0.0.1", port);
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(told(), "127.0.0.1:" + std::to_string(port) +
                              " refuses connections: see that the node runs and has its "
                              "clustering listener there");
    }
    transport::ListenOptions options;
    options.address = "127.0.0.1";
    options.port = port;
    auto opened = transport::open_listeners(options, 1);
    ASSERT_TRUE(opened) << opened.error().detail;
    const Descriptor listener(opened.value()[0]);
    std::string news = told();
    while (news.find("refuses") != std::string::npos) news = told();
    EXPECT_EQ(news, "connected to 127.0.0.1 " + std::to_string(port));
}

TEST_F(ConnectorTest, DialsAgainWhenTheConnectionHasEnded) {
    const auto [fd, port] = listen_on("127.0.0.1");
    const Descriptor listener(fd);
    dial("127.0.0.1", port);
    const std::string connected = "connected to 127.0.0.1 " + std::to_string(port);
    EXPECT_EQ(told(), connected);
    node_.run([this] { connector_->connection_ended(true); });
    EXPECT_EQ(told(), connected);
    node_.run([this] { EXPECT_EQ(connections_.size(), 2U); });
}

TEST_F(ConnectorTest, ANameThatDoesNotExistIsNamed) {
    const std::string name(70, 'x');
    dial(name, 44'053);
    EXPECT_THAT(told(), HasSubstr("the name " + name + " gives no address ("));
}

TEST_F(ConnectorTest, ANameServerThatDoesNotAnswerIsNotAskedAgainMeanwhile) {
    const auto [fd, port] = listen_on("127.0.0.1");
    const Descriptor listener(fd);
    // Outlives the thread that asks, as everything it uses must.
    const auto questions = std::make_shared<runtime::WorkQueue<std::string>>();
    const auto silence = std::make_shared<runtime::WorkQueue<int>>();
    const auto resolve = [questions, silence](const std::string& host, std::uint16_t at,
                                              boost::system::error_code&) {
        questions->push(host);
        std::vector<int> nothing;
        (void)silence->take(nothing, kPatience);  // until it is closed
        return runtime::NameLookup::Addresses::create(
            {boost::asio::ip::make_address("127.0.0.1"), at}, host, "");
    };
    settings_.attempt_limit = Millis(100);
    const std::uint16_t there = port;
    node_.run([&] {
        connector_ = std::make_unique<Connector>(node_.loop, *this, settings_, 7, resolve);
        connector_->dial("slow.example.org", there);
    });
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(told(),
                  "the name slow.example.org was not looked up in time: see to the name server");
    }
    std::vector<std::string> asked;
    ASSERT_TRUE(questions->take(asked, kPatience));
    EXPECT_EQ(asked.size(), 1U);
    silence->close();
    std::string news = told();
    while (news.find("in time") != std::string::npos) news = told();
    EXPECT_EQ(news, "connected to 127.0.0.1 " + std::to_string(port));
}

TEST_F(ConnectorTest, AnAddressThatDoesNotAnswerHasItsTime) {
    // The system answers no more connections than fit into the backlog.
    const auto [fd, port] = listen_on("127.0.0.1", 0);
    const Descriptor listener(fd);
    std::vector<std::unique_ptr<Descriptor>> fillers;
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    ASSERT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
    for (int i = 0; i < 4; ++i) {
        fillers.push_back(std::make_unique<Descriptor>(
            ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)));
        (void)::connect(fillers.back()->get(), reinterpret_cast<sockaddr*>(&address), size);
    }
    settings_.attempt_limit = Millis(200);
    dial("127.0.0.1", port);
    EXPECT_EQ(told(), "127.0.0.1:" + std::to_string(port) +
                          " does not answer: see that the machine runs and that no firewall is in "
                          "between");
}

TEST_F(ConnectorTest, AnotherTargetReplacesTheOneBefore) {
    const auto [fd, port] = listen_on("127.0.0.1");
    const Descriptor listener(fd);
    const std::uint16_t there = port;
    node_.run([&] {
        connector_ = std::make_unique<Connector>(node_.loop, *this, settings_, 7);
        connector_->dial(std::string(70, 'x'), 1);
        connector_->dial("127.0.0.1", there);
    });
    EXPECT_EQ(told(), "connected to 127.0.0.1 " + std::to_string(port));
}

TEST_F(ConnectorTest, MayStopAndGoAtAnyStage) {
    const auto [fd, port] = listen_on("127.0.0.1");
    const Descriptor listener(fd);
    for (int i = 0; i < 20; ++i) {
        dial(i % 2 == 0 ? "127.0.0.1" : "localhost", port);
        node_.run([this] { connector_.reset(); });
    }
    dial("127.0.0.1", port);
    EXPECT_THAT(told(), HasSubstr("connected to 127.0.0.1"));
}

TEST_F(ConnectorTest, DialsNoMoreOnceTheOtherEndHas) {
    const auto [fd, port] = listen_on("127.0.0.1");
    const Descriptor listener(fd);
    const std::uint16_t there = port;
    node_.run([&] {
        connector_ = std::make_unique<Connector>(node_.loop, *this, settings_, 7);
        connector_->dial("127.0.0.1", there);
        connector_->take_link();
        EXPECT_EQ(connector_->stage(), ConnectorPlan::Stage::Connected);
        connector_->connection_ended(true);
    });
    EXPECT_EQ(told(), "connected to 127.0.0.1 " + std::to_string(port));
    node_.run([this] { EXPECT_EQ(connections_.size(), 1U); });
}

}  // namespace
}  // namespace vmq::cluster
