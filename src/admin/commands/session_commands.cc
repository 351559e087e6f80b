// session: what happens to the sessions of clients. What they are is asked with `session show`.
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "admin/commands/handlers.h"
#include "admin/commands/node.h"

namespace vmq::admin::commands {
namespace {

const Flag kCleanup{"cleanup",
                    'c',
                    Takes::Nothing,
                    {},
                    "Ends the session as well, with its subscriptions and messages."};
const Flag kMountpoint{"mountpoint", 'm', Takes::Optional, "Mountpoint", "Of the client."};

std::vector<std::string> list_of(const std::string& text) {
    std::vector<std::string> parts;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(',', begin), text.size());
        if (end > begin) parts.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return parts;
}

bool mountpoint_is_missing(const Invocation& invocation) {
    return invocation.has("mountpoint") && !invocation.value("mountpoint");
}
Answer no_mountpoint() { return refusal("Invalid mountpoint value"); }

Answer disconnect_all(const Invocation& invocation, Node& node,
                      const std::vector<std::string>& clients) {
    if (mountpoint_is_missing(invocation)) return no_mountpoint();
    const std::string mountpoint = invocation.value_or("mountpoint", "");
    for (const std::string& client : clients) {
        const auto gone = node.disconnect({mountpoint, client}, invocation.is_on("cleanup"));
        if (!gone) return refusal(gone.error().detail);
    }
    return done();
}

Answer disconnect(const Invocation& invocation, Node& node) {
    return disconnect_all(invocation, node, {invocation.argument("client-id").value_or("")});
}

Answer disconnect_clients(const Invocation& invocation, Node& node) {
    return disconnect_all(invocation, node,
                          list_of(invocation.argument("client-ids").value_or("")));
}

Answer disconnect_batch(const Invocation& invocation, Node& node) {
    const auto count = integer_of(invocation.argument("count").value_or("")).value_or(0);
    const auto gone = node.disconnect_some(
        static_cast<std::size_t>(count), list_of(invocation.value_or("filter-client-ids", "")),
        invocation.is_on("cleanup"), invocation.value_or("node", ""));
    return gone ? done() : refusal(gone.error().detail);
}

Answer unsubscribe(const Invocation& invocation, Node& node) {
    if (mountpoint_is_missing(invocation)) return no_mountpoint();
    const auto gone = node.unsubscribe(
        {invocation.value_or("mountpoint", ""), invocation.argument("client-id").value_or("")},
        invocation.argument("topic").value_or(""), invocation.is_on("plugin"));
    if (!gone) return refusal(gone.error().detail);
    return text(gone.value() ? "Done" : "Not successfull");  // VerneMQ's spelling
}

Answer reauthorize(const Invocation& invocation, Node& node) {
    if (mountpoint_is_missing(invocation)) return no_mountpoint();
    const auto came = node.reauthorize(
        {invocation.value_or("mountpoint", ""), invocation.argument("client-id").value_or("")},
        invocation.argument("username"));
    if (!came) return refusal(came.error().detail);
    switch (came.value()) {
        case Node::Reauthorized::NoSession:
            return refusal("There is no session of this client");
        case Node::Reauthorized::Unchanged:
            return text("Unchanged");
        default:
            return done();
    }
}

}  // namespace

void add_session_commands(Declarations& table) {
    table.groups.push_back({"session", "Manage the sessions of MQTT clients."});
    table.commands.push_back({.words = "session disconnect",
                              .summary = "Disconnects a client.",
                              .help = "MQTT 5 clients are told that it was an administrator.",
                              .arguments = {{"client-id", "ClientId", "The client.", true}},
                              .flags = {kCleanup, kMountpoint},
                              .access = Access::Change,
                              .run = disconnect});
    table.commands.push_back({.words = "session disconnect clients",
                              .summary = "Disconnects several clients.",
                              .help = {},
                              .arguments = {{"client-ids", "ClientId,...", "The clients.", true}},
                              .flags = {kCleanup, kMountpoint},
                              .access = Access::Change,
                              .run = disconnect_clients});
    table.commands.push_back(
        {.words = "session disconnect batch",
         .summary = "Disconnects a number of clients, whichever they are.",
         .help = {},
         .arguments = {{"count", "N", "How many of each node.", true, ValueType::Integer, 1}},
         .flags = {kCleanup,
                   {"filter-client-ids", 'f', Takes::Value, "ClientId,...",
                    "Clients that are spared."},
                   {"node", 'n', Takes::Value, "Node", "Clients of this node only."}},
         .access = Access::Change,
         .run = disconnect_batch});
    table.commands.push_back(
        {.words = "session reauthorize",
         .summary = "Asks the plugins about all subscriptions of a client again.",
         .help = "What they no longer allow ends, what they rewrite is rewritten. Done: something "
                 "has changed.",
         .arguments = {{"client-id", "ClientId", "The client.", true},
                       {"username", "User", "Whom to ask for, if not the client's own user."}},
         .flags = {kMountpoint},
         .access = Access::Change,
         .run = reauthorize});
    table.commands.push_back(
        {.words = "session unsubscribe",
         .summary = "Takes a subscription away from a client.",
         .help = {},
         .arguments = {{"client-id", "ClientId", "The client.", true},
                       {"topic", "Filter", "As it was subscribed to.", true}},
         .flags = {{"plugin", 'p', Takes::Nothing, {}, "Tells plugins about it."}, kMountpoint},
         .access = Access::Change,
         .run = unsubscribe});
}

}  // namespace vmq::admin::commands
