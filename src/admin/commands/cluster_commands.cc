// cluster: which nodes this one belongs to.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "admin/commands/handlers.h"
#include "admin/commands/node.h"

namespace vmq::admin::commands {
namespace {

constexpr std::uint16_t kDefaultPort = 44053;

/// Of NAME@HOST[:PORT]; an IPv6 address with a port is in brackets.
struct NodeAt {
    std::string node;
    std::string host;
    std::uint16_t port = kDefaultPort;
};

std::optional<NodeAt> parse_node(std::string_view text) {
    const std::size_t at = text.find('@');
    if (at == 0 || at == std::string_view::npos || at + 1 == text.size()) return std::nullopt;
    std::string_view host = text.substr(at + 1);
    std::string_view port;
    if (const std::size_t end = host.find(']'); host.starts_with('[') && end != host.npos) {
        port = host.substr(end + 1);
        host = host.substr(1, end - 1);
    } else if (std::count(host.begin(), host.end(), ':') == 1) {
        port = host.substr(host.find(':'));
        host = host.substr(0, host.find(':'));
    }
    NodeAt found{std::string(text.substr(0, at + 1)) + std::string(host), std::string(host)};
    if (!port.empty()) {
        const char* const end = port.data() + port.size();
        const auto [stop, error] = std::from_chars(port.data() + 1, end, found.port);
        if (!port.starts_with(':') || error != std::errc() || stop != end || found.port == 0) {
            return std::nullopt;
        }
    }
    if (host.empty()) return std::nullopt;
    return found;
}

Answer show_nodes(const Invocation& invocation, Node& node) {
    Table result{{"Node", "Running"}, {}};
    const bool details = invocation.is_on("details");
    if (details) {
        for (const char* name :
             {"Address", "Seconds", "Links", "WaitingBytes", "SpooledBytes", "Reason"}) {
            result.columns.emplace_back(name);
        }
    }
    const auto now = std::chrono::system_clock::now();
    for (ClusterMember& each : node.cluster()) {
        std::vector<Cell> row{each.name, each.running};
        if (details) {
            row.emplace_back(each.address);
            Cell& seconds = row.emplace_back();
            if (each.since) {
                const auto passed = std::max(now - *each.since, {});
                seconds =
                    std::int64_t{std::chrono::duration_cast<std::chrono::seconds>(passed).count()};
            }
            row.emplace_back(static_cast<std::int64_t>(each.links));
            row.emplace_back(static_cast<std::int64_t>(each.waiting_bytes));
            row.emplace_back(static_cast<std::int64_t>(each.spooled_bytes));
            row.emplace_back(std::move(each.why));
        }
        result.rows.push_back(std::move(row));
    }
    return table(std::move(result));
}

Answer join(const Invocation& invocation, Node& node) {
    const auto given = invocation.argument("discovery-node");
    if (!given) {
        return alert(
            "You have to provide a discovery node (example "
            "discovery-node=vernemq1@127.0.0.1)");
    }
    const auto found = parse_node(*given);
    if (!found) {
        return refusal("Invalid arguments: discovery-node=" + *given + " ",
                       "Write NAME@HOST, or NAME@HOST:PORT where its clustering listener does not "
                       "use port 44053.");
    }
    const auto joined = node.join(found->node, found->host, found->port);
    if (joined) return done();
    const std::string& detail = joined.error().detail;
    const std::size_t end = detail.find(':');
    return refusal("RPC to node " + found->node + " failed for reason: " + detail.substr(0, end),
                   end == std::string::npos ? "" : detail.substr(end + 2));
}

Answer leave(const Invocation& invocation, Node& node) {
    const auto name = invocation.argument("node");
    if (!name) return alert("You have to provide a node");
    const auto members = node.cluster();
    const auto member = std::find_if(members.begin(), members.end(),
                                     [&](const ClusterMember& each) { return each.name == *name; });
    if (member == members.end()) return refusal(*name + " is no member of the cluster.");
    if (member->running && invocation.is_on("kill_sessions")) {
        auto leaving = node.leave(*name, Seconds(invocation.integer_or("summary-interval", 5)),
                                  Seconds(invocation.integer_or("timeout", 60)));
        if (!leaving) return refusal(leaving.error().detail);
        return going_on(std::move(leaving).value());
    }
    if (member->running) {
        auto suspended = node.suspend_node(*name);
        return suspended ? text(std::move(suspended).value()) : refusal(suspended.error().detail);
    }
    const auto removed = node.forget_node(*name);
    return removed ? done() : refusal(removed.error().detail);
}

}  // namespace

void add_cluster_commands(Declarations& table) {
    table.groups.push_back({"cluster", "Manage the cluster that this node belongs to."});
    table.commands.push_back({.words = "cluster show",
                              .summary = "Shows the nodes of the cluster and whether they run.",
                              .help = "Running: this node has a link to it.",
                              .arguments = {},
                              .flags = {{.name = "details",
                                         .value = {},
                                         .help = "Also where it listens, for how long it has been "
                                                 "as it is, its links that carry messages, what "
                                                 "waits for it, and why it is away."}},
                              .run = show_nodes});
    table.commands.push_back(
        {.words = "cluster join",
         .summary = "Makes this node a member of the cluster that another node is in.",
         .help = "Both need a clustering listener and the same distributed_cookie. A node that is "
                 "in a cluster with others has to leave that one first.",
         .arguments = {{"discovery-node", "Node",
                        "A member, as NAME@HOST or NAME@HOST:PORT; the port is 44053 unless given.",
                        false}},
         .flags = {},
         .access = Access::Change,
         .run = join});
    table.commands.push_back(
        {.words = "cluster leave",
         .summary = "Takes a node out of the cluster.",
         .help = "Of a node that runs, first without -k: no new clients come to it. Then with -k: "
                 "its clients are sent away, its sessions move to the other nodes, and it leaves "
                 "and ends. It can be repeated, and goes on where it was. Of a node that is down: "
                 "what is stored on it is no longer part of the cluster.",
         .arguments = {{"node", "Node", "Its name.", false}},
         .flags = {{"kill_sessions",
                    'k',
                    Takes::Nothing,
                    {},
                    "Also disconnects its clients and moves its sessions.",
                    ValueType::Text,
                    std::numeric_limits<std::int64_t>::min(),
                    true},
                   {"summary-interval", 'i', Takes::Value, "S",
                    "Seconds between two lines about what is left; 5.", ValueType::Integer, 1},
                   {"timeout", 't', Takes::Value, "S",
                    "Gives up after so many seconds in which nothing has moved; 60.",
                    ValueType::Integer, 1}},
         .access = Access::Change,
         .run = leave});
}

}  // namespace vmq::admin::commands
