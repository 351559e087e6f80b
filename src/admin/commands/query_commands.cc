// session show, retain show, drops show: tables of which any field may be shown and asked for.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "admin/commands/handlers.h"
#include "admin/commands/limits.h"
#include "admin/commands/node.h"
#include "mqtt/topic.h"

namespace vmq::admin::commands {
namespace {

Flag field(std::string_view name, std::string_view help) {
    return {name, 0, Takes::Optional, "Value", help};
}

const Flag kLimit{
    "limit", 0, Takes::Value, "N", "Most rows shown, 100 by default.", ValueType::Integer, 1};
const Flag kRowTimeout{
    "rowtimeout",       0, Takes::Value, "ms", "How long a row may take, 1000 by default.",
    ValueType::Integer, 0};
const Flag kOrder{"order_by", 0, Takes::Value, "Field",
                  "Sorts the rows by this field, the largest first."};

Answer show(const Invocation& invocation, Node& node, const std::string& table) {
    std::vector<FieldFlag> flags;
    const auto& declared = invocation.command().flags;
    for (const GivenFlag& given : invocation.flags()) {
        if (std::ranges::find(declared, given.name, &Flag::name) == declared.end()) continue;
        flags.emplace_back(std::string(given.name), given.value);
        if (given.name != kLimit.name || !given.value) continue;
        const auto most = static_cast<std::int64_t>(kMaxRows);
        flags.back().second =
            std::to_string(std::min(integer_of(*given.value).value_or(most), most));
    }
    auto rows = node.rows(table, flags);
    if (!rows) return refusal(rows.error().detail);
    Answer answer = vmq::admin::commands::table(std::move(rows.value().table));
    for (const std::string& each : rows.value().missing)
        answer.hint += (answer.hint.empty() ? "" : "\n") + each;
    return answer;
}

Answer show_sessions(const Invocation& invocation, Node& node) {
    return show(invocation, node, "sessions");
}

Answer show_retained(const Invocation& invocation, Node& node) {
    const std::string topic = invocation.value_or("topic", "#");
    const bool valid = topic.starts_with('~') ||
                       (mqtt::is_valid_topic_filter(topic) && !topic.starts_with("$share/"));
    if (!valid) return refusal(topic + " is no topic filter");
    return show(invocation, node, "retain_srv");
}

Answer show_drops(const Invocation& invocation, Node& node) {
    return show(invocation, node, "drops");
}

}  // namespace

void add_query_commands(Declarations& table) {
    table.commands.push_back(
        {.words = "session show",
         .summary = "Shows sessions, connected or not.",
         .help = "--FIELD shows a field, --FIELD=VALUE shows sessions with that value, and "
                 "--FIELD=~REGEX those whose value matches. Several conditions must all hold.",
         .arguments = {},
         .flags =
             {kLimit,
              kRowTimeout,
              kOrder,
              field("node", "Node that holds the queue."),
              field("mountpoint", "Mountpoint of the client."),
              field("client_id", "Client id."),
              field("queue_pid", "Identifies the queue on this node."),
              field("session_pid", "Identifies the connection on this node."),
              field("queue_size", "Messages that wait, online or offline."),
              field("is_online", "Whether the client is connected."),
              field("is_offline", "Whether the client is away."),
              field("statename", "State of the queue: online or offline."),
              field("deliver_mode",
                    "How several sessions of the client share its messages: fanout or balance."),
              field("offline_messages", "Messages that wait for a client that is away."),
              field("online_messages", "Messages that wait for a connected client."),
              field("num_sessions", "Connections of the client."),
              field("clean_session", "Whether the client asked for a clean session."),
              field("is_plugin", "Whether the queue belongs to a plugin."),
              field("queue_started_at",
                    "When the queue was made or read from the store, milliseconds since 1970."),
              field("session_expiry",
                    "Seconds that the session outlives its connection, 4294967295: for ever."),
              field("num_subscriptions", "Subscriptions of the client."),
              field("session_started_at", "When the client connected, milliseconds since 1970."),
              field("user", "User name, unset if the client gave none."),
              field("peer_host", "Address of the client."),
              field("peer_port", "Port of the client."),
              field("protocol", "MQTT version: 3, 4 or 5, 131 or 132 for bridges."),
              field("keep_alive", "Keep-alive in seconds, 0: none."),
              field("waiting_acks", "Messages sent and not yet acknowledged."),
              field("topic", "Topic filter of a subscription."),
              field("qos", "QoS of the subscription."),
              field("rap", "Retain as published."),
              field("no_local", "Whether the client's own messages are left out."),
              field("msg_ref", "Identifies a queued message on this node, base64."),
              field("msg_qos", "QoS of the queued message."),
              field("routing_key", "Topic of the queued message."),
              field("dup", "Whether the queued message may have been sent before."),
              field("payload", "Payload of the queued message.")},
         .run = show_sessions});
    table.commands.push_back(
        {.words = "retain show",
         .summary = "Shows retained messages of this node.",
         .help = "Without --payload, --topic or --mountpoint by themselves the columns are payload "
                 "and topic. --topic=FILTER shows what the filter matches, --topic=~REGEX what the "
                 "expression does.",
         .arguments = {},
         .flags = {kLimit, kRowTimeout, kOrder, field("payload", "Payload of the message."),
                   field("topic", "Topic; as a value also a filter."),
                   field("mountpoint", "Mountpoint of the topic.")},
         .run = show_retained});
    table.groups.push_back({"drops", "Show what was not delivered."});
    table.commands.push_back(
        {.words = "drops show",
         .summary = "Shows messages that were not delivered: by reason, client and topic.",
         .help = "Totals are exact; of a client or topic up to `excess` may be others'.",
         .arguments = {},
         .flags = {kLimit, kRowTimeout, kOrder, field("reason", "Why they were not delivered."),
                   field("by", "What is counted in this row: reason, client or topic."),
                   field("mountpoint", "Mountpoint of the client."),
                   field("client_id", "Client that did not get them, or published them."),
                   field("topic", "First levels of the topic."),
                   field("messages", "Messages since the node started."),
                   field("excess", "At most so many of them are others'.")},
         .run = show_drops});
}

}  // namespace vmq::admin::commands
