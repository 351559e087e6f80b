// retain: the retained messages of this node.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "admin/commands/handlers.h"
#include "admin/commands/limits.h"
#include "admin/commands/node.h"

namespace vmq::admin::commands {
namespace {

Answer show(const Invocation& invocation, Node& node) {
    const std::string mountpoint = invocation.value_or("mountpoint", "");
    const std::string topic = invocation.value_or("topic", "#");
    if (topic.starts_with('~')) {
        return refusal("Invalid value: \"" + topic + "\" for flag: topic",
                       "Regular expressions are not built yet; + and # are understood.");
    }
    const auto limit =
        std::min(static_cast<std::size_t>(invocation.integer_or("limit", 100)), kMaxRows);
    auto found = node.retained(mountpoint, topic, limit);
    if (!found) return refusal(found.error().detail);
    // A column that is named is shown; the value only chooses. Without names: payload and topic.
    const auto named = [&](std::string_view flag) {
        return std::ranges::any_of(invocation.flags(), [&](const GivenFlag& given) {
            return given.name == flag && !given.value;
        });
    };
    const bool payload = invocation.is_on("payload");
    const bool none = !payload && !named("topic") && !named("mountpoint");
    Table result;
    if (named("mountpoint")) result.columns.emplace_back("mountpoint");
    if (none || payload) result.columns.emplace_back("payload");
    if (none || named("topic")) result.columns.emplace_back("topic");
    for (RetainedMessage& message : found.value()) {
        std::vector<Cell> row;
        for (const std::string& column : result.columns) {
            if (column == "mountpoint") row.emplace_back(mountpoint);
            if (column == "payload") row.emplace_back(std::move(message.payload));
            if (column == "topic") row.emplace_back(std::move(message.topic));
        }
        result.rows.push_back(std::move(row));
    }
    return table(std::move(result));
}

Answer remove(const Invocation& invocation, Node& node) {
    const auto topic = invocation.value("topic");
    if (!topic) return alert("No valid topic given.");
    const auto removed = node.delete_retained(invocation.value_or("mountpoint", ""), *topic);
    if (!removed) return refusal(removed.error().detail);
    return removed.value() ? done() : alert("No valid topic given.");
}

}  // namespace

void add_retain_commands(Declarations& table) {
    table.groups.push_back({"retain", "Show and delete retained messages."});
    table.commands.push_back(
        {.words = "retain show",
         .summary = "Shows retained messages of this node.",
         .help = "Without --payload, --topic or --mountpoint by themselves the columns are payload "
                 "and topic.",
         .arguments = {},
         .flags = {{"payload", 0, Takes::Nothing, {}, "Shows the payload."},
                   {"topic", 0, Takes::Optional, "Filter",
                    "Shows the topic; with a value: only topics that match it."},
                   {"mountpoint", 0, Takes::Optional, "Mountpoint",
                    "Shows the mountpoint; with a value: messages of that one."},
                   {"limit", 0, Takes::Value, "N", "Most messages shown, 100 by default.",
                    ValueType::Integer, 1},
                   {"rowtimeout", 0, Takes::Value, "ms", "Accepted for VerneMQ's sake.",
                    ValueType::Integer, 0}},
         .run = show});
    table.commands.push_back(
        {.words = "retain delete",
         .summary = "Deletes the retained message of a topic.",
         .help = {},
         .arguments = {},
         .flags = {{"topic", 't', Takes::Value, "Topic", "Whose message it is."},
                   {"mountpoint", 'm', Takes::Value, "Mountpoint", "Of the topic."}},
         .access = Access::Change,
         .run = remove});
}

}  // namespace vmq::admin::commands
