#include "broker/tracer.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "broker/broker.h"

namespace vmq::broker {
namespace {

class TracerShards : public ::testing::Test {
protected:
    TracerShards() : broker_(two_shards()) { EXPECT_TRUE(broker_.start()); }
    static BrokerOptions two_shards() {
        BrokerOptions options;
        options.shards = 2;
        return options;
    }
    static TraceOptions of(std::string client_id) {
        TraceOptions options;
        options.client_id = std::move(client_id);
        return options;
    }

    Broker broker_;
    Tracer tracer_{broker_};
};

TEST_F(TracerShards, SaysThatThereIsNoSession) {
    const auto trace = tracer_.start(of("c\x1b"));
    ASSERT_TRUE(trace);
    const Trace::Taken taken = trace.value()->take();
    EXPECT_FALSE(taken.over);
    EXPECT_TRUE(taken.text.ends_with("Z No sessions found for client \"c\\x1b\"\n")) << taken.text;
}

TEST_F(TracerShards, NeedsToKnowWhom) {
    TraceOptions options;
    options.mountpoint = "m";
    EXPECT_EQ(tracer_.start(options).error().code, ErrorCode::InvalidValue);
}

TEST_F(TracerShards, SoManyAtATime) {
    std::vector<std::unique_ptr<Tracer::Running>> traces;
    for (std::size_t i = 0; i < Tracer::kMaxTraces; ++i) {
        auto trace = tracer_.start(of("c"));
        ASSERT_TRUE(trace) << i;
        traces.push_back(std::move(trace).value());
    }
    EXPECT_EQ(tracer_.start(of("c")).error().detail,
              "Cannot start trace as 16 traces are already running.");
    traces.pop_back();
    EXPECT_TRUE(tracer_.start(of("c")));
    EXPECT_EQ(tracer_.stop_all(), Tracer::kMaxTraces - 1);
    EXPECT_EQ(tracer_.stop_all(), 0U);
    for (const auto& trace : traces) {
        const Trace::Taken taken = trace->take();
        EXPECT_TRUE(taken.over);
        EXPECT_TRUE(taken.text.ends_with("Trace terminated by external action.\n"));
    }
    EXPECT_TRUE(tracer_.start(of("c")));  // the others still have to be let go of
}

}  // namespace
}  // namespace vmq::broker
