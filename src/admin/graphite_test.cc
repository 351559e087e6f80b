#include "admin/graphite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <string>

#include "admin/view_sample.h"

namespace vmq::admin {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(GraphiteLines, HaveTheSumOfASeriesUnderItsWords) {
    const std::string lines = graphite_lines(sample_metrics(), {}, 1'700'000'000);
    EXPECT_THAT(lines, StartsWith("socket.open 9 1700000000\n"));
    EXPECT_THAT(lines, HasSubstr("\nmqtt.publish.received 120 1700000000\n"));
    EXPECT_THAT(lines, HasSubstr("\nshard.turn.microseconds.bucket.inf 6 1700000000\n"));
    EXPECT_THAT(lines, Not(HasSubstr("mqtt_version")));
}

TEST(GraphiteLines, BeginWithTheKeyAndThePrefix) {
    config::GraphiteSettings settings;
    settings.graphite_prefix = "test.node";
    EXPECT_THAT(graphite_lines(sample_metrics(), settings, 1),
                StartsWith("test.node.socket.open 9 1\n"));
    settings.graphite_api_key = "key";
    EXPECT_THAT(graphite_lines(sample_metrics(), settings, 1),
                StartsWith("key.test.node.socket.open 9 1\n"));
}

TEST(GraphiteLines, LabelsArePartOfThePathIfWanted) {
    config::GraphiteSettings settings;
    settings.graphite_include_labels = true;
    metrics::Snapshot snapshot = sample_metrics();
    snapshot[0].labels = {{"listener", "my own.one\n"}};
    const std::string lines = graphite_lines(snapshot, settings, 1);
    EXPECT_THAT(lines, HasSubstr("\nmqtt.publish.received 120 1\n"));
    EXPECT_THAT(lines, HasSubstr("\nmqtt.publish.received.mqtt_version_4 100 1\n"));
    EXPECT_THAT(lines, HasSubstr("\nsocket.open.listener_my_own_one_ 9 1\n"));
}

class GraphiteSenderShards : public ::testing::Test {
protected:
    GraphiteSenderShards() {
        collector_.add([](metrics::Snapshot& snapshot) {
            metrics::Sample& sample = snapshot.emplace_back();
            sample.name = "socket_open";
            sample.value = 9;
        });
        settings_.graphite_enabled = true;
        settings_.graphite_host = "127.0.0.1";
        settings_.graphite_port = server_.local_endpoint().port();
        settings_.graphite_interval_ms = 5;
        settings_.graphite_reconnect_timeout_ms = 5;
    }

    /// The next line; `rest` is what came with it.
    static std::string line(tcp::socket& socket, std::string& rest) {
        const std::size_t size = asio::read_until(socket, asio::dynamic_buffer(rest), '\n');
        std::string line = rest.substr(0, size);
        rest.erase(0, size);
        return line;
    }

    asio::io_context io_;
    tcp::acceptor server_{io_, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0)};
    MetricsCollector collector_{"a@b"};
    config::GraphiteSettings settings_;
};

TEST_F(GraphiteSenderShards, SendsAtIntervalsOverOneConnection) {
    const GraphiteSender sender(settings_, collector_);
    tcp::socket socket = server_.accept();
    std::string rest;
    for (int i = 0; i < 3; ++i) EXPECT_THAT(line(socket, rest), StartsWith("socket.open 9 "));
}

TEST_F(GraphiteSenderShards, ConnectsAgainWhenTheServerHasClosed) {
    const GraphiteSender sender(settings_, collector_);
    for (int i = 0; i < 2; ++i) {
        tcp::socket socket = server_.accept();
        std::string rest;
        EXPECT_THAT(line(socket, rest), StartsWith("socket.open 9 "));
    }
}

TEST_F(GraphiteSenderShards, FindsAServerThatComesLaterAndFollowsItsSettings) {
    const auto port = settings_.graphite_port;
    server_.close();
    settings_.graphite_enabled = false;
    GraphiteSender sender(settings_, collector_);
    settings_.graphite_enabled = true;
    settings_.graphite_prefix = "later";
    sender.apply(settings_);
    tcp::acceptor late(io_, tcp::endpoint(asio::ip::make_address("127.0.0.1"), port));
    tcp::socket socket = late.accept();
    std::string rest;
    EXPECT_THAT(line(socket, rest), StartsWith("later.socket.open 9 "));
}

TEST_F(GraphiteSenderShards, EndsAtOnceWhileTheServerDoesNotRead) {
    settings_.graphite_interval_ms = 1;
    collector_.add([](metrics::Snapshot& snapshot) {
        for (int i = 0; i < 100'000; ++i) {
            snapshot.emplace_back().name = "metric_" + std::to_string(i);
        }
    });
    const GraphiteSender sender(settings_, collector_);
    tcp::socket socket = server_.accept();
    std::string rest;
    (void)line(socket, rest);
}

}  // namespace
}  // namespace vmq::admin
