// retain: the retained messages of this node.
#include "admin/commands/handlers.h"
#include "admin/commands/node.h"

namespace vmq::admin::commands {
namespace {

Answer remove_retained(const Invocation& invocation, Node& node) {
    const auto topic = invocation.value("topic");
    if (!topic) return alert("No valid topic given.");
    const auto removed = node.delete_retained(invocation.value_or("mountpoint", ""), *topic);
    if (!removed) return refusal(removed.error().detail);
    return removed.value() ? done() : alert("No valid topic given.");
}

Answer remove_expired(const Invocation& /*invocation*/, Node& node) {
    const auto removed = node.delete_expired_retained();
    if (!removed) return refusal(removed.error().detail);
    return table({{"expired"}, {{static_cast<std::int64_t>(removed.value())}}});
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
         .run = remove_retained});
    table.commands.push_back(
        {.words = "retain delete-expired",
         .summary = "Deletes the retained messages that have expired now, not at the next sweep.",
         .help = {},
         .arguments = {},
         .flags = {},
         .access = Access::Change,
         .run = remove_expired});
}

}  // namespace vmq::admin::commands
