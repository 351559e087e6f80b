#include <gtest/gtest.h>

#include <memory>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "broker/trace.h"
#include "support/test_broker.h"

namespace vmq::broker {
namespace {

using vmq::testing::TestBroker;
using vmq::testing::TestClient;

/// A broker of two shards, and a trace of it.
class ConnectionTracing : public ::testing::Test {
protected:
    ConnectionTracing() : broker_({.shards = 2}) {}

    /// What shards say about connections that are there: their names.
    std::vector<std::string> begin(TraceOptions options) {
        options.rate_max = 1000;
        trace_ = std::make_shared<Trace>(std::move(options));
        const auto list = std::make_shared<const Traces>(Traces{trace_});
        std::vector<std::string> pids;
        for (ShardId id = 0; id < 2; ++id) {
            broker_.shard(id).set_traces(list);
            for (auto& pid : broker_.shard(id).begin_trace(trace_)) pids.push_back(std::move(pid));
        }
        return pids;
    }
    void end() {
        for (ShardId id = 0; id < 2; ++id) broker_.shard(id).set_traces(nullptr);
    }
    static TraceOptions of_client(std::string id) {
        TraceOptions options;
        options.client_id = std::move(id);
        return options;
    }
    /// What has come, without times.
    std::string text() {
        static const std::regex time(R"((^|\n)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ )");
        return std::regex_replace(trace_->take(0).text, time, "$1");
    }

    TestBroker broker_;
    std::shared_ptr<Trace> trace_;
};

TEST_F(ConnectionTracing, AConnectionKeepsItsNameWhenItMovesHome) {
    const std::string id = broker_.id_on(1, "c");
    EXPECT_TRUE(begin(of_client(id)).empty());
    TestClient& client = broker_.open_on(broker_.shard(0));
    client.send("CONNECT client_id=" + id);
    broker_.settle();
    client.send("PINGREQ");
    broker_.settle();
    client.drop();
    broker_.settle();
    const std::string line = "<0.1> MQTT ";
    const std::string name = "CID: \"" + id + "\" ";
    const std::string found = text();
    EXPECT_TRUE(found.starts_with("New session with PID <0.1> found for client \"" + id + "\"\n" +
                                  line + "RECV: " + name + "CONNECT(c: " + id + ", v: 5,"))
        << found;
    EXPECT_NE(found.find(line + "SEND: " + name + "CONNACK(sp: 0, rc: success(0))\n"),
              std::string::npos)
        << found;
    EXPECT_TRUE(found.ends_with(line + "RECV: " + name + "PINGREQ()\n" + line + "SEND: " + name +
                                "PINGRESP()\n<0.1> Trace session for " + id + " stopped\n"))
        << found;
}

TEST_F(ConnectionTracing, AClientThatIsThereIsFoundAtOnce) {
    TestClient& client = broker_.subscribe("v5 client_id=c", "topic=t qos=0");
    (void)broker_.connect("v5 client_id=other");
    const auto pids = begin(of_client("c"));
    ASSERT_EQ(pids.size(), 1U);
    EXPECT_EQ(text(), "");
    client.drop();  // without another word
    broker_.settle();
    EXPECT_EQ(text(), pids[0] + " Trace session for c stopped\n");
    EXPECT_TRUE(begin(of_client("nobody")).empty());
}

TEST_F(ConnectionTracing, AMountpointThatIsNotItsOwnIsNotFound) {
    (void)broker_.connect("v5 client_id=c");
    TraceOptions options = of_client("c");
    options.mountpoint = "m";
    EXPECT_TRUE(begin(options).empty());
    options.mountpoint = "";
    EXPECT_EQ(begin(options).size(), 1U);
}

TEST_F(ConnectionTracing, AReceiverIsFoundWhenItIsSentSomething) {
    (void)broker_.subscribe("v311 client_id=receiver", "topic=t qos=0");
    TestClient& sender = broker_.connect("v311 client_id=sender");
    TraceOptions options;
    options.topic = "t";
    EXPECT_TRUE(begin(options).empty());
    sender.send("PUBLISH topic=t payload=x");
    sender.send("PUBLISH topic=u payload=y");
    sender.send("PINGREQ");
    broker_.settle();
    const std::string found = text();
    EXPECT_NE(found.find("MQTT RECV: CID: \"sender\" PUBLISH(d0, q0, r0, m0, \"t\")"),
              std::string::npos)
        << found;
    EXPECT_NE(found.find("MQTT SEND: CID: \"receiver\" PUBLISH(d0, q0, r0, m0, \"t\")"),
              std::string::npos)
        << found;
    EXPECT_EQ(found.find("\"u\""), std::string::npos) << found;
    EXPECT_EQ(found.find("PING"), std::string::npos) << found;
}

TEST_F(ConnectionTracing, ARefusedConnectIsShown) {
    begin(of_client("c"));
    session::Settings settings;
    settings.max_client_id_size = 0;
    broker_.use(settings);
    TestClient& client = broker_.open();
    client.send("CONNECT client_id=c");
    broker_.settle();
    const std::string found = text();
    EXPECT_NE(found.find("CONNACK(sp: 0, rc: client_identifier_not_valid(133))"), std::string::npos)
        << found;
}

TEST_F(ConnectionTracing, NothingIsToldOnceItHasEnded) {
    TestClient& client = broker_.connect("v5 client_id=c");
    begin(of_client("c"));
    client.send("PINGREQ");
    broker_.settle();
    EXPECT_NE(text(), "");
    end();
    client.send("PINGREQ");
    broker_.settle();
    client.drop();
    broker_.settle();
    EXPECT_EQ(text(), "");
}

}  // namespace
}  // namespace vmq::broker
