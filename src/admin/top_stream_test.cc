#include "admin/top_stream.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string>

namespace vmq::admin {
namespace {

namespace json = boost::json;
using metrics::Counter;

constexpr TimePoint kStart{Seconds(1000)};

class TopStreams : public ::testing::Test {
protected:
    TopStreams() {
        now_.node = "a@b";
        now_.utilization = {3, 4};
    }
    TopStream stream(commands::TopOptions options) {
        return {{[this] { return now_; }, [this] { return hooks_; }, [this] { ++asked_; },
                 [this] { return answer_; }},
                options,
                kStart};
    }

    broker::NodeSnapshot now_;
    metrics::Snapshot hooks_;
    broker::ActivityWatches::Watch::Answer answer_;
    int asked_ = 0;
};

TEST_F(TopStreams, SaysNothingBeforeTheIntervalIsOver) {
    TopStream top = stream({.interval = Seconds(2), .once = false});
    EXPECT_EQ(top.take(kStart + Millis(1999)).out, "");
}

TEST_F(TopStreams, TellsWhatHasHappenedInIt) {
    TopStream top = stream({.interval = Seconds(2), .once = false});
    constexpr auto kPublish = static_cast<std::uint8_t>(mqtt::PacketType::Publish);
    now_.connections = 7;
    auto& cells = now_.numbers.totals.cells;
    cells[metrics::cell::of(metrics::PacketKind{metrics::Direction::Received, true, kPublish})] =
        30;
    cells[metrics::cell::of(Counter::QueueMessageDrop)] = 2;
    cells[metrics::cell::of(Counter::DropNoSubscriber)] = 10;
    now_.numbers.shard_turn.buckets[1] = 99;
    now_.numbers.shard_turn.buckets[2] = 1;
    metrics::Sample hook;
    hook.name = "plugin_hook_microseconds";
    hook.type = metrics::Type::Histogram;
    hook.labels = {{"plugin", "vmq_acl"}, {"hook", "auth_on_publish"}};
    hook.histogram.buckets[0] = 4;
    hooks_ = {hook};
    answer_.picture.clients = {{"", "few", 1, 1, 20, 20}, {"m", "many\xff", 10, 0, 30, 0}};
    answer_.picture.topics = {{"t", 4, 5}};
    const auto piece = top.take(kStart + Seconds(2));
    EXPECT_EQ(asked_, 1);
    EXPECT_FALSE(piece.status);
    ASSERT_TRUE(piece.out.ends_with("\n"));
    const json::object told = json::parse(piece.out).as_object();
    EXPECT_EQ(told.at("node"), "a@b");
    EXPECT_EQ(told.at("interval_ms"), 2000);
    EXPECT_EQ(told.at("connections"), 7);
    const json::object& rates = told.at("rates").as_object();
    EXPECT_EQ(rates.at("publish_in"), 15.0);
    EXPECT_EQ(rates.at("drops"), 1.0);
    EXPECT_EQ(rates.at("drops_by_reason").at("no_subscriber"), 5.0);
    EXPECT_EQ(told.at("shards").at(1).at("busy_percent"), 4);
    const json::value& turn = told.at("latency").at(0);
    EXPECT_EQ(turn.at("per_second"), 50.0);
    EXPECT_EQ(turn.at("p50_us"), 100);
    EXPECT_EQ(turn.at("p99_us"), 100);
    EXPECT_EQ(told.at("latency").at(1).at("p50_us"), nullptr);
    EXPECT_EQ(told.at("latency").at(3).at("what"), "auth_on_publish of vmq_acl");
    EXPECT_EQ(told.at("latency").at(3).at("per_second"), 2.0);
    EXPECT_EQ(told.at("clients").at(0).at("client_id"), "many\uFFFD");
    EXPECT_EQ(told.at("clients").at(0).at("messages_in"), 5.0);
    EXPECT_EQ(told.at("clients").at(1).at("bytes_out"), 10.0);
    EXPECT_EQ(told.at("topics").at(0).at("messages"), 2.0);
    EXPECT_EQ(told.at("shards_missing"), 0);
    // The next one tells of what came since.
    const json::object next = json::parse(top.take(kStart + Seconds(4)).out).as_object();
    EXPECT_EQ(next.at("rates").at("publish_in"), 0.0);
}

TEST_F(TopStreams, AShardThatDoesNotAnswerIsWaitedForAndThenNamed) {
    TopStream top = stream({.interval = Seconds(2), .once = false});
    answer_.missing = 1;
    EXPECT_EQ(top.take(kStart + Seconds(2)).out, "");
    EXPECT_EQ(top.take(kStart + Millis(2999)).out, "");
    EXPECT_EQ(asked_, 1);
    const json::object told = json::parse(top.take(kStart + Seconds(3)).out).as_object();
    EXPECT_EQ(told.at("shards_missing"), 1);
    EXPECT_EQ(told.at("interval_ms"), 3000);
}

TEST_F(TopStreams, OnceIsOnce) {
    TopStream top = stream({.interval = Seconds(1), .once = true});
    const auto piece = top.take(kStart + Seconds(1));
    EXPECT_NE(piece.out, "");
    EXPECT_EQ(piece.status, 0);
}

TEST(PercentileBound, IsTheBoundBelowWhichTheyAre) {
    metrics::HistogramValue histogram;
    EXPECT_FALSE(percentile_bound(histogram, 50));
    histogram.buckets[0] = 50;
    histogram.buckets[3] = 49;
    histogram.buckets[metrics::kBuckets - 1] = 1;
    EXPECT_EQ(percentile_bound(histogram, 50), 10U);
    EXPECT_EQ(percentile_bound(histogram, 51), 10'000U);
    EXPECT_EQ(percentile_bound(histogram, 99), 10'000U);
    EXPECT_FALSE(percentile_bound(histogram, 100));
}

}  // namespace
}  // namespace vmq::admin
