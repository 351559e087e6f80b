#include "admin/status_json.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "admin/view_sample.h"

namespace vmq::admin {
namespace {

TEST(StatusJson, IsTheFormatOfVerneMQFollowedByOurFields) {
    EXPECT_EQ(
        status_json(sample_view()),
        R"([{"a@b":{"num_online":2,"num_offline":3,"msg_in":120,"msg_out":40,"queue_in":0,)"
        R"("queue_out":0,"queue_drop":11,"queue_unhandled":13,"num_subscriptions":7,)"
        R"("num_retained":3,"matches_local":0,"matches_remote":0,"version":"0.1.0",)"
        R"("mystatus":[{"a@b":true}],"listeners":[{"type":"mqtt","status":"running",)"
        R"("ip":"127.0.0.1","port":1883,"mountpoint":"","max_conns":10000,)"
        R"("name":"default","connections":2}],"uptime_s":90,"num_sessions":5,)"
        R"("retained_bytes":300,"connects":9,"connects_refused":2,"bytes_in":0,)"
        R"("bytes_out":0,"num_queued":0,"drops":{"queue_full":11,"expired":12,)"
        R"("packet_too_large":14,"offline_qos0":0,"session_ended":0,"no_subscriber":0,)"
        R"("not_authorized":0,"store_refused":0,"node_unreachable":0,"too_large_for_node":0,"netsplit":0},"drops_last_minute":{"queue_full":0,)"
        R"("expired":0,"packet_too_large":0,"offline_qos0":0,"session_ended":0,)"
        R"("no_subscriber":0,"not_authorized":0,"store_refused":0,"node_unreachable":0,"too_large_for_node":0,"netsplit":0},"alarms":[],)"
        R"("shards":[{"load":12},{"load":3}],"store":{"durability":"os",)"
        R"("bytes_on_disk":0,"refusing":false},"cluster":{"ready":true,"nodes":[]},)"
        R"("memory_bytes":0}}])");
}

TEST(StatusJson, TellsOfTheCluster) {
    auto view = sample_view();
    auto& cluster = view.node.cluster;
    cluster.ready = false;
    cluster.policy = "all";
    cluster.nodes.resize(2);
    cluster.nodes[0].name = "a@b";
    cluster.nodes[0].self = cluster.nodes[0].running = true;
    cluster.nodes[0].address = {"b", 44'053, false};
    auto& other = cluster.nodes[1];
    other.name = "c@d";
    other.address = {"d", 1, true};
    other.tls = true;
    other.since = std::chrono::system_clock::time_point(Seconds(5));
    other.waiting_bytes = 70;
    other.spooled_bytes = 9;
    other.links = 1;
    other.links_wanted = 2;
    other.why = "it hangs";
    const auto node = boost::json::parse(status_json(view)).at(0).at("a@b");
    EXPECT_EQ(boost::json::serialize(node.at("mystatus")), R"([{"a@b":true,"c@d":false}])");
    EXPECT_EQ(
        boost::json::serialize(node.at("cluster")),
        R"({"ready":false,"netsplit_policy":"all","nodes":[)"
        R"({"name":"a@b","running":true,"self":true,"address":"b","port":44053},)"
        R"({"name":"c@d","running":false,"self":false,"address":"d","port":1,"tls":true,)"
        R"("since":5,"waiting_bytes":70,"spooled_bytes":9,"links":1,"links_wanted":2,"why":"it hangs"}]})");
}

TEST(StatusJson, EscapesWhatTheOperatorChose) {
    auto view = sample_view();
    view.node.node = "\"\\\n</script>@b";
    view.node.listeners[0].mountpoint = "\"}";
    const auto parsed = boost::json::parse(status_json(view));
    const auto& node = parsed.at(0).at("\"\\\n</script>@b");
    EXPECT_EQ(node.at("listeners").at(0).at("mountpoint").as_string(), "\"}");
}

TEST(StatusJson, NoLimitOfConnectionsIsTheWordInfinity) {
    auto view = sample_view();
    view.node.listeners[0].max_connections.reset();
    const auto parsed = boost::json::parse(status_json(view));
    EXPECT_EQ(parsed.at(0).at("a@b").at("listeners").at(0).at("max_conns").as_string(), "infinity");
}

// A client may have several connections, and those that have not sent CONNECT yet have no session.
TEST(StatusJson, OfflineIsNeverNegative) {
    auto view = sample_view();
    view.node.connections = 6;
    const auto parsed = boost::json::parse(status_json(view));
    EXPECT_EQ(parsed.at(0).at("a@b").at("num_offline").to_number<int>(), 0);
}

TEST(StatusJson, TellsOfAlarmsAndOfTheLastMinute) {
    auto view = sample_view();
    view.recent.drops[0] = 4;
    view.node.listeners[0].certificate_expires =
        std::chrono::system_clock::time_point(Seconds(1'800'000'001));
    const auto parsed = boost::json::parse(status_json(view)).at(0).at("a@b");
    EXPECT_EQ(parsed.at("drops_last_minute").at("queue_full").to_number<int>(), 4);
    EXPECT_EQ(parsed.at("alarms").at(0).at("severity").as_string(), "warning");
    EXPECT_EQ(parsed.at("alarms").at(0).at("kind").as_string(), "certificate_expires");
    EXPECT_EQ(parsed.at("alarms").at(1).at("kind").as_string(), "messages_dropped");
    EXPECT_EQ(parsed.at("listeners").at(0).at("certificate_expires").to_number<int>(),
              1'800'000'001);
}

TEST(StatusJson, QueuedIsWhatCameAndHasNotGone) {
    auto view = sample_view();
    auto& cells = view.node.numbers.totals.cells;
    cells[metrics::cell::of(metrics::Counter::QueueMessageIn)] = 100;
    cells[metrics::cell::of(metrics::Counter::QueueMessageOut)] = 10;
    const auto parsed = boost::json::parse(status_json(view)).at(0).at("a@b");
    EXPECT_EQ(parsed.at("num_queued").to_number<int>(), 100 - 10 - 11 - 12 - 13 - 14);
}

TEST(Health, NamesTheTypeOfEachListenerThatDoesNotRunOnce) {
    auto view = sample_view();
    EXPECT_EQ(listeners_not_ready(view), "");
    view.node.listeners[0].running = false;
    view.node.listeners.push_back(view.node.listeners[0]);
    EXPECT_EQ(listeners_not_ready(view), "[mqtt]");
    view.node.listeners[1].type = "http";
    EXPECT_EQ(listeners_not_ready(view), "[mqtt,http]");
}

TEST(Health, HasTheShapesOfVerneMQ) {
    EXPECT_EQ(health_json({}), R"({"status":"OK"})");
    EXPECT_EQ(health_json({"a", "b"}), R"({"status":"DOWN","reasons":["a","b"]})");
    EXPECT_EQ(listener_health_json({}), R"({"status":"OK"})");
    EXPECT_EQ(listener_health_json("a"), R"({"status":"DOWN","reason":"a"})");
}

}  // namespace
}  // namespace vmq::admin
