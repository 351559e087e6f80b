#include "admin/commands/fake_node.h"

namespace vmq::admin::commands {
namespace {

class TraceCommands : public CommandTest {};

TEST_F(TraceCommands, ClientHasVerneMqsDefaults) {
    const Printed printed = run("trace client client-id=c");
    EXPECT_EQ(printed.out + printed.err, "");
    ASSERT_TRUE(printed.stream);
    EXPECT_EQ(printed.stream->take().out, "streamed\n");
    EXPECT_EQ(node.traced.client_id, "c");
    EXPECT_FALSE(node.traced.mountpoint);
    EXPECT_EQ(node.traced.rate_max, 10U);
    EXPECT_EQ(node.traced.rate_interval, Millis(100));
    EXPECT_EQ(node.traced.payload_limit, 200U);
    EXPECT_FALSE(node.trace_duration);
}

TEST_F(TraceCommands, ClientTakesAllItsFlags) {
    EXPECT_TRUE(run("trace client --mountpoint=m --rate-max=5 --rate-interval=50 --user=u -t a/# "
                    "--trunc-payload=7 --peer=::1 --duration=3 client-id=c=d")
                    .stream);
    EXPECT_EQ(node.traced.client_id, "c=d");
    EXPECT_EQ(node.traced.mountpoint, "m");
    EXPECT_EQ(node.traced.username, "u");
    EXPECT_EQ(node.traced.topic, "a/#");
    EXPECT_EQ(node.traced.peer, "::1");
    EXPECT_EQ(node.traced.rate_max, 5U);
    EXPECT_EQ(node.traced.rate_interval, Millis(50));
    EXPECT_EQ(node.traced.payload_limit, 7U);
    EXPECT_EQ(node.trace_duration, Seconds(3));
    EXPECT_TRUE(run("trace client --user=u --trunc-payload=1000000").stream);
    EXPECT_EQ(node.traced.payload_limit, 32'768U);
}

TEST_F(TraceCommands, SomebodyHasToBeNamed) {
    const Printed printed = run("trace client --mountpoint=m");
    EXPECT_FALSE(printed.stream);
    EXPECT_EQ(printed.out,
              "You have to say whom to trace: client-id=, --user=, --topic= or --peer=\n");
}

TEST_F(TraceCommands, WhatCannotBeIsRefused) {
    EXPECT_EQ(out("trace client --topic=a/#/b"), "Invalid value: \"a/#/b\" for flag: topic\n");
    EXPECT_EQ(run("trace client --topic=$share/g/a").status, 1);
    EXPECT_EQ(out("trace client client-id=c --rate-max=0"),
              "Invalid value: \"0\" for flag: rate-max\n");
    node.outcome = Error{ErrorCode::Unavailable, "too many"};
    const Printed printed = run("trace client client-id=c");
    EXPECT_EQ(printed.out, "too many\n");
    EXPECT_EQ(printed.status, 1);
    EXPECT_FALSE(printed.stream);
}

TEST_F(TraceCommands, StopAll) {
    EXPECT_EQ(out("trace stop_all"), "Done\n");
    EXPECT_EQ(calls(), Calls{"stop_traces"});
}

TEST_F(TraceCommands, WhatGoesOnIsMarked) {
    EXPECT_TRUE(asked_by(words("trace client client-id=c"))->invocation.command().streams);
    EXPECT_FALSE(asked_by(words("trace stop_all"))->invocation.command().streams);
    EXPECT_EQ(asked_by(words("top --format=json"))->format, Format::Json);
    EXPECT_FALSE(asked_by(words("trace nothing")));
}

}  // namespace
}  // namespace vmq::admin::commands
