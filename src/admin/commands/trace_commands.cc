// trace: what clients send and are sent, as it happens.
#include <algorithm>
#include <string>
#include <utility>

#include "admin/commands/handlers.h"
#include "admin/commands/node.h"
#include "mqtt/topic.h"

namespace vmq::admin::commands {
namespace {

constexpr std::int64_t kMostPayload = 32'768;
constexpr std::int64_t kMostEvents = 1'000'000;
constexpr std::int64_t kMostMillis = 3'600'000;
constexpr std::int64_t kLongestTrace = 30LL * 24 * 3600;

Answer trace_client(const Invocation& invocation, Node& node) {
    broker::TraceOptions options;
    options.client_id = invocation.argument("client-id");
    options.mountpoint = invocation.value("mountpoint");
    options.username = invocation.value("user");
    options.topic = invocation.value("topic");
    options.peer = invocation.value("peer");
    if (!options.client_id && !options.username && !options.topic && !options.peer) {
        return alert("You have to say whom to trace: client-id=, --user=, --topic= or --peer=");
    }
    if (options.topic && (!mqtt::is_valid_topic_filter(*options.topic) ||
                          mqtt::parse_shared_filter(*options.topic))) {
        return refusal("Invalid value: \"" + *options.topic + "\" for flag: topic",
                       "A topic filter such as sensors/+/temperature.");
    }
    const auto number = [&](std::string_view flag, std::int64_t fallback, std::int64_t most) {
        return std::min(invocation.integer_or(flag, fallback), most);
    };
    options.rate_max = static_cast<std::uint32_t>(number("rate-max", 10, kMostEvents));
    options.rate_interval = Millis(number("rate-interval", 100, kMostMillis));
    options.payload_limit = static_cast<std::size_t>(number("trunc-payload", 200, kMostPayload));
    std::optional<Seconds> duration;
    if (invocation.has("duration")) duration = Seconds(number("duration", 1, kLongestTrace));
    auto stream = node.trace(std::move(options), duration);
    if (!stream) {
        return refusal(stream.error().detail, "`vmq-admin trace stop_all` ends them.");
    }
    return going_on(std::move(stream).value());
}

Answer stop_all(const Invocation& /*invocation*/, Node& node) {
    (void)node.stop_traces();
    return done();
}

}  // namespace

void add_trace_commands(Declarations& table) {
    table.groups.push_back({"trace", "Watch what clients send and are sent."});
    table.commands.push_back(
        {.words = "trace client",
         .summary = "Traces clients until Ctrl-C, the end of the input or of --duration.",
         .help = "Shows packets and calls of hooks of sessions on this node; sessions that come\n"
                 "later are found too. At least one of client-id, --user, --topic and --peer is\n"
                 "needed; given together, each narrows it. Passwords are never shown.",
         .arguments = {{"client-id", "ClientId", "The client to trace."}},
         .flags = {{"mountpoint", 'm', Takes::Value, "Mountpoint",
                    "Only in this one; else in all."},
                   {"user", 'u', Takes::Value, "User", "Only sessions of this user."},
                   {"topic", 't', Takes::Value, "Filter",
                    "Only packets and hooks with a topic that this filter matches."},
                   {"peer", 0, Takes::Value, "Address", "Only clients from this IP address."},
                   {"rate-max", 0, Takes::Value, "Events",
                    "The trace ends when there are more in one interval; 10.", ValueType::Integer,
                    1},
                   {"rate-interval", 0, Takes::Value, "Milliseconds", "The interval; 100.",
                    ValueType::Integer, 1},
                   {"trunc-payload", 0, Takes::Value, "Bytes",
                    "What is shown of a payload; 200, at most 32768.", ValueType::Integer, 0},
                   {"duration", 0, Takes::Value, "Seconds", "Ends after so long.",
                    ValueType::Integer, 1},
                   {"output", 'o', Takes::Value, "File",
                    "Writes to a new file of your own instead of the terminal."}},
         .streams = true,
         .run = trace_client});
    table.commands.push_back({.words = "trace stop_all",
                              .summary = "Ends all traces.",
                              .help = {},
                              .arguments = {},
                              .flags = {},
                              .access = Access::Change,
                              .run = stop_all});
}

}  // namespace vmq::admin::commands
