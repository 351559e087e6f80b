// retain: the retained messages of this node.
#include "admin/commands/handlers.h"
#include "admin/commands/node.h"

namespace vmq::admin::commands {
namespace {

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
