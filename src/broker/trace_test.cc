#include "broker/trace.h"

#include <gtest/gtest.h>

#include <string>

namespace vmq::broker {
namespace {

constexpr TimePoint kTracedAt{Seconds(1000)};
constexpr std::int64_t kTracedWall = 1'700'000'000'000;
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
    trace.add("one\n", kTracedAt, kTracedWall);
    trace.tell("two\n");
    trace.tell_first("zero\n");
    EXPECT_EQ(trace.take(kTracedWall).text, "zero\none\ntwo\n");
    EXPECT_EQ(trace.take(kTracedWall).text, "");
    EXPECT_FALSE(trace.take(kTracedWall).over);
}

TEST(Trace, OneEventTooManyInAnIntervalEndsIt) {
    TraceOptions options = of_client("c");
    options.rate_max = 2;
    options.rate_interval = Millis(100);
    Trace trace(options);
    for (int round = 0; round < 3; ++round) {
        const TimePoint now = kTracedAt + Millis(101 * round);
        trace.add("a\n", now, kTracedWall);
        trace.add("b\n", now + Millis(100), kTracedWall);
    }
    EXPECT_EQ(trace.take(kTracedWall).text, "a\nb\na\nb\na\nb\n");
    trace.tell("not counted\n");
    trace.add("c\n", kTracedAt + Millis(303), kTracedWall);
    trace.add("d\n", kTracedAt + Millis(303), kTracedWall);
    EXPECT_FALSE(trace.over());
    trace.add("e\n", kTracedAt + Millis(303), kTracedWall);
    trace.add("f\n", kTracedAt + Millis(900), kTracedWall);
    EXPECT_EQ(trace.take(kTracedWall).text,
              "not counted\nc\nd\n" + std::string(kTime) + "Trace rate limit triggered.\n");
    EXPECT_TRUE(trace.take(kTracedWall).over);
}

TEST(Trace, WhatASlowReaderMissesIsCounted) {
    TraceOptions options = of_client("c");
    options.rate_max = 1000;
    Trace trace(options);
    const std::string event(Trace::kMaxEvent, 'x');
    const std::size_t room = Trace::kMaxWaiting / Trace::kMaxEvent;
    for (std::size_t i = 0; i < room; ++i) trace.add(event, kTracedAt, kTracedWall);
    trace.add("y", kTracedAt, kTracedWall);
    trace.tell("z");
    const std::string text = trace.take(kTracedWall).text;
    EXPECT_EQ(text.substr(room * Trace::kMaxEvent),
              std::string(kTime) + "2 events lost: they came faster than they were read\n");
    trace.add("y\n", kTracedAt, kTracedWall);
    EXPECT_EQ(trace.take(kTracedWall).text, "y\n");
}

TEST(Trace, EndsOnceWithTheFirstReason) {
    Trace trace(of_client("c"));
    trace.end("first\n");
    trace.end("second\n");
    trace.tell("third\n");
    const Trace::Taken taken = trace.take(kTracedWall);
    EXPECT_EQ(taken.text, "first\n");
    EXPECT_TRUE(taken.over);
}

}  // namespace
}  // namespace vmq::broker
