// top: what happens on this node, as it happens.
#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "admin/commands/handlers.h"
#include "admin/commands/node.h"

namespace vmq::admin::commands {
namespace {

constexpr std::int64_t kMostSeconds = 3600;
constexpr std::array<std::string_view, 4> kSortKeys{"messages", "in", "out", "bytes"};

Answer top(const Invocation& invocation, Node& node) {
    const std::string sort = invocation.value_or("sort", "messages");
    if (std::ranges::find(kSortKeys, sort) == kSortKeys.end()) {
        return refusal("Invalid value: \"" + sort + "\" for flag: sort",
                       "messages, in, out or bytes");
    }
    const std::int64_t seconds = std::min(invocation.integer_or("interval", 2), kMostSeconds);
    auto stream = node.top({.interval = Seconds(seconds), .once = invocation.is_on("once")});
    if (!stream) return refusal(stream.error().detail, "Try again when one has gone.");
    return going_on(std::move(stream).value());
}

}  // namespace

void add_top_commands(Declarations& table) {
    table.commands.push_back(
        {.words = "top",
         .summary = "Shows rates, the busiest clients and topics, shards and latencies, live.",
         .help = "On a terminal: q ends it, s sorts by something else. With --format=json one\n"
                 "object per interval and line. Clients and topics are counted only meanwhile.",
         .arguments = {},
         .flags = {{"interval", 'i', Takes::Value, "Seconds", "Between two pictures; 2.",
                    ValueType::Integer, 1},
                   {"once", 'o', Takes::Nothing, {}, "One picture, of one interval."},
                   {"sort", 's', Takes::Value, "Key",
                    "Clients by messages, in, out or bytes; messages."}},
         .streams = true,
         .run = top});
}

}  // namespace vmq::admin::commands
