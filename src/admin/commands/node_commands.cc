// node and backup: the node as a whole.
#include <algorithm>
#include <cstdint>
#include <utility>

#include "admin/commands/handlers.h"
#include "admin/commands/node.h"

namespace vmq::admin::commands {
namespace {

using metrics::Counter;
using metrics::Direction;

Answer status(const Invocation& /*invocation*/, Node& node) {
    const broker::NodeSnapshot now = node.snapshot();
    Table result{{"Status", "Value"}, {}};
    const auto add = [&result](const char* name, std::int64_t value) {
        result.rows.push_back({std::string(name), value});
    };
    const auto counter = [&now](Counter which) {
        return static_cast<std::int64_t>(now.counter(which));
    };
    add("num_online", static_cast<std::int64_t>(now.connections));
    add("num_offline",
        static_cast<std::int64_t>(now.clients - std::min(now.clients, now.connections)));
    add("msg_in", static_cast<std::int64_t>(now.publishes(Direction::Received)));
    add("msg_out", static_cast<std::int64_t>(now.publishes(Direction::Sent)));
    add("queue_in", counter(Counter::QueueMessageIn));
    add("queue_out", counter(Counter::QueueMessageOut));
    add("queue_drop", counter(Counter::QueueMessageDrop));
    add("queue_unhandled", counter(Counter::QueueMessageUnhandled));
    add("num_subscriptions", static_cast<std::int64_t>(now.subscriptions));
    add("num_retained", static_cast<std::int64_t>(now.retained_messages));
    add("matches_local", counter(Counter::RouterMatchesLocal));
    add("matches_remote", counter(Counter::RouterMatchesRemote));
    result.rows.push_back({std::string("version"), now.version});
    return table(std::move(result));
}

Answer backup(const Invocation& invocation, Node& node) {
    const std::string path = invocation.argument("path").value_or("");
    if (!path.starts_with('/')) {
        return refusal("Invalid arguments: path=" + path + " ",
                       "The broker makes the folder: name it from the root on.");
    }
    const auto copied = node.backup(path);
    return copied ? done() : refusal("Can't make a backup: " + copied.error().detail);
}

}  // namespace

void add_node_commands(Declarations& table) {
    table.groups.push_back({"node", "Manage this node."});
    table.commands.push_back({.words = "node status",
                              .summary = "Shows the numbers of this node.",
                              .help = {},
                              .arguments = {},
                              .flags = {},
                              .run = status});
    table.commands.push_back(
        {.words = "backup",
         .summary = "Copies the message store while the broker runs.",
         .help = "The copy is consistent. Files are linked where the file system allows it. "
                 "`vernemq restore` brings it back.",
         .arguments = {{"path", "Folder", "Where to; it is made and must not be there.", true}},
         .flags = {},
         .access = Access::Local,  // it names a folder of the machine
         .run = backup});
}

}  // namespace vmq::admin::commands
