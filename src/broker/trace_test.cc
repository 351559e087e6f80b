#include "broker/trace.h"

#include <gtest/gtest.h>

#include <string>

namespace vmq::broker {
namespace {

constexpr TimePoint kStart{Seconds(1000)};
constexpr std::int64_t kWall = 1'700'000'000'000;
constexpr const char* kTime = "2023-11-14T22:13:20Z ";

TraceOptions of_client(std::string client_id) {
    TraceOptions options;
    options.client_id = std::move(client_id);
    return options;
}

TEST(Trace, WantsWhoFitsEverythingThatIsAskedFor) {
    const TracedClient ann{"m", "c", "ann", "192.0.2.1"};
    EXPECT_TRUE(Trace(of_client("c")).wants(ann));
    EXPECT_FALSE(Trace(of_client("d")).wants(ann));
    TraceOptions options = of_client("c");
    options.mountpoint = "m";
    options.username = "ann";
    options.peer = "192.0.2.1";
    EXPECT_TRUE(Trace(options).wants(ann));
    EXPECT_FALSE(Trace(options).wants({"", "c", "ann", "192.0.2.1"}));
    EXPECT_FALSE(Trace(options).wants({"m", "c", "bob", "192.0.2.1"}));
    EXPECT_FALSE(Trace(options).wants({"m", "c", "ann", "192.0.2.2"}));
    options.username = "";
    EXPECT_FALSE(Trace(options).wants({"m", "c", std::nullopt, "192.0.2.1"}));
}

TEST(Trace, WantsTopicsAndFiltersThatItsFilterMatches) {
    TraceOptions options;
    EXPECT_TRUE(Trace(options).wants_topic("a"));
    options.topic = "a/+";
    const Trace trace(options);
    for (const char* topic : {"a/b", "a/+", "$share/g/a/b"}) EXPECT_TRUE(trace.wants_topic(topic));
    for (const char* topic : {"", "a", "a/b/c", "b/b", "$share/g/c"}) {
        EXPECT_FALSE(trace.wants_topic(topic)) << topic;
    }
}

TEST(Trace, GivesWhatWasAddedOnceAndInOrder) {
    Trace trace(of_client("c"));
    trace.add("one\n", kStart, kWall);
    trace.tell("two\n");
    trace.tell_first("zero\n");
    EXPECT_EQ(trace.take(kWall).text, "zero\none\ntwo\n");
    EXPECT_EQ(trace.take(kWall).text, "");
    EXPECT_FALSE(trace.take(kWall).over);
}

TEST(Trace, OneEventTooManyInAnIntervalEndsIt) {
    TraceOptions options = of_client("c");
    options.rate_max = 2;
    options.rate_interval = Millis(100);
    Trace trace(options);
    for (int round = 0; round < 3; ++round) {
        const TimePoint now = kStart + Millis(101 * round);
        trace.add("a\n", now, kWall);
        trace.add("b\n", now + Millis(100), kWall);
    }
    EXPECT_EQ(trace.take(kWall).text, "a\nb\na\nb\na\nb\n");
    trace.tell("not counted\n");
    trace.add("c\n", kStart + Millis(303), kWall);
    trace.add("d\n", kStart + Millis(303), kWall);
    EXPECT_FALSE(trace.over());
    trace.add("e\n", kStart + Millis(303), kWall);
    trace.add("f\n", kStart + Millis(900), kWall);
    EXPECT_EQ(trace.take(kWall).text,
              "not counted\nc\nd\n" + std::string(kTime) + "Trace rate limit triggered.\n");
    EXPECT_TRUE(trace.take(kWall).over);
}

TEST(Trace, WhatASlowReaderMissesIsCounted) {
    TraceOptions options = of_client("c");
    options.rate_max = 1000;
    Trace trace(options);
    const std::string event(Trace::kMaxEvent, 'x');
    const std::size_t room = Trace::kMaxWaiting / Trace::kMaxEvent;
    for (std::size_t i = 0; i < room; ++i) trace.add(event, kStart, kWall);
    trace.add("y", kStart, kWall);
    trace.tell("z");
    const std::string text = trace.take(kWall).text;
    EXPECT_EQ(text.substr(room * Trace::kMaxEvent),
              std::string(kTime) + "2 events lost: they came faster than they were read\n");
    trace.add("y\n", kStart, kWall);
    EXPECT_EQ(trace.take(kWall).text, "y\n");
}

TEST(Trace, EndsOnceWithTheFirstReason) {
    Trace trace(of_client("c"));
    trace.end("first\n");
    trace.end("second\n");
    trace.tell("third\n");
    const Trace::Taken taken = trace.take(kWall);
    EXPECT_EQ(taken.text, "first\n");
    EXPECT_TRUE(taken.over);
}

}  // namespace
}  // namespace vmq::broker
